# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What becomes of one stuck Pod in a run, and the Pods of one owner that wait for their turn. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import (
    EVICT,
    LEFT,
    REPLACE_JOB,
    REPLACE_POD,
)

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_follow import Awaited
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import Verdict

# Budgets do not guard Pending Pods, so this does: if what comes in the place of the first ones fails as well, the rest is left
_FEW = 3
_SHARE = 10


@dataclass
class Fate:
    """``action`` is one of the result once it is settled, until then a constant of recovery_plan.py.

    ``pod`` is None for a namespace that could not be looked at. ``runs`` is None where nobody waited to see.
    """

    namespace: str
    pod: StuckPod | None
    action: str
    message: str
    image: str = ""
    cause: str = ""
    busy: bool = False
    awaited: Awaited | None = field(default=None, repr=False)

    @property
    def pending(self) -> bool:
        return self.action in (EVICT, REPLACE_POD, REPLACE_JOB)

    @property
    def runs(self) -> bool | None:
        return self.awaited.runs if self.awaited else None

    @property
    def needs_eviction(self) -> bool:
        """Whether a PodDisruptionBudget has to let it go before it gets well. It does not ask about a Pending Pod."""
        return self.pod is not None and (self.action == LEFT or (self.action == EVICT and self.pod.phase != "Pending"))

    def told(self, pod: StuckPod, verdict: Verdict, image: str, cause: str) -> None:
        self.pod, self.action, self.message = pod, verdict.action, verdict.message
        self.image, self.cause = image, cause


@dataclass
class Turn:
    """The Pods of one owner that are to be evicted, a few at a time; ``ordered``: one."""

    fates: list[Fate]
    ordered: bool

    @property
    def waiting(self) -> list[Fate]:
        return [fate for fate in self.fates if fate.action == EVICT]

    def due(self, again: bool) -> list[Fate]:
        """Those whose turn it is: as many as may be under way at a time, less those that are.

        One that a budget has not let go comes after those that nobody has tried yet, and only if it may be tried ``again``.
        """
        most = 1 if self.ordered else max(_FEW, -(-len(self.fates) // _SHARE))
        under_way = sum(fate.awaited is not None and not fate.awaited.settled for fate in self.fates)
        untried = [fate for fate in self.waiting if not fate.busy]
        busy = [fate for fate in self.waiting if fate.busy] if again else []
        return [*untried, *busy][: max(0, most - under_way)]

    def stop_if_failing(self) -> None:
        """Once a successor has failed, nothing is won by more of them."""
        failed = next((fate.awaited for fate in self.fates if fate.awaited and fate.awaited.runs is False), None)
        if failed is not None:
            self._stop(f"not evicted, since another Pod of its owner was, in vain: {failed.message}")

    def stop_if_costly(self, before: int, now: int | None) -> None:
        """Of a Job: its failures ``before`` any eviction and ``now``, None where it is over. What they cost was planned."""
        planned = before + sum(fate.action == "evicted" for fate in self.fates)
        if now is None or now > planned:
            self._stop("not evicted, since its Job is over, or other Pods of it have failed meanwhile: run this again")

    def _stop(self, message: str) -> None:
        for fate in self.waiting:
            fate.action, fate.message = LEFT, message
