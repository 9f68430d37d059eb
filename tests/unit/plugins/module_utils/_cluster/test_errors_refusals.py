# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/errors: what an answer of the API server means. The bodies are those of kube-apiserver 1.37.2."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request, refusal
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import (
    ClusterError,
    FailureKind,
    PullpassError,
    RequestError,
)
from hypothesis import example, given
from hypothesis import strategies as st

SERVER = "https://api.example.com:6443"
CREATE = Request("create", "pods", "team-a")
SECRET = Request("create", "secrets", "team-a")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["reason", "name", "causes", "message"]), inner),
)

QUOTA = {
    "message": 'secrets "regcred" is forbidden: exceeded quota: none, requested: count/secrets=1, used: 0, limited: 0',
    "details": {"name": "regcred", "kind": "secrets"},
}
TERMINATING = {
    "message": 'secrets "regcred" is forbidden: unable to create new content in namespace team-a because it is being terminated',
    "details": {
        "name": "regcred",
        "kind": "secrets",
        "causes": [{"reason": "NamespaceTerminating", "message": "namespace team-a is being terminated", "field": "x"}],
    },
}
RBAC = {
    "message": 'secrets is forbidden: User "ci" cannot create resource "secrets" in API group "" in the namespace "team-a"',
    "details": {"kind": "secrets"},
}
POLICY = {
    "message": "secrets \"regcred\" is forbidden: ValidatingAdmissionPolicy 'p' denied request: no",
    "details": {"name": "regcred", "kind": "secrets"},
}


def reported(status: int, body: Any, request: Request = CREATE) -> RequestError:
    raw = body if isinstance(body, bytes) else json.dumps({"kind": "Status", "reason": "Forbidden", **body}).encode()
    error = refusal(request, SERVER, status, raw)
    assert isinstance(error, RequestError)
    assert error.status == status
    return error


@pytest.mark.parametrize(
    ("body", "kind", "phrases"),
    [
        pytest.param(QUOTA, FailureKind.QUOTA, ("quota of the namespace forbids it", "exceeded quota: none"), id="quota"),
        pytest.param(TERMINATING, FailureKind.TERMINATING, ("namespace team-a is being deleted",), id="terminating"),
        pytest.param(RBAC, FailureKind.FORBIDDEN, ("no right to create pods in namespace team-a", '"ci"'), id="RBAC"),
        pytest.param(POLICY, FailureKind.REFUSED, ("admission policy refused it", "denied request"), id="admission"),
    ],
)
def test_the_causes_of_403_are_told_apart(body: Any, kind: FailureKind, phrases: tuple[str, ...]) -> None:
    error = reported(403, body)
    assert error.kind == kind
    for phrase in phrases:
        assert phrase in str(error)


@pytest.mark.parametrize("body", [{}, b"<html>denied by proxy</html>", b""], ids=["no reason", "not even JSON", "nothing"])
def test_a_403_without_a_reason_of_the_server_blames_no_admission_policy(body: Any) -> None:
    """It may come from a proxy in between."""
    message = str(reported(403, body))
    assert "admission policy" not in message
    assert "403" in message


@pytest.mark.parametrize(
    ("status", "kind", "phrases"),
    [
        (404, FailureKind.NOT_FOUND, ("the server's words",)),
        (409, FailureKind.CONFLICT, ("the server's words",)),
        (410, FailureKind.EXPIRED, ("the server's words",)),
        (429, FailureKind.THROTTLED, (SERVER, "throttling", "create pods in namespace team-a", "the server's words")),
        (500, FailureKind.UNCERTAIN, (SERVER, "failed (500)", "create pods in namespace team-a", "the server's words")),
        (504, FailureKind.UNCERTAIN, ("failed (504)",)),
        (400, FailureKind.REFUSED, ("the server's words",)),
        (422, FailureKind.REFUSED, ("the server's words",)),
        (302, FailureKind.REFUSED, ("the server's words",)),
    ],
)
def test_other_answers_are_told_apart_by_status(status: int, kind: FailureKind, phrases: tuple[str, ...]) -> None:
    error = reported(status, {"message": "the server's words"})
    assert error.kind == kind
    for phrase in phrases:
        assert phrase in str(error)


def test_401_concerns_the_whole_cluster_and_not_one_request() -> None:
    error = refusal(CREATE, SERVER, 401, b'{"message": "Unauthorized"}')
    assert isinstance(error, ClusterError)
    assert str(error).startswith(f"{SERVER} does not accept the credential (401 Unauthorized)")
    assert "Renew the token" in str(error)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("list", "secrets"), "list secrets in all namespaces"),
        (Request("list", "secrets", "team-a"), "list secrets in namespace team-a"),
        (Request("patch", "secrets", "team-a", "regcred"), "patch secrets regcred in namespace team-a"),
        (Request("get", "namespaces", None, "team-a"), "get namespaces team-a"),
    ],
)
def test_a_missing_right_names_verb_resource_and_place(request_: Request, words: str) -> None:
    assert str(request_) == words
    assert str(reported(403, RBAC, request_)).startswith(f"no right to {words} (403 Forbidden)")


@example(403, b'{"details": 1}')
@example(403, b'{"details": {"causes": [1]}}')
@example(403, b'{"details": {"causes": 1}}')
@given(
    st.sampled_from([302, 401, 403, 404, 409, 422, 429, 500]),
    st.binary()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"message": JSON, "details": JSON}).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_raises_while_it_is_read(status: int, body: bytes) -> None:
    """A proxy in between answers what it likes."""
    assert isinstance(refusal(CREATE, SERVER, status, body), PullpassError)


def test_an_answer_nested_without_end_is_an_answer_too() -> None:
    assert reported(500, b"[" * 200_000).kind == FailureKind.UNCERTAIN


def test_the_servers_words_are_one_line_without_control_characters_and_cut() -> None:
    message = str(reported(422, {"message": "a\x1b[31m\nb" + "x" * 10_000}))
    assert message.isprintable()
    assert len(message) <= 500


ECHO = "Zq7-Geheimwort-xY3"
POLICY_OF = "ValidatingAdmissionPolicy 'repeat.example.com' with binding 'b' denied request: "
WEBHOOK_OF = 'admission webhook "check.example.com" denied the request: '


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 409, 410, 413, 422, 429, 500, 504])
@pytest.mark.parametrize("where", ["message", "reason", "name", "cause", "field", "not JSON"])
def test_no_text_about_a_write_of_a_secret_is_repeated(verb: str, status: int, where: str) -> None:
    cause = {"reason": ECHO if where == "cause" else "FieldValueInvalid", "field": ECHO if where == "field" else "data"}
    body = {
        "reason": ECHO if where == "reason" else "Forbidden",
        "message": ECHO if where == "message" else "no",
        "details": {"name": ECHO if where == "name" else "regcred", "causes": [{**cause, "message": ECHO}]},
    }
    error = reported(status, ECHO.encode() if where == "not JSON" else body, Request(verb, "secrets", "team-a", "regcred"))
    assert ECHO not in f"{error} {error.refused_by}"
    assert error.detail == ""
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("status", "message", "phrase"),
    [
        (422, f'secrets "regcred" is forbidden: {POLICY_OF}{ECHO}', "admission policy 'repeat.example.com' refused"),
        (403, f"{WEBHOOK_OF}{ECHO}", "admission webhook 'check.example.com' refused"),
        (
            500,
            f'Internal error occurred: failed calling webhook "check.example.com": {ECHO}',
            "webhook 'check.example.com' refused",
        ),
        (403, f"{ECHO}: {WEBHOOK_OF}", "an admission policy refused"),
        (403, f'secrets "{WEBHOOK_OF}', "an admission policy refused"),
        (403, f'admission webhook "{ECHO}" denied the request: x', "an admission policy refused"),
        (403, f'admission webhook "{ECHO.lower()}" denied the request: x', "an admission webhook refused"),
        (403, 'admission webhook "a..b" denied the request: x', "an admission webhook refused"),
        (403, 'admission webhook "-a" denied the request: x', "an admission policy refused"),
        (403, f'secrets "regcred" is forbidden: exceeded quota: {ECHO}', "the quota of the namespace forbids it"),
        (403, f'User "{ECHO}" cannot create resource "secrets" in the namespace "x": {ECHO}', "no right to create secrets"),
    ],
)
def test_who_refused_a_secret_is_named_if_it_is_a_name(status: int, message: str, phrase: str) -> None:
    remember_secrets([ECHO])
    error = reported(status, {"message": message}, SECRET)
    assert phrase in str(error)
    assert ECHO.lower() not in f"{error} {error.refused_by}".lower()


def test_a_missing_right_is_said_once() -> None:
    message = 'secrets "regcred" is forbidden: User "ci" cannot get resource "secrets" in API group "" in the namespace "team-a"'
    error = str(reported(403, {"message": f"{message}: RBAC: role not found"}, Request("get", "secrets", "team-a", "regcred")))
    assert error == ('no right to get secrets regcred in namespace team-a (403 Forbidden) for user "ci": RBAC: role not found')


def test_a_secret_in_other_words_of_the_server_is_masked_before_they_are_cut() -> None:
    remember_secrets([ECHO])
    for length in range(460, 500):
        assert "Zq7" not in str(reported(422, {"message": "x" * length + ECHO}))
    assert "Zq7" not in str(reported(422, b"y" * 495 + ECHO.encode()))
