# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/keyring: what the kubelet tries for an image, and what it cannot read (semantics 1.1 to 1.7).

The rows of oracle/tables are given to the kubelet's own code too, in tests/servers/test_kubelet_oracle.py.
"""

from __future__ import annotations

import json
import time
from typing import Any, TypeAlias

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import (
    Match,
    PullSecret,
    UnreadableSecrets,
    _Label,
    index_key,
    kubelet_keyring,
)
from hypothesis import given
from hypothesis import strategies as st

from oracle.cases import CONFIG, LEGACY, case
from oracle.tables import AUTHS, DOCUMENTS, HUB, LEGACY_DOCUMENTS, LOOKUPS

Expected: TypeAlias = "dict[str, tuple[str, str]] | str"
PROBLEMS = {"syntax": "is not JSON (", "base64": "'auth' is not base64", "colon": "'auth' contains no colon"}


def config(name: str, auths: Any, kind: tuple[str, str] = CONFIG) -> PullSecret:
    return PullSecret(name, kind[0], {kind[1]: json.dumps(auths if kind is LEGACY else {"auths": auths}).encode()})


def tried(image: str, *secrets: PullSecret) -> list[tuple[str, str]]:
    return [(match.secret, match.key) for match in kubelet_keyring(secrets).lookup(parse_image(image))]


@pytest.mark.parametrize(("image", "keys", "expected"), LOOKUPS)
def test_the_keys_that_are_tried_for_an_image(image: str, keys: list[str], expected: list[str]) -> None:
    assert tried(image, *case(image, keys).secrets) == [("secret-0", key) for key in expected]


@pytest.mark.parametrize(("auth", "expected"), AUTHS)
def test_every_form_of_auth(auth: str, expected: tuple[str, str] | str) -> None:
    check(f'{{"auths": {{"reg.io": {{"auth": "{auth}"}}}}}}', {"reg.io": expected} if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_every_oddity_of_a_document(document: str, expected: Expected) -> None:
    check(document, expected)


@pytest.mark.parametrize(("document", "expected"), LEGACY_DOCUMENTS)
def test_every_oddity_of_a_legacy_document(document: str, expected: Expected) -> None:
    check(document, expected, legacy=True)


def check(document: str, expected: Expected, legacy: bool = False) -> None:
    keyring = kubelet_keyring(case("", document, legacy=legacy).secrets)
    if isinstance(expected, str):
        (problem,) = keyring.problems
        assert problem.secret == "secret-0"
        assert PROBLEMS.get(expected, " ") in problem.problem
        assert (expected == "type") is not any(words in problem.problem for words in PROBLEMS.values())
        return
    assert keyring.problems == ()
    for key in ("reg.io", "a.io"):
        found = [(one.username, one.password) for one in keyring.lookup(parse_image(f"{key}/x"))]
        assert found == [expected[key]] if key in expected else found == []


def test_order_of_keys_comes_before_order_of_secrets() -> None:
    first = config("first", {"reg.io": {}, "*.io": {}})
    second = config("second", {"reg.io/team": {}, "https://reg.io/v1/": {}})
    both = [("second", "reg.io/team"), ("first", "reg.io"), ("second", "https://reg.io/v1/"), ("first", "*.io")]
    assert tried("reg.io/team/app", first, second) == both
    assert tried("reg.io/app", second, first) == [("second", "https://reg.io/v1/"), ("first", "reg.io"), ("first", "*.io")]


def test_keys_of_one_document_for_the_same_place_keep_its_order() -> None:
    keys = ["https://reg.io", "reg.io/", "u@reg.io", "http://reg.io/v2/"]
    assert tried("reg.io/a", config("s", {key: {} for key in keys})) == [("s", key) for key in keys]


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(PullSecret("s", "Opaque", {CONFIG[1]: b"{"}), id="Opaque"),
        pytest.param(PullSecret("s", CONFIG[0], {LEGACY[1]: b"{"}), id="key of the other type"),
        pytest.param(PullSecret("s", LEGACY[0], {CONFIG[1]: b"{"}), id="other key of the type"),
        pytest.param(PullSecret("s", CONFIG[0], {CONFIG[1]: b""}), id="empty value"),
        pytest.param(PullSecret("s", CONFIG[0], {}), id="no data"),
    ],
)
def test_a_secret_that_the_kubelet_passes_over(secret: PullSecret) -> None:
    assert kubelet_keyring([secret]).problems == ()
    assert tried("reg.io/a", secret, config("good", {"reg.io": {}})) == [("good", "reg.io")]


def test_both_types_together() -> None:
    legacy, modern = config("legacy", {"reg.io": {}}, LEGACY), config("modern", {"reg.io": {}})
    assert tried("reg.io/a", legacy, modern) == [("legacy", "reg.io"), ("modern", "reg.io")]


def test_one_unreadable_secret_takes_all_away_and_each_is_named() -> None:
    broken = PullSecret("broken", CONFIG[0], {CONFIG[1]: b"not json"})
    cut = config("cut", {"other.io": {"auth": "dTpwYQ="}})
    keyring = kubelet_keyring([config("good", {"reg.io": {}}), broken, cut])
    assert [one.secret for one in keyring.problems] == ["broken", "cut"]
    with pytest.raises(
        UnreadableSecrets, match=r"Secret broken is not JSON .*; Secret cut has an entry '.*' whose 'auth'"
    ) as caught:
        keyring.lookup(parse_image("reg.io/a"))
    assert caught.value.problems == keyring.problems


def test_an_empty_entry_counts_as_found_and_hides_the_key_of_docker_hub() -> None:
    keyring = kubelet_keyring([config("s", {"docker.io": {}, HUB: {"auth": "dTpwYQ=="}})])
    assert keyring.lookup(parse_image("nginx")) == [Match("s", "docker.io", "", "")]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("reg.io\n", "control character"),
        ("reg.io:x", "not a port number"),
        ("::1:5000", "not a port number"),
        ("reg.io/%zz", "two hexadecimal digits"),
        ("u%@reg.io", "two hexadecimal digits"),
        ("reg.io#%", "two hexadecimal digits"),
        ("u u@reg.io", "before '@'"),
        ("reg .io", "invalid in a host"),
        ("reg\\.io", "invalid in a host"),
        ("%72eg.io", "invalid in a host"),
        ("[reg].io", "not a port number"),
        ("reg.io[", "does not begin an IPv6"),
        ("[::1", "do not enclose an IPv6"),
        ("[1.2.3.4]", "do not enclose an IPv6"),
        ("[::1%25]", "do not enclose an IPv6"),
        ("[::1%25%40]", "invalid in a zone"),
    ],
)
def test_an_ignored_key_says_why(key: str, reason: str) -> None:
    keyring = kubelet_keyring([config("s", {key: {}, "reg.io": {}})])
    (ignored,) = keyring.ignored
    assert (ignored.secret, ignored.key) == ("s", key)
    assert reason in ignored.reason
    with pytest.raises(ValueError, match=reason):
        index_key(key)


@pytest.mark.parametrize(
    ("key", "filed"),
    [
        (HUB, b"index.docker.io"),
        ("https://reg.io/v2", b"reg.io/v2"),
        ("http://u:p@reg.io:5000/v1/team/?a#b", b"reg.io:5000/team/"),
        ("reg.io/v1/v2/", b"reg.io/v2/"),
        ("reg.io/%ff%2525", b"reg.io/\xff%25"),
        ("r%C3%A9g.io", "r\u00e9g.io".encode()),
        ("[fe80::1%25eth%200]:5", b"[fe80::1%eth 0]:5"),
        ("HTTPS://reg.io", b"HTTPS://reg.io"),
        ("reg.io:", b"reg.io:"),
        ("", b""),
    ],
)
def test_where_the_kubelet_files_a_key(key: str, filed: bytes) -> None:
    assert index_key(key) == filed


@pytest.mark.parametrize(
    ("pattern", "label", "fits"),
    [
        ("", "", True),
        ("*", "", True),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("*a", "ab", False),
        ("a*a", "a", False),
        ("a*b*c", "axbybzc", True),
        ("*ab*", "aab", True),
        ("*ab*ab", "ab", False),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[c-a]", "b", False),
        ("[ab*]c*", "*cd", True),
        ("[", "[", False),
        ("[a", "a", False),
        ("[]a]", "a", False),
        ("[a-]", "a", False),
        ("[\udcff]", "\udcff", False),
    ],
)
def test_a_pattern_fits_a_label(pattern: str, label: str, fits: bool) -> None:
    assert _Label(pattern).matches(label) is fits


def test_no_pattern_takes_long() -> None:
    start = time.monotonic()
    keyring = kubelet_keyring([config("s", {f"{'*a' * 2_000}*b.io": {}})])
    assert keyring.lookup(parse_image(f"{'a' * 4_000}.io/x")) == []
    assert time.monotonic() - start < 5


def test_a_thousand_registries_are_looked_up_quickly() -> None:
    secret = config("s", {f"reg{number}.example.com/team{number}": {"auth": "dTpwYQ=="} for number in range(1_000)})
    keyring = kubelet_keyring([secret])
    start = time.monotonic()
    for number in range(1_000):
        assert len(keyring.lookup(parse_image(f"reg{number}.example.com/team{number}/app:1"))) == 1
    assert time.monotonic() - start < 10


@given(st.text(), st.binary())
def test_no_strangers_key_or_document_raises(key: str, document: bytes) -> None:
    keyring = kubelet_keyring([config("s", {key: {}}), PullSecret("t", CONFIG[0], {CONFIG[1]: document})])
    assert {one.secret for one in keyring.problems} <= {"t"}


@given(st.text(min_size=8).map(lambda text: f"Zq7{text}"))
def test_nothing_shows_a_password(password: str) -> None:
    secret = config("s", {"reg.io": {"username": "u", "password": password}, "bad.io:x": {"auth": "dTpwYQ=="}})
    keyring = kubelet_keyring([secret])
    (match,) = keyring.lookup(parse_image("reg.io/a"))
    assert "Zq7" not in repr(secret) + repr(keyring) + repr(match)
    broken = kubelet_keyring([config("s", {"reg.io": {"auth": password}})])
    assert "Zq7" not in repr(broken)
