# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks of registry_login, what came of them, and the programs that read what it writes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from verify_modules import called

from ansible_run import Ansible, Run
from lab import Lab
from lab.packages import install

MODULE = "pullpass.registry.registry_login"
HUB = "https://index.docker.io/v1/"
Task = dict[str, Any]


def login(*registries: Mapping[str, Any], **options: Any) -> Task:
    """A task that may fail; options that are None are left out."""
    given = {"registries": list(registries) or None, **options}
    return {MODULE: {name: value for name, value in given.items() if value is not None}, "ignore_errors": True}


def checked(task: Task) -> Task:
    return {**task, "check_mode": True}


def logout(*registries: str | Mapping[str, Any], **options: Any) -> Task:
    return login(*[{"registry": one} if isinstance(one, str) else one for one in registries], state="absent", **options)


def info(**options: Any) -> Task:
    return {f"{MODULE}_info": options, "ignore_errors": True}


def reported(run: Run) -> list[dict[str, Any]]:
    """The results of these tasks, in order."""
    return [line["result"] for line in run.results if line["action"] in (MODULE, f"{MODULE}_info")]


def played(ansible: Ansible, tasks: Sequence[Task], *arguments: str, **rest: Any) -> list[dict[str, Any]]:
    """What came of each task in a play."""
    run = ansible.tasks(tasks, *arguments, **rest)
    found = reported(run)
    assert len(found) == len(tasks), run.output
    return found


def each(
    ansible: Ansible, tasks: Sequence[Task], diff: bool = False, environment: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The same without a play around them, in a tenth of the time."""
    calls = []
    for task in tasks:
        name = next(word for word in task if word.startswith(MODULE))
        options = {**task[name], "_ansible_diff": diff}
        calls.append((name.rpartition(".")[2], options, task.get("check_mode", False)))
    return called(ansible, calls, environment or {})


def actions(result: Mapping[str, Any]) -> list[str]:
    assert "logins" in result, result
    return [row["action"] for row in result["logins"]]


def entry(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def auths(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())["auths"]


def asking(lab: Lab) -> dict[str, Any]:
    """What the lab's registries need beside a credential."""
    server = lab.registry("bearer").token_server or ""
    return {"registry_ca_cert": str(lab.ca), "realms": [server.split("/")[2]]}


def credential(lab: Lab, flavour: str = "basic", user: str = "puller", **more: Any) -> dict[str, Any]:
    return {"registry": lab.registry(flavour).host, "username": user, "password": lab.users[user], **more}


def program(name: str, *packages: str) -> str:
    """The path of a program, its packages installed if need be; the test is skipped where it cannot be had."""
    if shutil.which(name) is None and packages:
        missing = install(packages, lambda: shutil.which(name) is not None, print)
        if missing:
            pytest.skip(f"needs {name}: {missing}")
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs the {name} command")
    return found


def ran(
    *command: str | Path, given: str = "", fails: bool = False, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command that has to succeed, or to fail."""
    done = subprocess.run(
        [str(word) for word in command],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})},
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done
