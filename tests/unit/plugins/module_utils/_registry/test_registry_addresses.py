# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/addresses: which addresses are contacted (design 6). The connections: tests/servers/test_registry_hostile.py."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import (
    ForbiddenAddress,
    check_literal,
    checked_addresses,
    is_local_name,
    literal,
    networks_option,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0", "0.0.0.0"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("registry.test", None),
        ("127.0.0.1.test", None),
        ("1.2.3.4.5", None),
        ("", None),
        ("é", None),
        ("\x00", None),
    ],
)
def test_literals(written: str, address: str | None) -> None:
    assert literal(written) == (None if address is None else ipaddress.ip_address(address))


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "a.localhost"])
def test_local_names(name: str) -> None:
    assert is_local_name(name)
    assert not is_local_name(f"x{name.strip('.')}.test")
    with pytest.raises(ForbiddenAddress, match="loopback"):
        check_literal(name, False, ())
    check_literal(name, True, ())


def test_an_address_is_named_once() -> None:
    with pytest.raises(ForbiddenAddress) as found:
        check_literal("127.0.0.1", False, ())
    assert str(found.value) == "the loopback address 127.0.0.1 is not contacted"


SPECIAL = [
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fe80::/10", "ff00::/8",
    "::ffff:127.0.0.0/104", "::ffff:169.254.0.0/112", "64:ff9b::7f00:0/104", "64:ff9b::a9fe:0/112", "64:ff9b:1::a9fe:0/112",
    "2002:7f00::/24", "2002:a9fe::/32",
]  # fmt: skip
ORDINARY = ["8.8.8.0/24", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/12", "2001:4860::/32", "fc00::/8",
            "::ffff:10.0.0.0/104", "64:ff9b::808:800/120", "64:ff9b:1::808:800/120", "2002:808::/32"]  # fmt: skip


def within(networks: list[str]) -> st.SearchStrategy[str]:
    def pick(network: str) -> st.SearchStrategy[str]:
        parsed = ipaddress.ip_network(network)
        return st.integers(0, parsed.num_addresses - 1).map(lambda number: str(parsed[number]))

    return st.sampled_from(networks).flatmap(pick)


@given(within(SPECIAL))
def test_addresses_that_are_not_contacted(address: str) -> None:
    with pytest.raises(ForbiddenAddress, match="is not contacted"):
        checked_addresses(address, 443, False, ())
    with pytest.raises(ForbiddenAddress):
        check_literal(address, False, ())
    # the caller's own word, and a listed network
    assert checked_addresses(address, 443, True, ())
    everything = networks_option("allow_addresses", ["0.0.0.0/0", "::/0"])
    assert checked_addresses(address, 443, False, everything)


@given(within(ORDINARY))
def test_addresses_that_are(address: str) -> None:
    [(family, found)] = checked_addresses(address, 443, False, ())
    assert family in (socket.AF_INET, socket.AF_INET6)
    assert (ipaddress.ip_address(found[0]), found[1]) == (ipaddress.ip_address(address), 443)
    check_literal(address, False, ())


def test_a_listed_network_is_that_of_the_address_meant() -> None:
    allowed = networks_option("allow_addresses", [" 127.0.0.0/30 ", "10.0.0.7"])
    checked_addresses("127.0.0.3", 1, False, allowed)
    checked_addresses("::ffff:127.0.0.1", 1, False, allowed)
    for other in ("127.0.0.4", "::1", "169.254.169.254"):
        with pytest.raises(ForbiddenAddress):
            checked_addresses(other, 1, False, allowed)


@pytest.mark.parametrize("wrong", ["localhost", "", "127.0.0.1/33", "1.2.3", "::1/129", "x\n"])
def test_networks_that_are_none(wrong: str) -> None:
    with pytest.raises(InputError, match="allow_addresses: .*Give addresses or networks"):
        networks_option("allow_addresses", ["127.0.0.1", wrong])


@given(st.text(max_size=80))
def test_any_text_is_a_literal_or_a_name(text: str) -> None:
    literal(text)
    is_local_name(text)
    with contextlib.suppress(ForbiddenAddress):
        check_literal(text, False, ())


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:0:169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:00a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00:0",
        "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:127.0.0.1",
        "2001:0:a9fe:a9fe:0:0:f7f7:f7f7",
        "2001:0:808:808:0:0:80ff:fffe",
    ],
)
def test_ipv4_addresses_within_ipv6_addresses(address: str) -> None:
    for check in (lambda: checked_addresses(address, 443, False, ()), lambda: check_literal(address, False, ())):
        with pytest.raises(ForbiddenAddress, match=r"169\.254\.169\.254|127\.0\.0\.1"):
            check()


@pytest.mark.parametrize("host", ["0127.0.0.1", "0169.0254.0169.0254", "localhost6", "metadata.google.internal."])
def test_what_a_proxy_may_read_in_another_way(host: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_literal(host, False, ())
    check_literal("0010.0.0.1", False, ())
