# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry_options: how each registry is asked, out of the options of a task and of its entries."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module.registry_options import (
    REGISTRY_OPTIONS,
    open_registries,
    tls_warnings,
)
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import RegistryOptions


def params(*registries: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Options of a task with their defaults."""
    entry = {"endpoint": None, "ca_cert": None, "validate_certs": None, "plain_http": False}
    defaults = {name: option.get("default") for name, option in REGISTRY_OPTIONS.items()}
    return {**defaults, "registries": [{**entry, **one} for one in registries], **options}


def test_without_any_option() -> None:
    registries = open_registries({**params(), "registries": None}, ["reg.io", "https://index.docker.io/v1/", "a.io:5000/team"])
    assert registries.options == dict.fromkeys(("reg.io", "docker.io", "a.io:5000"), RegistryOptions())
    assert registries.defaults == RegistryOptions()
    assert (registries.timeout, registries.realms, registries.allow_addresses) == (20, frozenset(), ())


def test_the_options_of_a_task_hold_for_all_and_those_of_an_entry_for_its_registry() -> None:
    given = params(
        {"registry": "a.io/team"},
        {"registry": "HTTPS://B.io/v2/", "ca_cert": "/b.pem", "validate_certs": True},
        {"registry": "c.io", "endpoint": "10.0.0.5:5000", "plain_http": True},
        registry_ca_cert="/all.pem",
        registry_validate_certs=False,
        registry_timeout=3.5,
        realms=["Auth.io"],
        allow_addresses=["10.0.0.0/8"],
    )
    registries = open_registries(given, ["a.io/team", "b.io", "c.io", "d.io"])
    otherwise = RegistryOptions(None, "/all.pem", False)
    assert registries.options == {
        "a.io": otherwise,
        "b.io": RegistryOptions(None, "/b.pem", True),
        "c.io": RegistryOptions("10.0.0.5:5000", "/all.pem", False, True),
        "d.io": otherwise,
    }
    assert registries.defaults == otherwise
    assert (registries.timeout, registries.realms) == (3.5, frozenset({"auth.io"}))
    assert [str(one) for one in registries.allow_addresses] == ["10.0.0.0/8"]
    reported = tls_warnings(registries)
    assert registries.unverified_hosts() == ["a.io", "c.io", "d.io"]
    assert all("Set ca_cert" in one for one in reported)


def test_unverified_tls_is_warned_of_where_no_registry_is_named() -> None:
    """The credentials of a Pod, or of a Secret in the cluster."""
    [reported] = tls_warnings(open_registries(params(registry_validate_certs=False), []))
    assert reported.startswith("the TLS certificate of every registry is not verified")
    assert tls_warnings(open_registries(params(), [])) == []


def test_plain_http_is_warned_of_even_where_certificates_would_be_verified() -> None:
    registries = open_registries(params({"registry": "a.io", "plain_http": True}, {"registry": "b.io"}), ["a.io", "b.io"])
    assert registries.unverified_hosts() == ["a.io"]


@pytest.mark.parametrize(
    "other",
    [{"endpoint": "b.io"}, {"ca_cert": "/other.pem"}, {"validate_certs": False}, {"plain_http": True}],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("name", ["docker.io", "index.docker.io/team"])
def test_one_registry_is_not_asked_in_two_ways(other: dict[str, Any], name: str) -> None:
    one = {"registry": "docker.io"}
    with pytest.raises(InputError, match=r"registries: entries for docker\.io differ"):
        open_registries(params(one, {"registry": name, **other}), [])
    assert open_registries(params(one, {"registry": name}), []).options == {"docker.io": RegistryOptions()}


@pytest.mark.parametrize("timeout", [0, -1, 600.1, float("nan"), float("inf")])
def test_a_timeout_that_makes_no_sense(timeout: float) -> None:
    with pytest.raises(InputError, match=f"registry_timeout is {timeout:g}. Expected seconds, more than 0 and at most 600"):
        open_registries(params(registry_timeout=timeout), [])


def test_the_longest_timeout() -> None:
    assert open_registries(params(registry_timeout=600), []).timeout == 600


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"realms": ["https://a.io/token"]}, "realms: 'https://a.io/token' is not host or host:port"),
        ({"allow_addresses": ["localhost"]}, "allow_addresses: 'localhost'"),
    ],
)
def test_lists_that_cannot_be_read(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_registries(params(**options), [])
