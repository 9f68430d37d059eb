# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What becomes of Pods that were evicted, replaced, or start by themselves."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._cluster.namespaces import FEW
from .._cluster.objects import list_all
from .._concurrency import for_each
from .._diagnosis.causes import PULL_DENIED, PULL_HELD_BACK, kind_of
from .._errors import PullpassError
from .._text import shown
from .model import StuckPod, controller, suspected_pod, waits_still
from .plan import EVICT, LEFT, REPLACE_JOB, REPLACE_POD

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .._cluster.api import Api
    from .plan import Verdict


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

    ``selector`` is what a list of few Pods has it in, such as a name or labels of its owner's; None: only one of all has.
    ``before`` is the Pod when it was found stuck, where it is to start by itself: its failure is old until it has been tried
    once more, and ``paused`` tells that it was seen between two tries. ``runs`` and ``message`` say what has become of it, once
    it is settled.
    """

    namespace: str
    uid: str | None
    owner: str | None
    before: StuckPod | None = None
    selector: tuple[str, str] | None = None
    paused: bool = False
    gone: bool = False
    runs: bool | None = None
    message: str = ""

    @property
    def settled(self) -> bool:
        return self.gone or self.runs is not None


class Follower:
    """Looks at all awaited Pods; ``why`` tells what a stuck Pod lacks.

    A look is few short lists for each of their namespaces, or one of all its Pods where that would be many.
    """

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
        lists = [(namespace, None) for namespace in sorted(set(namespaces))]
        for pods in for_each(lists, self._list, self._workers):
            self._taken.update(pod.uid for pod in pods or ())

    def look(self) -> None:
        """Never raises: what cannot be read now is read the next time."""
        lists = lists_of(self.open)
        every = [one for some in lists.values() for one in some]
        answers = dict(zip(every, for_each(every, self._list, self._workers)))
        for namespace, some in lists.items():
            found = [answers[one] for one in some]
            if None not in found:
                pods = [pod for one in found for pod in one or ()]
                settle([one for one in self.open if one.namespace == namespace], pods, self._taken, self._why)

    def _list(self, one: tuple[str, tuple[str, str] | None]) -> list[Glimpse] | None:
        namespace, selector = one
        try:
            return list_all(self._api, "pods", glimpse, dict([selector]) if selector else None, namespace=namespace)
        except PullpassError:
            return None


def lists_of(awaited: Sequence[Awaited]) -> dict[str, list[tuple[str, tuple[str, str] | None]]]:
    """Namespace -> the lists, each a namespace and a selector, that have all the awaited Pods in it."""
    lists: dict[str, list[tuple[str, tuple[str, str] | None]]] = {}
    for namespace in sorted({one.namespace for one in awaited}):
        selectors = {one.selector for one in awaited if one.namespace == namespace}
        given = sorted(one for one in selectors if one is not None)
        short = len(given) == len(selectors) and len(given) <= FEW
        lists[namespace] = [(namespace, one) for one in given] if short else [(namespace, None)]
    return lists


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
            one.uid, one.paused = (None, False) if one.owner else (one.uid, one.paused)
            one.gone = one.owner is None
            one.message = "it has gone since" if one.gone else one.message
        else:
            _settle(one, pod, why)


def _settle(one: Awaited, pod: Glimpse, why: Callable[[StuckPod], str]) -> None:
    name = "it" if one.before else shown(pod.name)
    old = _has_another_try(one, pod.stuck) and not (one.paused and pod.stuck is not None and pod.stuck.just_tried)
    if old or (one.before is not None and waits_still(pod.suspected, one.before)):
        one.paused = one.paused or pod.stuck is None or not pod.stuck.just_tried
        one.message = f"{name} has not been tried again yet"
    elif pod.stuck is not None and all(kind_of(container) == PULL_HELD_BACK for container in pod.stuck.pulling):
        one.message = f"{name} waits until its kubelet pulls again"
    elif pod.stuck is not None:
        one.runs, one.message = False, f"{name} has failed to pull {'again' if one.before else 'as well'}: {why(pod.stuck)}"
    elif pod.phase in _PULLED:
        one.runs, one.message = True, f"{name} has its images now (phase {pod.phase})"
    else:
        one.message = f"{name} is {pod.phase} still"


def _has_another_try(one: Awaited, stuck: StuckPod | None) -> bool:
    """Whether its first failure says nothing yet. A kubelet may not have a new Pod's Secrets in time, and pulls without."""
    if stuck is None or one.before is not None:
        return stuck is not None
    return any(kind_of(container) == PULL_DENIED for container in stuck.pulling)


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
