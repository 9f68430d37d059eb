# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run modules as Ansible's wrapper does, without the rest of Ansible: many calls in the time of one task.

`python verify_modules.py FILE` reads a list of [module, options, check_mode, ignored], and writes the list of results into the
same file. Each call has a process of its own, so that none sees what another left in the memory of this one.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.testing import patch_module_args

from ansible_run import Ansible, Run


def run_of(ansible: Ansible, tasks: Sequence[Mapping[str, Any]], *arguments: str, **environment: str) -> Run:
    """The tasks as a play would run them, up to the first that fails: for what a module does, whatever Ansible makes of it.

    ``arguments`` may be --check and --diff. The output is what the results say.
    """
    assert set(arguments) <= {"--check", "--diff"}, arguments
    calls = [_call_of(task, "--check" in arguments, "--diff" in arguments) for task in tasks]
    found = _called(ansible, calls, environment, 600)
    rows = [
        {"action": name, "host": "localhost", "outcome": "failed" if result.get("failed") else "ok", "result": result}
        for name, result in zip((_name_of(task) for task in tasks), found, strict=False)
    ]
    failed = any(result.get("failed") and not call.ignored for call, result in zip(calls, found, strict=False))
    return Run(2 if failed else 0, json.dumps(found, ensure_ascii=False), rows)


def result_of(ansible: Ansible, task: Mapping[str, Any], *arguments: str, fails: bool = False) -> Any:
    """What one task returned, which fails or not as said."""
    run = run_of(ansible, [task], *arguments)
    assert run.exit_code == (2 if fails else 0), run.output
    return run.results[0]["result"]


def results(ansible: Ansible, *calls: tuple[str, dict[str, Any]], check: bool = False, **environment: str) -> list[Any]:
    """What each call of (module, options) returned, in order."""
    return called(ansible, [(module, options, check) for module, options in calls], environment)


def called(ansible: Ansible, calls: Sequence[tuple[str, dict[str, Any], bool]], environment: Mapping[str, str]) -> list[Any]:
    """The same for calls of (module, options, check_mode)."""
    return _called(ansible, [Call(*call) for call in calls], environment, 300)


class Call(NamedTuple):
    """``ignored``: the next call follows even if this one fails."""

    module: str
    options: dict[str, Any]
    check: bool
    ignored: bool = True


def _name_of(task: Mapping[str, Any]) -> str:
    (name,) = (word for word in task if word.startswith("pullpass.registry."))
    return name


def _call_of(task: Mapping[str, Any], check: bool, diff: bool) -> Call:
    name = _name_of(task)
    assert task.keys() <= {name, "name", "ignore_errors", "check_mode"}, f"this takes a play: {task.keys()}"
    options = {**task[name], "_ansible_diff": diff}
    return Call(name.rpartition(".")[2], options, task.get("check_mode", check), task.get("ignore_errors", False))


def _called(ansible: Ansible, calls: Sequence[Call], environment: Mapping[str, str], seconds: float) -> list[Any]:
    with tempfile.NamedTemporaryFile("w", dir=ansible.folder, suffix=".json", delete=False) as file:
        json.dump(calls, file)
    done = subprocess.run(
        [sys.executable, __file__, file.name],
        env={**_without_cluster(), "HOME": str(ansible.folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [_with_plain_warnings(one) for one in json.loads(Path(file.name).read_text())]


def _without_cluster() -> dict[str, str]:
    """The environment without what could name a cluster of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("K8S_AUTH_") and name != "KUBECONFIG"}


def _with_plain_warnings(result: Any) -> Any:
    """Between module and controller a warning is an object since ansible-core 2.19."""
    warnings = [one if isinstance(one, str) else one["event"]["msg"] for one in result.get("warnings", [])]
    return {**result, "warnings": warnings}


def call(module: str, options: dict[str, Any], check: bool) -> Any:
    room = importlib.import_module(f"ansible_collections.pullpass.registry.plugins.modules.{module}")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.dup2(writer, 1)
        try:
            with patch_module_args({**options, "_ansible_check_mode": check, "_ansible_remote_tmp": tempfile.gettempdir()}):
                room.main()
        except SystemExit:
            sys.stdout.flush()
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    os.close(writer)
    with os.fdopen(reader) as output:
        text = output.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"failed": True, "msg": "the module ended without a result"}


def main(arguments: Sequence[str]) -> None:
    path = Path(arguments[0])
    found: list[Any] = []
    for module, options, check, ignored in json.loads(path.read_text()):
        found.append(call(module, options, check))
        if found[-1].get("failed") and not ignored:
            break
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
