# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The outcome for each stuck Pod: evictions in batches, and whether the Pod or its successor has its images in the end."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._cluster.namespaces import FEW
from .._cluster.objects import list_all
from .._concurrency import for_each
from .._diagnosis.causes import PULL_DENIED, PULL_HELD_BACK, kind_of
from .._errors import PullpassError
from .._text import shown
from .model import RecoveryAction, StuckPod, controller, still_crashed, suspected_pod

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .._cluster.api import Api

    Selector = tuple[str, str]
    # a namespace, and a selector or None for all of its Pods
    ListRequest = tuple[str, t.Optional[Selector]]


# phases of a Pod that has all its images
_PULLED_PHASES = ("Running", "Succeeded", "Failed")
# The API asks no PodDisruptionBudget about Pending Pods, so the size of a batch limits evictions: the larger of these two
_BATCH_PODS, _BATCH_SHARE = 3, 10


@dataclass(frozen=True)
class PodState:
    """A followed Pod, or one that may be a successor. ``suspected`` is None where no image is missing for certain."""

    uid: str
    name: str
    owner: str | None
    phase: str
    terminating: bool
    suspected: StuckPod | None

    @property
    def stuck(self) -> StuckPod | None:
        return self.suspected if self.suspected is not None and self.suspected.stuck else None


def pod_state(item: Mapping[str, t.Any]) -> PodState:
    metadata = item["metadata"]
    owner = controller(metadata)
    return PodState(
        uid=metadata["uid"],
        name=metadata["name"],
        owner=owner.uid if owner else None,
        phase=(item.get("status") or {}).get("phase") or "Pending",
        terminating="deletionTimestamp" in metadata,
        suspected=suspected_pod(item),
    )


@dataclass
class FollowedPod:
    """The Pod with this ``uid``, or the next Pod that ``owner`` (a uid) creates.

    ``selector`` selects few Pods, this one among them; None: only a list of all Pods has it. ``before``: the stuck Pod that is
    to start by itself. Its failure is an old one until the kubelet tries again; ``between_tries``: it was seen between two
    tries. ``runs`` (it has its images) and ``message`` are the result.
    """

    namespace: str
    uid: str | None
    owner: str | None
    before: StuckPod | None = None
    selector: Selector | None = None
    between_tries: bool = False
    deleted: bool = False
    runs: bool | None = None
    message: str = ""

    @property
    def decided(self) -> bool:
        return self.deleted or self.runs is not None


class PodFollower:
    """``why`` returns the cause for a stuck Pod.

    Each update lists few Pods by name or label in each namespace, or all Pods of a namespace where that would be many lists.
    """

    def __init__(self, api: Api, workers: int, why: Callable[[StuckPod], str]) -> None:
        self._api = api
        self._workers = workers
        # Pods that are no successors: they existed before, or are the successor of another one
        self._taken: set[str] = set()
        self._why = why
        self.followed: list[FollowedPod] = []

    @property
    def undecided(self) -> list[FollowedPod]:
        return [one for one in self.followed if not one.decided]

    def ignore_existing(self, namespaces: Iterable[str]) -> None:
        """No Pod that exists now is a successor, finished Pods of a Job included."""
        lists: list[ListRequest] = [(namespace, None) for namespace in sorted(set(namespaces))]
        for pods in for_each(lists, self._list, self._workers):
            self._taken.update(pod.uid for pod in pods or ())

    def update(self) -> None:
        """Never raises: what cannot be read now is read the next time."""
        lists = list_requests(self.undecided)
        requests = [one for some in lists.values() for one in some]
        answers = dict(zip(requests, for_each(requests, self._list, self._workers)))
        for namespace, some in lists.items():
            found = [answers[one] for one in some]
            if None not in found:
                pods = [pod for one in found for pod in one or ()]
                update_followed([one for one in self.undecided if one.namespace == namespace], pods, self._taken, self._why)

    def _list(self, request: ListRequest) -> list[PodState] | None:
        namespace, selector = request
        try:
            return list_all(self._api, "pods", pod_state, dict([selector]) if selector else None, namespace=namespace)
        except PullpassError:
            return None


def list_requests(followed: Sequence[FollowedPod]) -> dict[str, list[ListRequest]]:
    """Namespace -> the lists that have all its followed Pods."""
    lists: dict[str, list[ListRequest]] = {}
    for namespace in sorted({one.namespace for one in followed}):
        selectors = {one.selector for one in followed if one.namespace == namespace}
        given = sorted(one for one in selectors if one is not None)
        short = len(given) == len(selectors) and len(given) <= FEW
        lists[namespace] = [(namespace, one) for one in given] if short else [(namespace, None)]
    return lists


def update_followed(
    followed: Sequence[FollowedPod], pods: Sequence[PodState], taken: set[str], why: Callable[[StuckPod], str]
) -> None:
    """Updates ``followed`` from the Pods of their namespace. Each new Pod of an owner is the successor of one."""
    existing = {pod.uid: pod for pod in pods}
    for one in followed:
        if one.uid is None:
            fresh = (pod for pod in pods if pod.owner == one.owner and pod.uid not in taken and not pod.terminating)
            successor = next(fresh, None)
            if successor is None:
                continue
            taken.add(successor.uid)
            one.uid = successor.uid
        pod = existing.get(one.uid)
        if pod is not None and not pod.terminating:
            _update(one, pod, why)
        elif one.owner is not None:
            one.uid, one.between_tries = None, False
        else:
            one.deleted, one.message = True, "it no longer exists"


def _update(one: FollowedPod, pod: PodState, why: Callable[[StuckPod], str]) -> None:
    name = "it" if one.before else shown(pod.name)
    first_failure = _may_be_old_failure(one, pod.stuck) and not (one.between_tries and pod.stuck and pod.stuck.just_tried)
    if first_failure or (one.before is not None and still_crashed(pod.suspected, one.before)):
        one.between_tries = one.between_tries or pod.stuck is None or not pod.stuck.just_tried
        one.message = f"the kubelet has not tried again yet to pull for {name}"
    elif pod.stuck is not None and all(kind_of(container) == PULL_HELD_BACK for container in pod.stuck.pulling):
        one.message = f"{name} waits for its kubelet, which limits its pulls"
    elif pod.stuck is not None:
        one.runs, one.message = False, f"{name} failed to pull {'again' if one.before else 'too'}: {why(pod.stuck)}"
    elif pod.phase in _PULLED_PHASES:
        one.runs, one.message = True, f"{name} has its images now (phase {pod.phase})"
    else:
        one.message = f"{name} is still {pod.phase}"


def _may_be_old_failure(one: FollowedPod, stuck: StuckPod | None) -> bool:
    """Whether its first failure proves nothing. A kubelet may not have a new Pod's Secrets in time, and pulls without them."""
    if stuck is None or one.before is not None:
        return stuck is not None
    return any(kind_of(container) == PULL_DENIED for container in stuck.pulling)


@dataclass
class RecoveryOutcome:
    """What happens to one stuck Pod, or (``pod`` None) to a namespace. ``action`` is of RecoveryAction.

    ``budget_full``: a PodDisruptionBudget refused the eviction, and may allow it later.
    """

    namespace: str
    pod: StuckPod | None
    action: str
    message: str
    image: str = ""
    cause: str = ""
    budget_full: bool = False
    followed: FollowedPod | None = field(default=None, repr=False)

    @property
    def runs(self) -> bool | None:
        """Whether the Pod or its successor has its images; None where that was not followed, or not long enough."""
        return self.followed.runs if self.followed else None

    @property
    def needs_budget(self) -> bool:
        """Whether it recovers only when a PodDisruptionBudget allows its eviction. Pending Pods need no budget."""
        if self.pod is None:
            return False
        return self.action == RecoveryAction.LEFT or (self.action == RecoveryAction.EVICT and self.pod.phase != "Pending")


@dataclass
class EvictionBatch:
    """The Pods of one owner that are evicted, a few at a time; ``ordered``: one at a time."""

    outcomes: list[RecoveryOutcome]
    ordered: bool

    @property
    def pending(self) -> list[RecoveryOutcome]:
        return [one for one in self.outcomes if one.action == RecoveryAction.EVICT]

    def next_evictions(self, retry: bool) -> list[RecoveryOutcome]:
        """As many as may be in progress at a time, less those that are. With ``retry``, those that a budget refused come last."""
        most = 1 if self.ordered else max(_BATCH_PODS, -(-len(self.outcomes) // _BATCH_SHARE))
        in_progress = sum(one.followed is not None and not one.followed.decided for one in self.outcomes)
        untried = [one for one in self.pending if not one.budget_full]
        refused = [one for one in self.pending if one.budget_full] if retry else []
        return [*untried, *refused][: max(0, most - in_progress)]

    def stop_if_failing(self) -> None:
        """One successor that fails shows that more evictions do not help."""
        failed = next((one.followed for one in self.outcomes if one.followed and one.followed.runs is False), None)
        if failed is not None:
            self._stop(f"not evicted, because the eviction of another Pod of its owner had no effect: {failed.message}")

    def stop_if_job_failed(self, before: int, now: int | None) -> None:
        """Of a Job: its failures ``before`` any eviction and ``now``, None where it is over. Evictions count as failures."""
        planned = before + sum(one.action == RecoveryAction.EVICTED for one in self.outcomes)
        if now is None or now > planned:
            self._stop("not evicted, because its Job has finished or other Pods of it have failed meanwhile. Run this again")

    def _stop(self, message: str) -> None:
        for one in self.pending:
            one.action, one.message = RecoveryAction.LEFT, message
