"""python -m runner TARGET [ARGUMENTS...]: one target of the Makefile, or one part of `make test`."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from . import collection_copy, cores, labs, lanes, lint, parts, pytests, sanity, venvs
from .layout import REPORTS, VENV, environment
from .outcomes import Outcome, hand_over, report
from .processes import stream

Step = Callable[[Sequence[str]], "Outcome | list[Outcome]"]

STEPS: dict[str, Step] = {
    "lint": lint.run,
    "sanity": sanity.run,
    "units": pytests.units,
    "servers": pytests.servers,
    "integration": pytests.integration,
    "cores": cores.run,
}
PARTS: dict[str, Step] = {
    **STEPS,
    "programs": lambda _words: labs.build(),
    "part": pytests.part,
    "timed": pytests.timed,
    "core": cores.checks,
    "core-plays": cores.plays,
    "core-timed": cores.timed,
    "chosen": pytests.chosen,
}
INTERRUPTED = 130


def main(target: str, *arguments: str) -> int:
    # SIGINT too: a shell that starts this in the background has it ignored, and so would pytest.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if target == "demo":
        return _demo(arguments)
    if target == "benchmark":
        return _benchmark()
    try:
        venvs.ensure_development()
    except subprocess.CalledProcessError as error:
        return report([Outcome("virtual environment", failed=[str(error)])])
    REPORTS.mkdir(parents=True, exist_ok=True)
    if target == "test" and not arguments:
        return _test()
    if target == "test":
        target, arguments = (arguments[0], arguments[1:]) if arguments[0] in STEPS else ("chosen", arguments)
    outcomes = _run(target, arguments)
    hand_over(outcomes)
    return report(outcomes)


def _test() -> int:
    """What can share the machine, and then what measures time."""
    start = time.monotonic()
    collection_copy.refresh()
    lanes.end_labs()
    found: dict[str, list[Outcome]] = {}
    try:
        for several in (parts.together(), parts.alone()):
            running = lanes.Lanes(several, before=found)
            running.run()
            found = running.outcomes
    finally:
        lanes.end_labs()
    return report([outcome for outcomes in _in_order(found) for outcome in outcomes], time.monotonic() - start)


def _in_order(found: dict[str, list[Outcome]]) -> list[list[Outcome]]:
    every = (*parts.together(), *parts.alone())
    return [found.get(part.name) or [Outcome(part.name, failed=["not run"])] for part in every]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _demo(arguments: Sequence[str]) -> int:
    venvs.ensure_demo()
    collection_copy.refresh()
    return stream([VENV / "bin" / "python", "-m", "demo", *arguments], env=environment())


def _benchmark() -> int:
    venvs.ensure_development()
    collection_copy.refresh()
    return stream([VENV / "bin" / "python", "-m", "benchmark"], env=environment())


def _run(name: str, arguments: Sequence[str]) -> list[Outcome]:
    """Run a step; whatever goes wrong in it is its own failure."""
    print(f"\n=== {name}", flush=True)
    start = time.monotonic()
    try:
        result = PARTS[name](arguments)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        result = Outcome(name, failed=[str(error)])
    outcomes = result if isinstance(result, list) else [result]
    for outcome in outcomes:
        outcome.seconds = outcome.seconds or (time.monotonic() - start)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\n{used.ru_utime + used.ru_stime:.0f} s of processor time in {time.monotonic() - start:.0f} s", flush=True)
    return outcomes


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("Python 3.11 or later is needed: make PYTHON=python3.X ...")
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        sys.exit(INTERRUPTED)
