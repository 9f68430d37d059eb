# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Which addresses may be contacted, and connections to exactly the checked address.

A registry names its token server, and the owner of a name chooses its address. Neither may lead requests to services that trust
every client that reaches them: those of this machine, and a cloud's metadata service.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
import typing as t

from .._errors import InputError
from .._text import shown, shown_url

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
    Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

# Metadata services outside of the link-local range: AWS (and its EKS), Google and Oracle over IPv6, Alibaba, Azure, Oracle
_METADATA = {
    ipaddress.ip_address(text)
    for text in (
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    )
}
# "localhost" of RFC 6761, and the names of this machine in /etc/hosts of most distributions
_LOCAL_NAMES = (
    "localhost",
    "localhost.localdomain",
    "localhost6",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
)
# names of metadata services, for requests through a proxy; without a proxy the address is checked
_METADATA_NAMES = ("metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal")
# "This host on this network" (RFC 1122): most systems connect it to themselves
_THIS_HOST = ipaddress.ip_network("0.0.0.0/8")
# An IPv4 address in the last 32 bits: RFC 6052, RFC 8215, RFC 2765
_IPV4_LAST = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96"))
# RFC 6052: with a prefix of 48, 56 or 64 bits the IPv4 address is around bits 64 to 71, which are zero
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
# ISATAP (RFC 5214): the upper half of an interface identifier
_ISATAP = (0x00005EFE, 0x02005EFE)


class ForbiddenAddress(OSError):
    """The name resolves to an address that must not be contacted. The message contains the address."""


def networks_option(option: str, written: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks (CIDR) of an option. Raises InputError."""
    return tuple(_network(option, text) for text in written)


def _network(option: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InputError(
            f"{option}: '{shown_url(text)}' is not an address or a network. Give addresses or networks, such as "
            "127.0.0.1 or 10.0.0.0/8."
        ) from None


def literal(host: str) -> Address | None:
    """The address in ``host``, in any spelling that the resolver of the system reads without a DNS request."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
        if address.version == 6:
            return address
    try:  # 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 are 127.0.0.1 to the resolver
        return ipaddress.ip_address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_local_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name in _LOCAL_NAMES or name.endswith(".localhost")


def _kind(address: Address) -> str:
    """The kind of a special address; empty for an ordinary address."""
    if address in _METADATA:
        return "metadata service"
    if address.is_loopback or address.is_unspecified or (address.version == 4 and address in _THIS_HOST):
        return "loopback"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address.is_reserved:
        return "reserved"
    return ""


def checked_addresses(
    host: str, port: int, is_named: bool, allowed: Sequence[Network], seconds: float | None = None
) -> list[tuple[int, t.Any]]:
    """(family, socket address) of all addresses of ``host``; ForbiddenAddress where one of them must not be contacted.

    ``is_named``: the caller named this host, so an address, or localhost, is intended. ``seconds``: for the lookup, null without
    a limit. Raises OSError.
    """
    try:
        found = _resolve(host, port, seconds)
    except UnicodeError:
        raise OSError(f"'{shown(host)}' is not a host name") from None
    if not (is_named and (literal(host) is not None or is_local_name(host))):
        for _family, address in found:
            _check(host, ipaddress.ip_address(address[0].partition("%")[0]), allowed)
    return found


def _resolve(host: str, port: int, seconds: float | None) -> list[tuple[int, t.Any]]:
    """The system's resolver has its own time-outs, and the owner of a name can make it wait: its thread is abandoned then."""
    outcome: list[t.Any] = []

    def resolve() -> None:
        try:
            outcome.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    if literal(host) is not None:
        resolve()
    else:
        thread = threading.Thread(target=resolve, daemon=True)
        thread.start()
        thread.join(seconds)
    if not outcome:
        raise TimeoutError("timed out")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return [(family, address) for family, _type, _proto, _name, address in outcome[0]]


def check_literal(host: str, is_named: bool, allowed: Sequence[Network]) -> None:
    """The same check for a name that a proxy resolves: only a literal address can be checked here."""
    if is_named:
        return
    for address in _possible_addresses(host):
        _check(host, address, allowed)


def _possible_addresses(host: str) -> list[Address]:
    """The addresses that a proxy may read in this name: 0127.0.0.1 is octal to some proxies, and decimal to others."""
    if is_local_name(host):
        return [ipaddress.ip_address("127.0.0.1")]
    if host.rstrip(".").lower() in _METADATA_NAMES:
        return [ipaddress.ip_address("169.254.169.254")]
    address = literal(host)
    found = [] if address is None else [address]
    with contextlib.suppress(ValueError):
        found.append(ipaddress.IPv4Address(".".join(str(int(part, 10)) for part in host.split("."))))
    return found


def _check(host: str, address: Address, allowed: Sequence[Network]) -> None:
    for one in _embedded(address) or [address]:
        kind = _kind(one)
        if kind and not any(one in network for network in allowed if network.version == one.version):
            if shown(host) == str(one):
                raise ForbiddenAddress(f"the {kind} address {one} is not contacted")
            raise ForbiddenAddress(f"{shown(host)} is the {kind} address {one}, which is not contacted")


def connect(host: str, port: int, is_named: bool, allowed: Sequence[Network], deadline: float) -> socket.socket:
    """A connection to one of the checked addresses, open before ``deadline`` (time.monotonic). Raises OSError."""
    failure: OSError = OSError(f"'{shown(host)}' has no address")
    found = checked_addresses(host, port, is_named, allowed, max(deadline - time.monotonic(), 0))
    for left, (family, address) in zip(range(len(found), 0, -1), found):
        # an address that drops packets leaves time for the others
        remaining = (deadline - time.monotonic()) / left
        if remaining <= 0:
            raise TimeoutError("timed out")
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(remaining)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            # the handshake may take all remaining time
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise failure


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address may embed."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner = address.ipv4_mapped or address.sixtofour
    if inner:
        return [inner]
    if address.teredo:
        return list(address.teredo)
    number = int(address)
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    compatible = number >> 32 == 0 and number > 1
    if address in _NAT64_LOCAL:
        return [*_around_the_zero_octet(number), *([last] if int(last) else [])] or [last]
    isatap = (number >> 32) & 0xFFFFFFFF in _ISATAP
    return [last] if compatible or isatap or any(address in network for network in _IPV4_LAST) else []


def _around_the_zero_octet(number: int) -> list[Address]:
    """The table of RFC 6052, 2.2. A candidate that begins with a zero octet is a longer prefix and not an address."""
    found: list[Address] = []
    for length in (48, 56, 64):
        before, after = 64 - length, length - 32
        high = (number >> 64) & ((1 << before) - 1)
        low = (number >> (56 - after)) & ((1 << after) - 1)
        rest = number & ((1 << (56 - after)) - 1)
        octet = (number >> 56) & 0xFF
        candidate = ipaddress.IPv4Address((high << after) | low)
        if not rest and not octet and candidate not in _THIS_HOST:
            found.append(candidate)
    return found
