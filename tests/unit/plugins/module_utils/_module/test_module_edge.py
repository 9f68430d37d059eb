# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_module, _masking and the modules' own checks, run for real by ansible: no answer repeats a credential."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pullpass.registry.plugins.module_utils._module import base as _masking
from ansible_collections.pullpass.registry.plugins.module_utils._module import base as _module
from ansible_collections.pullpass.registry.plugins.module_utils._module.text_options import check_raw_options

COLLECTIONS = Path(_module.__file__).parents[5]
PASSWORD = "Zq7-secret-Zq7"
BASE64 = "dTpacTctc2VjcmV0LVpxNw=="
GOOD = {"registry": "reg.io", "username": "u", "password": PASSWORD}
OTHER = {**GOOD, "password": "another-one"}
HOST = {"host": "https://127.0.0.1:1", "api_key": PASSWORD, "validate_certs": True}


def ansible(module: str, arguments: dict[str, Any], folder: Path) -> tuple[dict[str, Any], str]:
    """The module's result, and everything that ansible printed with -vvvv."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    environment.update(
        HOME=str(folder),
        ANSIBLE_HOME=str(folder / "ansible"),
        ANSIBLE_LOCAL_TEMP=str(folder / "local"),
        ANSIBLE_REMOTE_TEMP=str(folder / "remote"),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_LOAD_CALLBACK_PLUGINS="1",
        ANSIBLE_STDOUT_CALLBACK="minimal",
        LC_ALL="C.UTF-8",
    )
    program = Path(sys.executable).parent / "ansible"
    interpreter = f"ansible_python_interpreter={sys.executable}"
    done = subprocess.run(
        [
            program,
            "localhost",
            "-m",
            f"pullpass.registry.{module}",
            "-a",
            json.dumps(arguments),
            "-e",
            interpreter,
            "-vvvv",
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    _before, arrow, answer = done.stdout.partition("=>")
    assert arrow, output
    result, _end = json.JSONDecoder().raw_decode(answer.lstrip())
    return result, output


def pull_secret(folder: Path, **arguments: Any) -> tuple[dict[str, Any], str]:
    return ansible("pull_secret", {"name": "regcred", "namespaces": ["team-a"], **arguments}, folder)


@pytest.mark.parametrize(
    ("arguments", "phrases"),
    [
        pytest.param(
            {"registries": [{"registry": "reg.io", "username": "u", "passwd": PASSWORD}]},
            ("registries[0] (reg.io): unknown option passwd",),
            id="suboption instead of the right one",
        ),
        pytest.param({"registries": [{**OTHER, "passwd": PASSWORD}]}, ("passwd",), id="suboption beside the right one"),
        pytest.param({"registries": {"reg.io": PASSWORD}}, (), id="mapping instead of a list"),
        pytest.param({"registries": [PASSWORD]}, ("registries[0] is text, not a mapping",), id="text instead of a mapping"),
        pytest.param({"registries": [OTHER], "registrys": [GOOD]}, ("registrys",), id="option"),
        pytest.param({"registries": [OTHER], "configs": {"auths": {"reg.io": {"auth": BASE64}}}}, ("configs",), id="mapping"),
        pytest.param({"registries": [OTHER], "apikey": PASSWORD}, ("apikey",), id="token"),
    ],
)
def test_a_misspelt_option_shows_its_name_and_never_its_value(
    arguments: dict[str, Any], phrases: tuple[str, ...], tmp_path: Path
) -> None:
    result, output = pull_secret(tmp_path, **arguments)
    assert "| FAILED! =>" in output
    for phrase in phrases:
        assert phrase in result["msg"]
    assert PASSWORD not in output
    assert BASE64 not in output


def test_a_cluster_that_cannot_be_reached_is_told_without_any_credential(tmp_path: Path) -> None:
    result, output = pull_secret(tmp_path, registries=[GOOD], **HOST)
    assert result["msg"].startswith("https://127.0.0.1:1 cannot be reached: ")
    assert "Check the address" in result["msg"]
    if "invocation" in result:  # ansible-core 2.22 leaves it out
        arguments = result["invocation"]["module_args"]
        assert (arguments["registries"], arguments["api_key"]) == ("(not shown)", "(not shown)")
        assert arguments["name"] == "regcred"
    assert "Traceback" not in output
    assert PASSWORD not in output
    assert BASE64 not in output


def test_credentials_of_a_file_are_not_shown_either(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {"reg.io": {"auth": BASE64}, "bad.io": {"auth": PASSWORD}}}), encoding="utf-8")
    result, output = pull_secret(tmp_path, config_file=str(file), **HOST)
    assert result["msg"].startswith(f"config_file {file}, entry 'bad.io': 'auth' is not base64. Log in")
    assert PASSWORD not in output
    assert BASE64 not in output


def test_what_is_marked_is_registered_in_both_ways_of_ansible_and_empty_texts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty text as a secret would mask everything."""

    class Stub:
        no_log_values = {"before"}

    registered: set[str] = set()
    monkeypatch.setattr(_masking, "register_secrets", registered.update)
    _masking.mark_secrets(cast(AnsibleModule, Stub()), [PASSWORD, "", BASE64])
    assert Stub.no_log_values == {"before", PASSWORD, BASE64}
    assert registered == {PASSWORD, BASE64}


def test_an_empty_list_of_namespaces_warns_and_sends_nothing(tmp_path: Path) -> None:
    result, output = pull_secret(tmp_path, registries=[GOOD], **{"namespaces": [], **HOST})
    assert (result["changed"], result["api_requests"], result["msg"]) == (False, 0, "nothing is selected")
    assert result["registries"] == ["reg.io"]
    assert result["cluster"] == {"server": "https://127.0.0.1:1", "context": None}
    assert "the list of namespaces or selectors is empty" in output
    assert PASSWORD not in output


@pytest.mark.parametrize(
    ("module", "arguments", "phrase"),
    [
        ("pull_secret", {"registries": []}, "registries is an empty list. Give at least one registry"),
        ("pull_secret", {"registries": [GOOD], "name": "Reg"}, "name 'Reg' is not a valid object name"),
        ("pull_secret", {"registries": [GOOD], "owner": ""}, "owner is empty. Give a name"),
        ("pull_secret", {"registries": [GOOD], "owner": "a b"}, "owner: the value of"),
        (
            "pull_secret",
            {"registries": [GOOD], "labels": {"pullpass.registry/owner": "x"}},
            "pullpass.registry/owner cannot be set by labels",
        ),
        ("pull_secret", {"state": "absent", "purge_registries": False}, "Name them in registries"),
        ("pull_secret", {"state": "absent", "prune": True}, "prune needs state present"),
        ("pull_secret", {"registries": [{"registry": "reg.io"}]}, "has no username and password, and no credential_helper"),
        ("pull_secret", {"registries": [GOOD], "workers": 65}, "workers is 65. Expected 1 to 64"),
        ("pull_secret", {"registries": [GOOD], "request_timeout": 0}, "request_timeout is 0. Expected seconds"),
        ("pull_secret_link", {"secrets": []}, "secrets is an empty list. Give at least one name"),
        ("pull_secret_link", {"secrets": ["reg*"]}, "secrets 'reg*' is not a valid object name"),
        ("pull_secret_link", {"secrets": ["a"], "service_accounts": []}, "service_accounts is an empty list"),
        ("pull_secret_link", {"secrets": ["a"], "wait_for_service_accounts": -1}, "is negative. Expected seconds"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_an_option_that_cannot_be_used_is_told_in_words(
    module: str, arguments: dict[str, Any], phrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = in_process(module, {"name": "regcred"} if module == "pull_secret" else {}, arguments, monkeypatch)
    assert phrase in message
    assert PASSWORD not in message


def in_process(module: str, needed: dict[str, Any], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """The message with which the module's flow ends before anything is sent; its options get their defaults."""
    room = __import__(f"ansible_collections.pullpass.registry.plugins.modules.{module}", fromlist=["flow"])
    caught: dict[str, Any] = {}
    monkeypatch.setattr(room, "run", lambda _flow, **rest: caught.update(rest))
    room.main()

    class Stub:
        params = {name: entry.get("default") for name, entry in caught["argument_spec"].items()}
        no_log_values: set[str] = set()
        check_mode = False

        def warn(self, message: str) -> None:
            raise AssertionError(message)

    Stub.params.update({"namespaces": ["team-a"], **HOST, **needed, **given})

    def run() -> None:
        check_raw_options(caught["argument_spec"], Stub.params)
        room.flow(Stub())

    with pytest.raises(_module.PullpassError) as raised:
        run()
    return str(raised.value)
