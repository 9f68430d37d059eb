"""The linters, as many at a time as there are processors, each with its output in one piece."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from . import artifact, collection_copy
from .layout import BUILD, COLLECTION, VENV, environment
from .outcomes import Outcome
from .processes import capture

# Linters leave their own files behind, so they do not share a copy with the tests.
COLLECTIONS = BUILD / "lint"
COPY = COLLECTIONS / COLLECTION
TYPED = ("plugins", "tests/lab", "tests/runner", "tests/demo", "tests/benchmark", "tests/oracle", "tests/unit")
LIMIT = 600

Result = tuple[int, str]


def run(arguments: Sequence[str] = ()) -> Outcome:
    """All linters; the only argument is how many of them run at a time."""
    outcome = Outcome("lint")
    at_a_time = int(arguments[0]) if arguments else os.cpu_count()
    collection_copy.refresh(COLLECTIONS)
    linters: dict[str, Callable[[], Result]] = {
        "ansible-lint": lambda: _inside("ansible-lint", "--offline", "--strict", "--nocolor"),
        "mypy": lambda: _mypy(*TYPED),
        # On its own, since tests/unit has a module called conftest too.
        "mypy tests/integration": lambda: _mypy("tests/servers", "tests/integration"),
        "artifact": artifact.check,
        "yamllint": lambda: _inside("yamllint", "--strict", "."),
        "antsibull-changelog": lambda: _inside("antsibull-changelog", "lint"),
        "ruff check": lambda: _inside("ruff", "check", "--no-cache", "--output-format", "concise"),
        "ruff format": lambda: _inside("ruff", "format", "--no-cache", "--check", "--output-format", "concise"),
    }
    with ThreadPoolExecutor(at_a_time) as pool:
        running = {pool.submit(_timed, linter): name for name, linter in linters.items()}
        for future in as_completed(running):
            seconds, (status, output) = future.result()
            verdict = "failed" if status else "passed"
            print(f"--- {running[future]}: {verdict} in {seconds:.1f} s", flush=True)
            if status:
                print(output.rstrip(), flush=True)
            outcome.add(running[future], status)
    return outcome


def _timed(linter: Callable[[], Result]) -> tuple[float, Result]:
    start = time.monotonic()
    result = linter()
    return time.monotonic() - start, result


def _inside(program: str, *arguments: str) -> Result:
    return capture([str(VENV / "bin" / program), *arguments], cwd=COPY, env=environment(collections=COLLECTIONS), limit=LIMIT)


def _mypy(*names: str) -> Result:
    """Plugins are seen as ansible_collections.pullpass.registry.plugins..., tests by the names that pytest gives them.

    mypy takes the folder it is started in as one more place where packages begin, so that has to be the one
    above ansible_collections.
    """
    folders = [str(COLLECTION / name) for name in names if any((COPY / name).rglob("*.py"))]
    if not folders:
        return 0, ""
    bases = os.pathsep.join(map(str, (COLLECTIONS, COPY / "tests", COPY / names[-1])))
    cache = BUILD / "mypy" / names[-1]
    options = ("--config-file", str(COPY / ".mypy.ini"), "--cache-dir", str(cache))
    command = (str(VENV / "bin" / "mypy"), *options, *folders)
    status, output = capture(command, cwd=COLLECTIONS, env=environment(MYPYPATH=bases), limit=LIMIT)
    return status, output.replace(f"{COLLECTION}{os.sep}", "")
