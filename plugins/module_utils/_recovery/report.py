# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result of a recovery: rows, counts, one sentence, warnings and a diff. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

from .._text import in_groups, listed, shown
from .model import RecoveryAction

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .follow import RecoveryOutcome


_CHANGES = (RecoveryAction.EVICTED, RecoveryAction.REPLACED)
# counted; shown only on request
_QUIET_ACTIONS = (RecoveryAction.RECOVERING, RecoveryAction.SKIPPED)
# named in the sentence, with the reason
_NAMED_ACTIONS = (RecoveryAction.FAILED, RecoveryAction.BLOCKED)
_MOST_TEXT = 600


def recovery_result(outcomes: Sequence[RecoveryOutcome], show_all: bool) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary`` (action -> count) and ``pods`` (rows).

    Pods that start by themselves, and namespaces that were skipped, have a row only with ``show_all``.
    """
    counts = Counter(one.action for one in outcomes)
    skipped = [RecoveryAction.SKIPPED] if counts[RecoveryAction.SKIPPED] else []
    return {
        "changed": any(counts[action] for action in _CHANGES),
        "failed": bool(counts[RecoveryAction.FAILED]),
        "msg": _sentence(outcomes, counts),
        "summary": {action: counts[action] for action in (*RecoveryAction.ALL, *skipped)},
        "pods": [_row(one) for one in outcomes if show_all or one.action not in _QUIET_ACTIONS or one.runs is False],
    }


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


def _row(outcome: RecoveryOutcome) -> dict[str, t.Any]:
    pod = outcome.pod
    return {
        "namespace": outcome.namespace,
        "pod": shown(pod.name) if pod else None,
        "owner": shown(str(pod.owner)) if pod and pod.owner else None,
        "image": outcome.image or None,
        "cause": shown(outcome.cause, _MOST_TEXT) or None,
        "action": outcome.action,
        "message": shown(outcome.message, _MOST_TEXT * 2),
        "runs": outcome.runs,
    }


def _sentence(outcomes: Sequence[RecoveryOutcome], counts: Counter[str]) -> str:
    sentence = ", ".join(f"{counts[action]} {action}" for action in RecoveryAction.ALL if counts[action])
    sentence = sentence or "no Pod is stuck on a pull"
    reasons = [(_name(one), f"{one.action}: {one.message}") for one in outcomes if one.action in _NAMED_ACTIONS]
    return f"{sentence}. {in_groups(reasons)}" if reasons else sentence


def _name(outcome: RecoveryOutcome) -> str:
    return f"{outcome.namespace}/{shown(outcome.pod.name)}" if outcome.pod else outcome.namespace
