# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Snapshots of stuck Pods and of PodDisruptionBudgets. Pure.

A Pod that is not ready may be evicted while at least one other Pod, and as many as the budget demands, are healthy; with
AlwaysAllow, at any time (kubernetes pkg/registry/core/pod/storage/eviction.go). So where the budget lacks just the stuck Pods,
it never allows an eviction.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass, replace
from functools import cached_property

from .._cluster.objects import Seen
from .._diagnosis.snapshot import PodSnapshot, StuckContainer, pod_snapshot, stuck_containers
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


MIRROR = "kubernetes.io/config.mirror"
_REVISION = "controller-revision-hash"
_FAILURES = "batch.kubernetes.io/job-index-failure-count"
# a tenant may write anything there, and int() fails on some digits of other scripts and on thousands of them
_COUNT = re.compile(r"[0-9]{1,9}")
# groups of the controllers that come with Kubernetes; others have kinds of the same names
_BUILT_IN = ("", "apps", "batch")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
# the reason just after a failed try; until the next try it is ImagePullBackOff
_JUST_TRIED = "ErrImagePull"
# the reason of a container that ran before, between two tries, even where its image is missing
_CRASHED = "CrashLoopBackOff"


class RecoveryAction:
    """The first line: what to do about a Pod. ALL: what the result counts."""

    EVICT, REPLACE_POD, REPLACE_JOB = "evict", "replace Pod", "replace Job"
    RECOVERING, EVICTED, REPLACED = "recovering", "evicted", "replaced"
    LEFT, BLOCKED, FAILED, SKIPPED = "left", "blocked", "failed", "skipped"
    ALL = (RECOVERING, EVICTED, REPLACED, LEFT, BLOCKED, FAILED)


@dataclass(frozen=True)
class Owner:
    """The controller of a Pod. The ``kind`` of one that is not part of Kubernetes has its group at the end."""

    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class StuckPod(PodSnapshot):
    """A Pod that waits for an image.

    ``running``: containers that run now. ``ephemeral``: its ephemeral containers.
    ``status_time``: when the kubelet last wrote the status of its containers (RFC 3339). ``failures``: of its index, where an
    indexed Job counts them. ``finished_at``: when the last run of a container ended (RFC 3339). ``crash_looping``: containers in
    CrashLoopBackOff, which may lack their image too.
    """

    seen: Seen
    phase: str
    owner: Owner | None
    mirror: bool
    running: tuple[str, ...]
    ephemeral: tuple[str, ...]
    labels: Mapping[str, str]
    revision: str
    status_time: str
    failures: int
    finished_at: Mapping[str, str]
    crash_looping: tuple[StuckContainer, ...]

    @cached_property
    def uid(self) -> str:
        return self.seen.uid

    @cached_property
    def pulling(self) -> tuple[StuckContainer, ...]:
        """Its stuck containers, ephemeral ones only where there are no others."""
        return tuple(one for one in self.stuck if one.name not in self.ephemeral) or self.stuck

    @property
    def just_tried(self) -> bool:
        return any(one.reason == _JUST_TRIED for one in self.stuck)


def stuck_pod(item: Mapping[str, t.Any], before: StuckPod | None = None) -> StuckPod | None:
    """None for a Pod that waits for no image, or that is being deleted.

    ``before``: the same Pod some time ago. A container that lacked its image then and has not run since still lacks it.
    """
    pod = suspected_pod(item)
    if pod is None:
        return None
    lacked = {one.name: one for one in before.stuck} if before else {}
    still = [lacked[one.name] for one in pod.crash_looping if one.name in lacked and _same_run(one.name, pod, before)]
    return replace(pod, stuck=(*pod.stuck, *still)) if pod.stuck or still else None


def suspected_pod(item: Mapping[str, t.Any]) -> StuckPod | None:
    """The same, also for a Pod whose crash-looping containers may lack their image."""
    metadata, status = item["metadata"], item.get("status") or {}
    states = _states(status)
    crash_looping = _crash_looping(item["spec"], states)
    stuck = stuck_containers(item)
    if "deletionTimestamp" in metadata or not (stuck or crash_looping):
        return None
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    failures = annotations.get(_FAILURES) or ""
    return StuckPod(
        **vars(pod_snapshot(item, stuck)),
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        phase=status.get("phase") or "Pending",
        owner=controller(metadata),
        mirror=MIRROR in annotations,
        running=tuple(one["name"] for one in states if "running" in (one.get("state") or {})),
        ephemeral=tuple(one["name"] for one in item["spec"].get("ephemeralContainers") or ()),
        labels=labels,
        revision=labels.get(_REVISION, ""),
        status_time=_status_time(metadata),
        failures=int(failures) if _COUNT.fullmatch(failures) else 0,
        finished_at={one["name"]: _finished_at(one) for one in states},
        crash_looping=crash_looping,
    )


def still_crashed(now: StuckPod | None, before: StuckPod) -> bool:
    """Whether a container that lacked its image before is crash-looping and has not run since. ``now``: of suspected_pod."""
    lacked = {one.name for one in before.stuck}
    return now is not None and any(one.name in lacked and _same_run(one.name, now, before) for one in now.crash_looping)


def pods_named(patterns: Sequence[str]) -> Callable[[Mapping[str, t.Any]], StuckPod | None]:
    """``suspected_pod`` for the Pods whose name matches one of the globs."""

    def keep(item: Mapping[str, t.Any]) -> StuckPod | None:
        name = item["metadata"]["name"]
        return suspected_pod(item) if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) else None

    return keep


def controller(metadata: Mapping[str, t.Any]) -> Owner | None:
    """The object that recreates this one, if there is one."""
    for one in metadata.get("ownerReferences") or ():
        if one.get("controller"):
            group, _slash, _version = str(one.get("apiVersion") or "").rpartition("/")
            foreign = f".{group}" if group not in _BUILT_IN else ""
            return Owner(f"{one.get('kind')}{foreign}", str(one.get("name")), str(one.get("uid")))
    return None


def has_run(status: Mapping[str, t.Any] | None) -> bool:
    """Whether any container of a Pod with this status runs, or ever did."""
    return any(map(_has_started, _states(status or {})))


def _states(status: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    return [one for kind in _STATUSES for one in status.get(kind) or ()]


def _has_started(status: Mapping[str, t.Any]) -> bool:
    states = {**(status.get("lastState") or {}), **(status.get("state") or {})}
    return bool(status.get("restartCount")) or "running" in states or "terminated" in states


def _status_time(metadata: Mapping[str, t.Any]) -> str:
    times = [
        str(entry.get("time") or "")
        for entry in metadata.get("managedFields") or ()
        if "f:containerStatuses" in ((entry.get("fieldsV1") or {}).get("f:status") or {})
    ]
    return max(times, default="")


def _crash_looping(spec: Mapping[str, t.Any], states: Sequence[Mapping[str, t.Any]]) -> tuple[StuckContainer, ...]:
    images = {one["name"]: one.get("image") or "" for kind in ("initContainers", "containers") for one in spec.get(kind) or ()}
    waiting = [(one["name"], (one.get("state") or {}).get("waiting") or {}) for one in states]
    return tuple(
        StuckContainer(name, images.get(name, ""), _CRASHED, "") for name, one in waiting if one.get("reason") == _CRASHED
    )


def _finished_at(status: Mapping[str, t.Any]) -> str:
    return str(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _same_run(name: str, now: StuckPod, before: StuckPod | None) -> bool:
    return before is not None and bool(now.finished_at.get(name)) and now.finished_at.get(name) == before.finished_at.get(name)


@dataclass(frozen=True)
class Budget:
    """``healthy`` of ``expected`` Pods are ready, and ``desired`` have to be. ``failing``: why the server cannot count them."""

    name: str
    selector: Mapping[str, t.Any] | None
    healthy: int
    desired: int
    expected: int
    failing: str


def budget_snapshot(item: Mapping[str, t.Any]) -> Budget:
    status = item.get("status") or {}
    failing = [
        str(one.get("message") or "")
        for one in status.get("conditions") or ()
        if one.get("type") == "DisruptionAllowed" and one.get("reason") == "SyncFailed"
    ]
    return Budget(
        name=item["metadata"]["name"],
        selector=_with_sets((item.get("spec") or {}).get("selector")),
        healthy=status.get("currentHealthy") or 0,
        desired=status.get("desiredHealthy") or 0,
        expected=status.get("expectedPods") or 0,
        failing=failing[0] if failing else "",
    )


def _with_sets(selector: Mapping[str, t.Any] | None) -> Mapping[str, t.Any] | None:
    """Values as sets: a tenant may list 100,000 of them, and they are compared with the labels of each Pod."""
    if not selector:
        return selector
    expressions = [{**one, "values": frozenset(one.get("values") or ())} for one in selector.get("matchExpressions") or ()]
    return {**selector, "matchExpressions": expressions}


def permanent_block(budgets: Iterable[Budget], labels: Mapping[str, str], stuck: Iterable[Mapping[str, str]]) -> str:
    """Why the budgets never allow to evict the Pod with these labels, or an empty text.

    ``stuck``: the labels of all Pods, this one included, that do not become healthy by themselves.
    """
    own = [one for one in budgets if selector_matches(one.selector, labels)]
    if len(own) > 1:
        names = ", ".join(shown(one.name) for one in own)
        return f"more than one PodDisruptionBudget selects it ({names}), and then the server evicts nothing. Keep one"
    for budget in own:
        name = f"PodDisruptionBudget {shown(budget.name)}"
        if budget.failing:
            return f"{name} cannot be evaluated: {shown(budget.failing)}. Fix or remove it"
        hopeless = sum(selector_matches(budget.selector, one) for one in stuck)
        # without a healthy Pod the server allows no disruption, whatever the budget says
        wanted = max(budget.desired, 1)
        if budget.expected - hopeless < wanted:
            return (
                f"{name} demands {wanted} healthy Pods and has {budget.healthy} of {budget.expected}, of which {hopeless} "
                "do not become healthy by themselves: it never allows the eviction. Set unhealthyPodEvictionPolicy: AlwaysAllow "
                "in it, or delete the Pod yourself"
            )
    return ""


def selector_matches(selector: Mapping[str, t.Any] | None, labels: Mapping[str, str]) -> bool:
    """LabelSelectorAsSelector of apimachinery: null selects nothing, an empty selector everything."""
    if selector is None:
        return False
    pairs = (selector.get("matchLabels") or {}).items()
    wanted = all(labels.get(name) == value for name, value in pairs)
    return wanted and all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


def _meets(expression: Mapping[str, t.Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression.get("key"))), expression.get("values") or ()
    meets = {"In": value in values, "NotIn": value not in values, "Exists": value is not None, "DoesNotExist": value is None}
    return meets.get(expression.get("operator") or "", False)
