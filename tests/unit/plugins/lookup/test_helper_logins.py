# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookup helper_logins, with real programs; what the protocol needs is tested with the modules that use it, too."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.pullpass.registry.plugins.lookup.helper_logins import LookupModule
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.account import in_child
from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
from ansible_collections.pullpass.registry.plugins.module_utils._module.base import ProgramRunner

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

    reported = LookupModule().run([QUESTION, another, {**QUESTION, "registry": "no registry"}])

    assert reported[:2] == [{"username": "alice", "password": "Zauberwort", "problem": ""}] * 2
    assert "no registry" in reported[2]["problem"]
    assert (programs / "asked").read_text() == "r.example.com"


@pytest.mark.timed
@pytest.mark.parametrize(
    ("script", "reported"),
    {
        "silent": ("sleep 600 & echo $! > {folder}/new; mv {folder}/new {folder}/child; wait", "did not answer .* within 2 s"),
        # docker itself would wait for the end of the grandchild
        "chatty grandchild": (
            "(while :; do echo x; sleep 0.1; done) & echo $! > {folder}/new; mv {folder}/new {folder}/child; exit 0",
            "did not answer .* within 2 s",
        ),
        "stops itself": ("echo $$ > {folder}/child; kill -STOP $$", "did not answer .* within 2 s"),
        "stops its parent": ("echo $$ > {folder}/child; kill -STOP $PPID; sleep 600", "did not answer .* within 2 s"),
        "kills its parent": ("echo $$ > {folder}/child; kill -KILL $PPID; sleep 600", "the process that started it was killed"),
        "endless": ("echo $$ > {folder}/child; exec cat /dev/zero", "more than 1 MiB"),
        "endless errors": ("echo $$ > {folder}/child; exec cat /dev/zero >&2", "more than 1 MiB"),
        "endless by a grandchild": (
            "cat /dev/zero & echo $! > {folder}/new; mv {folder}/new {folder}/child; exit 0",
            "more than 1 MiB",
        ),
        "reads nothing": (": deaf; echo $$ > {folder}/child; sleep 600", "did not answer .* within 2 s"),
    }.values(),
)
def test_a_program_has_one_deadline_and_one_size(programs: Path, script: str, reported: str) -> None:
    """Nobody extends the deadline, and whatever the program started is killed with it."""
    program(programs, script.format(folder=programs))
    began = time.monotonic()

    with pytest.raises(HostError, match=reported):
        CredentialHelpers(ProgramRunner(), seconds=2.0).store(
            "lab", "r.example.com", "bot", "x" * (200_000 if "deaf" in script else 5)
        )

    assert time.monotonic() - began < 5
    process, until = int((programs / "child").read_text()), time.monotonic() + 10
    while is_running(process) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_running(process)


def test_a_program_that_is_missing(programs: Path) -> None:
    (reported,) = LookupModule().run([{**QUESTION, "credential_helper": "missing"}])
    assert "docker-credential-missing cannot be run" in reported["problem"]


@pytest.mark.timed
def test_an_endless_line_is_no_message(programs: Path) -> None:
    """A search for secrets in it took longer than anybody waits."""
    program(programs, "head -c 1000000 /dev/zero | tr '\\0' '='; echo; exit 1")
    began = time.monotonic()
    with pytest.raises(HostError, match=r"exit status 1 \(its message is not shown"):
        CredentialHelpers(ProgramRunner()).store("lab", "r.example.com", "bot", "Zauberwort")
    assert time.monotonic() - began < 5


def test_no_credential_is_none_whatever_the_secrets_are(programs: Path) -> None:
    program(programs, "echo 'credentials not found in native keychain'; exit 1")

    def asked() -> bool:
        remember_secrets(["native"])
        return CredentialHelpers(ProgramRunner()).find("lab", "r.example.com") is None

    # what is remembered there is forgotten with the process
    assert in_child(asked, seconds=10.0)


@pytest.mark.timed
def test_all_questions_have_one_deadline(programs: Path) -> None:
    """A file may name any number of registries."""
    program(programs, "sleep 600")
    helpers = CredentialHelpers(ProgramRunner(), seconds=30.0, together=1.0)
    began = time.monotonic()

    with pytest.raises(HostError, match="did not answer .* within 1 s"):
        helpers.get("lab", "r.example.com")
    for _time in range(100):
        with pytest.raises(HostError, match=r"was not asked .* together took 1 s"):
            helpers.find("lab", "r.example.com")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("line", "shown"),
    {
        "the store is locked": "the store is locked",
        "no basic auth credentials": "no basic auth credentials",
        "exit status 2: dial tcp 10.0.0.1:443: connection refused": "connection refused",
        "cannot store Zauberwort for bot": r"cannot store \*\*\*\*\*\*\*\* for bot",
        "cannot store WmF1YmVyd29ydA== for bot": r"cannot store \*+\S* for bot",
        "login of bot with password hunter2 failed": r"exit status 1 \(its message is not shown",
        "auth=aHVudGVyMg== is not valid": r"exit status 1 \(its message is not shown",
        "dckr_pat_0123456789abcdef was refused": r"exit status 1 \(its message is not shown",
        "hunter2": r"exit status 1 \(its message is not shown",
    }.items(),
)
def test_what_a_program_says_is_shown_without_secrets(programs: Path, line: str, shown: str) -> None:
    for where in ("", " >&2"):
        program(programs, f"echo '{line}'{where}; exit 1")
        with pytest.raises(HostError, match=shown) as caught:
            CredentialHelpers(ProgramRunner()).store("lab", "r.example.com", "bot", "Zauberwort")
        assert not re.search("Zauberwort|hunter2|aHVudGVyMg|dckr_pat|WmF1YmVyd29ydA", str(caught.value))


@pytest.mark.parametrize("term", ["r.example.com", {"registry": "r.example.com"}])
def test_what_is_no_question(term: object) -> None:
    with pytest.raises(AnsibleLookupError, match="not a mapping with registry and credential_helper"):
        LookupModule().run([term])
