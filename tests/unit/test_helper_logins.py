# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookup helper_logins, with real programs; what the protocol needs is tested with the modules that use it, too."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.pullpass.registry.plugins.lookup.helper_logins import Group, LookupModule, Runner

QUESTION = {"registry": "r.example.com", "credential_helper": "lab"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def program(folder: Path, script: str) -> None:
    (folder / "docker-credential-lab").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker-credential-lab").chmod(0o755)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_each_question_is_put_once(programs: Path) -> None:
    program(programs, f'cat >> {programs}/asked; echo \'{{"Username": "alice", "Secret": "Zauberwort"}}\'')
    another = {**QUESTION, "registry": "https://r.example.com/v2/", "password": None}

    told = LookupModule().run([QUESTION, another, {**QUESTION, "registry": "no registry"}])

    assert told[:2] == [{"username": "alice", "password": "Zauberwort", "problem": ""}] * 2
    assert "no registry" in told[2]["problem"]
    assert (programs / "asked").read_text() == "r.example.com"


def test_a_program_that_waits_is_ended_with_what_it_has_started(programs: Path) -> None:
    program(programs, f"sleep 600 & echo $! > {programs}/new; mv {programs}/new {programs}/child; wait; echo late")
    child = programs / "child"

    def end(process: Group) -> None:
        while not child.exists():
            time.sleep(0.01)
        process.kill()

    code, output, _errors = Runner().run_command(["docker-credential-lab"], data="", before_communicate_callback=end)

    assert (code, output) == (-signal.SIGKILL, "")
    assert not is_running(int(child.read_text()))


@pytest.mark.parametrize("term", ["r.example.com", {"registry": "r.example.com"}])
def test_what_is_no_question(term: object) -> None:
    with pytest.raises(AnsibleLookupError, match="no mapping with registry and credential_helper"):
        LookupModule().run([term])
