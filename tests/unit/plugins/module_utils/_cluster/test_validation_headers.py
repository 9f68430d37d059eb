# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/validation: a value is sent as it was given, in UTF-8, or refused without being repeated."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.client import connect
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget, resolve_target
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.validation import header_value, impersonation_headers
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

HOST = "https://api.example.com"
TOKEN = "Zq7-token-Zq7"
BAD = ["{}\n", "{}\r\n", "\n{}", "{}\n\n", "a\nb{}", "{}\r", "{}\0", "\x1b{}", "{}\x7f", "{}\ud800", "{}\tb"]


@given(st.text())
def test_what_is_accepted_passes_through_the_http_library_as_utf_8(text: str) -> None:
    try:
        value = header_value("api_key", text)
    except InputError:
        return
    connection = http.client.HTTPConnection("api.example.com")
    connection.putrequest("GET", "/")
    connection.putheader("Authorization", f"Bearer {value}")
    assert b"Authorization: Bearer " + text.encode() in connection._buffer  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", BAD, ids=repr)
@pytest.mark.parametrize(
    "use",
    [
        lambda text: resolve_target({"host": HOST, "api_key": text}, {}),
        lambda text: resolve_target({}, {"K8S_AUTH_HOST": HOST, "K8S_AUTH_API_KEY": text}),
        lambda text: connect(ClusterTarget(host=HOST, api_key=text), 1),
        lambda text: resolve_target({"host": HOST, "api_key": "t", "impersonate_user": text}, {}),
        lambda text: resolve_target({"host": HOST, "api_key": "t", "impersonate_user": "u", "impersonate_groups": [text]}, {}),
        lambda text: resolve_target({}, {"K8S_AUTH_HOST": HOST, "K8S_AUTH_API_KEY": "t", "K8S_AUTH_IMPERSONATE_USER": text}),
    ],
    ids=["api_key", "K8S_AUTH_API_KEY", "connect", "impersonate_user", "impersonate_groups", "K8S_AUTH_IMPERSONATE_USER"],
)
def test_what_no_header_can_hold_is_refused_and_not_repeated(use: Any, form: str) -> None:
    with pytest.raises(InputError) as caught:
        use(form.format(TOKEN))
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_line_break_at_the_end_is_named_with_the_remedy_and_the_place() -> None:
    with pytest.raises(InputError) as caught:
        resolve_target({}, {"K8S_AUTH_HOST": HOST, "K8S_AUTH_API_KEY": TOKEN + "\n"})
    assert str(caught.value) == (
        "environment variable K8S_AUTH_API_KEY ends with a line break. Remove it, in a template for example with the filter trim."
    )


def test_names_that_are_not_latin_are_sent_in_utf_8() -> None:
    user, group = impersonation_headers("größe ключ", ["gruppe ä"])
    assert user[1].encode("latin-1").decode() == "größe ключ"
    assert group[1].encode("latin-1").decode() == "gruppe ä"


def test_keys_of_extra_are_escaped_as_by_kubectl() -> None:
    (_user, *extra) = impersonation_headers("u", extra={"Example.com/scope % ä": ["a", "b"]})
    assert extra == [("Impersonate-Extra-Example.com%2Fscope%20%25%20%C3%A4", value) for value in ("a", "b")]


@pytest.mark.parametrize("name", ["", " ", " ann", "ann ", "\u00a0ann"])
def test_a_name_that_would_arrive_as_another_one_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="begins or ends with white space"):
        impersonation_headers(name)
    with pytest.raises(InputError, match="impersonate_groups holds an empty name"):
        impersonation_headers("ann", [name])
