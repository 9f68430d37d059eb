# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/identity_login: an identity token that no form or file can hold is none."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Login, StoredLogin
from ansible_collections.pullpass.registry.plugins.module_utils._registry.identity_login import with_identity_token
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import Challenge

LOGIN = Login("reg.example", "bot", "Zauberwort-79")


def registries(handed_out: Any) -> Any:
    answer = SimpleNamespace(status=200, body=json.dumps({"token": "access", "refresh_token": handed_out}).encode())

    def send(*_given: Any, **_options: Any) -> None:
        raise AssertionError("a token that cannot be one was sent")

    server = SimpleNamespace(
        challenge=lambda: Challenge("bearer", {"realm": "https://reg.example/token"}),
        send_token_request=lambda _url, _authorization: answer,
        client=SimpleNamespace(send=send),
    )
    return SimpleNamespace(server=lambda _host: server)


@pytest.mark.parametrize("token", ["\ud800-token", "two\nlines", "a b", "", "x" * 70000, 5, None, ["x"]], ids=range(8))
def test_what_cannot_be_a_token(token: Any) -> None:
    """A lone surrogate was stored, and each later run ended with an error of the codec."""
    assert with_identity_token(registries(token), LOGIN, StoredLogin()).token == ""


@pytest.mark.parametrize("token", ["\ud800-token", "two\nlines", "x" * 70000], ids=range(3))
def test_a_stored_one_that_cannot_be_sent_is_replaced(token: str) -> None:
    assert with_identity_token(registries("new-token"), LOGIN, StoredLogin("bot", "", token)).token == "new-token"
