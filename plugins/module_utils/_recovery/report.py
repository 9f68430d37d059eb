# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What recovery has done, told: rows, counts, one sentence, warnings and a diff. Pure."""

from __future__ import annotations

import typing as t
from collections import Counter

from .._reconcile.change import SKIPPED
from .._text import in_groups, listed, shown
from .plan import RECOVERING

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .follow import Fate


CHANGED = ("evicted", "replaced")
# needs nobody
_COUNTED = (RECOVERING, SKIPPED)
# in the sentence each with its reason
_TOLD = ("failed", "blocked")
_MOST_TEXT = 600


def told_recovery(fates: Sequence[Fate], actions: Sequence[str], show_all: bool) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary`` (each of ``actions`` -> count) and ``pods``.

    Pods that start by themselves are only counted, unless all are to be shown. So are namespaces that were skipped.
    """
    counts = Counter(fate.action for fate in fates)
    return {
        "changed": any(counts[action] for action in CHANGED),
        "failed": bool(counts["failed"]),
        "msg": _sentence(fates, actions, counts),
        "summary": {action: counts[action] for action in (*actions, *([SKIPPED] if counts[SKIPPED] else []))},
        "pods": [_row(fate) for fate in fates if show_all or fate.action not in _COUNTED or fate.runs is False],
    }


def recovery_warnings(fates: Sequence[Fate], seconds: float) -> list[str]:
    """About the Pods that were waited for in vain."""
    failed = [_name(fate) for fate in fates if fate.awaited and fate.runs is False]
    late = [_name(fate) for fate in fates if fate.awaited and not fate.awaited.settled]
    told = [f"still failing to pull, for the reason in their rows: {listed(failed)}"] if failed else []
    return told + ([f"not running yet after {seconds:.0f} s: {listed(late)}"] if late else [])


def recovery_diff(fates: Sequence[Fate]) -> list[dict[str, str]]:
    """Which Pods go and which are made anew."""
    gone = sorted(_name(fate) for fate in fates if fate.action in CHANGED)
    made = sorted(_name(fate) for fate in fates if fate.action == "replaced" and fate.pod and not fate.pod.owner)
    if not gone:
        return []
    after = [f"{name} (made anew)" for name in made]
    names = {"before_header": "stuck Pods", "after_header": "stuck Pods, without those that go"}
    return [{**names, "before": "".join(f"{name}\n" for name in gone), "after": "".join(f"{name}\n" for name in after)}]


def _row(fate: Fate) -> dict[str, t.Any]:
    pod = fate.pod
    return {
        "namespace": fate.namespace,
        "pod": shown(pod.name) if pod else None,
        "owner": shown(str(pod.owner)) if pod and pod.owner else None,
        "image": fate.image or None,
        "cause": shown(fate.cause, _MOST_TEXT) or None,
        "action": fate.action,
        "message": shown(fate.message, _MOST_TEXT * 2),
        "runs": fate.runs,
    }


def _sentence(fates: Sequence[Fate], actions: Sequence[str], counts: Counter[str]) -> str:
    sentence = ", ".join(f"{counts[action]} {action}" for action in actions if counts[action]) or "no Pod is stuck on a pull"
    told = [(_name(fate), f"{fate.action}: {fate.message}") for fate in fates if fate.action in _TOLD]
    return f"{sentence}. {in_groups(told)}" if told else sentence


def _name(fate: Fate) -> str:
    return f"{fate.namespace}/{shown(fate.pod.name)}" if fate.pod else fate.namespace
