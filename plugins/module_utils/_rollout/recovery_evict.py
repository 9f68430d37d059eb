# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One Pod evicted, if it is still as stuck as the plan saw it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import (
    BUDGET,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TERMINATING,
    UNDECIDED,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_budget import found_budget, never_passes
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod, stuck_pod
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import EVICT, LEFT, RECOVERING, Verdict

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects

# each try reads the Pod again: a kubelet that writes its status meanwhile comes in between
_TRIES = 6
# two budgets for one Pod are answered with 500, which would be the same the next time
_SEVERAL_BUDGETS = "more than one PodDisruptionBudget"


@dataclass(frozen=True)
class Done:
    """What was done about a Pod: an action of the result, or BUSY. ``made`` is the uid of what was made in its place."""

    action: str
    message: str = ""
    made: str | None = None


BUSY = "busy"


class Evictor:
    """``decide`` gives the verdict on a Pod as it is now; ``needing`` the labels of Pods that waiting does not make healthy."""

    def __init__(
        self,
        pods: Objects,
        decide: Callable[[StuckPod], Verdict],
        needing: Callable[[str], Sequence[Mapping[str, str]]],
    ) -> None:
        self._pods = pods
        self._decide = decide
        self._needing = needing
        self._lost = False

    def __call__(self, pod: StuckPod) -> Done:
        """The action: evicted, recovering, left, blocked, failed, or BUSY where another try may pass."""
        if self._lost:
            return Done("failed", "not tried, because the cluster stopped answering")
        try:
            return self._evict(pod)
        except ClusterError as error:
            self._lost = True
            return Done("failed", str(error))
        except RequestError as error:
            return Done("left" if error.kind == TERMINATING else "failed", str(error))

    def _evict(self, pod: StuckPod) -> Done:
        now, unsure = pod, False
        for _try in range(_TRIES):
            trouble = self._try(now)
            if trouble is None:
                return Done("evicted")
            if trouble.kind == BUDGET or _SEVERAL_BUDGETS in str(trouble):
                return self._refused(now, trouble)
            if trouble.kind == FORBIDDEN and self._pods.dry_run:
                return Done("evicted", f"not checked by the server: {trouble}")
            if trouble.kind not in (CONFLICT, UNDECIDED, NOT_FOUND):
                raise trouble
            unsure = unsure or trouble.kind == UNDECIDED
            found = self._again(now, unsure)
            if isinstance(found, Done):
                return found
            now = found
        return Done("failed", f"given up after {_TRIES} tries to evict it, run this again: {trouble}")

    def _try(self, pod: StuckPod) -> RequestError | None:
        try:
            self._pods.evict(pod.namespace, pod.name, pod.seen)
        except RequestError as error:
            return error
        return None

    def _again(self, pod: StuckPod, unsure: bool) -> StuckPod | Done:
        """The Pod as it is now, or what that settles. ``unsure``: an eviction may have come through with its answer lost."""
        item = self._pods.get(pod.namespace, pod.name)
        if item is None or item["metadata"]["uid"] != pod.key or "deletionTimestamp" in item["metadata"]:
            return Done("evicted") if unsure else Done("left", "it went away by itself")
        now = stuck_pod(item, pod)
        if now is None:
            return Done("recovering", "it got well meanwhile, and was not touched")
        now = replace(now, stuck=_with_messages(now, pod))
        verdict = self._decide(now)
        if verdict.action != EVICT:
            return Done(RECOVERING if verdict.action == RECOVERING else LEFT, verdict.message)
        return now

    def _refused(self, pod: StuckPod, trouble: RequestError) -> Done:
        try:
            budgets = list_all(self._pods.api, "poddisruptionbudgets", found_budget, namespace=pod.namespace)
        except RequestError as error:
            return Done("blocked", f"{trouble}. Whether that will ever change is not known: {error}")
        never = never_passes(budgets, pod.labels, self._needing(pod.namespace))
        return Done("blocked", never) if never else Done(BUSY, str(trouble))


def _with_messages(now: StuckPod, before: StuckPod) -> tuple[t.Any, ...]:
    """What events told of a container stays told while its status tells no more than before."""
    messages = {one.name: one.message for one in before.stuck}
    return tuple(one if ": " in one.message else replace(one, message=messages.get(one.name, one.message)) for one in now.stuck)
