# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What the person wants done, set against a verdict: which Pods go by eviction, which anew by hand, and which stay. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_job import eviction_costs_too_much
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import (
    EVICT,
    LEFT,
    REPLACE_JOB,
    REPLACE_POD,
    Verdict,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_owner import FoundOwner, Successor

BARE_PODS, JOBS = "bare_pods", "jobs"


@dataclass(frozen=True)
class Wish:
    """``replace`` holds BARE_PODS, JOBS, both or none."""

    evict: bool
    replace: tuple[str, ...]

    def granted(self, verdict: Verdict, pod: StuckPod, successor: Successor, peers: int) -> Verdict:
        """The verdict, or the Pod is left. ``peers`` are the Pods of its owner that would have to go, itself included."""
        if verdict.action == REPLACE_POD:
            return verdict if BARE_PODS in self.replace else _left(verdict, _BARE)
        owner = successor.owner
        if verdict.action == EVICT and owner is not None and owner.job is not None:
            verdict = self._of_job(verdict, pod, owner, peers)
        elif verdict.action == EVICT and not self.evict:
            verdict = _left(verdict, "it has to be made anew: set evict to have it evicted")
        return _with_blocked_runs(verdict, successor)

    def _of_job(self, verdict: Verdict, pod: StuckPod, owner: FoundOwner, peers: int) -> Verdict:
        job, name = owner.job, shown(str(owner.owner))
        if job is None or job.finished or job.foreign:
            why = f"{shown(job.foreign)} runs it" if job and job.foreign else "it has ended"
            return _left(verdict, f"its {name} would make no other Pod: {why}")
        costs = eviction_costs_too_much(job, peers, pod.failures)
        if self.evict and not costs:
            return verdict
        if owner.parent is None and JOBS in self.replace:
            return replace(verdict, action=REPLACE_JOB)
        why = costs or "it has to be made anew: set evict to have it evicted"
        if owner.parent is not None:
            above = shown(str(owner.parent))
            told = "delete the Job, and the next run has all" if owner.parent.kind == "CronJob" else "have that make it anew"
            return _left(verdict, f"{why}; {name} belongs to {above}: {told}")
        return _left(verdict, f"{why}; to have {name} made anew, put jobs into replace" if costs else why)


_BARE = "nobody makes this Pod anew: to have that done here, put bare_pods into replace"


def _with_blocked_runs(verdict: Verdict, successor: Successor) -> Verdict:
    """A CronJob that forbids two runs at a time starts none while this Job is stuck."""
    owner, parent = successor.owner, successor.parent
    if verdict.action != LEFT or parent is None or owner is None or not parent.forbids:
        return verdict
    told = f"Job {shown(owner.owner.name)} blocks every later run of {shown(str(parent.owner))} (concurrencyPolicy Forbid)"
    return replace(verdict, message=f"{verdict.message}. {told}")


def _left(verdict: Verdict, message: str) -> Verdict:
    return replace(verdict, action=LEFT, message=message)
