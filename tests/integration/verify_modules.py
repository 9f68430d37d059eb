# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run modules as Ansible's wrapper does, without the rest of Ansible: many calls in the time of one task.

`python verify_modules.py FILE` reads a list of [module, options, check_mode], and writes the list of results into the same
file. Each call has a process of its own, so that none sees what another left in the memory of this one.
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
from typing import Any

from ansible.module_utils.testing import patch_module_args

from ansible_run import Ansible


def results(ansible: Ansible, *calls: tuple[str, dict[str, Any]], check: bool = False, **environment: str) -> list[Any]:
    """What each call of (module, options) returned, in order."""
    return called(ansible, [(module, options, check) for module, options in calls], environment)


def called(ansible: Ansible, calls: Sequence[tuple[str, dict[str, Any], bool]], environment: Mapping[str, str]) -> list[Any]:
    """The same for calls of (module, options, check_mode)."""
    with tempfile.NamedTemporaryFile("w", dir=ansible.folder, suffix=".json", delete=False) as file:
        json.dump(calls, file)
    done = subprocess.run(
        [sys.executable, __file__, file.name],
        env={**os.environ, "HOME": str(ansible.folder), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [_with_plain_warnings(one) for one in json.loads(Path(file.name).read_text())]


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
    path.write_text(json.dumps([call(*one) for one in json.loads(path.read_text())]))


if __name__ == "__main__":
    main(sys.argv[1:])
