# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What became of one object that holds a list imagePullSecrets, of whatever kind it is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._reconcile.apply import Outcome
from .._reconcile.report import diffs

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True)
class LinkOutcome(Outcome):
    """An Outcome with the kind of its object."""

    kind: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.namespace, self.name


def of_kind(kind: str, outcomes: Iterable[Outcome]) -> list[LinkOutcome]:
    return [LinkOutcome(one.namespace, one.name, one.step, kind) for one in outcomes]


def diffs_by_kind(outcomes: Sequence[LinkOutcome]) -> list[dict[str, str]]:
    """For --diff: what is equal within one kind is said once."""
    kinds = dict.fromkeys(one.kind for one in outcomes)
    return [entry for kind in kinds for entry in diffs([one for one in outcomes if one.kind == kind], kind)]
