# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What recovery keeps of a Pod and of a PodDisruptionBudget. Pure.

A Pod that is not ready may go while as many others are healthy as the budget wants, and one at least, or at any time with
AlwaysAllow (kubernetes pkg/registry/core/pod/storage/eviction.go). So where the stuck Pods are what is missing, waiting never
ends.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass, fields, replace

from .._cluster.objects import Seen
from .._diagnosis.snapshot import PodSnapshot, StuckContainer, pod_snapshot, pull_secret_names
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
# the kubelet has tried and failed just now; between that and its next try it says ImagePullBackOff
_JUST_TRIED = "ErrImagePull"
# of a container that ran once: its pull is tried only when its time as a crashed one is over, and then this is told again
_CRASHED = "CrashLoopBackOff"


@dataclass(frozen=True)
class Owner:
    """The controller that makes a Pod. ``uid`` tells it from another of the same name; a ``kind`` of others has its group."""

    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class StuckPod(PodSnapshot):
    """A Pod that lacks an image.

    ``running`` are containers that run at this moment, ``started`` tells whether any ever did, ``debug`` which of its containers
    are ephemeral. ``told_at`` is when the kubelet last wrote of its containers (RFC 3339). ``failures`` are those of its index
    so far, where an indexed Job counts them. ``ended`` says when a container that does not run now ended (RFC 3339), and
    ``crashed`` are those that wait as if they had only crashed, which may be for want of the image as well.
    """

    seen: Seen
    phase: str
    owner: Owner | None
    mirror: bool
    running: tuple[str, ...]
    started: bool
    debug: tuple[str, ...]
    labels: Mapping[str, str]
    revision: str
    told_at: str
    failures: int
    ended: Mapping[str, str]
    crashed: tuple[StuckContainer, ...]

    @property
    def key(self) -> str:
        """Its uid."""
        return self.seen.uid

    @property
    def pulling(self) -> tuple[StuckContainer, ...]:
        """Its stuck containers, those for debugging only where there are no others."""
        return tuple(one for one in self.stuck if one.name not in self.debug) or self.stuck

    @property
    def just_tried(self) -> bool:
        return any(one.reason == _JUST_TRIED for one in self.stuck)


def stuck_pod(item: Mapping[str, t.Any], before: StuckPod | None = None) -> StuckPod | None:
    """None for a Pod that lacks no image, or is going already.

    With ``before``, the same Pod some time ago, a container that lacked its image then and has not run since lacks it still.
    """
    pod = suspected_pod(item)
    if pod is None:
        return None
    lacked = {one.name: one for one in before.stuck} if before else {}
    still = [lacked[one.name] for one in pod.crashed if one.name in lacked and _same_end(one.name, pod, before)]
    return replace(pod, stuck=(*pod.stuck, *still)) if pod.stuck or still else None


def suspected_pod(item: Mapping[str, t.Any]) -> StuckPod | None:
    """The same for one that has containers which only may lack their image, beside or instead of those that do."""
    metadata, status = item["metadata"], item.get("status") or {}
    states = _states(status)
    crashed = _crashed(item["spec"], states)
    found = pod_snapshot(item)
    if "deletionTimestamp" in metadata or (found is None and not crashed):
        return None
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    failures = annotations.get(_FAILURES) or ""
    found = found or _without_stuck(metadata, item["spec"])
    return StuckPod(
        **{field.name: getattr(found, field.name) for field in fields(PodSnapshot)},
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        phase=status.get("phase") or "Pending",
        owner=controller(metadata),
        mirror=MIRROR in annotations,
        running=tuple(one["name"] for one in states if "running" in (one.get("state") or {})),
        started=has_run(status),
        debug=tuple(one["name"] for one in item["spec"].get("ephemeralContainers") or ()),
        labels=labels,
        revision=labels.get(_REVISION, ""),
        told_at=_told_at(metadata),
        failures=int(failures) if _COUNT.fullmatch(failures) else 0,
        ended={one["name"]: _ended(one) for one in states},
        crashed=crashed,
    )


def waits_still(now: StuckPod | None, before: StuckPod) -> bool:
    """Whether a container that lacked its image waits as a crashed one, and has not run since. ``now`` is a suspected Pod."""
    lacked = {one.name for one in before.stuck}
    return now is not None and any(one.name in lacked and _same_end(one.name, now, before) for one in now.crashed)


def only_named(patterns: Sequence[str]) -> Callable[[Mapping[str, t.Any]], StuckPod | None]:
    """``suspected_pod`` for the Pods whose name matches one of the globs."""

    def keep(item: Mapping[str, t.Any]) -> StuckPod | None:
        name = item["metadata"]["name"]
        return suspected_pod(item) if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) else None

    return keep


def controller(metadata: Mapping[str, t.Any]) -> Owner | None:
    """The object that makes this one anew, if there is one."""
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


def _told_at(metadata: Mapping[str, t.Any]) -> str:
    times = [
        str(entry.get("time") or "")
        for entry in metadata.get("managedFields") or ()
        if "f:containerStatuses" in ((entry.get("fieldsV1") or {}).get("f:status") or {})
    ]
    return max(times, default="")


def _crashed(spec: Mapping[str, t.Any], states: Sequence[Mapping[str, t.Any]]) -> tuple[StuckContainer, ...]:
    images = {one["name"]: one.get("image") or "" for kind in ("initContainers", "containers") for one in spec.get(kind) or ()}
    waiting = [(one["name"], (one.get("state") or {}).get("waiting") or {}) for one in states]
    return tuple(
        StuckContainer(name, images.get(name, ""), _CRASHED, "") for name, one in waiting if one.get("reason") == _CRASHED
    )


def _without_stuck(metadata: Mapping[str, t.Any], spec: Mapping[str, t.Any]) -> PodSnapshot:
    names, account = pull_secret_names(spec), spec.get("serviceAccountName") or "default"
    return PodSnapshot(metadata["namespace"], metadata["name"], account, names, ())


def _ended(status: Mapping[str, t.Any]) -> str:
    return str(((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or "")


def _same_end(name: str, now: StuckPod, before: StuckPod | None) -> bool:
    return before is not None and bool(now.ended.get(name)) and now.ended.get(name) == before.ended.get(name)


@dataclass(frozen=True)
class Budget:
    """``healthy`` Pods of ``expected`` are ready, and ``desired`` have to be. ``failing``: why the server cannot count them."""

    name: str
    selector: Mapping[str, t.Any] | None
    healthy: int
    desired: int
    expected: int
    failing: str


def found_budget(item: Mapping[str, t.Any]) -> Budget:
    status = item.get("status") or {}
    failing = [
        str(one.get("message") or "")
        for one in status.get("conditions") or ()
        if one.get("type") == "DisruptionAllowed" and one.get("reason") == "SyncFailed"
    ]
    return Budget(
        name=item["metadata"]["name"],
        selector=_quick((item.get("spec") or {}).get("selector")),
        healthy=status.get("currentHealthy") or 0,
        desired=status.get("desiredHealthy") or 0,
        expected=status.get("expectedPods") or 0,
        failing=failing[0] if failing else "",
    )


def _quick(selector: Mapping[str, t.Any] | None) -> Mapping[str, t.Any] | None:
    """With sets of values: a tenant may list 100,000 of them, and each is looked for in the labels of each Pod."""
    if not selector:
        return selector
    expressions = [{**one, "values": frozenset(one.get("values") or ())} for one in selector.get("matchExpressions") or ()]
    return {**selector, "matchExpressions": expressions}


def never_passes(budgets: Iterable[Budget], labels: Mapping[str, str], stuck: Iterable[Mapping[str, str]]) -> str:
    """Why the Pod with these labels will not be let go however long one waits, or an empty text.

    ``stuck`` are the labels of all Pods, this one included, that waiting does not make healthy.
    """
    own = [one for one in budgets if selects(one.selector, labels)]
    if len(own) > 1:
        names = ", ".join(shown(one.name) for one in own)
        return f"more than one PodDisruptionBudget is for it ({names}), and the server then evicts nothing. Keep one"
    for budget in own:
        name = f"PodDisruptionBudget {shown(budget.name)}"
        if budget.failing:
            return f"{name} cannot be counted: {shown(budget.failing)}. Mend or remove it"
        hopeless = sum(selects(budget.selector, one) for one in stuck)
        # the server counts how many may be missing, and that is none where none is healthy, whatever the budget says
        wanted = max(budget.desired, 1)
        if budget.expected - hopeless < wanted:
            return (
                f"{name} wants {wanted} healthy Pods and has {budget.healthy} of {budget.expected}, of which {hopeless} "
                "will not be by waiting: it never allows that. Set unhealthyPodEvictionPolicy: AlwaysAllow in it, or "
                "delete the Pod yourself"
            )
    return ""


def selects(selector: Mapping[str, t.Any] | None, labels: Mapping[str, str]) -> bool:
    """LabelSelectorAsSelector of apimachinery: none at all selects nothing, an empty one everything."""
    if selector is None:
        return False
    pairs = (selector.get("matchLabels") or {}).items()
    wanted = all(labels.get(name) == value for name, value in pairs)
    return wanted and all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


_OPERATORS: Mapping[str, Callable[[str | None, t.Collection[str | None]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _values: value is not None,
    "DoesNotExist": lambda value, _values: value is None,
}


def _meets(expression: Mapping[str, t.Any], labels: Mapping[str, str]) -> bool:
    meets = _OPERATORS.get(expression.get("operator") or "")
    return meets is not None and meets(labels.get(str(expression.get("key"))), expression.get("values") or ())
