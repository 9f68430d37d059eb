# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action and the lookup plugin: no exception's text is shown, and an ansible-core that is too old stops them."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from ansible.errors import AnsibleActionSkip, AnsibleError, AnsibleLookupError
from ansible.plugins.action import ActionBase
from ansible_collections.pullpass.registry.plugins.action import ask_registries
from ansible_collections.pullpass.registry.plugins.lookup import helper_logins
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.plugin_utils import _controller_action as last_resort
from ansible_collections.pullpass.registry.plugins.plugin_utils._registry_answers import secrets_in

SECRET = "Zq7-secret-Zq7"
TOO_OLD = "ansible-core 2.16 is too old for collection pullpass.registry. Install ansible-core 2.17 or later."


def failing(error: Exception) -> Any:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return fail


class Task:
    args: dict[str, Any] = {"asks": [{"kind": "registries", "units": [SECRET], "images": []}]}


def action(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    made: Any = ask_registries.ActionModule.__new__(ask_registries.ActionModule)
    made._task = Task()
    return made


def test_an_unexpected_exception_of_the_action_is_reported_by_type_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    result = action(monkeypatch).run()
    assert result["failed"]
    assert result["msg"].startswith("unexpected error ")
    assert SECRET not in str(result)


def test_an_error_of_ansible_is_shown_without_the_secrets_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    made = action(monkeypatch)
    made._execute_module = failing(AnsibleError(f"cannot run with password={SECRET} here"))
    how = {"ca_cert": "", "validate_certs": True, "timeout": 1, "realms": [], "allow_addresses": []}
    made._variables = {}
    reply = made._ask("registries", [[how, {"registry": "reg.io", "username": "u", "password": SECRET}]])
    assert reply["msg"] == "no request can be sent to the registries on the controller: cannot run with password=******** here"


def test_secrets_are_found_in_both_kinds_of_options() -> None:
    assert secrets_in({"registries": [{"registry": "r", "password": SECRET}, "text"]}) == [SECRET]
    assert secrets_in({"config": {"auths": {"r": {"auth": SECRET}}}, "registries": None}) == [SECRET]
    assert secrets_in({"config": SECRET}) == [SECRET]


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError(SECRET), "unexpected error ValueError at "), (InputError("what to do"), "what to do")],
)
def test_what_is_meant_for_a_person_is_shown_and_nothing_else(error: Exception, words: str) -> None:
    result = last_resort.guarded(failing(error))
    assert result["failed"]
    assert result["msg"].startswith(words)
    assert SECRET not in str(result)


def test_a_skip_is_no_failure() -> None:
    with pytest.raises(AnsibleActionSkip):
        last_resort.guarded(failing(AnsibleActionSkip("skipped")))


def test_an_unexpected_exception_of_the_lookup_is_reported_by_type_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_logins, "canonical_registry", failing(ValueError(SECRET)))
    with pytest.raises(AnsibleLookupError) as caught:
        helper_logins.LookupModule().run([{"registry": SECRET, "credential_helper": "lab"}])
    assert str(caught.value).startswith("helper_logins: unexpected error ValueError at ")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_an_ansible_core_that_is_too_old_stops_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_resort, "__version__", "2.16.14")
    monkeypatch.setattr(helper_logins, "__version__", "2.16.14")
    assert action(monkeypatch).run() == {"failed": True, "msg": TOO_OLD}
    with pytest.raises(AnsibleLookupError, match="ansible-core 2.16 is too old"):
        helper_logins.LookupModule().run([])
