# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/verdict: verdicts and sentences of single answers (semantics 5.3). Whole dialogues: test_registry_verdicts.py."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._registry import verdict as refusal
from ansible_collections.pullpass.registry.plugins.module_utils._registry.transport import Response
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding
from hypothesis import given
from hypothesis import strategies as st


def answer(status: int, code: str = "", message: str = "", body: bytes | None = None, **headers: str) -> Response:
    reported = Message()
    for name, value in headers.items():
        reported[name.replace("_", "-")] = value
    content = json.dumps({"errors": [{"code": code, "message": message}]}).encode() if body is None else body
    return Response(status, reported, content)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 418])
def test_answers_that_are_no_trouble(status: int) -> None:
    assert refusal.inconclusive("r.test", answer(status)) is None


@pytest.mark.parametrize(
    ("given", "verdict", "words"),
    [
        (answer(429), "rate_limited", "Try again later"),
        (answer(429, Retry_After="120"), "rate_limited", "in 120 seconds"),
        (answer(429, Retry_After=" 0007 "), "rate_limited", "in 7 seconds"),
        (answer(429, Retry_After="-1"), "rate_limited", "after -1"),
        (answer(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), "rate_limited", "after Wed, 21 Oct 2026"),
        (answer(429, Retry_After="9" * 50), "rate_limited", "after 999"),
        (answer(403, "TOOMANYREQUESTS", "slow down"), "rate_limited", "for now (403). Try again later. It says: slow down"),
        (answer(500), "unreachable", "fails (500)"),
        (answer(503, "UNAVAILABLE", "upgrade"), "unreachable", "It says: upgrade"),
        (answer(999), "unreachable", "999"),
        (answer(301), "unverifiable", "endpoint"),
        (answer(399), "unverifiable", "redirects"),
    ],
)
def test_answers_that_decide_nothing(given: Response, verdict: str, words: str) -> None:
    found = refusal.inconclusive("r.test", given)
    assert found is not None
    assert (found.verdict, found.http_status) == (verdict, given.status)
    assert words in found.message
    assert found.message.startswith("r.test ")


@pytest.mark.parametrize(
    ("given", "anonymous", "verdict", "words"),
    [
        (answer(404, "MANIFEST_UNKNOWN"), False, "not_found", "no such tag or digest in team/app"),
        (answer(404, "NAME_UNKNOWN"), False, "not_found", "no such repository team/app, or no such tag in it"),
        (answer(404, body=b"<html>"), False, "not_found", "no such repository"),
        (answer(404), True, "not_found", "private image"),
        (answer(401), False, "denied", "Grant the right"),
        (answer(403, "DENIED", "not yours"), False, "denied", "It says: not yours"),
        (answer(401), True, "no_credentials", "Give a credential"),
        (answer(403, "DENIED", "token expired"), True, "no_credentials", "Give a credential"),
        (answer(403, "DENIED", "Your authorization token has EXPIRED."), False, "rejected", "Renew it"),
        (answer(403, "DENIED", "expired access token"), False, "rejected", "Renew it"),
        (answer(403, "DENIED", "the licence of this registry expired"), False, "denied", "Grant the right"),
        (answer(401, WWW_Authenticate='Bearer error="invalid_token"'), False, "unverifiable", "clocks"),
        (answer(401, WWW_Authenticate='Bearer error="insufficient_scope"'), False, "denied", "Grant the right"),
        (answer(400, "NAME_INVALID", "bad name"), False, "unverifiable", "bad name"),
        (answer(405), False, "unverifiable", "405"),
        (answer(200), False, "unverifiable", "web page"),
    ],
)
def test_manifests_that_are_not_given(given: Response, anonymous: bool, verdict: str, words: str) -> None:
    found = refusal.manifest_refused("r.test", "team/app", given, anonymous)
    assert (found.verdict, found.http_status) == (verdict, given.status)
    assert words in found.message
    assert "r.test" in found.message


@pytest.mark.parametrize(
    ("headers", "reported"),
    [
        ({"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "19;w=21600"}, ", 19 of 100 pulls left in 6 hours"),
        ({"RateLimit-Limit": "100;w=5400", "RateLimit-Remaining": "0"}, ", 0 of 100 pulls left in 1.5 hours"),
        ({"ratelimit-limit": "100", "ratelimit-remaining": "19"}, ", 19 of 100 pulls left"),
        ({"ratelimit-limit": "100;w=x", "ratelimit-remaining": "19"}, ", 19 of 100 pulls left"),
        ({"ratelimit-limit": "100"}, ""),
        ({"ratelimit-remaining": "19"}, ""),
        ({"ratelimit-limit": "many", "ratelimit-remaining": "19"}, ""),
        ({"ratelimit-limit": "9" * 20, "ratelimit-remaining": "19"}, ""),
        ({"ratelimit-limit": "<b>", "ratelimit-remaining": "-1"}, ""),
        ({}, ""),
    ],
)
def test_the_allowance(headers: dict[str, str], reported: str) -> None:
    given = answer(200)
    for name, value in headers.items():
        given.headers[name] = value
    assert refusal.remaining_pulls(given) == reported


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": [{"code": "UNAUTHORIZED", "message": "wrong"}], "details": "x"}, "wrong"),
        ({"details": "incorrect username or password"}, "incorrect username or password"),
        ({"error": "Could not find robot"}, "Could not find robot"),
        ({"errors": []}, ""),
        ({"details": {}}, ""),
        ("details", ""),
    ],
)
def test_where_token_servers_have_their_words(body: Any, words: str) -> None:
    found = refusal.login_rejected("r.test", answer(401, body=json.dumps(body).encode()))
    assert found.message.partition("Renew it.")[2] == (f" It says: {words}" if words else "")


BODIES = st.one_of(
    st.binary(max_size=80),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["errors", "code", "message", "x"]), inner, max_size=3),
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
TEXTS = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=200)


@given(st.integers(200, 600), BODIES, TEXTS, TEXTS, st.booleans())
def test_any_answer_becomes_a_sentence(status: int, body: bytes, retry: str, challenge: str, anonymous: bool) -> None:
    given = answer(status, body=body, Retry_After=retry, WWW_Authenticate=challenge, ratelimit_limit=retry)
    found: list[Finding | None] = [
        refusal.inconclusive("r.test", given),
        refusal.unexpected("r.test", given),
        refusal.login_rejected("r.test", given),
        refusal.manifest_refused("r.test", "team/app", given, anonymous),
        refusal.redirected("r.test", given),
        refusal.login_not_requested("r.test", given),
        refusal.token_refused("r.test", given),
    ]
    for one in found:
        if one is not None:
            assert one.message.isprintable()
            assert len(one.message) < 600
            assert "r.test" in one.message
            assert one.http_status == status


@pytest.mark.parametrize(
    "errors",
    [
        None,
        [],
        {},
        "x",
        [None],
        ["x"],
        [[]],
        [{}],
        [{"code": ["TOOMANYREQUESTS"]}],
        [{"message": {"a": 1}}],
        {"0": {"code": "x"}},
    ],
)
def test_errors_in_any_shape(errors: Any) -> None:
    given = answer(403, body=json.dumps({"errors": errors}).encode())
    assert refusal.inconclusive("r.test", given) is None
    assert refusal.manifest_refused("r.test", "a", given, False).verdict == "denied"
