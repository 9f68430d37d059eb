# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where requests go, and which hosts may receive a credential. Pure.

The realm of a challenge is whatever the registry says, and neither docker nor containerd checks it (go-containerregistry#2193).
"""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.near_misses import HUB_NAMES
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.web_address import PORTS, Origin, parse_address
from ansible_collections.pullpass.registry.plugins.module_utils._text import has_user_information, shown, shown_url

if t.TYPE_CHECKING:
    from collections.abc import Collection

HUB_NAME = "docker.io"
_HUB_SERVER = "registry-1.docker.io"
# registry -> the other host, of the same company, that it sends people to for tokens
_KNOWN_REALMS = {_HUB_SERVER: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


def registry_host(key: str) -> str:
    """The host[:port] to ask, in lower case, of a canonical key of ``auths``."""
    host = key.partition("/")[0].lower()
    return HUB_NAME if key == HUB or host in HUB_NAMES else host


def registry_origin(host: str, endpoint: str | None, plain_http: bool) -> Origin:
    """Where registry ``host`` is asked: under its own name, or at ``endpoint`` (host[:port], or a URL).

    Raises InputError for the endpoint, ValueError for a host that is none.
    """
    if endpoint is None:
        server = _HUB_SERVER if host == HUB_NAME else host
        return origin_of(f"{'http' if plain_http else 'https'}://{server}")
    if has_user_information(endpoint):
        raise InputError(
            f"endpoint of {host} holds a user before '@' (it is not shown). Give {shown_url(endpoint)} as the endpoint, and the "
            "user and password as username and password."
        )
    text = endpoint.strip()
    url = text if "://" in text else f"{'http' if plain_http else 'https'}://{text}"
    wrong = f"endpoint of {host}: '{shown_url(endpoint)}' is not host[:port]. Give the host that is to be asked, without a path."
    try:
        address = parse_address(url)
    except ValueError as error:
        raise InputError(f"{wrong} (It has {error}.)") from None
    origin = address.origin
    if address.target.strip("/") or "#" in url:
        raise InputError(wrong)
    if origin.scheme == "http" and not plain_http:
        raise InputError(f"endpoint of {host} is plain http. Set plain_http as well if credentials may travel unencrypted.")
    return origin


def origin_of(url: str) -> Origin:
    """The Origin of an absolute http or https URL without a user; ValueError for anything else."""
    return parse_address(url).origin


def realm_refusal(realm: str, registry: Origin, realms: Collection[str]) -> str:
    """Why no request for a token, with a credential or without, goes to this realm; empty when it may.

    Allowed are the registry's own host and port, the same host at the ordinary https port, a known pair, and what
    ``realms`` lists as host (any port) or host:port.
    """
    # a query may hold an account
    named = f"its token server '{foreign_text(shown_url(realm.partition('?')[0], 400), 120)}'"
    if has_user_information(realm.partition("?")[0]):
        return "its token server is named together with a user, which no registry has reason to do"
    try:
        origin = origin_of(realm)
    except ValueError:
        return f"{named} is no absolute https URL"
    if origin.scheme == "http" and origin != registry:
        return f"{named} is not https, so that everybody on the way would read the credential"
    if origin == registry or _known(origin, registry) or not _names(origin).isdisjoint(realms):
        return ""
    where = "another port of its host" if origin.host == registry.host else "another host"
    return f"{named} is {where}. If that is right, add '{shown(origin.authority)}' to realms"


def realms_option(written: Collection[str]) -> frozenset[str]:
    """Hosts, or host:port, as ``realm_refusal`` compares them. Raises InputError."""
    realms = frozenset(name.strip().lower() for name in written)
    for name in realms:
        try:
            origin = origin_of(f"https://{name}")
        except ValueError:
            origin = None
        if origin is None or name not in _names(origin):
            raise InputError(f"realms: '{shown_url(name)}' is neither host nor host:port. Give the host of the token server.")
    return realms


def _names(origin: Origin) -> frozenset[str]:
    return frozenset((origin.name, f"{origin.name}:{origin.port}"))


def _known(origin: Origin, registry: Origin) -> bool:
    if origin.scheme != "https" or origin.port != PORTS["https"]:
        return False
    return origin.host == registry.host or _KNOWN_REALMS.get(registry.host) == origin.host
