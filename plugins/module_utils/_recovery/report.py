# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result of a recovery: rows, counts, one sentence, warnings and a diff. Pure."""

from __future__ import annotations

import typing as t

from .._reconcile.report import MESSAGE_LIMIT, ReportForm, ReportRow, report
from .._text import listed, shown
from .model import RecoveryAction

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .follow import RecoveryOutcome


_CHANGES = (RecoveryAction.EVICTED, RecoveryAction.REPLACED)
_FORM = ReportForm(
    key="pods",
    actions=RecoveryAction.ALL,
    changed=_CHANGES,
    failed=(RecoveryAction.FAILED,),
    explained=(RecoveryAction.FAILED, RecoveryAction.BLOCKED),
    quiet=(RecoveryAction.RECOVERING, RecoveryAction.SKIPPED),
    empty="no Pod is stuck on a pull",
)


def recovery_result(outcomes: Sequence[RecoveryOutcome], show_all: bool) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary`` (action -> count) and ``pods`` (rows).

    Pods that start by themselves, and namespaces that were skipped, have a row only with ``show_all``.
    """
    result = report([_row(one) for one in outcomes], _FORM, show_all)
    skipped = sum(one.action == RecoveryAction.SKIPPED for one in outcomes)
    if skipped:
        result["summary"][RecoveryAction.SKIPPED] = skipped
    return result


def recovery_warnings(outcomes: Sequence[RecoveryOutcome], seconds: float) -> list[str]:
    """About followed Pods that do not run."""
    failed = [_name(one) for one in outcomes if one.followed and one.runs is False]
    late = [_name(one) for one in outcomes if one.followed and not one.followed.decided]
    warnings = [f"still failing to pull, for the reason in their rows: {listed(failed)}"] if failed else []
    return warnings + ([f"not running yet after {seconds:.0f} s: {listed(late)}"] if late else [])


def recovery_diff(outcomes: Sequence[RecoveryOutcome]) -> list[dict[str, str]]:
    """Which Pods are deleted and which are recreated."""
    deleted = sorted(_name(one) for one in outcomes if one.action in _CHANGES)
    replaced = [one for one in outcomes if one.action == RecoveryAction.REPLACED and one.pod and not one.pod.owner]
    recreated = sorted(f"{_name(one)} (recreated)" for one in replaced)
    if not deleted:
        return []
    headers = {"before_header": "stuck Pods", "after_header": "stuck Pods, without the deleted ones"}
    return [{**headers, "before": _lines(deleted), "after": _lines(recreated)}]


def _lines(names: Sequence[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _row(outcome: RecoveryOutcome) -> ReportRow:
    pod = outcome.pod
    columns = {
        "namespace": outcome.namespace,
        "pod": shown(pod.name) if pod else None,
        "owner": shown(str(pod.owner)) if pod and pod.owner else None,
        "image": outcome.image or None,
        "cause": shown(outcome.cause, MESSAGE_LIMIT) or None,
        "action": outcome.action,
        "message": shown(outcome.message, MESSAGE_LIMIT * 2),
        "runs": outcome.runs,
    }
    reason = f"{outcome.action}: {outcome.message}"
    return ReportRow(_name(outcome), outcome.action, reason, columns, notable=outcome.runs is False)


def _name(outcome: RecoveryOutcome) -> str:
    return f"{outcome.namespace}/{shown(outcome.pod.name)}" if outcome.pod else outcome.namespace
