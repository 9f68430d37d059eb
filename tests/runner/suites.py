"""The folders of tests that pytest runs, and which of them the words of ARGS name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .layout import ROOT


@dataclass(frozen=True)
class Suite:
    """``seconds`` is a limit: a session that takes longer is ended."""

    name: str
    seconds: float

    @property
    def path(self) -> str:
        """Relative to the checkout."""
        return f"tests/{'unit' if self.name == 'units' else self.name}"

    @property
    def folder(self) -> Path:
        return ROOT / self.path


SUITES = {
    suite.name: suite
    for suite in (
        Suite("units", 600),
        Suite("servers", 900),
        # with the first build of the lab in it
        Suite("integration", 3000),
    )
}
# A test with this mark measures time: it fails on a busy machine, so `make test` runs it when nothing else runs.
TIMED = "timed"


def path_of(word: str) -> Path | None:
    """The file or folder that a word of ARGS names, if it names one."""
    path = ROOT / word.partition("::")[0]
    return path if not word.startswith("-") and path.exists() else None


def named_by(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Suite -> its arguments: each path goes to the suite that has it, the rest to all; without a path every suite is meant."""
    options = [word for word in arguments if path_of(word) is None]
    found: dict[str, list[str]] = {}
    for word in arguments:
        path = path_of(word)
        if path is None:
            continue
        suite = next((suite for suite in SUITES.values() if path.resolve().is_relative_to(suite.folder)), None)
        if suite is None:
            raise ValueError(f"{word} is not in a folder of tests: {', '.join(one.path for one in SUITES.values())}")
        found.setdefault(suite.name, []).append(word)
    return {name: [*options, *paths] for name, paths in found.items()} or {name: options for name in SUITES}


def timed_files(suite: Suite) -> list[str]:
    """Files of a suite that have a test with the mark, so that the others need not be read for it."""
    files = sorted(suite.folder.rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if f"pytest.mark.{TIMED}" in file.read_text()]
