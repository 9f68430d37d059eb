# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What the owner of a stuck Pod would create in its place, or why it would create nothing. Pure.

An evicted Pod counts as failed (kubernetes pkg/controller/job): more failures than backoffLimit end the Job. A rule of its
podFailurePolicy about condition DisruptionTarget, which every eviction sets, comes first.

A ReplicaSet, DaemonSet or ReplicationController creates the next Pod from its own template; a StatefulSet from its newest,
except for the Pods below its partition (kubernetes pkg/controller/statefulset, newVersionedStatefulSetPod). The list of the
ServiceAccount counts only where the template has none (plugin/pkg/admission/serviceaccount).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._cluster.kinds import WORKLOADS
from .._cluster.objects import used_pull_secrets
from .._text import counted, listed, shown
from .model import Owner, controller, has_run

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import StuckPod


_DISRUPTED = "DisruptionTarget"
# the exit code of a container that never ran when its Pod ends (ContainerStatusUnknown)
_UNKNOWN_EXIT = 137
_OWN_CONTROLLER = "kubernetes.io/job-controller"
_GENERATED = ("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name")
_TRACKING = "batch.kubernetes.io/job-tracking"
# kind of a controller -> its plural in the API; what another controller does is not known
OWNERS = {kind: row.plural for kind, row in WORKLOADS.items() if row.creates == "Pod"}
# owners of owners
PARENTS = {kind: row.plural for kind, row in WORKLOADS.items() if row.creates not in ("", "Pod")}
_SCALED = ("ReplicaSet", "ReplicationController")


@dataclass(frozen=True)
class JobSnapshot:
    """``limit`` and ``index_limit``: the failures that it tolerates (of all its Pods, of each index), None for no limit.

    ``policy``: an eviction is "counted", "ignored", or "fatal". ``foreign``: another controller that runs the Job.
    """

    failed: int
    succeeded: int
    limit: int | None
    index_limit: int | None
    policy: str
    finished: bool
    foreign: str
    selector: Mapping[str, str]


def job_snapshot(item: Mapping[str, t.Any]) -> JobSnapshot:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    index_limit = spec.get("backoffLimitPerIndex")
    limit = spec.get("backoffLimit")
    manager = spec.get("managedBy") or _OWN_CONTROLLER
    return JobSnapshot(
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


def eviction_obstacle(job: JobSnapshot, pods: int, index_failures: int) -> str:
    """Why evicting ``pods`` of its Pods would end the Job, or an empty text."""
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


def job_replacement_obstacle(item: Mapping[str, t.Any], job: JobSnapshot, pods: Sequence[Mapping[str, t.Any]]) -> str:
    """Why a Job cannot be recreated without a loss, or an empty text. ``pods``: all of it, finished ones included."""
    metadata = item["metadata"]
    if job.finished:
        return "the Job has finished"
    if job.foreign:
        return f"{shown(job.foreign)} runs the Job, not Kubernetes itself"
    if metadata.get("finalizers"):
        return f"the Job has finalizers ({listed(metadata['finalizers'], 3)}), which would keep its name in use"
    if metadata.get("ownerReferences"):
        owner = metadata["ownerReferences"][0]
        name = shown(f"{owner.get('kind')} {owner.get('name')}")
        return f"the Job belongs to {name}, which would not recognise the new one"
    if any(has_run(pod.get("status")) for pod in pods):
        return "a Pod of the Job has run already, and a new Job would repeat its work"
    unknown = job.failed + job.succeeded - sum((pod.get("status") or {}).get("phase") in ("Failed", "Succeeded") for pod in pods)
    if unknown > 0:
        deleted = f"{counted(unknown, 'Pod')} of the Job {'is' if unknown == 1 else 'are'} deleted"
        return f"{deleted}, and it is not known whether the work was done: a new Job might repeat it"
    return ""


def job_manifest(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The Job, to be created again: without status, and without fields that depend on its old uid."""
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
    """The first rule that may apply to an evicted Pod decides; one about exit codes only where it makes things worse."""
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


@dataclass(frozen=True)
class PodTemplate:
    """The ServiceAccount, the pull secrets that the template names itself, and container -> image."""

    account: str
    pull_secrets: tuple[str, ...]
    images: Mapping[str, str]


@dataclass(frozen=True)
class ParentSnapshot:
    """The Deployment or CronJob that owns an owner. ``paused``: or suspended. ``forbids_concurrency``: a Job blocks the next."""

    owner: Owner
    template: PodTemplate
    paused: bool
    forbids_concurrency: bool


@dataclass(frozen=True)
class OwnerSnapshot:
    """``replicas`` is None for kinds without it. ``ordered``: one Pod after the other. ``selector``: labels of its Pods.

    Of a StatefulSet: ``first`` is the ordinal of its first Pod. The first ``partition`` Pods keep the old revision.
    """

    owner: Owner
    template: PodTemplate
    terminating: bool
    replicas: int | None
    parent: Owner | None
    ordered: bool = False
    revision: str = ""
    partition: int = 0
    first: int = 0
    job: JobSnapshot | None = None
    selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Successor:
    """The next Pod, from ``template``; or ``obstacle``: why there would be no Pod, or one that is not known."""

    template: PodTemplate | None = None
    obstacle: str = ""
    owner: OwnerSnapshot | None = None
    parent: ParentSnapshot | None = None


def template_of(pod_spec: Mapping[str, t.Any]) -> PodTemplate:
    containers = [*(pod_spec.get("initContainers") or ()), *(pod_spec.get("containers") or ())]
    return PodTemplate(
        account=pod_spec.get("serviceAccountName") or "default",
        pull_secrets=used_pull_secrets(pod_spec),
        images={one["name"]: one.get("image") or "" for one in containers},
    )


def owner_snapshot(kind: str, item: Mapping[str, t.Any]) -> OwnerSnapshot:
    """Of an object of one of the kinds of OWNERS."""
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    return OwnerSnapshot(
        owner=Owner(kind, metadata["name"], metadata["uid"]),
        template=template_of((spec.get("template") or {}).get("spec") or {}),
        terminating="deletionTimestamp" in metadata,
        replicas=spec.get("replicas") if kind in _SCALED else None,
        parent=controller(metadata),
        ordered=kind == "StatefulSet" and spec.get("podManagementPolicy") != "Parallel",
        revision=status.get("updateRevision") or "",
        partition=(strategy.get("rollingUpdate") or {}).get("partition") or 0,
        first=(spec.get("ordinals") or {}).get("start") or 0,
        selector=_labels(kind, spec.get("selector") or {}),
        job=job_snapshot(item) if kind == "Job" else None,
    )


def parent_snapshot(kind: str, item: Mapping[str, t.Any]) -> ParentSnapshot:
    """Of an object of one of the kinds of PARENTS."""
    metadata, spec = item["metadata"], item.get("spec") or {}
    maker = (spec.get("jobTemplate") or {}).get("spec") or {} if kind == "CronJob" else spec
    return ParentSnapshot(
        owner=Owner(kind, metadata["name"], metadata["uid"]),
        template=template_of((maker.get("template") or {}).get("spec") or {}),
        paused=bool(spec.get("paused") or spec.get("suspend")) or "deletionTimestamp" in metadata,
        forbids_concurrency=spec.get("concurrencyPolicy") == "Forbid",
    )


def successor_of(pod: StuckPod, owner: OwnerSnapshot | str | None, parent: ParentSnapshot | None) -> Successor:
    """``owner``: why it could not be read, or None where it does not exist."""
    name = shown(str(pod.owner))
    if isinstance(owner, str):
        return Successor(obstacle=f"what its {name} would create in its place is not known: {owner}")
    if owner is None or pod.owner is None or owner.owner.uid != pod.owner.uid:
        return Successor(obstacle=f"its {name} no longer exists, so nothing would create another Pod")
    if owner.terminating or owner.replicas == 0:
        why = "is being deleted" if owner.terminating else "is scaled to 0"
        return Successor(obstacle=f"its {name} {why}, so nothing would create another Pod")
    if _keeps_old_revision(pod, owner):
        return Successor(obstacle=f"its {name} keeps it at an old revision (partition {owner.partition}), with the old template")
    return Successor(owner.template, owner=owner, parent=parent)


def _labels(kind: str, selector: Mapping[str, t.Any]) -> Mapping[str, str]:
    return selector if kind == "ReplicationController" else selector.get("matchLabels") or {}


def _keeps_old_revision(pod: StuckPod, owner: OwnerSnapshot) -> bool:
    ordinal = pod.name.rpartition("-")[2]
    is_old = bool(pod.revision) and bool(owner.revision) and pod.revision != owner.revision
    return is_old and ordinal.isdigit() and int(ordinal) < owner.first + owner.partition
