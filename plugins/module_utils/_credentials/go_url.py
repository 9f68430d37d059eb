# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""URLs of registries as Go parses them, and the registry that docker reads in a key.

The parser works on bytes, since an escape in a URL may be any byte. A ValueError says why Go rejects the URL, and contains no
part of it.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

# bytes that need no escape in a host (the table encodeHost of net/url)
_HOST_BYTES = rb"!\"$&'()*+,\-.0-9:;<=>A-Z\[\]_a-z~"
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_USER = re.compile(rb"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(rb"(?::[0-9]*)?")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})?")
_HOST = re.compile(rb"(?:[" + _HOST_BYTES + rb"\x80-\xff]|%25|%[89A-Fa-f][0-9A-Fa-f])*")
_ZONE = re.compile(rb"(?:[" + _HOST_BYTES + rb"\x80-\xff]|%[0-9A-Fa-f]{2})*")
_URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ZONE_ESCAPED = re.compile(rb"[ %" + _HOST_BYTES + rb"]")


class GoUrl(t.NamedTuple):
    """``host`` with its port and without user name, ``path`` with its slash; both with escapes decoded."""

    host: bytes
    path: bytes


def parse_url(url: bytes) -> GoUrl:
    """Parse of net/url/url.go, without query and fragment. An invalid escape in the fragment is an error as well."""
    rest, _hash, fragment = url.partition(b"#")
    if _CONTROL.search(rest):
        raise ValueError("it contains a control character")
    rest = rest.partition(b"://")[2].partition(b"?")[0]
    authority, slash, path = rest.partition(b"/")
    parsed = GoUrl(_authority(authority), _unescape(slash + path))
    _unescape(fragment)
    return parsed


def split_host_port(host: bytes) -> tuple[bytes, bytes]:
    """SplitURL of kubernetes pkg/credentialprovider/keyring.go over SplitHostPort of net/ipsock.go.

    Text that SplitHostPort rejects is the host, without a port; so an IPv6 address without a port keeps its brackets.
    """
    name, colon, port = host.rpartition(b":")
    if not colon:
        return host, b""
    if host.startswith(b"["):
        if host.find(b"]") != len(name) - 1:
            return host, b""
        name = name[1:-1]
    elif b":" in name or b"]" in host:
        return host, b""
    return (host, b"") if b"[" in name + port or b"]" in port else (name, port)


def _authority(authority: bytes) -> bytes:
    """parseAuthority of net/url/url.go: the host. A user name and a password before it must be well formed."""
    user, _at, host = authority.rpartition(b"@")
    parsed = _ip_literal(host) if host.startswith(b"[") else _host(host)
    if not _USER.fullmatch(user):
        raise ValueError("the text before '@' in it is not a valid user name for a URL")
    _unescape(user)
    return parsed


def _host(host: bytes) -> bytes:
    """parseHost of net/url/url.go for text that does not begin with a bracket."""
    if b"[" in host:
        raise ValueError("it contains a bracket that does not begin an IPv6 address")
    name, colon, port = host.partition(b":")
    _check_port(colon + port)
    return _unescape_host(name) + colon + port


def _ip_literal(host: bytes) -> bytes:
    """parseHost of net/url/url.go for ``[...]`` with a port or without."""
    end = host.rfind(b"]")
    if host.rfind(b"[") > 0 or end < 0:
        raise ValueError("its brackets do not enclose an IPv6 address")
    _check_port(host[end + 1 :])
    address, percent, zone = host[1:end].partition(b"%25")
    literal = _unescape_host(address) + _unescape_zone(percent + zone)
    if not _is_ipv6(literal):
        raise ValueError("its brackets do not enclose an IPv6 address")
    return b"[" + literal + b"]" + host[end + 1 :]


def _check_port(port: bytes) -> None:
    """validOptionalPort of net/url/url.go. An empty port is valid, and any number of digits."""
    if not _PORT.fullmatch(port):
        raise ValueError("the text after the ':' of its host is not a port number")


def _is_ipv6(literal: bytes) -> bool:
    """ParseAddr of net/netip/netip.go, only for IPv6. A zone may be any text that is not empty."""
    address, percent, zone = literal.partition(b"%")
    if percent and not zone:
        return False
    try:
        ipaddress.IPv6Address(address.decode("ascii"))
    except ValueError:
        return False
    return True


def _unescape_host(host: bytes) -> bytes:
    """unescape of net/url/url.go with encodeHost: escapes only of bytes that are not ASCII, and of the percent sign."""
    if not _HOST.fullmatch(host):
        raise ValueError("its host contains a character or an escape that is invalid in a host")
    return _unescape(host)


def _unescape_zone(zone: bytes) -> bytes:
    """unescape of net/url/url.go with encodeZone: escapes only of bytes that need no escape there, and of the blank."""
    escaped = [bytes([int(digits, 16)]) for digits in _ESCAPE.findall(zone) if digits]
    if not _ZONE.fullmatch(zone) or not all(_ZONE_ESCAPED.fullmatch(byte) for byte in escaped):
        raise ValueError("the zone of its IPv6 address contains a character or an escape that is invalid in a zone")
    return _unescape(zone)


def _unescape(text: bytes) -> bytes:
    """unescape of net/url/url.go with encodePath, encodeFragment or encodeUserPassword."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        raise ValueError("it contains a '%' without two hexadecimal digits after it")
    return bytes([int(match[1], 16)])


def docker_host(key: str) -> str:
    """ConvertToHostname of docker/cli 28, config/credentials/file_store.go.

    For a URL with any scheme it is host[:port] without user name, path, query and an empty port. An IPv6 address without a
    port loses its brackets, so it never equals the registry of an image. For other text it is the part before the first slash.
    """
    if _URL_SCHEME.match(key):
        try:
            host = parse_url(key.encode("utf-8", "surrogateescape")).host.decode("utf-8", "surrogateescape")
        except ValueError:
            host = ""
        name, port = _split(host)
        if name:
            return name if not port else f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return key.partition("/")[0]


def _split(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _bracket, port = host[1:].rpartition("]")
        return name, port[1:]
    name, _colon, port = host.partition(":")
    return name, port
