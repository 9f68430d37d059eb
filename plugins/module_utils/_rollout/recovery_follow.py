# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What becomes of Pods that were evicted, made anew, or are to start by themselves: whether they run, or fail once more."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_cause import HELD_BACK, kind_of
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import (
    StuckPod,
    controller,
    suspected_pod,
    waits_still,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api

# phases of a Pod all of whose images have come
_PULLED = ("Running", "Succeeded", "Failed")


@dataclass(frozen=True)
class Glimpse:
    """One Pod as it is at one moment. ``suspected`` is None where no image is lacking, nor may be."""

    uid: str
    name: str
    owner: str | None
    phase: str
    going: bool
    suspected: StuckPod | None

    @property
    def stuck(self) -> StuckPod | None:
        return self.suspected if self.suspected is not None and self.suspected.stuck else None


def glimpse(item: Mapping[str, t.Any]) -> Glimpse:
    metadata = item["metadata"]
    owner = controller(metadata)
    return Glimpse(
        uid=metadata["uid"],
        name=metadata["name"],
        owner=owner.uid if owner else None,
        phase=(item.get("status") or {}).get("phase") or "Pending",
        going="deletionTimestamp" in metadata,
        suspected=suspected_pod(item),
    )


@dataclass
class Awaited:
    """A Pod that is waited for: by its ``uid``, or the next one that ``owner`` (a uid) makes.

    ``before`` is the Pod when it was found stuck, where it is to start by itself: its failure is old until it has been tried
    once more. ``runs`` and ``message`` say what has become of it, once it is settled.
    """

    namespace: str
    uid: str | None
    owner: str | None
    before: StuckPod | None = None
    paused: bool = False
    gone: bool = False
    runs: bool | None = None
    message: str = ""

    @property
    def settled(self) -> bool:
        return self.gone or self.runs is not None


class Follower:
    """Looks at all awaited Pods with one list for each of their namespaces; ``why`` tells what a stuck Pod lacks."""

    def __init__(self, api: Api, workers: int, why: Callable[[StuckPod], str]) -> None:
        self._api = api
        self._workers = workers
        self._taken: set[str] = set()
        self._why = why
        self.awaited: list[Awaited] = []

    @property
    def open(self) -> list[Awaited]:
        return [one for one in self.awaited if not one.settled]

    def note_those_before(self, namespaces: Iterable[str]) -> None:
        """Whatever is there now comes in nobody's place, a Job's ended Pods among it."""
        for pods in for_each(sorted(set(namespaces)), self._list, self._workers):
            self._taken.update(pod.uid for pod in pods or ())

    def look(self) -> None:
        """Never raises: what cannot be read now is read the next time."""
        namespaces = sorted({one.namespace for one in self.open})
        for namespace, pods in zip(namespaces, for_each(namespaces, self._list, self._workers)):
            if pods is not None:
                settle([one for one in self.open if one.namespace == namespace], pods, self._taken, self._why)

    def _list(self, namespace: str) -> list[Glimpse] | None:
        try:
            return list_all(self._api, "pods", glimpse, namespace=namespace)
        except PullpassError:
            return None


def settle(awaited: Sequence[Awaited], pods: Sequence[Glimpse], taken: set[str], why: Callable[[StuckPod], str]) -> None:
    """Notes on ``awaited`` what the Pods of their namespace tell. Each new Pod of an owner stands for one of its evicted."""
    there = {pod.uid: pod for pod in pods}
    for one in awaited:
        if one.uid is None:
            fresh = (pod for pod in pods if pod.owner == one.owner and pod.uid not in taken and not pod.going)
            found = next(fresh, None)
            if found is None:
                continue
            taken.add(found.uid)
            one.uid = found.uid
        pod = there.get(one.uid)
        if pod is None or pod.going:
            one.uid = None if one.owner else one.uid
            one.gone = one.owner is None
            one.message = "it has gone since" if one.gone else one.message
        else:
            _settle(one, pod, why)


def _settle(one: Awaited, pod: Glimpse, why: Callable[[StuckPod], str]) -> None:
    name = "it" if one.before else shown(pod.name)
    old = one.before is not None and pod.stuck is not None and not (one.paused and pod.stuck.just_tried)
    if old or (one.before is not None and waits_still(pod.suspected, one.before)):
        one.paused = one.paused or pod.stuck is None or not pod.stuck.just_tried
        one.message = f"{name} has not been tried again yet"
    elif pod.stuck is not None and all(kind_of(container) == HELD_BACK for container in pod.stuck.pulling):
        one.message = f"{name} waits until its kubelet pulls again"
    elif pod.stuck is not None:
        one.runs, one.message = False, f"{name} has failed to pull {'again' if one.before else 'as well'}: {why(pod.stuck)}"
    elif pod.phase in _PULLED:
        one.runs, one.message = True, f"{name} has its images now (phase {pod.phase})"
    else:
        one.message = f"{name} is {pod.phase} still"
