"""Runs tests with pytest: those of a suite, or a part of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import collection_copy
from .layout import BUILD, REPORTS, ROOT, VENV, environment
from .outcomes import Outcome, read_junit
from .processes import Command, stream
from .suites import SUITES, TIMED, named_by, path_of, timed_files

_NOTHING_COLLECTED = 5
_MARK = f"markers={TIMED}: measures time, and fails on a busy machine"


def units(arguments: Sequence[str]) -> Outcome:
    return _suite("units", arguments)


def servers(arguments: Sequence[str]) -> Outcome:
    return _suite("servers", arguments)


def integration(arguments: Sequence[str]) -> Outcome:
    return _suite("integration", arguments)


def timed(names: Sequence[str]) -> Outcome:
    """The tests of one suite that need a machine which does nothing else."""
    (name,) = names
    return _suite(name, ["-q", "-m", TIMED, *timed_files(SUITES[name])], step=f"{name}, {TIMED}")


def chosen(arguments: Sequence[str]) -> list[Outcome]:
    """What ARGS of `make test` names. A suite in which it names nothing is not mentioned."""
    found = [_suite(name, words, may_be_empty=True) for name, words in named_by(arguments).items()]
    return [outcome for outcome in found if outcome.passed or outcome.failed or outcome.skipped] or found[:1]


def part(names: Sequence[str]) -> Outcome:
    """One folder of a suite, without what measures time."""
    name, folder = names
    step = f"{name} {folder}" if folder else name
    return _suite(name, ["-q", "-m", f"not {TIMED}", f"{SUITES[name].path}/{folder}"], step=step)


def _suite(name: str, arguments: Sequence[str], *, step: str = "", may_be_empty: bool = False) -> Outcome:
    collection_copy.refresh()
    outcome = Outcome(step or name)
    suite = SUITES[name]
    run(outcome, suite.path, arguments, env=environment(), limit=suite.seconds, may_be_empty=may_be_empty)
    return outcome


def run(
    outcome: Outcome,
    tests: str,
    arguments: Sequence[str] = (),
    *,
    env: Mapping[str, str],
    limit: float,
    venv: Path = VENV,
    may_be_empty: bool = False,
) -> None:
    """Run the tests, or those that the arguments name instead, and add them to the outcome."""
    name = outcome.step.replace(",", "").replace(" ", "-")
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    named = any(path_of(word) for word in arguments)
    command: Command = [
        venv / "bin" / "python",
        "-m",
        "pytest",
        f"--rootdir={ROOT}",
        "--strict-markers",
        "-o",
        f"cache_dir={BUILD / 'pytest' / name}",
        "-o",
        _MARK,
        f"--junitxml={report}",
        *arguments,
        *([] if named else [tests]),
    ]
    status = stream(command, env=env, limit=limit)
    if report.exists():
        read_junit(outcome, report)
    if status and not outcome.failed and not (may_be_empty and status == _NOTHING_COLLECTED):
        outcome.add(f"pytest ended with {status}", status)
