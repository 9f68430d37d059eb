# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What the owner of a stuck Pod would create in its place, or why it would not. Pure.

An evicted Pod counts as failed (kubernetes pkg/controller/job): more failures than backoffLimit end the Job. What a
podFailurePolicy says of condition DisruptionTarget, which every eviction sets, goes before that.

A ReplicaSet, DaemonSet or ReplicationController makes the next Pod from its own template; a StatefulSet from its newest,
but for the Pods below its partition (kubernetes pkg/controller/statefulset, newVersionedStatefulSetPod). The ServiceAccount's
list counts only where the template has none (plugin/pkg/admission/serviceaccount).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._cluster.kinds import WORKLOAD_RESOURCES
from .._diagnosis.snapshot import pull_secret_names
from .._text import counted, shown
from .model import Owner, controller, has_run

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import StuckPod


_DISRUPTED = "DisruptionTarget"
# what the kubelet reports of a container that never ran when its Pod goes (ContainerStatusUnknown)
_UNKNOWN_EXIT = 137
_OWN_CONTROLLER = "kubernetes.io/job-controller"
_GENERATED = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
_TRACKING = "batch.kubernetes.io/job-tracking"


@dataclass(frozen=True)
class JobFacts:
    """``limit`` and ``index_limit`` are how many failures it survives (of all its Pods, of each index), None for no such limit.

    ``policy``: an eviction is "counted", "ignored", or "fatal". ``finished`` also says so of one that another controller runs.
    """

    failed: int
    succeeded: int
    limit: int | None
    index_limit: int | None
    policy: str
    finished: bool
    foreign: str
    selector: Mapping[str, str]


def job_facts(item: Mapping[str, t.Any]) -> JobFacts:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    index_limit = spec.get("backoffLimitPerIndex")
    limit = spec.get("backoffLimit")
    manager = spec.get("managedBy") or _OWN_CONTROLLER
    return JobFacts(
        failed=status.get("failed") or 0,
        succeeded=status.get("succeeded") or 0,
        limit=6 if limit is None and index_limit is None else limit,
        index_limit=index_limit,
        policy=_policy((spec.get("podFailurePolicy") or {}).get("rules") or ()),
        finished=any(
            one.get("type") in ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget") and one.get("status") == "True"
            for one in status.get("conditions") or ()
        ),
        foreign="" if manager == _OWN_CONTROLLER else str(manager),
        selector=(spec.get("selector") or {}).get("matchLabels") or {},
    )


def eviction_costs_too_much(job: JobFacts, pods: int, index_failures: int) -> str:
    """Why a Job cannot afford to have ``pods`` of its Pods evicted, or an empty text."""
    if job.policy == "ignored":
        return ""
    if job.policy == "fatal":
        return "its podFailurePolicy makes the Job, or this index of it, fail when a Pod is evicted"
    if job.index_limit is not None and index_failures + 1 > job.index_limit:
        return f"an eviction counts as a failure, and this index of the Job would fail (backoffLimitPerIndex {job.index_limit})"
    if job.limit is not None and job.failed + pods > job.limit:
        so_far = f", {job.failed} so far" if job.failed else ""
        many = f" {pods} Pods of it are stuck." if pods > 1 else ""
        return f"an eviction counts as a failure, and the Job would fail (backoffLimit {job.limit}{so_far}).{many}".rstrip(".")
    return ""


def may_not_be_replaced(item: Mapping[str, t.Any], job: JobFacts, pods: Sequence[Mapping[str, t.Any]]) -> str:
    """Why a Job cannot be made anew without losing something, or an empty text. ``pods`` are all that it has, ended ones too."""
    metadata = item["metadata"]
    if job.finished:
        return "the Job has finished"
    if job.foreign:
        return f"{job.foreign} runs the Job, and not Kubernetes itself"
    if metadata.get("finalizers"):
        return f"the Job has finalizers ({', '.join(metadata['finalizers'])}), which would hold its name"
    if metadata.get("ownerReferences"):
        owner = metadata["ownerReferences"][0]
        return f"the Job belongs to {owner.get('kind')} {owner.get('name')}, which would not know the new one for its own"
    if any(has_run(pod.get("status")) for pod in pods):
        return "a Pod of the Job has run already, and a new Job would do its work again"
    unknown = job.failed + job.succeeded - sum((pod.get("status") or {}).get("phase") in ("Failed", "Succeeded") for pod in pods)
    if unknown > 0:
        gone = f"{counted(unknown, 'Pod')} of the Job {'is' if unknown == 1 else 'are'} deleted"
        return f"{gone}, and whether the work was done is not known: a new Job might do it again"
    return ""


def job_manifest(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The Job as it has to be to be created again: without status, and without what ties it to its old uid."""
    metadata, spec = item["metadata"], dict(item["spec"])
    generated = () if spec.get("manualSelector") else _GENERATED
    template = dict(spec.get("template") or {})
    of_pods = dict(template.get("metadata") or {})
    of_pods.pop("creationTimestamp", None)
    if generated:
        spec.pop("selector", None)
    kept = {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "labels": _without(metadata.get("labels"), generated),
        "annotations": _without(metadata.get("annotations"), (_TRACKING,)),
    }
    template["metadata"] = {**of_pods, "labels": _without(of_pods.get("labels"), generated)}
    spec["template"] = template
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": kept, "spec": spec}


def _policy(rules: Sequence[Mapping[str, t.Any]]) -> str:
    """The first rule that may apply to an evicted Pod decides; one about exit codes does so only where it is to be feared."""
    counted = False
    for rule in rules:
        fatal = rule.get("action") in ("FailJob", "FailIndex")
        conditions = rule.get("onPodConditions") or ()
        if any(one.get("type") == _DISRUPTED and one.get("status", "True") == "True" for one in conditions):
            ignored = rule.get("action") == "Ignore" and not counted
            return "fatal" if fatal else "ignored" if ignored else "counted"
        codes = rule.get("onExitCodes") or {}
        if codes and (_UNKNOWN_EXIT in (codes.get("values") or ())) == (codes.get("operator") == "In"):
            if fatal:
                return "fatal"
            counted = counted or rule.get("action") == "Count"
    return "counted"


def _without(names: Mapping[str, str] | None, taken: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in (names or {}).items() if name not in taken}


# kind of a controller -> its plural in the API; Pods of any other kind are left to whoever wrote that controller
OWNERS = {kind: WORKLOAD_RESOURCES[kind] for kind in ("ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job")}
# owners of an owner that have a say in it
PARENTS = {kind: WORKLOAD_RESOURCES[kind] for kind in ("Deployment", "CronJob")}
_GROUPS = ("ReplicaSet", "ReplicationController")


@dataclass(frozen=True)
class Template:
    """Of Pods: the ServiceAccount, the pull secrets that it names itself, and container -> image."""

    account: str
    pull_secrets: tuple[str, ...]
    images: Mapping[str, str]


@dataclass(frozen=True)
class Parent:
    """The Deployment or CronJob above an owner. ``stands``: it is paused or suspended. ``forbids``: one Job blocks the next."""

    owner: Owner
    template: Template
    stands: bool
    forbids: bool


@dataclass(frozen=True)
class FoundOwner:
    """An owner as it is now. ``replicas`` is None where it is no number of its own. ``ordered``: one Pod after the other.

    Of a StatefulSet: ``first`` is the number of its first Pod, and those before ``partition``, counted from there, stay old.
    ``selector`` are labels that each Pod of it has.
    """

    owner: Owner
    template: Template
    going: bool
    replicas: int | None
    parent: Owner | None
    ordered: bool = False
    revision: str = ""
    partition: int = 0
    first: int = 0
    job: JobFacts | None = None
    selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Successor:
    """The Pod that would come: from ``template``, or ``none``: why there would be none, or none that could be foretold."""

    template: Template | None = None
    none: str = ""
    owner: FoundOwner | None = None
    parent: Parent | None = None


def template_of(pod_spec: Mapping[str, t.Any]) -> Template:
    containers = [*(pod_spec.get("initContainers") or ()), *(pod_spec.get("containers") or ())]
    return Template(
        account=pod_spec.get("serviceAccountName") or "default",
        pull_secrets=pull_secret_names(pod_spec),
        images={one["name"]: one.get("image") or "" for one in containers},
    )


def found_owner(kind: str, item: Mapping[str, t.Any]) -> FoundOwner:
    """Of an object of one of OWNERS, as the API server sends it."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    return FoundOwner(
        owner=Owner(kind, metadata["name"], metadata["uid"]),
        template=template_of((spec.get("template") or {}).get("spec") or {}),
        going="deletionTimestamp" in metadata,
        replicas=spec.get("replicas") if kind in _GROUPS else None,
        parent=controller(metadata),
        ordered=kind == "StatefulSet" and spec.get("podManagementPolicy") != "Parallel",
        revision=status.get("updateRevision") or "",
        partition=(strategy.get("rollingUpdate") or {}).get("partition") or 0,
        first=(spec.get("ordinals") or {}).get("start") or 0,
        selector=_labels(kind, spec.get("selector") or {}),
        job=job_facts(item) if kind == "Job" else None,
    )


def found_parent(kind: str, item: Mapping[str, t.Any]) -> Parent:
    """Of an object of one of PARENTS, as the API server sends it."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    maker = (spec.get("jobTemplate") or {}).get("spec") or {} if kind == "CronJob" else spec
    return Parent(
        owner=Owner(kind, metadata["name"], metadata["uid"]),
        template=template_of((maker.get("template") or {}).get("spec") or {}),
        stands=bool(spec.get("paused") or spec.get("suspend")) or "deletionTimestamp" in metadata,
        forbids=spec.get("concurrencyPolicy") == "Forbid",
    )


def successor(pod: StuckPod, owner: FoundOwner | str | None, parent: Parent | None) -> Successor:
    """``owner`` is a text where it could not be read, None where it is not there."""
    told = shown(str(pod.owner))
    if isinstance(owner, str):
        return Successor(none=f"what its {told} would put in its place is not known: {owner}")
    if owner is None or pod.owner is None or owner.owner.uid != pod.owner.uid:
        return Successor(none=f"its {told} is not there any more, so nobody would put another in its place")
    if owner.going or owner.replicas == 0:
        why = "is being deleted" if owner.going else "is scaled to 0"
        return Successor(none=f"its {told} {why}, so nobody would put another in its place")
    if _held_back(pod, owner):
        return Successor(none=f"its {told} holds it back at an old revision (partition {owner.partition}), with the old template")
    return Successor(owner.template, owner=owner, parent=parent)


def _labels(kind: str, selector: Mapping[str, t.Any]) -> Mapping[str, str]:
    return selector if kind == "ReplicationController" else selector.get("matchLabels") or {}


def _held_back(pod: StuckPod, owner: FoundOwner) -> bool:
    ordinal = pod.name.rpartition("-")[2]
    is_old = bool(pod.revision) and bool(owner.revision) and pod.revision != owner.revision
    return is_old and ordinal.isdigit() and int(ordinal) < owner.first + owner.partition
