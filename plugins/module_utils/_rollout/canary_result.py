# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result of a canary told: rows, counts and one sentence.

Not that of _rollout/result.py, which tells what was changed: here nothing is, and a row has a node and an answer.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import shown_image
from ansible_collections.pullpass.registry.plugins.module_utils._text import in_groups, shown

if t.TYPE_CHECKING:
    from collections.abc import Sequence

PULLED, NOT_PULLED, UNPROVEN, SKIPPED, FAILED = ACTIONS = ("pulled", "not_pulled", "unproven", "skipped", "failed")

_FAILURES = (NOT_PULLED, FAILED)
_MOST_TEXT = 600


@dataclass(frozen=True)
class Attempt:
    """What became of one Pod, or why there was none.

    ``namespace`` is None for what holds in all of them, ``node`` None where none was chosen. ``seconds`` are those from the
    creation of the Pod until it was decided. ``notable`` needs a person's eye though nothing failed.
    """

    namespace: str | None
    node: str | None
    action: str
    message: str
    seconds: float | None = None
    notable: bool = False


def told(image: str, attempts: Sequence[Attempt], show_all: bool) -> dict[str, t.Any]:
    """``changed`` (never), ``failed``, ``msg``, ``summary`` (action -> count) and ``nodes`` (the rows)."""
    counts = Counter(attempt.action for attempt in attempts)
    failures = [attempt for attempt in attempts if attempt.action in _FAILURES]
    rows = [_row(one) for one in attempts if show_all or one.notable or one.action not in (PULLED, UNPROVEN)]
    return {
        "changed": False,
        "failed": bool(failures),
        "msg": _sentence(image, counts, failures),
        "summary": {action: counts[action] for action in ACTIONS},
        "nodes": rows,
    }


def in_order(attempts: Sequence[Attempt]) -> list[Attempt]:
    return sorted(attempts, key=lambda one: (one.namespace or "", one.node or ""))


def _row(attempt: Attempt) -> dict[str, t.Any]:
    return {
        "namespace": attempt.namespace,
        "node": attempt.node,
        "action": attempt.action,
        "pulled": {PULLED: True, NOT_PULLED: False}.get(attempt.action),
        "seconds": None if attempt.seconds is None else round(attempt.seconds, 1),
        "message": shown(attempt.message, _MOST_TEXT),
    }


def _sentence(image: str, counts: Counter[str], failures: Sequence[Attempt]) -> str:
    numbers = ", ".join(f"{counts[action]} {action}" for action in ACTIONS if counts[action]) or "nothing is selected"
    sentence = f"{shown_image(image)}: {numbers}"
    if not failures:
        return sentence
    return f"{sentence}. {in_groups([(_place(one), one.message) for one in failures])}"


def _place(attempt: Attempt) -> str:
    return "/".join(part for part in (attempt.namespace, attempt.node) if part) or "all namespaces"
