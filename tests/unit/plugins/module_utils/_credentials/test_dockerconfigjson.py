# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/dockerconfigjson: written as kubectl writes it, read and compared as the kubelet does (semantics 1.7)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    UnreadableDocument,
    changes,
    kubectl_document,
    merge_document,
    read_stored_document,
    without_registries,
)
from hypothesis import given
from hypothesis import strategies as st

HUB = "https://index.docker.io/v1/"
ONE = Credential("reg.io", "u", "pa")
TWO = Credential(HUB, "h", "x:y", "e@x")
GOOD: dict[str, Any] = {"username": "u", "password": "pa", "auth": "dTpwYQ=="}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
CREDENTIALS = st.lists(
    st.builds(
        Credential,
        st.sampled_from([HUB, "reg.io", "reg.io/team", "docker.io/acme", "localhost:5000", "[::1]:5000"]),
        TEXT.map(lambda text: text.replace(":", "_")),
        TEXT,
        st.one_of(st.just(""), TEXT),
    ),
    min_size=1,
    unique_by=lambda one: one.registry,
)
MARK = "Zq7"
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8).map(lambda end: f"{MARK}{end}{MARK}")


def same(document: Any, *credentials: Credential) -> bool:
    text = document if isinstance(document, str) else json.dumps(document)
    stored = read_stored_document(text.encode())
    return stored.problem is None and not changes(stored, credentials or (ONE,))


@pytest.mark.parametrize(
    ("credentials", "document"),
    [
        pytest.param(
            [ONE],
            '{"auths":{"reg.io":{"username":"u","password":"pa","auth":"dTpwYQ=="}}}',
            id="without e-mail",
        ),
        pytest.param(
            [TWO],
            '{"auths":{"https://index.docker.io/v1/":{"username":"h","password":"x:y","email":"e@x","auth":"aDp4Onk="}}}',
            id="with e-mail",
        ),
        pytest.param(
            [Credential("reg.io", "u", "<&>\u2028\u2029ä")],
            '{"auths":{"reg.io":{"username":"u","password":"\\u003c\\u0026\\u003e\\u2028\\u2029ä",'
            '"auth":"dTo8Jj7igKjigKnDpA=="}}}',
            id="escaped as Go escapes",
        ),
        pytest.param(
            [ONE, Credential("a.io", "u", "pa")],
            '{"auths":{"a.io":{"username":"u","password":"pa","auth":"dTpwYQ=="},'
            '"reg.io":{"username":"u","password":"pa","auth":"dTpwYQ=="}}}',
            id="sorted by key",
        ),
    ],
)
def test_the_document_is_written_as_kubectl_writes_it(credentials: list[Credential], document: str) -> None:
    assert kubectl_document(credentials) == document.encode()


@given(CREDENTIALS)
def test_what_was_written_means_what_was_asked_for(credentials: list[Credential]) -> None:
    document = kubectl_document(credentials)
    stored = read_stored_document(document)
    assert not changes(stored, credentials)
    assert kubectl_document(credentials[::-1]) == document
    auths = json.loads(document)["auths"]
    assert {key: base64.b64decode(entry["auth"]).decode() for key, entry in auths.items()} == {
        one.registry: f"{one.username}:{one.password}" for one in credentials
    }


@given(CREDENTIALS, st.randoms(), st.sampled_from([None, 2, "\t"]), st.sampled_from(["auth", "parts", "both"]))
def test_order_white_space_and_form_make_no_difference(
    credentials: list[Credential], random: Any, indent: Any, form: str
) -> None:
    auths = {}
    for one in credentials:
        parts = {"username": one.username, "password": one.password}
        entry = {
            **({} if form == "auth" else parts),
            **({} if form == "parts" else {"auth": one.auth}),
            "email": one.email,
        }
        members = list(entry.items())
        random.shuffle(members)
        auths[one.registry] = dict(members)
    keys = list(auths)
    random.shuffle(keys)
    assert same(json.dumps({"auths": {key: auths[key] for key in keys}}, indent=indent), *credentials)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"auths": {"https://reg.io/v2/": GOOD}}, id="key in another form"),
        pytest.param({"auths": {"reg.io": {"auth": "dTpwYQ"}}}, id="auth without padding"),
        pytest.param({"auths": {"reg.io": {"auth": "dTpwYQ==", "username": "x", "password": "y"}}}, id="auth wins"),
        pytest.param({"auths": {"reg.io": {**GOOD, "email": "somebody@x"}}}, id="e-mail that nobody asked for"),
        pytest.param({"Auths": {"reg.io": {"USERNAME": "u", "Password": "pa"}}}, id="members in other case"),
        pytest.param({"auths": {"reg.io": GOOD}, "credsStore": "x", "credHelpers": 3}, id="members nobody reads"),
        pytest.param({"auths": {"reg.io": {**GOOD, "identitytoken": 3}}}, id="identity token of any type"),
        pytest.param({"auths": {"reg.io": GOOD}, "HttpHeaders": {"a": "b"}}, id="HttpHeaders"),
        pytest.param({"auths": {"reg.io": GOOD}, "HttpHeaders": None}, id="HttpHeaders null"),
        pytest.param('{"auths": {"reg.io": {"auth": "bad", "auth": "dTpwYQ=="}}}', id="the last of one member counts"),
    ],
)
def test_the_same_to_the_kubelet_is_the_same(document: Any) -> None:
    assert same(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"auths": {"reg.io": {"auth": "dTpwYg=="}}}, id="another password"),
        pytest.param({"auths": {"reg.io": {"auth": "djpwYQ=="}}}, id="another user"),
        pytest.param({"auths": {"reg.io": {"auth": "dTpwYQA="}}}, id="NUL at the end, which the kubelet sends"),
        pytest.param({"auths": {"reg.io": {"auth": "bad!", "username": "u", "password": "pa"}}}, id="bad auth beside parts"),
        pytest.param({"auths": {"reg.io": {**GOOD, "email": 5}}}, id="e-mail is a number: the kubelet gives up"),
        pytest.param({"auths": {"reg.io": {**GOOD, "email": False}}}, id="e-mail is false: the kubelet gives up"),
        pytest.param({"auths": {"reg.io": {**GOOD, "username": []}}}, id="user name is a list: the kubelet gives up"),
        pytest.param({"auths": {"reg.io": GOOD}, "HttpHeaders": 5}, id="HttpHeaders is a number: the kubelet gives up"),
        pytest.param({"auths": {"reg.io": GOOD}, "HttpHeaders": {"a": 1}}, id="a header is a number: the kubelet gives up"),
        pytest.param({"auths": {"reg.io": GOOD, "other.io": GOOD}}, id="another registry beside it"),
        pytest.param({"auths": {"reg.io": GOOD, "other.io": {}}}, id="an empty entry, which counts as found"),
        pytest.param({"auths": {"reg.io": GOOD, "other.io": {"auth": "bad!"}}}, id="bad auth elsewhere: the kubelet gives up"),
        pytest.param({"auths": {"reg.io:443": GOOD}}, id="key with the default port"),
        pytest.param({"auths": {"REG.io": GOOD}}, id="key in upper case"),
        pytest.param({"auths": {"reg.io": GOOD, "https://reg.io": {"auth": "dTpwYg=="}}}, id="two keys, two passwords"),
        pytest.param('{"auths": {"other.io": {}}, "auths": {"reg.io": {"auth": "dTpwYQ=="}}}', id="two auths are merged"),
        pytest.param('{"auths": {"other.io": {}}, "Auths": {"reg.io": {"auth": "dTpwYQ=="}}}', id="auths and Auths too"),
        pytest.param({"auths": {}}, id="no entry"),
        pytest.param({}, id="no auths"),
        pytest.param("null", id="null"),
        pytest.param("", id="empty"),
        pytest.param("[" * 200_000, id="nested without end"),
    ],
)
def test_what_differs_to_the_kubelet_differs(document: Any) -> None:
    assert not same(document)


@pytest.mark.parametrize(
    ("stored", "alike"),
    [("e@x", True), ("other@x", False), (None, False)],
    ids=["same", "other", "none"],
)
def test_an_email_is_compared_only_where_one_is_asked_for(stored: str | None, alike: bool) -> None:
    entry = {"auth": TWO.auth, **({"email": stored} if stored else {})}
    assert same({"auths": {HUB: entry}}, TWO) is alike


@pytest.mark.parametrize(
    ("document", "written", "purged"),
    [
        pytest.param({"auths": {"reg.io": GOOD}}, [HUB], [], id="one is new"),
        pytest.param({"auths": {"reg.io": {"auth": "dTpwYg=="}, HUB: {"auth": TWO.auth}}}, [HUB, "reg.io"], [], id="both"),
        pytest.param({"auths": {"z.io": {}, "a.io": GOOD}}, [HUB, "reg.io"], ["a.io", "z.io"], id="others go"),
        pytest.param({"auths": {"docker.io": {"auth": TWO.auth, "email": "e@x"}}}, ["reg.io"], [], id="alias of Hub"),
        pytest.param("no JSON", [HUB, "reg.io"], [], id="unreadable"),
    ],
)
def test_a_change_names_what_is_written_and_what_goes(document: Any, written: list[str], purged: list[str]) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    change = changes(read_stored_document(text.encode()), [ONE, TWO])
    assert (list(change.written), list(change.purged)) == (written, purged)


WRITTEN = '{"username":"u","password":"pa","auth":"dTpwYQ=="}'


@pytest.mark.parametrize(
    ("document", "merged", "without"),
    [
        pytest.param("{}", f'{{"auths":{{"reg.io":{WRITTEN}}}}}', "{}", id="empty"),
        pytest.param("null", f'{{"auths":{{"reg.io":{WRITTEN}}}}}', "null", id="null"),
        pytest.param('{"auths": null}', f'{{"auths": {{"reg.io":{WRITTEN}}}}}', '{"auths": null}', id="auths null"),
        pytest.param(
            '{"x": 1.0,\n "Auths": { "z" : {"auth": "eDp5"} , "reg.io": {} }}',
            f'{{"x": 1.0,\n "Auths": {{ "z" : {{"auth": "eDp5"}} , "reg.io":{WRITTEN} }}}}',
            '{"x": 1.0,\n "Auths": { "z" : {"auth": "eDp5"} }}',
            id="every other byte stays",
        ),
        pytest.param(
            '{"auths":{"https://reg.io/v1/":{},"reg.io":{},"https://reg.io":{},"reg.io":{},"reg.io/team":{}}}',
            f'{{"auths":{{"reg.io":{WRITTEN},"reg.io/team":{{}}}}}}',
            '{"auths":{"reg.io/team":{}}}',
            id="all entries of the registry",
        ),
        pytest.param(
            '{"auths":{"a":{},"z":{}}}',
            f'{{"auths":{{"a":{{}},"z":{{}},"reg.io":{WRITTEN}}}}}',
            '{"auths":{"a":{},"z":{}}}',
            id="a new entry is the last",
        ),
        pytest.param(
            '{"auths": { "https://reg.io" : {} , "a":{}}}',
            f'{{"auths": {{ "reg.io":{WRITTEN} , "a":{{}}}}}}',
            '{"auths": { "a":{}}}',
            id="an entry is replaced in its place",
        ),
    ],
)
def test_entries_are_merged_and_removed(document: str, merged: str, without: str) -> None:
    assert merge_document(document.encode(), [ONE]) == merged.encode()
    assert without_registries(document.encode(), ["reg.io"]) == without.encode()


def test_bytes_that_are_not_utf8_stay() -> None:
    document = b'{"x": "\xff", "auths": {"\xfe": {}}}'
    assert without_registries(merge_document(document, [ONE]), ["reg.io"]) == document


@pytest.mark.parametrize("document", ['{"auths": {}, "Auths": {}}', '{"auths": {"a": 1}}', "{", "[]"])
def test_a_document_that_cannot_be_edited_is_not_merged(document: str) -> None:
    with pytest.raises(UnreadableDocument):
        merge_document(document.encode(), [ONE])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (b"no JSON", "is not JSON (unexpected character at line 1, column 1)"),
        (b"\xff", "is not JSON (unexpected character at line 1, column 1)"),
        (b'{"auths":\n{},}', "is not JSON (expected a name in quotes at line 2, column 4)"),
        (b"[]", "is not a JSON object"),
        (b'{"auths": []}', "has an 'auths' that is not an object"),
        (b'{"auths": {"a": {"auth": 1}}}', "has an entry 'a' whose 'auth' is not text"),
    ],
)
def test_an_unreadable_document_says_why(document: bytes, problem: str) -> None:
    assert read_stored_document(document).problem == problem


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_document_of_a_stranger_raises(document: bytes | str) -> None:
    read_stored_document(document if isinstance(document, bytes) else f'{{"auths": {{"a": {document}}}}}'.encode())


@given(PASSWORDS)
def test_a_stored_entry_does_not_show_its_password(password: str) -> None:
    credential = Credential("reg.io", "u", password)
    stored = read_stored_document(kubectl_document([credential]))
    assert stored.entries["reg.io"].password == password
    assert MARK not in repr(stored)
    assert credential.auth not in repr(stored)
    undecodable = read_stored_document(json.dumps({"auths": {"reg.io": {"auth": password}}}).encode())
    assert MARK not in repr(undecodable)
