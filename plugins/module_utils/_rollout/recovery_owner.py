# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What the owner of a Pod would make in its place, or why it would not. Pure.

A ReplicaSet, DaemonSet or ReplicationController makes the next Pod from its own template; a StatefulSet from its newest,
but for the Pods below its partition (kubernetes pkg/controller/statefulset, newVersionedStatefulSetPod). The ServiceAccount's
list counts only where the template has none (plugin/pkg/admission/serviceaccount).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_found import pull_secret_names
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import Owner, controller
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_job import JobFacts, job_facts
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload import RESOURCES
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod

# kind of a controller -> its plural in the API; Pods of any other kind are left to whoever wrote that controller
OWNERS = {kind: RESOURCES[kind] for kind in ("ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job")}
# owners of an owner that have a say in it
PARENTS = {kind: RESOURCES[kind] for kind in ("Deployment", "CronJob")}
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
        pull_secrets=pull_secret_names(pod_spec.get("imagePullSecrets")),
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
