# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of the logins that we stored: who is on it after which task, and what is not taken for such a list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_change import (
    RecordedLogin,
    after_removal,
    after_store,
    can_be_recorded,
    read_records,
    text_of_records,
)

OURS = RecordedLogin("r.example.com", "bot", "file", False, "default")
THEIRS = replace(OURS, owner="theirs")
OTHER = replace(OURS, registry="other.example.com")
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"

# the list, whether the login is ours, and whether it had to be stored -> the list afterwards
STORES = [
    pytest.param([], True, True, [OURS], id="stored"),
    pytest.param([], True, False, [], id="found, so that it is older than the list"),
    pytest.param([], False, True, [], id="stored without purge"),
    pytest.param([OURS], True, False, [OURS], id="as before"),
    pytest.param([OURS], False, False, [OURS], id="found without purge"),
    pytest.param([OURS, OTHER], False, True, [OTHER], id="stored again without purge"),
    pytest.param([THEIRS], True, False, [THEIRS, OURS], id="wanted by two"),
    pytest.param([THEIRS], True, True, [THEIRS, OURS], id="another password, wanted by two"),
    pytest.param([replace(THEIRS, username="old")], True, True, [OURS], id="the login of another owner was replaced"),
    pytest.param([replace(THEIRS, username="old")], True, False, [replace(THEIRS, username="old")], id="found, not listed so"),
    pytest.param([replace(OURS, username="old")], True, True, [OURS], id="another user"),
    pytest.param([replace(OURS, store="pass")], True, True, [OURS], id="moved to the file"),
    pytest.param([replace(THEIRS, store="pass")], True, True, [THEIRS, OURS], id="moved for both"),
]
DAMAGED = [
    "{",
    "null",
    "[]",
    "{}",
    '{"version": 2, "logins": []}',
    '{"version": 1, "logins": {}, "x": 1',
    '{"version": 1, "logins": [1]}',
    '{"version": 1, "logins": [{"registry": "r"}]}',
    json.dumps({"version": 1, "logins": [{**vars(OURS), "username": 5}]}),
    json.dumps({"version": 1, "logins": [{**vars(OURS), "identity_token": "no"}]}),
    "[" * 100_000,
    "\x00",
]


@pytest.mark.parametrize(("before", "ours", "changed", "after"), STORES)
def test_after_a_login(before: list[RecordedLogin], ours: bool, changed: bool, after: list[RecordedLogin]) -> None:
    assert set(after_store(before, OURS, ours, changed)) == set(after)


def test_after_a_logout() -> None:
    assert after_removal([OURS, THEIRS, OTHER], "r.example.com", None) == [OTHER]
    assert after_removal([OURS, OTHER], "r.example.com", "alice") == [OURS, OTHER]
    assert after_removal([OURS, OTHER], "r.example.com", "bot") == [OTHER]


def test_it_is_read_as_it_was_written() -> None:
    text = text_of_records([OURS, THEIRS, OTHER, OURS])
    assert text_of_records(read_records("/x", text)) == text
    assert set(read_records("/x", text)) == {OURS, THEIRS, OTHER}
    assert read_records("/x", "") == []
    assert set(json.loads(text)["logins"][0]) == {"registry", "username", "store", "identity_token", "owner"}


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:20])
def test_what_is_damaged_is_refused(text: str) -> None:
    with pytest.raises(HostError) as raised:
        read_records("/x/config.json.pullpass-logins", text)
    assert str(raised.value).startswith("/x/config.json.pullpass-logins, the list of the logins")
    assert "Delete the list" in str(raised.value)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (("bot", "Zauberwort"), True),
        ((UUID, "Zauberwort"), True),
        ((UUID, "x"), False),
        ((UUID, UUID), False),
        (("bot", ""), False),
        (("ghp_" + "a1B2" * 9, "x-oauth-basic"), False),
        (("ghp_" + "a1B2" * 9, "Zauberwort"), False),
    ],
)
def test_a_user_name_that_may_be_a_secret_is_not_written_down(login: tuple[Any, Any], expected: bool) -> None:
    assert can_be_recorded(*login) is expected
