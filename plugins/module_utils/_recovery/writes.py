# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Evictions, and the replacement of bare Pods and Jobs."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import typing as t
from dataclasses import dataclass, replace

from .._cluster.api import GaveUp, Patience, retry
from .._cluster.objects import Objects, Seen, list_all
from .._cluster.replace import ChangedByAdmission, SafeReplacement, SavedManifest, replace_object
from .._cluster.validation import labels_equal
from .._diagnosis.causes import UNEXPLAINED, kind_of
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .manifest import job_differences, original_manifest, pod_differences, pod_manifest, pod_replacement_obstacle
from .model import RecoveryAction, StuckPod, budget_snapshot, permanent_block, stuck_pod
from .owners import job_manifest, job_replacement_obstacle, job_snapshot

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._cluster.api import Api
    from .model import Owner
    from .plan import Decision


# Each attempt reads the object again, because a kubelet or a controller may write its status at the same time
_PATIENCE = Patience(attempts=6)
_MAY_HAVE_CHANGED = (FailureKind.CONFLICT, FailureKind.UNCERTAIN, FailureKind.NOT_FOUND)
# Seconds that a kubelet may need beyond the grace period of a Pod
_SLOW_DELETION = 60


@dataclass(frozen=True)
class WriteResult:
    """``action`` is of RecoveryAction. ``new_uid``: of the object that was created in its place.

    ``budget_full``: nothing was done, because a PodDisruptionBudget does not allow the eviction now.
    """

    action: str
    message: str = ""
    new_uid: str | None = None
    budget_full: bool = False


class Evictor:
    """Evicts Pods. ``decide``: the decision on a Pod as it is now. ``unhealthy``: the labels of Pods that stay unhealthy."""

    def __init__(
        self,
        pods: Objects,
        decide: Callable[[StuckPod], Decision],
        unhealthy: Callable[[str], Sequence[Mapping[str, str]]],
    ) -> None:
        self._pods = pods
        self._decide = decide
        self._unhealthy = unhealthy
        self._lost = False

    def __call__(self, pod: StuckPod) -> WriteResult:
        """The action: evicted, recovering, left, blocked or failed."""
        if self._lost:
            return WriteResult(RecoveryAction.FAILED, "not tried, because the cluster stopped answering")
        try:
            return self._evict(pod)
        except ClusterError as error:
            self._lost = True
            return WriteResult(RecoveryAction.FAILED, str(error))
        except RequestError as error:
            return WriteResult(
                RecoveryAction.LEFT if error.kind == FailureKind.TERMINATING else RecoveryAction.FAILED, str(error)
            )

    def _evict(self, pod: StuckPod) -> WriteResult:
        now, unsure = pod, False

        def attempt() -> WriteResult:
            try:
                self._pods.evict(now.namespace, now.name, now.seen)
            except RequestError as error:
                if error.kind == FailureKind.FORBIDDEN and self._pods.dry_run:
                    return WriteResult(RecoveryAction.EVICTED, f"not checked by the server: {error}")
                raise
            return WriteResult(RecoveryAction.EVICTED)

        def check(error: PullpassError) -> WriteResult | None:
            nonlocal now, unsure
            unsure = unsure or error.kind == FailureKind.UNCERTAIN
            found = self._again(now, unsure)
            if isinstance(found, WriteResult):
                return found
            now = found
            return None

        try:
            return retry(attempt, _PATIENCE, lambda error: error.kind in _MAY_HAVE_CHANGED, check)
        except GaveUp as gave_up:
            return WriteResult(RecoveryAction.FAILED, f"{gave_up}. The Pod was not evicted. Run this again")
        except RequestError as error:
            if error.kind == FailureKind.BUDGET:
                return self._refused(now, error)
            raise

    def _again(self, pod: StuckPod, unsure: bool) -> StuckPod | WriteResult:
        """The Pod as it is now, or the result. ``unsure``: an eviction may have succeeded although its answer was lost."""
        item = self._pods.get(pod.namespace, pod.name)
        if item is None or item["metadata"]["uid"] != pod.uid or "deletionTimestamp" in item["metadata"]:
            return WriteResult(RecoveryAction.EVICTED) if unsure else WriteResult(RecoveryAction.LEFT, "it was deleted meanwhile")
        now = stuck_pod(item, pod)
        if now is None:
            return WriteResult(RecoveryAction.RECOVERING, "it recovered meanwhile and was not touched")
        now = replace(now, stuck=_with_messages(now, pod))
        decision = self._decide(now)
        if decision.action != RecoveryAction.EVICT:
            return _not_done(decision)
        return now

    def _refused(self, pod: StuckPod, trouble: RequestError) -> WriteResult:
        try:
            budgets = list_all(self._pods.api, "poddisruptionbudgets", budget_snapshot, namespace=pod.namespace)
        except RequestError as error:
            return WriteResult(RecoveryAction.BLOCKED, f"{trouble}. The PodDisruptionBudgets cannot be read: {error}")
        reason = permanent_block(budgets, pod.labels, self._unhealthy(pod.namespace))
        return WriteResult(RecoveryAction.BLOCKED, reason or str(trouble), budget_full=not reason)


def _with_messages(now: StuckPod, before: StuckPod) -> tuple[t.Any, ...]:
    """The message of an event stays while the status of the container gives no reason."""
    messages = {one.name: one.message for one in before.stuck}
    return tuple(
        replace(one, message=messages.get(one.name, one.message)) if kind_of(one) in UNEXPLAINED else one for one in now.stuck
    )


class Replacer:
    """Deletes and recreates bare Pods and Jobs. ``decide`` returns the decision on a Pod as it is now."""

    def __init__(self, api: Api, dry_run: bool, decide: Callable[[StuckPod], Decision]) -> None:
        self._api = api
        self._pods = Objects(api, "pods", dry_run)
        self._jobs = Objects(api, "jobs", dry_run)
        self._decide = decide

    def replace_pod(self, pod: StuckPod) -> WriteResult:
        """The action: replaced, recovering, left or failed."""
        return _with_retries(lambda: self._pod(pod), self._pods.dry_run)

    def replace_job(self, namespace: str, owner: Owner) -> WriteResult:
        """The action: replaced, recovering, left or failed."""
        return _with_retries(lambda: self._job(namespace, owner), self._jobs.dry_run)

    def _pod(self, pod: StuckPod) -> WriteResult:
        item = self._pods.get(pod.namespace, pod.name)
        if item is None or item["metadata"]["uid"] != pod.uid:
            return WriteResult(RecoveryAction.LEFT, "it was deleted meanwhile")
        now = stuck_pod(item, pod)
        if now is None:
            return WriteResult(RecoveryAction.RECOVERING, "it recovered meanwhile and was not touched")
        decision = self._decide(now)
        if decision.action != RecoveryAction.REPLACE_POD:
            return _not_done(decision)
        why = pod_replacement_obstacle(item)
        if why:
            return WriteResult(RecoveryAction.LEFT, f"it cannot be recreated: {why}")
        seconds = (item["spec"].get("terminationGracePeriodSeconds") or 0) + _SLOW_DELETION
        replacement = SafeReplacement(
            seconds, None, original_manifest(item), save_to_file, lambda new: pod_differences(item, new)
        )
        made = replace_object(self._pods, pod.namespace, pod.name, now.seen, pod_manifest(item), replacement)
        return WriteResult(RecoveryAction.REPLACED, "", _uid(made))

    def _job(self, namespace: str, owner: Owner) -> WriteResult:
        item = self._jobs.get(namespace, owner.name)
        if item is None or item["metadata"]["uid"] != owner.uid:
            return WriteResult(RecoveryAction.LEFT, "its Job was deleted meanwhile")
        facts = job_snapshot(item)
        selectors = labels_equal(facts.selector) if facts.selector else None
        pods = list_all(self._api, "pods", lambda one: one, selectors, namespace=namespace)
        own = [pod for pod in pods if any(one.get("uid") == owner.uid for one in pod["metadata"].get("ownerReferences") or ())]
        why = job_replacement_obstacle(item, facts, own)
        if why:
            return WriteResult(RecoveryAction.LEFT, f"its Job cannot be recreated: {why}")
        if not any(stuck_pod(pod) for pod in own):
            return WriteResult(RecoveryAction.RECOVERING, "it recovered meanwhile, and its Job was not touched")
        seen = Seen(owner.uid, item["metadata"]["resourceVersion"])
        manifest = job_manifest(item)
        replacement = SafeReplacement(
            _SLOW_DELETION, "Background", manifest, save_to_file, lambda new: job_differences(item, new)
        )
        made = replace_object(self._jobs, namespace, owner.name, seen, manifest, replacement)
        return WriteResult(RecoveryAction.REPLACED, "", _uid(made))


def _not_done(decision: Decision) -> WriteResult:
    recovering = decision.action == RecoveryAction.RECOVERING
    return WriteResult(RecoveryAction.RECOVERING if recovering else RecoveryAction.LEFT, decision.message)


def _with_retries(work: Callable[[], WriteResult], dry_run: bool) -> WriteResult:
    """``work``, again while others change the object. An exception becomes the result."""
    try:
        return retry(work, _PATIENCE, lambda error: error.kind == FailureKind.CONFLICT)
    except ChangedByAdmission as error:
        return WriteResult(RecoveryAction.LEFT, f"{error}. Let the account that created it create it again")
    except GaveUp as gave_up:
        return WriteResult(RecoveryAction.FAILED, f"{gave_up}. It was not replaced. Run this again")
    except PullpassError as error:
        if dry_run and error.kind == FailureKind.FORBIDDEN:
            return WriteResult(RecoveryAction.REPLACED, f"not checked by the server: {error}")
        return WriteResult(RecoveryAction.LEFT if error.kind == FailureKind.TERMINATING else RecoveryAction.FAILED, str(error))


def _uid(made: Mapping[str, t.Any] | None) -> str | None:
    return str(made["metadata"]["uid"]) if made else None


def save_to_file(manifest: Mapping[str, t.Any]) -> SavedManifest:
    """Saves an object that may be lost to a file with mode 0600. Raises RequestError."""
    metadata = manifest["metadata"]
    name = f"pullpass-{manifest['kind'].lower()}-{metadata['namespace'][:40]}-{metadata['name'][:40]}-"
    try:
        handle, path = tempfile.mkstemp(prefix=name, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.write("\n")
    except OSError as error:
        message = f"nothing was deleted, because the object cannot be saved to a file first: {error}. Set TMPDIR or free space"
        raise RequestError(message, FailureKind.REFUSED, 0) from None

    def drop() -> None:
        with contextlib.suppress(OSError):
            os.remove(path)

    place = (
        f"IT IS SAVED in {path} on the machine where this task ran. 'kubectl create -f' creates it again. The file holds the "
        "whole environment of its Pods, passwords included: remove it afterwards."
    )
    return SavedManifest(place, drop)
