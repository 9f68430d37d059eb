# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Jobs: what an eviction costs one, whether one may be made anew, and as what. Pure.

An evicted Pod counts as failed (kubernetes pkg/controller/job): more failures than backoffLimit end the Job. What a
podFailurePolicy says of condition DisruptionTarget, which every eviction sets, goes before that.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import has_run
from ansible_collections.pullpass.registry.plugins.module_utils._text import counted

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
