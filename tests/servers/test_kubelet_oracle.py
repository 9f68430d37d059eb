# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Image references and the kubelet's keyring against the kubelet's own code: no difference, errors included.

It needs the programs of the lab, but no cluster.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import (
    Keyring,
    Match,
    index_key,
    kubelet_keyring,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lab.programs import build
from oracle import Answer, Case, Oracle
from oracle.cases import case, random_case
from oracle.tables import AUTHS, BAD_IMAGES, DOCUMENTS, IMAGES, LEGACY_DOCUMENTS, LOOKUPS

BATCHES, BATCH = 240, 50
# what a case must bring about, and how often at least, or the cases prove little
LEAST = {
    "matched": 0.2,
    "none": 0.05,
    "several": 0.08,
    "of several Secrets": 0.02,
    "one place": 0.02,
    "fallback": 0.02,
    "glob": 0.05,
    "class": 0.0005,
    "escape": 0.01,
    "user": 0.01,
    "version": 0.02,
    "empty": 0.005,
    "ignored": 0.1,
    "bad image": 0.1,
    "error": 0.1,
    "error syntax": 0.02,
    "error type": 0.02,
    "error base64": 0.02,
    "error colon": 0.01,
}
_ERRORS = {"is not JSON (": "syntax", "is not base64": "base64", "contains no colon": "colon"}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(build() / "kubelet-oracle") as process:
        yield process


def error_of(keyring: Keyring) -> str | None:
    """The kubelet stops at the first Secret that it cannot read."""
    if not keyring.problems:
        return None
    reported = keyring.problems[0].problem
    return next((kind for words, kind in _ERRORS.items() if words in reported), "type")


def as_bytes(match: Match) -> tuple[bytes, bytes]:
    return match.username.encode("utf-8", "surrogateescape"), match.password.encode("utf-8", "surrogateescape")


def ours(asked: Case, reported: Answer) -> tuple[Answer, list[Match], Keyring]:
    """Our answer, its credentials in the order of ``reported`` where the kubelet's own order is random."""
    keyring = kubelet_keyring(asked.secrets)
    error = error_of(keyring)
    ignored = 0 if error else len(keyring.ignored)
    try:
        image = parse_image(asked.image)
    except InputError:
        return Answer(error, None, ignored, []), [], keyring
    matches = [] if error else keyring.lookup(image)
    credentials: list[tuple[bytes, bytes]] = []
    for _group, alike in itertools.groupby(matches, lambda one: (index_key(one.key), one.secret)):
        found = [as_bytes(match) for match in alike]
        theirs = reported.credentials[len(credentials) :][: len(found)]
        credentials += theirs if sorted(theirs) == sorted(found) else found
    tag = None if image.tag == "latest" else image.tag
    return Answer(error, (image.name, tag, image.digest), ignored, credentials), matches, keyring


def test_thousands_of_cases_get_the_kubelets_own_answer(oracle: Oracle) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=BATCHES, deadline=None, database=None, print_blob=True, phases=[Phase.reuse, Phase.generate])
    @given(st.randoms(use_true_random=True))
    def compare(random: Random) -> None:
        for _number in range(BATCH):
            asked = random_case(random)
            reported = oracle.ask(asked)
            mine, matches, keyring = ours(asked, reported)
            assert mine == reported, f"{asked.image!r} with {[(one.type, one.data) for one in asked.secrets]}"
            count(seen, asked, reported, matches, keyring)

    compare()
    total = seen["cases"]
    shares = {name: number / total for name, number in sorted(seen.items())}
    print(f"{total} cases:", {name: f"{share:.1%}" for name, share in shares.items()})
    assert total >= BATCHES * BATCH
    assert {name: shares.get(name, 0) for name, least in LEAST.items() if shares.get(name, 0) < least} == {}


def count(seen: Counter[str], asked: Case, reported: Answer, matches: list[Match], keyring: Keyring) -> None:
    """How often a case was worth asking."""
    happened = {
        "cases": True,
        "error": reported.error,
        f"error {reported.error}": reported.error,
        "bad image": reported.image is None,
        "matched": matches,
        "none": reported.image and not reported.error and not matches,
        "several": len(matches) > 1,
        "of several Secrets": len({match.secret for match in matches}) > 1,
        "one place": len({index_key(match.key) for match in matches}) < len(matches),
        "fallback": any(index_key(match.key) == b"index.docker.io" for match in matches),
        "glob": any("*" in match.key for match in matches),
        "class": any(b"[" in index_key(match.key) and reported.image and "[" not in reported.image[0] for match in matches),
        "escape": any("%" in match.key for match in matches),
        "user": any("@" in match.key for match in matches),
        "version": any("/v1/" in match.key or "/v2/" in match.key for match in matches),
        "empty": any(not match.username and not match.password for match in matches),
        "ignored": keyring.ignored,
    }
    seen.update(name for name, true in happened.items() if true)


@pytest.mark.parametrize(("image", "keys", "tried"), LOOKUPS)
def test_rows_of_keys(oracle: Oracle, image: str, keys: list[str], tried: list[str]) -> None:
    asked = case(image, keys)
    reported = oracle.ask(asked)
    mine, matches, _keyring = ours(asked, reported)
    assert mine == reported
    assert [match.key for match in matches] == tried


@pytest.mark.parametrize(("auth", "expected"), AUTHS)
def test_rows_of_auth(oracle: Oracle, auth: str, expected: tuple[str, str] | str) -> None:
    document = f'{{"auths": {{"reg.io": {{"auth": "{auth}"}}}}}}'
    rows_agree(oracle, document, {"reg.io": expected} if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_rows_of_documents(oracle: Oracle, document: str, expected: dict[str, tuple[str, str]] | str) -> None:
    rows_agree(oracle, document, expected)


@pytest.mark.parametrize(("document", "expected"), LEGACY_DOCUMENTS)
def test_rows_of_legacy_documents(oracle: Oracle, document: str, expected: dict[str, tuple[str, str]] | str) -> None:
    rows_agree(oracle, document, expected, legacy=True)


def rows_agree(oracle: Oracle, document: str, expected: dict[str, tuple[str, str]] | str, legacy: bool = False) -> None:
    """The kubelet cannot be asked for its keys, so it is asked for images that they serve."""
    for key in ("nobody.io", "reg.io", "a.io"):
        asked = case(f"{key}/x", document, legacy=legacy)
        reported = oracle.ask(asked)
        mine, matches, _keyring = ours(asked, reported)
        assert mine == reported
        if isinstance(expected, str):
            assert reported.error == expected
        else:
            found = [(match.username, match.password) for match in matches]
            assert found == ([expected[key]] if key in expected else [])


@pytest.mark.parametrize("image", [*(row[0] for row in IMAGES), *(row[0] for row in BAD_IMAGES)])
def test_rows_of_images(oracle: Oracle, image: str) -> None:
    asked = case(image)
    reported = oracle.ask(asked)
    assert ours(asked, reported)[0] == reported
    assert (reported.image is None) is (image in dict(BAD_IMAGES))
