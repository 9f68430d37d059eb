"""python -m runner TARGET [ARGUMENTS...]: one target of the Makefile."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from . import collection_copy, cores, lint, pytests, sanity, venvs
from .layout import REPORTS, VENV, environment
from .outcomes import Outcome, report
from .processes import stream

Step = Callable[[Sequence[str]], "Outcome | list[Outcome]"]

STEPS: dict[str, Step] = {
    "lint": lambda _arguments: lint.run(),
    "sanity": sanity.run,
    "units": pytests.units,
    "integration": pytests.integration,
    "cores": cores.run,
}


def main(target: str, *arguments: str) -> int:
    if target == "demo":
        return _demo(arguments)
    if target == "benchmark":
        return _benchmark()
    try:
        venvs.ensure_development()
    except subprocess.CalledProcessError as error:
        return report([Outcome("virtual environment", failed=[str(error)])])
    REPORTS.mkdir(parents=True, exist_ok=True)
    names = list(STEPS) if target == "test" else [target]
    return report([outcome for name in names for outcome in _run(name, arguments)])


def _demo(arguments: Sequence[str]) -> int:
    venvs.ensure_demo()
    collection_copy.refresh()
    return stream([VENV / "bin" / "python", "-m", "demo", *arguments], env=environment())


def _benchmark() -> int:
    venvs.ensure_development()
    collection_copy.refresh()
    return stream([VENV / "bin" / "python", "-m", "benchmark"], env=environment())


def _run(name: str, arguments: Sequence[str]) -> Iterator[Outcome]:
    """Run a step; whatever goes wrong in it is its own failure, and the next one has its turn."""
    print(f"\n=== {name}", flush=True)
    start = time.monotonic()
    try:
        result = STEPS[name](arguments)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        result = Outcome(name, failed=[str(error)])
    outcomes = result if isinstance(result, list) else [result]
    for outcome in outcomes:
        outcome.seconds = outcome.seconds or (time.monotonic() - start)
    yield from outcomes


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit("Python 3.11 or later is needed: make PYTHON=python3.X ...")
    sys.exit(main(*sys.argv[1:]))
