# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/origin: where a registry is asked, and which hosts may see a credential (design 6)."""

from __future__ import annotations

import unicodedata

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import (
    Origin,
    origin_of,
    realm_refusal,
    realms_option,
    registry_host,
    registry_origin,
)
from hypothesis import given
from hypothesis import strategies as st

REGISTRY = Origin("https", "registry.test", 5000)


@pytest.mark.parametrize(
    ("url", "origin", "written"),
    [
        ("https://registry.test", Origin("https", "registry.test", 443), "https://registry.test"),
        ("HTTPS://Registry.TEST:443/x?y#z", Origin("https", "registry.test", 443), "https://registry.test"),
        ("http://registry.test:443", Origin("http", "registry.test", 443), "http://registry.test:443"),
        ("http://registry.test:80/", Origin("http", "registry.test", 80), "http://registry.test"),
        ("https://[FE80::1]:5000", Origin("https", "fe80::1", 5000), "https://[fe80::1]:5000"),
        ("https://[::1]", Origin("https", "::1", 443), "https://[::1]"),
        ("https://registry.test:0/", Origin("https", "registry.test", 0), "https://registry.test:0"),
    ],
)
def test_origins(url: str, origin: Origin, written: str) -> None:
    assert origin_of(url) == origin
    assert str(origin) == written
    assert origin_of(written) == origin


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "registry.test", "//registry.test", "https:registry.test", "https:///x", "https://:443", "ftp://registry.test",
        "file:///etc/passwd", "https://user@registry.test", "https://@registry.test", "https://a:b@registry.test",
        "https://registry.test:port", "https://registry.test:65536", "https://registry.test:-1", "https://[::1", "https://[registry.test]",
        "https://registry.test /", " https://registry.test", "https://registry.test\n", "https://registry.test\\x",
        "https://registry.test/\x7f", "https://registry.test/\x00", "\thttps://registry.test", "https://regi\tstry.test",
    ],
)  # fmt: skip
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        origin_of(url)


@given(st.text(max_size=40).map(lambda text: f"https://{text}"))
def test_any_url_has_an_origin_or_none(url: str) -> None:
    try:
        origin = origin_of(url)
    except ValueError:
        return
    assert "@" not in origin.host
    assert origin_of(str(origin)) == origin


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (HUB, "docker.io"),
        ("docker.io/team", "docker.io"),
        ("registry.test", "registry.test"),
        ("registry.test:5000/team/app", "registry.test:5000"),
        ("[::1]:5000/team", "[::1]:5000"),
    ],
)
def test_the_host_of_a_key(key: str, host: str) -> None:
    assert registry_host(key) == host


def test_where_a_registry_is_asked() -> None:
    assert str(registry_origin("docker.io", None, False)) == "https://registry-1.docker.io"
    assert str(registry_origin("registry.test:5000", None, False)) == "https://registry.test:5000"
    assert str(registry_origin("registry.test:5000", None, True)) == "http://registry.test:5000"
    assert str(registry_origin("docker.io", " mirror.test:5000 ", False)) == "https://mirror.test:5000"
    assert str(registry_origin("docker.io", "mirror.test", True)) == "http://mirror.test"
    assert str(registry_origin("docker.io", "https://mirror.test/", True)) == "https://mirror.test"
    assert str(registry_origin("docker.io", "http://mirror.test", True)) == "http://mirror.test"
    with pytest.raises(InputError, match="plain_http"):
        registry_origin("docker.io", "http://mirror.test", False)


@pytest.mark.parametrize(
    ("realm", "registry"),
    [
        ("https://registry.test:5000/token", REGISTRY),
        ("https://REGISTRY.test:5000", REGISTRY),
        ("https://registry.test/token?service=x@y", REGISTRY),
        ("https://registry.test:443/token", REGISTRY),
        ("https://auth.docker.io/token", Origin("https", "registry-1.docker.io", 443)),
        ("https://gitlab.com/jwt/auth", Origin("https", "registry.gitlab.com", 443)),
        ("http://registry.test:5000/token", Origin("http", "registry.test", 5000)),
        ("https://registry.test/token", Origin("http", "registry.test", 80)),
    ],
)
def test_realms_that_may_be_asked(realm: str, registry: Origin) -> None:
    assert realm_refusal(realm, registry, frozenset()) == ""


@pytest.mark.parametrize(
    ("realm", "registry", "words"),
    [
        ("https://registry.test:5001/token", REGISTRY, "another port"),
        ("https://auth.registry.test/token", REGISTRY, "another host"),
        ("https://test/token", REGISTRY, "another host"),
        ("https://evil.test/?x=https://registry.test:5000", REGISTRY, "another host"),
        ("http://registry.test:5000/token", REGISTRY, "not https"),
        ("http://registry.test/token", REGISTRY, "not https"),
        ("http://registry.test:5001/", Origin("http", "registry.test", 5000), "not https"),
        ("http://auth.docker.io/token", Origin("https", "registry-1.docker.io", 443), "not https"),
        ("https://auth.docker.io:8443/token", Origin("https", "registry-1.docker.io", 443), "another host"),
        ("https://auth.docker.io/token", REGISTRY, "another host"),
        ("https://gitlab.com/jwt/auth", Origin("https", "registry-1.docker.io", 443), "another host"),
        ("https://auth.docker.io.evil.test/token", Origin("https", "registry-1.docker.io", 443), "another host"),
        ("https://registry.gitlab.com.evil.test/", Origin("https", "registry.gitlab.com", 443), "another host"),
        ("https://user:Zq7password@registry.test:5000/token", REGISTRY, "user"),
        ("https://registry.test:5000@evil.test/token", REGISTRY, "user"),
        ("token", REGISTRY, "not an absolute https URL"),
        ("", REGISTRY, "not an absolute https URL"),
    ],
)
def test_realms_that_may_not(realm: str, registry: Origin, words: str) -> None:
    reported = realm_refusal(realm, registry, frozenset())
    assert words in reported
    assert "Zq7password" not in reported


def test_listed_realms() -> None:
    realms = realms_option([" Tokens.TEST ", "other.test:8443", "[::1]:5001"])
    for good in ("https://tokens.test/", "https://tokens.test:9/", "https://other.test:8443/", "https://[::1]:5001/t"):
        assert realm_refusal(good, REGISTRY, realms) == ""
    for bad in (
        "https://other.test/",
        "http://tokens.test/",
        "https://x.tokens.test/",
        "https://[::1]/",
        "https://x@tokens.test",
    ):
        assert realm_refusal(bad, REGISTRY, realms)
    assert "add '[::1]:5002' to realms" in realm_refusal("https://[::1]:5002/", REGISTRY, realms)


@pytest.mark.parametrize(
    "wrong", ["", "https://tokens.test", "tokens.test/", "a b", "u@tokens.test", "tokens.test:x", "*", "a,b", "t\x00"]
)
def test_realms_that_are_none(wrong: str) -> None:
    with pytest.raises(InputError, match="realms"):
        realms_option(["good.test", wrong])


@given(st.text(max_size=60))
def test_no_realm_breaks_the_check(realm: str) -> None:
    for text in (realm, f"https://{realm}", f"https://registry.test{realm}"):
        reported = realm_refusal(text, REGISTRY, frozenset())
        assert not [char for char in reported if unicodedata.category(char)[0] == "C"]
        if not reported:
            assert origin_of(text).host == "registry.test"
