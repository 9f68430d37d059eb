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
from .._cluster.replace import Kept, Lasting, Unlike, replace_object
from .._cluster.validation import labels_equal
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .manifest import job_differences, manifest_as_it_was, may_not_be_replaced, pod_differences, pod_manifest
from .model import StuckPod, found_budget, never_passes, stuck_pod
from .owners import job_facts, job_manifest
from .owners import may_not_be_replaced as job_may_not_be_replaced
from .plan import EVICT, LEFT, RECOVERING, REPLACE_POD, Verdict

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._cluster.api import Api
    from .model import Owner


# Each attempt reads the object again, since a kubelet or a controller may write its status at the same time
_PATIENCE = Patience(attempts=6)
_MAY_HAVE_CHANGED = (FailureKind.CONFLICT, FailureKind.UNCERTAIN, FailureKind.NOT_FOUND)


@dataclass(frozen=True)
class Done:
    """What was done about a Pod: an action of the result, or BUSY. ``made`` is the uid of what was made in its place."""

    action: str
    message: str = ""
    made: str | None = None


BUSY = "busy"


class Evictor:
    """``decide`` gives the verdict on a Pod as it is now; ``needing`` the labels of Pods that waiting does not make healthy."""

    def __init__(
        self,
        pods: Objects,
        decide: Callable[[StuckPod], Verdict],
        needing: Callable[[str], Sequence[Mapping[str, str]]],
    ) -> None:
        self._pods = pods
        self._decide = decide
        self._needing = needing
        self._lost = False

    def __call__(self, pod: StuckPod) -> Done:
        """The action: evicted, recovering, left, blocked, failed, or BUSY where another try may pass."""
        if self._lost:
            return Done("failed", "not tried, because the cluster stopped answering")
        try:
            return self._evict(pod)
        except ClusterError as error:
            self._lost = True
            return Done("failed", str(error))
        except RequestError as error:
            return Done("left" if error.kind == FailureKind.TERMINATING else "failed", str(error))

    def _evict(self, pod: StuckPod) -> Done:
        now, unsure = pod, False

        def attempt() -> Done:
            self._pods.evict(now.namespace, now.name, now.seen)
            return Done("evicted")

        def check(error: PullpassError) -> Done | None:
            nonlocal now, unsure
            unsure = unsure or error.kind == FailureKind.UNCERTAIN
            found = self._again(now, unsure)
            if isinstance(found, Done):
                return found
            now = found
            return None

        try:
            return retry(attempt, _PATIENCE, lambda error: error.kind in _MAY_HAVE_CHANGED, check)
        except GaveUp as gave_up:
            return Done("failed", f"{gave_up}. The Pod was not evicted. Run this again")
        except RequestError as error:
            if error.kind == FailureKind.BUDGET:
                return self._refused(now, error)
            if error.kind == FailureKind.FORBIDDEN and self._pods.dry_run:
                return Done("evicted", f"not checked by the server: {error}")
            raise

    def _again(self, pod: StuckPod, unsure: bool) -> StuckPod | Done:
        """The Pod as it is now, or what that settles. ``unsure``: an eviction may have come through with its answer lost."""
        item = self._pods.get(pod.namespace, pod.name)
        if item is None or item["metadata"]["uid"] != pod.key or "deletionTimestamp" in item["metadata"]:
            return Done("evicted") if unsure else Done("left", "it went away by itself")
        now = stuck_pod(item, pod)
        if now is None:
            return Done("recovering", "it got well meanwhile, and was not touched")
        now = replace(now, stuck=_with_messages(now, pod))
        verdict = self._decide(now)
        if verdict.action != EVICT:
            return Done(RECOVERING if verdict.action == RECOVERING else LEFT, verdict.message)
        return now

    def _refused(self, pod: StuckPod, trouble: RequestError) -> Done:
        try:
            budgets = list_all(self._pods.api, "poddisruptionbudgets", found_budget, namespace=pod.namespace)
        except RequestError as error:
            return Done("blocked", f"{trouble}. Whether that will ever change is not known: {error}")
        never = never_passes(budgets, pod.labels, self._needing(pod.namespace))
        return Done("blocked", never) if never else Done(BUSY, str(trouble))


def _with_messages(now: StuckPod, before: StuckPod) -> tuple[t.Any, ...]:
    """What events told of a container stays told while its status tells no more than before."""
    messages = {one.name: one.message for one in before.stuck}
    return tuple(one if ": " in one.message else replace(one, message=messages.get(one.name, one.message)) for one in now.stuck)


# what a kubelet may need beyond the Pod's own grace, in seconds
_SLOW = 60


class Replacer:
    """``decide`` gives the verdict on a Pod as it is now."""

    def __init__(self, api: Api, dry_run: bool, decide: Callable[[StuckPod], Verdict]) -> None:
        self._api = api
        self._pods = Objects(api, "pods", dry_run)
        self._jobs = Objects(api, "jobs", dry_run)
        self._decide = decide

    def pod(self, pod: StuckPod) -> Done:
        """The action: replaced, recovering, left or failed."""
        return _surely(lambda: self._pod(pod), self._pods.dry_run)

    def job(self, namespace: str, owner: Owner) -> Done:
        """The action: replaced, recovering, left or failed."""
        return _surely(lambda: self._job(namespace, owner), self._jobs.dry_run)

    def _pod(self, pod: StuckPod) -> Done:
        item = self._pods.get(pod.namespace, pod.name)
        if item is None or item["metadata"]["uid"] != pod.key:
            return Done("left", "it went away by itself")
        now = stuck_pod(item, pod)
        if now is None:
            return Done("recovering", "it got well meanwhile, and was not touched")
        verdict = self._decide(now)
        if verdict.action != REPLACE_POD:
            return Done(RECOVERING if verdict.action == RECOVERING else LEFT, verdict.message)
        why = may_not_be_replaced(item)
        if why:
            return Done("left", f"it cannot be made anew: {why}")
        seconds = (item["spec"].get("terminationGracePeriodSeconds") or 0) + _SLOW
        lasting = Lasting(seconds, None, manifest_as_it_was(item), kept_in_file, lambda new: pod_differences(item, new))
        made = replace_object(self._pods, pod.namespace, pod.name, now.seen, pod_manifest(item), lasting)
        return Done("replaced", "", _uid(made))

    def _job(self, namespace: str, owner: Owner) -> Done:
        item = self._jobs.get(namespace, owner.name)
        if item is None or item["metadata"]["uid"] != owner.uid:
            return Done("left", "its Job went away by itself")
        facts = job_facts(item)
        selectors = labels_equal(facts.selector) if facts.selector else None
        pods = list_all(self._api, "pods", lambda one: one, selectors, namespace=namespace)
        own = [pod for pod in pods if any(one.get("uid") == owner.uid for one in pod["metadata"].get("ownerReferences") or ())]
        why = job_may_not_be_replaced(item, facts, own)
        if why:
            return Done("left", f"its Job cannot be made anew: {why}")
        if not any(stuck_pod(pod) for pod in own):
            return Done("recovering", "it got well meanwhile, and its Job was not touched")
        seen = Seen(owner.uid, item["metadata"]["resourceVersion"])
        manifest = job_manifest(item)
        lasting = Lasting(_SLOW, "Background", manifest, kept_in_file, lambda new: job_differences(item, new))
        made = replace_object(self._jobs, namespace, owner.name, seen, manifest, lasting)
        return Done("replaced", "", _uid(made))


def _surely(work: Callable[[], Done], dry_run: bool) -> Done:
    """``work``, again while the object changes under its hands; whatever is raised becomes the outcome."""
    try:
        return retry(work, _PATIENCE, lambda error: error.kind == FailureKind.CONFLICT)
    except Unlike as error:
        return Done("left", f"{error}. Have it created again by the account that created it")
    except GaveUp as gave_up:
        return Done("failed", f"{gave_up}. It was not replaced. Run this again")
    except PullpassError as error:
        if dry_run and error.kind == FailureKind.FORBIDDEN:
            return Done("replaced", f"not checked by the server: {error}")
        return Done("left" if error.kind == FailureKind.TERMINATING else "failed", str(error))


def _uid(made: Mapping[str, t.Any] | None) -> str | None:
    return str(made["metadata"]["uid"]) if made else None


def kept_in_file(manifest: Mapping[str, t.Any]) -> Kept:
    """Writes what may be lost into a file for its owner alone to read. Raises RequestError."""
    metadata = manifest["metadata"]
    name = f"pullpass-{manifest['kind'].lower()}-{metadata['namespace'][:40]}-{metadata['name'][:40]}-"
    try:
        handle, path = tempfile.mkstemp(prefix=name, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1, ensure_ascii=False)
            file.write("\n")
    except OSError as error:
        told = (
            f"nothing was deleted, since what might be lost cannot be kept in a file meanwhile: {error}. Set TMPDIR or make room"
        )
        raise RequestError(told, FailureKind.REFUSED, 0) from None

    def drop() -> None:
        with contextlib.suppress(OSError):
            os.remove(path)

    told = (
        f"IT IS SAVED in {path} on the machine where this task ran. 'kubectl create -f' makes it again. The file holds the whole "
        "environment of its Pods, passwords included: remove it afterwards."
    )
    return Kept(told, drop)
