"""tests/unit and tests/integration, with pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import collection_copy
from .layout import BUILD, REPORTS, ROOT, VENV, environment
from .outcomes import Outcome, read_junit
from .processes import Command, stream

UNITS_LIMIT = 600
# with the first build of the lab in it
INTEGRATION_LIMIT = 3000


def units(arguments: Sequence[str]) -> Outcome:
    collection_copy.refresh()
    outcome = Outcome("units")
    run(outcome, "tests/unit", arguments, env=environment(), limit=UNITS_LIMIT)
    return outcome


def integration(arguments: Sequence[str]) -> Outcome:
    collection_copy.refresh()
    outcome = Outcome("integration")
    run(outcome, "tests/integration", arguments, env=environment(), limit=INTEGRATION_LIMIT)
    return outcome


def run(
    outcome: Outcome,
    tests: str,
    arguments: Sequence[str] = (),
    *,
    env: Mapping[str, str],
    limit: float,
    venv: Path = VENV,
) -> None:
    """Run the tests, or those that the arguments name instead, and add them to the outcome."""
    report = REPORTS / f"{outcome.step}.xml".replace(" ", "-")
    report.unlink(missing_ok=True)
    named = any((ROOT / word.partition("::")[0]).exists() for word in arguments if not word.startswith("-"))
    command: Command = [
        venv / "bin" / "python",
        "-m",
        "pytest",
        f"--rootdir={ROOT}",
        "--strict-markers",
        "-o",
        f"cache_dir={BUILD / 'pytest'}",
        f"--junitxml={report}",
        *arguments,
        *([] if named else [tests]),
    ]
    status = stream(command, env=env, limit=limit)
    if report.exists():
        read_junit(outcome, report)
    if status and not outcome.failed:
        outcome.add(f"pytest ended with {status}", status)
