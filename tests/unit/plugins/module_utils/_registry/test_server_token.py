# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/server: how a token is asked for, and what one grants (semantics 5.2)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import granted, pull_scope, token_in, token_url
from hypothesis import given
from hypothesis import strategies as st

from registry_servers.registry import jwt

TEXT, OTHER, NOTHING = "text that is not JSON", "JSON that is not an object", "JSON without a usable token"


@pytest.mark.parametrize(
    ("parameters", "scopes", "query"),
    [
        ({}, [], ""),
        ({"service": ""}, [], ""),
        ({"service": "a b&c=d"}, [], "service=a+b%26c%3Dd"),
        ({"service": "s"}, ["repository:a/b:pull"], "service=s&scope=repository%3Aa%2Fb%3Apull"),
        ({"scope": "aws"}, [], "scope=aws"),
        ({"scope": "aws"}, ["repository:a:pull"], "scope=repository%3Aa%3Apull&scope=aws"),
        # an example, or somebody else's repository
        ({"scope": "repository:x/y:pull,push registry:catalog:*"}, ["repository:a:pull"], "scope=repository%3Aa%3Apull"),
        ({"scope": "aws aws  other"}, ["aws"], "scope=aws&scope=other"),
    ],
)
def test_the_query(parameters: dict[str, str], scopes: list[str], query: str) -> None:
    url = token_url({"realm": "https://r.test/t", **parameters}, scopes)
    assert url == "https://r.test/t" + (f"?{query}" if query else "")


@pytest.mark.parametrize(
    ("realm", "url"),
    [
        ("https://r.test:8443/a/b?account=x&empty=", "https://r.test:8443/a/b?account=x&empty=&service=s"),
        ("https://r.test", "https://r.test?service=s"),
        ("https://r.test/t#fragment", "https://r.test/t?service=s"),
        ("https://r.test/t?service=other", "https://r.test/t?service=other&service=s"),
        ("https://r.test/t?a=1&a=2", "https://r.test/t?a=1&a=2&service=s"),
        ("https://[::1]:5/t", "https://[::1]:5/t?service=s"),
    ],
)
def test_the_realms_own_query_is_kept(realm: str, url: str) -> None:
    assert token_url({"realm": realm, "service": "s"}, []) == url


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=3), st.text(max_size=30))
def test_nothing_gets_out_of_its_parameter(service: str, scopes: list[str], scope: str) -> None:
    url = token_url({"realm": "https://r.test/t?kept=1", "service": service, "scope": scope}, scopes)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "r.test", "/t", "")
    assert url.isascii()
    assert url.isprintable()
    assert {name for name, _value in parse_qsl(parts.query, keep_blank_values=True)} <= {"kept", "service", "scope"}


def test_scopes() -> None:
    assert pull_scope("team/app") == "repository:team/app:pull"
    assert pull_scope("team/app", "push") == "repository:team/app:pull,push"


@pytest.mark.parametrize(
    ("answer", "token"),
    [
        ({"token": "a"}, "a"),
        ({"access_token": "b"}, "b"),
        ({"token": "a", "access_token": "b"}, "b"),
        ({"token": "a", "access_token": ""}, "a"),
        ({"token": "a", "access_token": None, "expires_in": "x"}, "a"),
        ({"token": "~!@#$%^&*()_+=./"}, "~!@#$%^&*()_+=./"),
    ],
)
def test_a_token_in_an_answer(answer: dict[str, Any], token: str) -> None:
    assert token_in(json.dumps(answer).encode()) == token


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", TEXT), (b"{", TEXT), (b"\xff", TEXT), (b"[" * 100_000, TEXT), (b"<html>", TEXT),
        (b"[]", OTHER), (b'"token"', OTHER), (b"null", OTHER), (b"7", OTHER),
        (b"{}", NOTHING), (b'{"token":""}', NOTHING), (b'{"token":7}', NOTHING), (b'{"token":{"a":1}}', NOTHING),
        (b'{"token":"a b"}', NOTHING), (b'{"token":"a\\r\\nX: y"}', NOTHING), (b'{"token":"a\\n"}', NOTHING),
        (b'{"token":"\\u00e9"}', NOTHING), (b'{"token":"\\ud800"}', NOTHING),
        (b'{"access_token":7,"token":"a"}', NOTHING),
        (b'{"refresh_token":"a"}', NOTHING),
    ],
)  # fmt: skip
def test_no_token_in_an_answer(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        token_in(body)


@given(st.binary(max_size=60))
def test_any_answer_has_a_token_or_none(body: bytes) -> None:
    try:
        token = token_in(body)
    except ValueError:
        return
    assert token.isascii()


def grant(**changes: Any) -> dict[str, Any]:
    return {"type": "repository", "name": "team/app", "actions": ["pull"], **changes}


@pytest.mark.parametrize(
    ("claims", "actions"),
    [
        ({"access": [grant()]}, {"pull"}),
        ({"access": [grant(actions=["pull", "push"])]}, {"pull", "push"}),
        ({"access": [grant(), grant(actions=["push"])]}, {"pull", "push"}),
        ({"access": [grant(actions=["*"])]}, {"*"}),
        ({"access": []}, set()),
        ({"access": [grant(name="team/other"), grant(type="registry"), "x", None, 7, []]}, set()),
        ({"access": [grant(actions=None), grant(actions="pull"), grant(actions=[7, None])]}, {"7", "None"}),
        ({"access": None}, None),
        ({"access": {"repository": "team/app"}}, None),
        ({}, None),
    ],
)
def test_what_a_token_grants(claims: dict[str, Any], actions: set[str] | None) -> None:
    assert granted(jwt(**claims), "team/app") == (None if actions is None else frozenset(actions))


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.b.c", "..", "a.!!.c", "a.W10.c", "é.é.é"])
def test_tokens_that_tell_nothing(token: str) -> None:
    assert granted(token, "team/app") is None
