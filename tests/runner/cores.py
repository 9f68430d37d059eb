"""Other versions of ansible-core than that of the main venv, each with a Python of its own.

All tests of this kind run on the oldest and the newest. 2.18 is the last that evaluates templates as 2.17 does, with a Python of
its own generation: it runs the tests of the roles' variables only.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import collection_copy, pythons, venvs
from .layout import BUILD, CORE_VENVS, environment
from .outcomes import Outcome
from .pytests import run as run_pytest
from .sanity import ansible_test

UNITS_LIMIT = 600
SMOKE_LIMIT = 600
SMOKE = "tests/integration/test_smoke.py"
ROLES = "tests/integration/test_role_variables.py"


@dataclass(frozen=True)
class Core:
    version: str
    python: str
    packages: tuple[str, ...]
    only_roles: bool = False

    @property
    def venv(self) -> Path:
        return CORE_VENVS / self.version


CORES = (
    Core("2.17", "3.10", ("ansible-core==2.17.*", "kubernetes==24.2.0")),
    Core("2.18", "3.12", ("ansible-core==2.18.*",), only_roles=True),
    Core("2.21", "3.12", ("ansible-core==2.21.*",)),
    Core("2.22", "3.13", ("ansible-core>=2.22.0b1,<2.23",)),
)


def run(versions: Sequence[str]) -> list[Outcome]:
    unknown = set(versions) - {core.version for core in CORES}
    if unknown:
        raise ValueError(f"not among the cores: {', '.join(sorted(unknown))}")
    collection_copy.refresh()
    return [_run(core) for core in CORES if not versions or core.version in versions]


def _run(core: Core) -> Outcome:
    outcome = Outcome(f"core {core.version}")
    python = pythons.find(core.python)
    if python is None:
        outcome.skipped.append((f"ansible-core {core.version}", f"no working Python {core.python} on this machine"))
        return outcome
    start = time.monotonic()
    try:
        venvs.ensure(core.venv, python, f"core-{core.version}", core.packages, [venvs.USER, venvs.UNITS])
    except subprocess.CalledProcessError as error:
        outcome.failed.append(f"virtual environment: {error}")
    else:
        if not core.only_roles:
            _units(core, outcome)
            _sanity(core, outcome)
        _plays(core, outcome)
    outcome.seconds = time.monotonic() - start
    return outcome


def _units(core: Core, outcome: Outcome) -> None:
    print(f"--- ansible-core {core.version}, Python {core.python}: units", flush=True)
    tests = Outcome(f"core {core.version} units")
    run_pytest(tests, "tests/unit", ["--quiet"], env=environment(core.venv), limit=UNITS_LIMIT, venv=core.venv)
    _add_as_one(outcome, "units", tests)


def _sanity(core: Core, outcome: Outcome) -> None:
    for test in ("validate-modules", "import"):
        print(f"--- ansible-core {core.version}, Python {core.python}: {test}", flush=True)
        status, _reports = ansible_test(core.venv, BUILD / "cores" / core.version, ["--test", test])
        outcome.add(test, status)


def _plays(core: Core, outcome: Outcome) -> None:
    """The lab is the main venv's; only the plays run on this ansible-core."""
    name, files = ("roles", [ROLES]) if core.only_roles else ("smoke", [SMOKE, ROLES])
    print(f"--- ansible-core {core.version}, Python {core.python}: {name}", flush=True)
    tests = Outcome(f"core {core.version} {name}")
    env = environment(PULLPASS_ANSIBLE_PLAYBOOK=str(core.venv / "bin" / "ansible-playbook"))
    run_pytest(tests, SMOKE, [*files, "--quiet"], env=env, limit=SMOKE_LIMIT)
    _add_as_one(outcome, name, tests)


def _add_as_one(outcome: Outcome, name: str, tests: Outcome) -> None:
    """Count a whole run as one; only what it skipped is named."""
    if tests.failed:
        outcome.failed.append(f"{name}: {', '.join(tests.failed)}")
    elif tests.passed:
        outcome.passed += 1
    outcome.skipped += [(f"{name}: {test}", reason) for test, reason in tests.skipped]
