# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/docker_config: what a person hands in is used whole or refused by name, never copied in silence."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import credentials_from_document
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

HUB = "https://index.docker.io/v1/"
WHERE = "config_file /etc/pull.json"
MARK = "Zq7"
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8).map(lambda end: f"{MARK}{end}{MARK}")


def encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def read(document: Any, only: list[str] | None = None) -> list[Credential]:
    return credentials_from_document(WHERE, document if isinstance(document, str) else json.dumps(document), only)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"auth": encoded("u", "pa")}, id="auth"),
        pytest.param({"auth": encoded("u", "pa").rstrip("=")}, id="auth without padding"),
        pytest.param({"username": "u", "password": "pa"}, id="username and password"),
        pytest.param({"username": "x", "password": "y", "auth": encoded("u", "pa")}, id="auth wins"),
        pytest.param({"AUTH": encoded("u", "pa")}, id="member in other case"),
        pytest.param({"auth": encoded("u", "pa\0\0")}, id="NULs at the end, which docker cuts"),
        pytest.param({"auth": encoded("u", "pa"), "identitytoken": "unused"}, id="an identity token beside a password"),
        pytest.param({"auth": encoded("u", "pa"), "email": None, "unknown": 1}, id="null and unknown members"),
    ],
)
def test_an_entry_gives_its_credential(entry: dict[str, Any]) -> None:
    assert read({"auths": {"reg.io": entry}}) == [Credential("reg.io", "u", "pa")]


def test_keys_become_canonical_and_sorted() -> None:
    made = read({"auths": {"https://reg.io/v2/": {"auth": "dTpwYQ=="}, "docker.io": {"auth": "dTpwYQ==", "email": "e@x"}}})
    assert made == [Credential(HUB, "u", "pa", "e@x"), Credential("reg.io", "u", "pa")]


def test_a_key_of_a_document_is_never_another_registry_than_before() -> None:
    keys = ["registry-1.docker.io", "https://registry.hub.docker.com/v2/", "hub.docker.com", "GHCR.io", "ghcr.io", "Docker.io"]
    made = read({"auths": {key: {"username": f"u{index}", "password": "p"} for index, key in enumerate(keys)}})
    assert {one.registry: one.username for one in made} == {
        "registry-1.docker.io": "u0",
        "registry.hub.docker.com": "u1",
        "hub.docker.com": "u2",
        "GHCR.io": "u3",
        "ghcr.io": "u4",
        "Docker.io": "u5",
    }
    assert [one.username for one in read({"auths": {"GHCR.io": {"username": "u", "password": "p"}}}, ["GHCR.io"])] == ["u"]


def test_the_same_credential_under_two_names_is_one() -> None:
    assert len(read({"auths": {"reg.io": {"auth": "dTpwYQ=="}, "https://reg.io": {"auth": "dTpwYQ"}}})) == 1


def test_picked_registries_are_named_as_people_name_them() -> None:
    document = {"auths": {HUB: {"auth": "dTpwYQ=="}, "reg.io": {"auth": "dTpwYQ=="}, "bad host": 7}}
    assert [one.registry for one in read(document, ["docker.io"])] == [HUB]


def test_an_entry_that_is_not_picked_may_be_unusable() -> None:
    document = {
        "auths": {"reg.io": {"auth": "dTpwYQ=="}, "other.io": {"identitytoken": "t"}},
        "credHelpers": {"x.io": "x"},
    }
    assert [one.registry for one in read(document, ["reg.io"])] == ["reg.io"]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        pytest.param("", ("is not JSON", "line 1, column 1", "Expected a docker config.json"), id="empty"),
        pytest.param('{"auths": {},}', ("is not JSON", "line 1"), id="comma too many"),
        pytest.param("auths: {}", ("is not JSON", "line 1, column 1"), id="YAML"),
        pytest.param("\ufeff{}", ("begins with a byte order mark", "Save it as UTF-8"), id="byte order mark"),
        pytest.param("[]", ("is not a JSON object", "Expected"), id="list"),
        pytest.param("null", ("is not a JSON object",), id="null"),
        pytest.param("[" * 200_000, ("docker config",), id="nested without end"),
        pytest.param("$ANSIBLE_VAULT;1.1;AES256\n6162", ("ansible-vault", "on the controller"), id="vault"),
        pytest.param('{"auths": []}', ("'auths' is not an object", "Expected"), id="auths is a list"),
        pytest.param("{}", ("contains no credential", "Add an entry"), id="no auths"),
        pytest.param('{"auths": {}}', ("contains no credential",), id="no entry"),
        pytest.param(
            '{"credHelpers": {"x.io": "gcloud"}}', ("entry 'x.io'", "docker-credential-gcloud", "kubelet"), id="only helpers"
        ),
        pytest.param('{"auths": {}, "credHelpers": ["x.io"]}', ("'credHelpers' is not", "docker login"), id="helpers: list"),
        pytest.param('{"auths": {}, "credsStore": 1}', ("'credsStore' is not text",), id="store is a number"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused(text: str, phrases: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(WHERE)
    for phrase in phrases:
        assert phrase in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "phrases"),
    [
        pytest.param({}, ("username is empty",), id="empty entry"),
        pytest.param(None, ("username is empty",), id="null entry"),
        pytest.param("dTpwYQ==", ("is not an object", "Expected"), id="entry is text"),
        pytest.param({"auth": 5}, ("'auth' is not text",), id="auth is a number"),
        pytest.param({"username": ["u"]}, ("'username' is not text",), id="username is a list"),
        pytest.param({"identitytoken": "t"}, ("only an identity token", "in registries"), id="identity token"),
        pytest.param({"auth": encoded("u", ""), "identitytoken": "t"}, ("only an identity token",), id="token and user"),
        pytest.param({"auth": "not base64!"}, ("'auth' is not base64", "Log in"), id="not base64"),
        pytest.param({"auth": "bm9jb2xvbg=="}, ("no colon", "Log in"), id="no colon"),
        pytest.param({"auth": encoded("", "pa")}, ("username is empty", "anonymously"), id="no user name"),
        pytest.param({"auth": encoded("u", "")}, ("password is empty",), id="no password"),
        pytest.param({"auth": encoded("u", "\0")}, ("password is empty",), id="password of NULs"),
        pytest.param({"username": "a:b", "password": "pa"}, ("contains a colon",), id="colon in the user name"),
        pytest.param({"auth": encoded("u\n", "pa")}, ("ends with a line break", "Remove it"), id="line break in the user name"),
        pytest.param({"auth": base64.b64encode(b"u:p\xe4ss").decode()}, ("UTF-8",), id="password that no JSON can hold"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused_by_name(entry: Any, phrases: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        read({"auths": {"good.io": {"auth": "dTpwYQ=="}, "reg.io": entry}})
    message = str(caught.value)
    assert message.startswith(f"{WHERE}, entry 'reg.io'")
    for phrase in phrases:
        assert phrase in message


@pytest.mark.parametrize(
    ("document", "only"),
    [
        pytest.param({"auths": {"reg.io": {}}, "credsStore": "pass"}, None, id="credsStore"),
        pytest.param({"auths": {"reg.io": {}}, "credHelpers": {"reg.io": "pass"}}, None, id="credHelpers"),
        pytest.param({"auths": {"reg.io": {}}, "credsStore": "pass"}, ["reg.io"], id="credsStore, picked"),
        pytest.param(
            {"auths": {"good.io": {"auth": "dTpwYQ=="}}, "credHelpers": {"reg.io": "pass"}},
            ["reg.io"],
            id="credHelpers alone, picked",
        ),
        pytest.param(
            {"auths": {"good.io": {"auth": "dTpwYQ=="}}, "credHelpers": {"reg.io": "pass"}},
            None,
            id="credHelpers alone, beside a usable entry",
        ),
    ],
)
def test_an_entry_that_a_helper_keeps_is_an_error_that_says_so(document: Any, only: list[str] | None) -> None:
    with pytest.raises(InputError) as caught:
        read(document, only)
    assert str(caught.value).startswith(WHERE)
    for phrase in ("reg.io", "helper"):
        assert phrase in str(caught.value).replace("docker-credential-pass", "helper pass")


def test_a_registry_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(InputError) as caught:
        read({"auths": {"reg.io": {"auth": "dTpwYQ=="}}}, ["ghcr.io", "reg.io"])
    assert str(caught.value) == f"{WHERE} has no entry for ghcr.io. It has: reg.io."


def test_two_entries_for_one_registry_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match=r"reg\.io is given twice.*remove one"):
        read({"auths": {"reg.io": {"auth": "dTpwYQ=="}, "https://reg.io": {"auth": encoded("u", "other")}}})


def test_a_key_that_is_no_registry_is_refused_unless_others_are_picked() -> None:
    with pytest.raises(InputError, match=r"entry 'bad host': registry 'bad host'"):
        read({"auths": {"bad host": {"auth": "dTpwYQ=="}}})


@given(
    PASSWORDS,
    st.sampled_from(
        [
            '{"auths": {"reg.io": {"password": %s}}}',
            '{"auths": {"reg.io": {"username": "a:b", "password": %s}}}',
            '{"auths": {"reg.io": {"username": "a\\n", "password": %s}}}',
            '{"auths": {"reg.io": {"auth": %s}}}',
            '{"auths": {"reg.io": {"identitytoken": %s}}}',
            '{"auths": {"reg.io": %s}}',
            '{"auths": %s}',
            '{"auths": {"reg.io": {"username": "u", "password": %s}, "https://reg.io": {"auth": "dTpwYQ=="}}}',
            '{"auths": {"reg.io": {"username": "u", "password": %s, "email": 1}}}',
            '{"auths": {"reg.io": {"username": "u", "password": %s}}',
            '{"auths": {"reg.io": {"username": "u", "password": %s}}, "credsStore": [1]}',
        ]
    ),
)
def test_no_refusal_repeats_a_password(password: str, form: str) -> None:
    with pytest.raises(InputError) as caught:
        read(form % json.dumps(password))
    assert MARK not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_password_inside_a_key_is_not_repeated() -> None:
    """docker takes a key with user information, and so does the kubelet."""
    with pytest.raises(InputError) as caught:
        read({"auths": {f"https://user:{MARK}@reg.io": {"auth": "dTpwYQ=="}}})
    assert MARK not in str(caught.value)
