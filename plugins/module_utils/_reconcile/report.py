# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result told: rows, counts, one sentence, and a diff in which what is equal is said once."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

from .._text import in_groups, listed, shown
from .change import CHANGED, FAILED, QUIET

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .apply import Outcome


_MOST_TEXT = 600
Told = t.TypeVar("Told", bound="Outcome")


def told(
    outcomes: Sequence[Told],
    actions: Sequence[str],
    rows_key: str,
    row: Callable[[Told], dict[str, str]],
    show_all: bool,
) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary`` (each of ``actions`` -> count) and ``rows_key`` (the rows)."""
    counts = Counter(outcome.step.action for outcome in outcomes)
    failures = [outcome for outcome in outcomes if outcome.step.action in FAILED]
    rows = [
        {**row(outcome), "action": outcome.step.action, "message": shown(outcome.step.message, _MOST_TEXT)}
        for outcome in outcomes
        if show_all or outcome.step.action not in QUIET or outcome.step.warning
    ]
    return {
        "changed": any(counts[action] for action in CHANGED) or any(outcome.step.written for outcome in outcomes),
        "failed": bool(failures),
        "msg": _sentence(counts, actions, failures, row),
        "summary": {action: counts[action] for action in actions},
        rows_key: rows,
    }


def warnings(outcomes: Sequence[Outcome]) -> list[str]:
    """Each different warning once, with the namespaces it is about."""
    grouped: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.step.warning:
            grouped.setdefault(outcome.step.warning, []).append(outcome.namespace)
    return [f"in {_counted(names)}: {warning}" for warning, names in grouped.items()]


def diffs(outcomes: Sequence[Outcome], kind: str) -> list[dict[str, str]]:
    """For --diff: one entry for each different change, headed by the objects that it is made to."""
    grouped: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.step.write is not None:
            grouped.setdefault((_document(outcome.step.before), _document(outcome.step.after)), []).append(outcome)
    entries = []
    for (before, after), alike in grouped.items():
        names = listed(sorted({outcome.name for outcome in alike}), 3)
        header = f"{kind} {names} in {_counted([outcome.namespace for outcome in alike])}"
        entries.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return entries


def _document(fields: t.Mapping[str, t.Any]) -> str:
    filled = {key: value for key, value in fields.items() if value}
    return json.dumps(filled, indent=2, sort_keys=True, ensure_ascii=False) + "\n" if filled else ""


def _counted(namespaces: Sequence[str]) -> str:
    unique = list(dict.fromkeys(namespaces))
    return f"namespace {unique[0]}" if len(unique) == 1 else f"{len(unique)} namespaces ({listed(unique, 5)})"


def _sentence(
    counts: Counter[str],
    actions: Sequence[str],
    failures: Sequence[Told],
    row: Callable[[Told], dict[str, str]],
) -> str:
    sentence = ", ".join(f"{counts[action]} {action}" for action in actions if counts[action]) or "nothing is selected"
    if not failures:
        return sentence
    return f"{sentence}. {in_groups([(_place(row(outcome)), outcome.step.message) for outcome in failures])}"


def _place(parts: t.Mapping[str, str]) -> str:
    return "/".join(parts.values())
