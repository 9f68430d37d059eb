# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result of a module that handles many objects: rows, counts, one sentence, warnings and grouped diffs. Pure."""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._text import in_groups, listed, shown
from .targets import CHANGED_ACTIONS, FAILED_ACTIONS

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .targets import Outcome


MESSAGE_LIMIT = 600


@dataclass(frozen=True)
class ReportRow:
    """``place`` names the row in the sentence: a namespace, or a namespace, a slash and a name. ``columns`` are returned.

    ``notable`` rows are returned even if their action is a quiet one. ``written``: something was sent to the server
    although the action does not say so.
    """

    place: str
    action: str
    message: str
    columns: Mapping[str, t.Any]
    notable: bool = False
    written: bool = False


@dataclass(frozen=True)
class ReportForm:
    """How a module reports. ``key`` is the return key of the rows, ``actions`` the keys of ``summary`` in their order.

    ``explained`` actions stand in the sentence with their reason, ``quiet`` ones have a row only on request. ``empty`` is
    the sentence for no rows.
    """

    key: str
    actions: Sequence[str]
    changed: Collection[str] = CHANGED_ACTIONS
    failed: Collection[str] = FAILED_ACTIONS
    explained: Collection[str] = FAILED_ACTIONS
    quiet: Collection[str] = ("unchanged",)
    empty: str = "nothing is selected"
    columns: Sequence[str] = field(default=("namespace",))


def report(rows: Sequence[ReportRow], form: ReportForm, show_all: bool, subject: str = "") -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg`` (about ``subject``), ``summary`` (action -> count) and the rows under ``form.key``."""
    counts = Counter(row.action for row in rows)
    numbers = ", ".join(f"{counts[action]} {action}" for action in form.actions if counts[action]) or form.empty
    reasons = [(row.place, row.message) for row in rows if row.action in form.explained]
    return {
        "changed": any(row.written or row.action in form.changed for row in rows),
        "failed": any(row.action in form.failed for row in rows),
        "msg": with_reasons(f"{subject}: {numbers}" if subject else numbers, reasons),
        "summary": {action: counts[action] for action in form.actions},
        form.key: [dict(row.columns) for row in rows if show_all or row.notable or row.action not in form.quiet],
    }


def with_reasons(numbers: str, reasons: Sequence[tuple[str, str]]) -> str:
    """The counts, and the first ten failures of (place, reason), equal reasons once."""
    return f"{numbers}. {in_groups(reasons)}" if reasons else numbers


def outcome_report(outcomes: Sequence[Outcome], form: ReportForm, show_all: bool) -> dict[str, t.Any]:
    """The report of changes to objects. ``form.columns`` are the fields of an outcome that name its object."""
    return report([_outcome_row(outcome, form.columns) for outcome in outcomes], form, show_all)


def _outcome_row(outcome: Outcome, columns: Sequence[str]) -> ReportRow:
    change = outcome.change
    place = {name: getattr(outcome, name) for name in columns}
    return ReportRow(
        place="/".join(place.values()),
        action=change.action,
        message=change.message,
        columns={**place, "action": change.action, "message": shown(change.message, MESSAGE_LIMIT)},
        notable=bool(change.warning),
        written=change.written,
    )


def warnings(outcomes: Sequence[Outcome]) -> list[str]:
    """Each different warning once, with its namespaces."""
    grouped: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.change.warning:
            grouped.setdefault(outcome.change.warning, []).append(outcome.namespace)
    return [f"in {_counted_namespaces(names)}: {warning}" for warning, names in grouped.items()]


def diffs(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    """For --diff: one entry for each different change, headed by its objects."""
    grouped: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.change.write is not None:
            fields = _document(outcome.change.before), _document(outcome.change.after)
            grouped.setdefault((outcome.kind, *fields), []).append(outcome)
    entries = []
    for (kind, before, after), alike in grouped.items():
        names = listed(sorted({outcome.name for outcome in alike}), 3)
        header = f"{kind} {names} in {_counted_namespaces([outcome.namespace for outcome in alike])}"
        entries.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return entries


def _document(fields: Mapping[str, t.Any]) -> str:
    filled = {key: value for key, value in fields.items() if value}
    return json.dumps(filled, indent=2, sort_keys=True, ensure_ascii=False) + "\n" if filled else ""


def _counted_namespaces(namespaces: Sequence[str]) -> str:
    unique = list(dict.fromkeys(namespaces))
    return f"namespace {unique[0]}" if len(unique) == 1 else f"{len(unique)} namespaces ({listed(unique, 5)})"
