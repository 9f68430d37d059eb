"""Other versions of ansible-core than that of the main venv, each with a Python of its own.

All tests of this kind run on the oldest and the newest. 2.18 is the last that evaluates templates as 2.17 does, with a Python of
its own generation: it runs the tests of the roles' variables only.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import collection_copy, pythons, venvs
from .labs import LAB_VARIABLE, end_lab
from .layout import BUILD, CORE_VENVS, environment
from .outcomes import Outcome
from .pytests import run as run_pytest
from .sanity import ansible_test
from .suites import SUITES, TIMED, timed_files

UNITS_LIMIT = 600
PLAYS_LIMIT = 900
SMOKE = "tests/integration/rollout/test_smoke.py"
ROLES = "tests/integration/rollout/test_role_variables.py"
# The lab that the plays of all cores share, where the caller names no other.
LAB = "cores"
# Property tests look for an input that breaks a rule, whatever the core: `make units` runs them.
_UNITS = "not hypothesis"


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
    """All of it, for each of these versions or for every core; they share one lab."""
    cores = [_named(version) for version in versions] or list(CORES)
    try:
        return [_outcome(core, "", _units, _sanity, _plays) for core in cores]
    finally:
        end_lab(LAB)


def checks(versions: Sequence[str]) -> Outcome:
    """The part of `make test` that needs no lab; `timed` is apart."""
    return _outcome(_named(*versions), "", _units_untimed, _sanity)


def plays(versions: Sequence[str]) -> Outcome:
    return _outcome(_named(*versions), " plays", _plays)


def timed(versions: Sequence[str]) -> Outcome:
    return _outcome(_named(*versions), f", {TIMED}", _units_timed)


def _named(version: str) -> Core:
    found = [core for core in CORES if core.version == version]
    if not found:
        raise ValueError(f"{version} is not among the cores: {', '.join(core.version for core in CORES)}")
    return found[0]


def _outcome(core: Core, suffix: str, *steps: Callable[[Core, Outcome], None]) -> Outcome:
    outcome = Outcome(f"core {core.version}{suffix}")
    python = pythons.find(core.python)
    if python is None:
        outcome.skipped.append((f"ansible-core {core.version}", f"no working Python {core.python} on this machine"))
        return outcome
    start = time.monotonic()
    collection_copy.refresh()
    try:
        venvs.ensure(core.venv, python, f"core-{core.version}", core.packages, [venvs.USER, venvs.UNITS])
    except subprocess.CalledProcessError as error:
        outcome.failed.append(f"virtual environment: {error}")
    else:
        for step in steps:
            step(core, outcome)
    outcome.seconds = time.monotonic() - start
    return outcome


def _units(core: Core, outcome: Outcome) -> None:
    if not core.only_roles:
        _run_units(core, outcome, "units", _UNITS, ["tests/unit"])


def _units_untimed(core: Core, outcome: Outcome) -> None:
    _run_units(core, outcome, "units", f"{_UNITS} and not {TIMED}", ["tests/unit"])


def _units_timed(core: Core, outcome: Outcome) -> None:
    _run_units(core, outcome, f"units {TIMED}", TIMED, timed_files(SUITES["units"]))


def _run_units(core: Core, outcome: Outcome, name: str, mark: str, tests: Sequence[str]) -> None:
    print(f"--- ansible-core {core.version}, Python {core.python}: {name}", flush=True)
    found = Outcome(f"core {core.version} {name}")
    arguments = ["--quiet", "-m", mark, *tests]
    run_pytest(found, "tests/unit", arguments, env=environment(core.venv), limit=UNITS_LIMIT, venv=core.venv)
    _add_as_one(outcome, name, found)


def _sanity(core: Core, outcome: Outcome) -> None:
    for test in () if core.only_roles else ("validate-modules", "import"):
        print(f"--- ansible-core {core.version}, Python {core.python}: {test}", flush=True)
        status, _reports = ansible_test(core.venv, BUILD / "cores" / core.version, ["--test", test])
        outcome.add(test, status)


def _plays(core: Core, outcome: Outcome) -> None:
    """The lab is the main venv's; only the plays run on this ansible-core."""
    name, files = ("roles", [ROLES]) if core.only_roles else ("smoke", [SMOKE, ROLES])
    print(f"--- ansible-core {core.version}, Python {core.python}: {name}", flush=True)
    tests = Outcome(f"core {core.version} {name}")
    playbook = str(core.venv / "bin" / "ansible-playbook")
    env = environment(PULLPASS_ANSIBLE_PLAYBOOK=playbook)
    env.setdefault(LAB_VARIABLE, LAB)
    run_pytest(tests, SMOKE, [*files, "--quiet"], env=env, limit=PLAYS_LIMIT)
    _add_as_one(outcome, name, tests)


def _add_as_one(outcome: Outcome, name: str, tests: Outcome) -> None:
    """Count a whole run as one; only what it skipped is named."""
    if tests.failed:
        outcome.failed.append(f"{name}: {', '.join(tests.failed)}")
    elif tests.passed:
        outcome.passed += 1
    outcome.skipped += [(f"{name}: {test}", reason) for test, reason in tests.skipped]
