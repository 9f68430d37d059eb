# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The one parser of the URLs that are requested: the host and port that are checked are those that are contacted. Pure.

Libraries read a doubtful URL in different ways: urllib.request decodes escapes in a host, IDNA turns other digits into ASCII
ones, some proxies drop a dot at the end. So only a host that all of them read alike is accepted, and a request is made of
what was parsed here, never of the text.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import typing as t
from dataclasses import dataclass

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
