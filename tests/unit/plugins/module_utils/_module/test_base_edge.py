# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_module, _masking and the modules' own checks, run for real by ansible: no answer repeats a credential."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
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


MISSPELT: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "suboption instead of the right one": (
        {"registries": [{"registry": "reg.io", "username": "u", "passwd": PASSWORD}]},
        ("registries[0] (reg.io): unknown option passwd",),
    ),
    "suboption beside the right one": ({"registries": [{**OTHER, "passwd": PASSWORD}]}, ("passwd",)),
    "mapping instead of a list": ({"registries": {"reg.io": PASSWORD}}, ()),
    "text instead of a mapping": ({"registries": [PASSWORD]}, ("registries[0] is text, not a mapping",)),
    "option": ({"registries": [OTHER], "registrys": [GOOD]}, ("registrys",)),
    "mapping": ({"registries": [OTHER], "configs": {"auths": {"reg.io": {"auth": BASE64}}}}, ("configs",)),
    "token": ({"registries": [OTHER], "apikey": PASSWORD}, ("apikey",)),
}
FILE = "config.json"


@dataclass(frozen=True)
class Played:
    """The results of all tasks by their names, and everything that ansible printed with -vvvv."""

    folder: Path
    results: dict[str, dict[str, Any]]
    output: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One play with a task for each case, since most of the time of a run is its start."""
    folder = tmp_path_factory.mktemp("edge")
    document = {"auths": {"reg.io": {"auth": BASE64}, "bad.io": {"auth": PASSWORD}}}
    (folder / FILE).write_text(json.dumps(document), encoding="utf-8")
    cases = {
        **{name: arguments for name, (arguments, _phrases) in MISSPELT.items()},
        "unreachable": {"registries": [GOOD], **HOST},
        "file": {"config_file": str(folder / FILE), **HOST},
        "nothing selected": {"registries": [GOOD], **HOST, "namespaces": []},
    }
    given = [{"name": "regcred", "namespaces": ["team-a"], **arguments} for arguments in cases.values()]
    # ansible shows the text of a play, and not that of its variables
    tasks = [
        {
            "pullpass.registry.pull_secret": {option: f"{{{{ given[{number}].{option} }}}}" for option in options},
            "ignore_errors": True,
        }
        for number, options in enumerate(given)
    ]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (folder / "play.json").write_text(json.dumps([play]))
    (folder / "given.json").write_text(json.dumps({"given": given, "ansible_python_interpreter": sys.executable}))
    output = ansible_playbook(folder)
    _before, *reported = re.split(r"^localhost \| ([A-Z]+)!? =>", output, flags=re.MULTILINE)
    decoder = json.JSONDecoder()
    answers = [
        {"failed": word == "FAILED", **decoder.raw_decode(text.lstrip())[0]}
        for word, text in zip(reported[::2], reported[1::2], strict=True)
    ]
    assert len(answers) == len(cases), output
    return Played(folder, dict(zip(cases, answers, strict=True)), output)


def ansible_playbook(folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    environment.update(
        HOME=str(folder),
        ANSIBLE_HOME=str(folder / "ansible"),
        ANSIBLE_LOCAL_TEMP=str(folder / "local"),
        ANSIBLE_REMOTE_TEMP=str(folder / "remote"),
        ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_STDOUT_CALLBACK="minimal",
        LC_ALL="C.UTF-8",
    )
    program = Path(sys.executable).parent / "ansible-playbook"
    done = subprocess.run(
        [program, "-i", "localhost,", "-e", f"@{folder}/given.json", folder / "play.json", "-vvvv"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


def test_no_credential_is_shown_by_any_of_them(played: Played) -> None:
    assert "Traceback" not in played.output
    assert PASSWORD not in played.output
    assert BASE64 not in played.output


@pytest.mark.parametrize("case", MISSPELT)
def test_a_misspelt_option_shows_its_name(played: Played, case: str) -> None:
    result = played.results[case]
    assert result["failed"] is True
    for phrase in MISSPELT[case][1]:
        assert phrase in result["msg"]


def test_a_cluster_that_cannot_be_reached_is_told_without_any_credential(played: Played) -> None:
    result = played.results["unreachable"]
    assert result["msg"].startswith("https://127.0.0.1:1 cannot be reached: ")
    assert "Check the address" in result["msg"]
    if "invocation" in result:  # ansible-core 2.22 leaves it out
        arguments = result["invocation"]["module_args"]
        assert (arguments["registries"], arguments["api_key"]) == ("(not shown)", "(not shown)")
        assert arguments["name"] == "regcred"


def test_credentials_of_a_file_are_told_by_their_entry(played: Played) -> None:
    file = played.folder / FILE
    assert played.results["file"]["msg"].startswith(f"config_file {file}, entry 'bad.io': 'auth' is not base64. Log in")


def test_an_empty_list_of_namespaces_warns_and_sends_nothing(played: Played) -> None:
    result = played.results["nothing selected"]
    assert (result["changed"], result["api_requests"], result["msg"]) == (False, 0, "nothing is selected")
    assert result["registries"] == ["reg.io"]
    assert result["cluster"] == {"server": "https://127.0.0.1:1", "context": None}
    assert "the list of namespaces or selectors is empty" in " ".join(played.output.split())


def test_what_is_marked_is_registered_in_both_ways_of_ansible_and_empty_texts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty text as a secret would mask everything."""

    class Stub:
        no_log_values = {"before"}

    registered: set[str] = set()
    monkeypatch.setattr(_masking, "register_secrets", registered.update)
    _masking.mark_secrets(cast(AnsibleModule, Stub()), [PASSWORD, "", BASE64])
    assert Stub.no_log_values == {"before", PASSWORD, BASE64}
    assert registered == {PASSWORD, BASE64}


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
