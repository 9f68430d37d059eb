# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of logins: what is taken for an equal login, what a new one replaces, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Login
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.go_url import docker_host
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_document import LoginDocument
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_format import FORMATS

HOST = "registry.example.com:5000"
GOOD = {"auth": "dTpwYQ=="}
OLD = {"auth": "dTpvbGQ="}
LOGIN = Login(HOST, "u", "pa")

# entries of a file -> those after login u:pa to HOST, or None for no change, for docker and for containers
CASES = [
    pytest.param({}, {HOST: GOOD}, {HOST: GOOD}, id="nothing there"),
    pytest.param({HOST: GOOD}, None, None, id="the same"),
    pytest.param({HOST: {"auth": "dTpwYQ==\n"}}, None, None, id="the same with a line break"),
    pytest.param({HOST: {"auth": "dTpwYQAA"}}, None, None, id="the same with a NUL at its end"),
    pytest.param({HOST: OLD}, {HOST: GOOD}, {HOST: GOOD}, id="another password"),
    pytest.param({HOST: {**OLD, "email": "e"}}, {HOST: {**GOOD, "email": "e"}}, {HOST: {**GOOD, "email": "e"}}, id="an e-mail"),
    pytest.param({HOST: {"username": "u", "password": "pa"}}, None, {HOST: GOOD}, id="no auth: podman reads nothing else"),
    pytest.param({HOST: {"username": "x", "password": "x", **GOOD}}, None, None, id="beside auth nothing counts"),
    pytest.param({HOST: {"username": "u", "password": "x"}}, {HOST: GOOD}, {HOST: GOOD}, id="no auth and another"),
    pytest.param({HOST: {**GOOD, "identitytoken": "t"}}, {HOST: GOOD}, {HOST: GOOD}, id="a token goes first"),
    pytest.param(
        {HOST: {**GOOD, "registrytoken": "t"}}, {HOST: GOOD}, None, id="a token that docker sends, and podman does not know"
    ),
    pytest.param({HOST: {}}, {HOST: GOOD}, {HOST: GOOD}, id="an empty entry"),
    pytest.param({HOST: None}, {HOST: GOOD}, {HOST: GOOD}, id="null"),
    pytest.param({f"https://{HOST}/v2/": GOOD}, None, None, id="another form of the key, which all find"),
    pytest.param({f"https://{HOST}/v2/": OLD}, {HOST: GOOD}, {HOST: GOOD}, id="another form, another password"),
    pytest.param({HOST: GOOD, f"https://{HOST}": OLD}, {HOST: GOOD}, {HOST: GOOD}, id="a second form with an old password"),
    pytest.param({HOST: GOOD, f"https://{HOST}": GOOD}, None, None, id="a second form that agrees"),
    pytest.param(
        {HOST.upper(): GOOD},
        {HOST: GOOD, HOST.upper(): GOOD},
        {HOST: GOOD, HOST.upper(): GOOD},
        id="upper case, which nobody folds",
    ),
    pytest.param(
        {f"https://u@{HOST}": OLD},
        {HOST: GOOD, f"https://u@{HOST}": OLD},
        {HOST: GOOD, f"https://u@{HOST}": OLD},
        id="a user in a URL, which docker alone finds",
    ),
    pytest.param({f"{HOST}/team": OLD}, {HOST: GOOD, f"{HOST}/team": OLD}, {HOST: GOOD, f"{HOST}/team": OLD}, id="a path"),
    pytest.param(
        {f"https://{HOST}": GOOD, f"{HOST}/team": OLD},
        {HOST: GOOD, f"{HOST}/team": OLD},
        None,
        id="docker would take any of the two",
    ),
    pytest.param({"other": OLD}, {"other": OLD, HOST: GOOD}, {"other": OLD, HOST: GOOD}, id="another registry"),
]
# a file -> where the fault is, and what
REFUSED = [
    pytest.param('{"auths": {', "line 1, column 12", id="cut"),
    pytest.param('\ufeff{"auths": {}}', "begins with a byte order mark", id="byte order mark"),
    pytest.param("[]", "is an array, not a JSON object", id="array"),
    pytest.param("null", "is null, not a JSON object", id="null"),
    pytest.param('{"auths": {}}\0', "more text after the end at line 1, column 14", id="NUL behind"),
    pytest.param("\0" * 20, "unexpected character at line 1, column 1", id="NULs, as after a crash"),
    pytest.param('{"auths": {}, "auths": {}}', "line 1, column 24: auths is there a second time", id="auths twice"),
    pytest.param('{"auths": {}, "Auths": {}}', "auths is there a second time", id="auths twice in other letters"),
    pytest.param('{"auths": {"a": {}, "a": {}}}', "line 1, column 26: auths, 'a' is there a second time", id="an entry twice"),
    pytest.param('{"auths": {"a": {"auth": "", "AUTH": ""}}}', "auths, 'a', auth is there a second time", id="auth twice"),
    pytest.param('{"auths": []}', "auths is an array, not an object", id="auths an array"),
    pytest.param('{"auths": "x"}', "auths is a string, not an object", id="auths a text"),
    pytest.param('{"auths": {"a": "dTpw"}}', "auths, 'a' is a string, not an object", id="entry a text"),
    pytest.param('{"auths": {"a": {"auth": 5}}}', "auths, 'a', auth is a number, not text", id="auth a number"),
    pytest.param('{"auths": {"a": {"auth": "%%%%"}}}', "auths, 'a' cannot be used: 'auth' is not base64", id="no base64"),
    pytest.param('{"auths": {"a": {"auth": "dTpwYQ"}}}', "the '=' at its end is missing", id="no padding"),
    pytest.param('{"auths": {"a": {"auth": "bm9jb2xvbg=="}}}', "no colon", id="no colon"),
    pytest.param(
        '{"auths": {\n "good": {"auth": "dTpwYQ=="},\n "a": {"auth": "dTp-_w=="}}}',
        "line 3, column 16: auths, 'a' cannot be used",
        id="a bad one beside a good one",
    ),
    pytest.param('{"credHelpers": []}', "credHelpers is an array", id="credHelpers an array"),
    pytest.param('{"credHelpers": {"a": 1}}', "credHelpers, 'a' is a number, not text", id="a helper that is a number"),
    pytest.param('{"credsStore": {}}', "credsStore is an object, not text", id="credsStore an object"),
    pytest.param('{"HttpHeaders": {"a": 1}}', "HttpHeaders, 'a' is a number, not text", id="HttpHeaders"),
    pytest.param("{'auths': {}}", "unexpected character at line 1, column 2", id="single quotes"),
    pytest.param('{"auths": {},}', "expected a name in quotes at line 1, column 14", id="comma at the end"),
    pytest.param("auths: {}", "unexpected character at line 1, column 1", id="YAML"),
]


def document(auths: dict[str, Any] | str, kind: str = "docker", **members: Any) -> LoginDocument:
    text = auths if isinstance(auths, str) else json.dumps({"auths": auths, **members}, indent="\t")
    return LoginDocument("/x/config.json", text, FORMATS[kind])


@pytest.mark.parametrize(("entries", "for_docker", "for_containers"), CASES)
def test_login(entries: dict[str, Any], for_docker: dict[str, Any] | None, for_containers: dict[str, Any] | None) -> None:
    for kind, expected in (("docker", for_docker), ("containers", for_containers)):
        before = document(entries, kind)
        after = before.with_login(HOST, LOGIN)
        assert (after.text == before.text) is (expected is None), kind
        assert json.loads(after.text)["auths"] == (entries if expected is None else expected), kind
        assert after.with_login(HOST, LOGIN).text == after.text


@pytest.mark.parametrize(
    ("key", "docker_finds"),
    [(HUB, True), ("docker.io", False), ("index.docker.io", False), ("https://index.docker.io/v1", False)],
)
def test_docker_hub_has_one_key_for_docker_and_many_for_podman(key: str, docker_finds: bool) -> None:
    login = Login(HUB, "u", "pa")
    for_docker, for_containers = (document({key: GOOD}, kind).with_login(FORMATS[kind].hub, login) for kind in FORMATS)
    assert json.loads(for_docker.text)["auths"] == {HUB: GOOD}
    assert (for_docker.text == document({key: GOOD}).text) is docker_finds
    assert for_containers.text == document({key: GOOD}).text
    renewed = document({key: OLD}, "containers").with_login("docker.io", login)
    assert json.loads(renewed.text)["auths"] == {"docker.io": GOOD}


@pytest.mark.parametrize(
    "key", ["registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com", "DOCKER.IO", "docker.io/team"]
)
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_what_is_not_docker_hub_stays_beside_it(key: str, kind: str) -> None:
    hub = FORMATS[kind].hub
    stored = document({key: OLD}, kind).with_login(hub, Login(HUB, "u", "pa"))
    assert json.loads(stored.text)["auths"] == {key: OLD, hub: GOOD}
    assert json.loads(stored.without(stored.keys_for(hub)).text)["auths"] == {key: OLD}
    assert json.loads(stored.with_mark(hub).text)["auths"] == {key: OLD, **({hub: {}} if kind == "docker" else {})}


def test_a_key_that_only_podman_reads_so_stays_in_a_file_of_docker() -> None:
    login, key = Login("[::1]", "u", "pa"), "https://[::1]"
    assert json.loads(document({key: OLD}).with_login("[::1]", login).text)["auths"] == {"[::1]": GOOD, key: OLD}
    assert json.loads(document({key: OLD}, "containers").with_login("[::1]", login).text)["auths"] == {"[::1]": GOOD}


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("r:5000", "r:5000"),
        ("r:5000/v1/", "r:5000"),
        ("https://u:x@r:5000/a?b#c", "r:5000"),
        ("ftp://r:", "r"),
        ("r:", "r:"),
        ("r?x", "r?x"),
        ("u@r", "u@r"),
        ("https://[::1]", "::1"),
        ("https://[::1]:5000", "[::1]:5000"),
        ("[::1]", "[::1]"),
        ("https://r ", "https:"),
        ("https://r%2f", "https:"),
        ("https://", "https:"),
        ("x/https://r", "x"),
        ("https://\udcff", "\udcff"),
    ],
)
def test_the_registry_that_docker_reads_in_a_key(key: str, host: str) -> None:
    assert docker_host(key) == host


def test_an_identity_token_takes_the_place_of_the_password() -> None:
    login = Login(HOST, "u", "pa", "token")
    stored = document({HOST: GOOD}).with_login(HOST, login)
    assert json.loads(stored.text)["auths"] == {HOST: {"auth": "dTo=", "identitytoken": "token"}}
    assert stored.with_login(HOST, login).text == stored.text
    assert json.loads(stored.with_login(HOST, LOGIN).text)["auths"] == {HOST: GOOD}


def test_what_is_not_known_stays_byte_for_byte() -> None:
    text = '{\n  "psFormat": "x",\n  "auths": {\n    "z": {"auth": "dTpwYQ==",   "x-own": [1, 2]},\n    "' + HOST + '": {'
    text += '"x-own": {"a":1},  "auth": "dTpvbGQ=", "y": 1}\n  },\n  "plugins": {"a": {"b": "c"}}\n}\n\n'
    assert document(text).with_login(HOST, LOGIN).text == text.replace("dTpvbGQ=", "dTpwYQ==")
    assert document(text).without(["z"]).text == text.replace('"z": {"auth": "dTpwYQ==",   "x-own": [1, 2]},\n    ', "")


def test_bytes_that_are_no_utf8_stay() -> None:
    raw = b'{"x": "\xff\xfe", "auths": {}}'
    after = document(raw.decode("utf-8", "surrogateescape")).with_login(HOST, LOGIN)
    assert after.text.encode("utf-8", "surrogateescape").startswith(b'{"x": "\xff\xfe", "auths": {"')


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_as_good_as_none(text: str) -> None:
    stored = document(text).with_login(HOST, LOGIN)
    assert stored.text == '{\n\t"auths": {\n\t\t"' + HOST + '": {\n\t\t\t"auth": "dTpwYQ=="\n\t\t}\n\t}\n}'
    assert document(text).without([HOST]).text == text


@pytest.mark.parametrize(("text", "reported"), REFUSED)
@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_refused(text: str, reported: str, kind: str) -> None:
    with pytest.raises(HostError) as raised:
        document(text, kind)
    message = str(raised.value)
    assert message.startswith("/x/config.json")
    assert reported in message
    assert message.endswith("Fix the file by hand, or move it away.")
    assert "dTp" not in message


def test_an_empty_user_name_is_dockers_trouble_alone() -> None:
    with pytest.raises(HostError, match="docker rejects the whole file"):
        document({HOST: {"auth": "OnRvaw=="}})
    assert document({HOST: {"auth": "OnRvaw=="}}, "containers").entries[HOST].password == "tok"


def test_which_helper_keeps_a_login() -> None:
    members = {"credsStore": "all", "credHelpers": {HOST: "one", "none.example.com": ""}}
    docker, podman = (document({}, kind, **members) for kind in FORMATS)
    assert [docker.helper(key) for key in (HOST, "none.example.com", "other", HUB)] == ["one", "", "all", "all"]
    assert [podman.helper(key) for key in (HOST, "other")] == ["one", ""]


def test_helpers_are_named_and_taken_away() -> None:
    plain = document({})
    named = plain.with_helper(HOST, "one")
    assert json.loads(named.text) == {"auths": {}, "credHelpers": {HOST: "one"}}
    assert named.with_helper(HOST, "one").text == named.text
    assert named.without_helper(HOST).text == plain.text
    both = document({}, credsStore="all", credHelpers={HOST: "one", "b": "two"})
    assert json.loads(both.without_helper(HOST).text)["credHelpers"] == {HOST: "", "b": "two"}
    assert json.loads(both.without_helper("c").text)["credHelpers"] == {HOST: "one", "b": "two", "c": ""}
    podman = document({}, "containers", credsStore="all", credHelpers={HOST: "one", "b": "two"})
    assert json.loads(podman.without_helper(HOST).text)["credHelpers"] == {"b": "two"}
    assert podman.without_helper("c").text == podman.text


def test_the_mark_of_a_login_that_a_helper_keeps() -> None:
    entries = {HOST: {**GOOD, "email": "e"}, f"https://{HOST}": OLD, "b": GOOD}
    assert json.loads(document(entries).with_mark(HOST).text)["auths"] == {HOST: {"email": "e"}, "b": GOOD}
    assert json.loads(document(entries, "containers").with_mark(HOST).text)["auths"] == {"b": GOOD}
    assert json.loads(document({}).with_mark(HOST).text)["auths"] == {HOST: {}}
    assert document({HOST: {}}).with_mark(HOST).text == document({HOST: {}}).text
