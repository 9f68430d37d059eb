# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The namespaces that a part of the work excludes, by the result of the part before it. Pure.

Ansible masks secrets in all results: with the password ``team`` the namespace ``team-a`` becomes ``********-a``, with the
password ``failed`` or ``1`` an action or a count is changed. Masked text is never used as data.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Part:
    """``rows`` is the result key of its rows, ``failures`` are the actions that exclude a namespace."""

    rows: str
    actions: tuple[str, ...]
    failures: tuple[str, ...]


PARTS = {
    "pull_secret": Part(
        "namespaces",
        ("created", "updated", "replaced", "deleted", "unchanged", "skipped", "refused", "orphaned", "failed"),
        ("failed", "refused"),
    ),
    "pull_secret_link": Part(
        "links",
        ("linked", "unlinked", "unchanged", "owned", "contested", "needs_replacement", "skipped", "failed"),
        ("failed", "contested"),
    ),
}


def left_out(module: str, result: Mapping[str, t.Any]) -> list[str] | None:
    """The namespaces; null where a part of the result that decides them is masked or missing."""
    part = PARTS[module]
    rows, summary = result.get(part.rows), result.get("summary")
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not isinstance(summary, Mapping):
        return None
    if any(isinstance(count, bool) or not isinstance(count, int) for count in summary.values()):
        return None
    if any(not isinstance(row, Mapping) or row.get("action") not in part.actions for row in rows):
        return None
    failed = [row for row in rows if row["action"] in part.failures]
    names = list(dict.fromkeys(str(row.get("namespace")) for row in failed))
    if len(failed) < sum(summary.get(action, 0) for action in part.failures):
        return None
    return names if all(_NAMESPACE.fullmatch(name) for name in names) else None
