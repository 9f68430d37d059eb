"""What came of a step, and the table of all of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

# names the file that a part of `make test` writes its outcomes to
OUTCOMES_VARIABLE = "PULLPASS_TEST_OUTCOMES"


@dataclass
class Outcome:
    step: str
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, name: str, status: int) -> None:
        if status == 0:
            self.passed += 1
        else:
            self.failed.append(name)


def read_junit(outcome: Outcome, report: Path, ignored_reasons: Sequence[str] = ()) -> None:
    """Add the tests of a JUnit report to the outcome."""
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        place, name = case.get("classname"), case.get("name", "")
        if place and place != outcome.step:
            name = f"{place}::{name}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(name)
        elif skipped is None:
            outcome.passed += 1
        else:
            reason = (skipped.get("message") or skipped.text or "no reason given").strip()
            if reason not in ignored_reasons:
                outcome.skipped.append((name, reason))


def hand_over(outcomes: Sequence[Outcome]) -> None:
    """Write the outcomes for the process that runs this one as a part, if there is one."""
    path = os.environ.get(OUTCOMES_VARIABLE)
    if path:
        Path(path).write_text(json.dumps([asdict(outcome) for outcome in outcomes]))


def read_handed_over(path: Path) -> list[Outcome]:
    rows = json.loads(path.read_text())
    return [Outcome(**{**row, "skipped": list(map(tuple, row["skipped"]))}) for row in rows]


def report(outcomes: Sequence[Outcome], seconds: float | None = None) -> int:
    """Print the table and, as its last line, the sum; return the exit status."""
    width = max(len(outcome.step) for outcome in outcomes)
    print(f"\n{'step':{width}}  passed  failed  skipped  seconds")
    for outcome in outcomes:
        print(
            f"{outcome.step:{width}}  {outcome.passed:6}  {len(outcome.failed):6}  {len(outcome.skipped):7}"
            f"  {outcome.seconds:7.1f}"
        )
    _print_names("failed", ((outcome.step, name) for outcome in outcomes for name in outcome.failed))
    _print_names("skipped", ((outcome.step, f"{name}: {why}") for outcome in outcomes for name, why in outcome.skipped))
    if seconds is not None:
        print(f"\n{seconds:.0f} seconds in all")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(len(outcome.failed) for outcome in outcomes)
    skipped = sum(len(outcome.skipped) for outcome in outcomes)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 0 if passed and not failed else 1


def _print_names(title: str, lines: Iterable[tuple[str, str]]) -> None:
    listed = [f"  {step}: {name}" for step, name in lines]
    if listed:
        print(f"\n{title}:", *listed, sep="\n")
