# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ansible masked in a result is never taken for the name of a namespace, an action or a count."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.pullpass.registry.plugins.module_utils._links.report import LINK_ACTIONS
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.run import SECRET_ACTIONS
from ansible_collections.pullpass.registry.plugins.plugin_utils._masked_result import PARTS, left_out

RESULT: dict[str, Any] = {
    "summary": {"created": 1, "refused": 1, "failed": 1},
    "namespaces": [
        {"namespace": "prod-a", "action": "created"},
        {"namespace": "team-a", "action": "refused"},
        {"namespace": "team-b", "action": "failed"},
    ],
}


def test_the_namespaces_that_failed() -> None:
    assert left_out("pull_secret", RESULT) == ["team-a", "team-b"]
    assert left_out("pull_secret", {"summary": {"created": 3, "failed": 0}, "namespaces": []}) == []


@pytest.mark.parametrize("password", ["team", "team-a", "a", "-", "failed", "refuse", "1", "created"])
def test_nothing_follows_from_what_was_masked(password: str) -> None:
    assert left_out("pull_secret", remove_values(RESULT, {password})) is None


@pytest.mark.parametrize("password", ["namespace", "summary", "prod", "s3cr3t"])
def test_a_password_that_decides_nothing_stops_nothing(password: str) -> None:
    assert left_out("pull_secret", remove_values(RESULT, {password})) == ["team-a", "team-b"]


@pytest.mark.parametrize(
    "result",
    [
        {"summary": {"failed": 1}},
        {"summary": {"failed": 1}, "namespaces": []},
        {"summary": {"failed": "$REDACTED$"}, "namespaces": []},
        {"summary": {"failed": 1}, "namespaces": [{"namespace": "$REDACTED$-a", "action": "failed"}]},
        {"summary": {"failed": 1}, "namespaces": ["$REDACTED$"]},
        {"summary": "x", "namespaces": "x"},
    ],
)
def test_nor_from_what_is_not_there(result: dict[str, Any]) -> None:
    assert left_out("pull_secret", result) is None


def test_the_actions_are_those_of_the_modules() -> None:
    assert set(PARTS["pull_secret"].actions) == set(SECRET_ACTIONS)
    assert set(PARTS["pull_secret_link"].actions) == set(LINK_ACTIONS)
