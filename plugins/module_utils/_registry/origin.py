# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Challenges of registries, and the host and port of a URL: whether they may get a credential. Pure.

Libraries read an unusual URL in different ways: urllib.request decodes escapes in a host, IDNA turns other digits into ASCII
digits, some proxies drop a dot at the end. So only a host that all of them read alike is accepted, and a request is built from
the parsed parts, never from the text.

A registry can name any server as realm of its challenge, and neither docker nor containerd checks it (go-containerregistry#2193).
"""

from __future__ import annotations

import ipaddress
import re
import socket
import typing as t
from dataclasses import dataclass, field

from .._credentials.redact import foreign_text
from .._credentials.registry_key import HUB, HUB_NAMES
from .._errors import InputError
from .._text import has_user_information, shown, shown_url

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(r"(?P<scheme>[Hh][Tt]{2}[Pp][Ss]?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
# WHATWG URL, "ends in a number": libraries differ on such a name if it is not an IPv4 address
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\.?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_CHALLENGE_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SEPARATORS = re.compile(r"[\s,]*")
_BLANKS = re.compile(r"\s*")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# realms are URLs, and not every registry quotes them
_UNQUOTED = re.compile(r"[^\s,\"]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
_LONGEST_HEADER = 16384
HUB_NAME = "docker.io"
_HUB_SERVER = "registry-1.docker.io"
# registry -> the host of its token server, of the same company
_KNOWN_REALMS = {_HUB_SERVER: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}


@dataclass(frozen=True)
class Origin:
    """Scheme, host (lower case, without brackets) and port. ``str`` gives the beginning of a URL."""

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
    """``target`` is path and query, unchanged. ``str`` gives the URL to request, without its fragment."""

    origin: Origin
    target: str

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def parse_address(url: str) -> WebAddress:
    """An absolute http or https URL without a user. Raises ValueError, which says what the URL has and repeats no part of it."""
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise ValueError("no scheme http:// or https:// at its start")
    if _FORBIDDEN.search(url):
        raise ValueError("white space, a control character or a backslash")
    if "@" in match["authority"]:
        raise ValueError("a user name before its host")
    authority = _HOST_AND_PORT.fullmatch(match["authority"])
    if authority is None or int(authority["port"] or 0) > 65535:
        raise ValueError("more than a host and a port up to 65535")
    scheme = match["scheme"].lower()
    port = int(authority["port"]) if authority["port"] else PORTS[scheme]
    return WebAddress(Origin(scheme, _host(authority["host"]), port), match["target"])


def _host(written: str) -> str:
    host = written.lower()
    if not written.isascii():
        raise ValueError("a host with characters that are not ASCII: write an international name in ASCII (xn--...)")
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError("brackets around something that is not an IPv6 address") from None
        if "%" in host:
            raise ValueError(f"an IPv6 address with a zone: leave out the zone of {address}")
        return host[1:-1]
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("a host that is not a DNS name or an IP address")
    if _NUMERIC_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_ipv4(host):
        raise ValueError("a host that ends in a number and is not an IPv4 address")
    return host


def _is_ipv4(host: str) -> bool:
    # inet_aton reads all the forms that a resolver reads (127.1, 0x7f.1, 2130706433)
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def registry_host(key: str) -> str:
    """The host[:port], in lower case, of a canonical key of ``auths``."""
    host = key.partition("/")[0].lower()
    return HUB_NAME if key == HUB or host in HUB_NAMES else host


def registry_origin(host: str, endpoint: str | None, plain_http: bool) -> Origin:
    """The address of registry ``host``: its own name, or ``endpoint`` (host[:port], or a URL).

    Raises InputError for the endpoint, ValueError for text that is not a host.
    """
    if endpoint is None:
        server = _HUB_SERVER if host == HUB_NAME else host
        return origin_of(f"{'http' if plain_http else 'https'}://{server}")
    if has_user_information(endpoint):
        raise InputError(
            f"endpoint of {host} contains a user before '@' (not shown). Give {shown_url(endpoint)} as endpoint, the user and "
            "the password in username and password."
        )
    text = endpoint.strip()
    url = text if "://" in text else f"{'http' if plain_http else 'https'}://{text}"
    wrong = f"endpoint of {host}: '{shown_url(endpoint)}' is not host[:port]. Give the host without a path."
    try:
        address = parse_address(url)
    except ValueError as error:
        raise InputError(f"{wrong} (It has {error}.)") from None
    origin = address.origin
    if address.target.strip("/") or "#" in url:
        raise InputError(wrong)
    if origin.scheme == "http" and not plain_http:
        raise InputError(f"endpoint of {host} is plain http. To send credentials unencrypted, set plain_http as well.")
    return origin


def origin_of(url: str) -> Origin:
    """The Origin of an absolute http or https URL without a user; ValueError for anything else."""
    return parse_address(url).origin


def realm_refusal(realm: str, registry: Origin, realms: Collection[str]) -> str:
    """Why no token request, with or without a credential, is sent to this realm; empty for an allowed realm.

    Allowed are the registry's own host and port, the same host at port 443, a known pair, and the entries of ``realms``: host
    (any port) or host:port.
    """
    # a query may contain an account
    named = f"its token server '{foreign_text(shown_url(realm.partition('?')[0], 400), 120)}'"
    if has_user_information(realm.partition("?")[0]):
        return "its challenge names a token server together with a user"
    try:
        origin = origin_of(realm)
    except ValueError:
        return f"{named} is not an absolute https URL"
    if origin.scheme == "http" and origin != registry:
        return f"{named} is not https, so anyone on the network path could read the credential"
    if origin == registry or _is_known_pair(origin, registry) or not _names(origin).isdisjoint(realms):
        return ""
    where = "another port of its host" if origin.host == registry.host else "another host"
    return f"{named} is on {where}. If that is correct, add '{shown(origin.authority)}' to realms"


def realms_option(written: Collection[str]) -> frozenset[str]:
    """Hosts, or host:port, as ``realm_refusal`` compares them. Raises InputError."""
    realms = frozenset(name.strip().lower() for name in written)
    for name in realms:
        try:
            origin = origin_of(f"https://{name}")
        except ValueError:
            origin = None
        if origin is None or name not in _names(origin):
            raise InputError(f"realms: '{shown_url(name)}' is not host or host:port. Give the host of the token server.")
    return realms


def _names(origin: Origin) -> frozenset[str]:
    return frozenset((origin.name, f"{origin.name}:{origin.port}"))


def _is_known_pair(origin: Origin, registry: Origin) -> bool:
    if origin.scheme != "https" or origin.port != PORTS["https"]:
        return False
    return origin.host == registry.host or _KNOWN_REALMS.get(registry.host) == origin.host


@dataclass(frozen=True)
class Challenge:
    """``scheme`` and the names of ``parameters`` are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all WWW-Authenticate headers, in their order.

    A comma separates challenges as well as their parameters: a word before ``=`` is a parameter. The first of two equal
    parameters counts. A header is read up to its first syntax error.
    """
    return [challenge for header in headers for challenge in _parse(header[:_LONGEST_HEADER])]


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _skip(_SEPARATORS, header, 0)
    while position < len(header):
        word = _CHALLENGE_TOKEN.match(header, position)
        if word is None:
            break
        equals = _EQUALS.match(header, word.end())
        if equals is None:
            parameters = {}
            found.append(Challenge(word[0].lower(), parameters))
            position = _skip(_TOKEN68, header, _skip(_BLANKS, header, word.end()))
        else:
            value, position = _value(header, equals.end())
            if value is None or not found:
                break
            parameters.setdefault(word[0].lower(), value)
        position = _skip(_SEPARATORS, header, position)
    return found


def _value(header: str, position: int) -> tuple[str | None, int]:
    """The value of a parameter and the position after it; null for a quote that is not closed."""
    if header.startswith('"', position):
        quoted = _QUOTED.match(header, position)
        return (None, position) if quoted is None else (_ESCAPE.sub(r"\1", quoted[1]), quoted.end())
    unquoted = _UNQUOTED.match(header, position)
    return ("", position) if unquoted is None else (unquoted[0], unquoted.end())


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()
