# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Which host and port a URL means, and which of them may get a credential or a proxy. Pure.

Libraries read a doubtful URL in different ways: urllib.request decodes escapes in a host, IDNA turns other digits into ASCII
ones, some proxies drop a dot at the end. So only a host that all of them read alike is accepted, and a request is made of
what was parsed here, never of the text.

The realm of a challenge is whatever the registry says, and neither docker nor containerd checks it (go-containerregistry#2193).
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import typing as t
import urllib.request
from dataclasses import dataclass

from .._credentials.redact import foreign_text
from .._credentials.registry_key import HUB, HUB_NAMES
from .._errors import InputError
from .._text import has_user_information, shown, shown_url
from .addresses import literal

if t.TYPE_CHECKING:
    from collections.abc import Collection
    from http.client import HTTPResponse


PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(r"(?P<scheme>[Hh][Tt]{2}[Pp][Ss]?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
# WHATWG URL, "ends in a number": what such a name is, if it is not an IPv4 address, differs from reader to reader
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\.?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True)
class Origin:
    """Scheme, host (lower case, without brackets) and port. ``str`` gives it as it stands in a URL."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        return self.name if self.port == PORTS[self.scheme] else f"{self.name}:{self.port}"

    @property
    def name(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class WebAddress(t.NamedTuple):
    """``target`` is path and query as they were written. ``str`` gives the URL to request, without its fragment."""

    origin: Origin
    target: str

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def parse_address(url: str) -> WebAddress:
    """An absolute http or https URL without a user. Raises ValueError, which says what the URL has and repeats none of it."""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise ValueError("no scheme http:// or https:// at its start")
    if _FORBIDDEN.search(url):
        raise ValueError("white space, a control character or a backslash")
    if "@" in match["authority"]:
        raise ValueError("a user name before its host")
    authority = _AUTHORITY.fullmatch(match["authority"])
    if authority is None or int(authority["port"] or 0) > 65535:
        raise ValueError("more than a host and a port up to 65535")
    scheme = match["scheme"].lower()
    port = int(authority["port"]) if authority["port"] else PORTS[scheme]
    return WebAddress(Origin(scheme, _host(authority["host"]), port), match["target"])


def _host(written: str) -> str:
    host = written.lower()
    if not written.isascii():
        raise ValueError("a host with characters that are not ASCII: write an international name in its ASCII form (xn--...)")
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError("brackets around something that is not an IPv6 address") from None
        if "%" in host:
            raise ValueError(f"an IPv6 address with a zone: leave out the zone of {address}")
        return host[1:-1]
    if not _NAME.fullmatch(host):
        raise ValueError("a host that is not a DNS name or an IP address")
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_ipv4(host):
        raise ValueError("a host that ends in a number and is not an IPv4 address")
    return host


def _is_ipv4(host: str) -> bool:
    # inet_aton reads all the forms that a resolver reads (127.1, 0x7f.1, 2130706433)
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


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


_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class EnvironmentProxies(urllib.request.ProxyHandler):
    """Sends requests through the proxy of their scheme, unless no_proxy names the host."""

    def __init__(self) -> None:
        super().__init__({scheme: url for scheme, url in urllib.request.getproxies().items() if scheme in ("http", "https")})

    def proxy_open(self, req: t.Any, proxy: str, type: str) -> HTTPResponse | None:  # noqa: A002
        if _in_networks(req.target.host) or urllib.request.proxy_bypass(req.host):
            return None
        usable = _usable(proxy)
        if usable is None:
            # not a part of it: there may be a password in each
            raise OSError(f"the proxy in {type}_proxy is not of the form http://[user:password@]host:port")
        req.proxied = True
        return super().proxy_open(req, usable, type)


def _usable(proxy: str) -> str | None:
    """The proxy's URL with the host and port that the parser found in it; None where it is not one.

    urllib takes parts of a login for a port, and talks to a proxy with TLS as to one without.
    """
    scheme, separator, rest = proxy.partition("://")
    authority, slash, path = (rest if separator else proxy).partition("/")
    user, at, host = authority.rpartition("@")
    try:
        address = parse_address(f"{scheme if separator else 'http'}://{host}{slash}{path}")
    except ValueError:
        return None
    if address.origin.scheme != "http" or address.origin.port == 0 or address.target not in ("", "/"):
        return None
    return None if _CONTROL.search(user) else f"http://{user}{at}{address.origin.authority}"


def _in_networks(host: str) -> bool:
    """Whether no_proxy has a network that this address is in: docker and the kubelet heed such entries, urllib does not."""
    address = literal(host)
    if address is None:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        try:
            network = ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False
