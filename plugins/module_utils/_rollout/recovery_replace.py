# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A bare Pod or a Job made anew, which nobody else would do: never without one of the two, or a file that holds it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import CONFLICT, FORBIDDEN, REFUSED, TERMINATING
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.replacement import Kept, Lasting, Unlike, replace_object
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.selectors import labels_equal
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_alike import job_differences, pod_differences
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_evict import Done
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import stuck_pod
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_job import (
    job_facts,
    job_manifest,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_job import (
    may_not_be_replaced as job_may_not_be_replaced,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_manifest import (
    manifest_as_it_was,
    may_not_be_replaced,
    pod_manifest,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import LEFT, RECOVERING, REPLACE_POD

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import Owner, StuckPod
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_plan import Verdict

_TRIES = 6
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
    trouble: PullpassError | None = None
    for _try in range(_TRIES):
        try:
            return work()
        except Unlike as error:
            return Done("left", f"{error}. Have it created again by the account that created it")
        except RequestError as error:
            trouble = error
            if error.kind == FORBIDDEN and dry_run:
                return Done("replaced", f"not checked by the server: {error}")
            if error.kind != CONFLICT:
                return Done("left" if error.kind == TERMINATING else "failed", str(error))
        except PullpassError as error:
            return Done("failed", str(error))
    return Done("failed", f"given up after {_TRIES} tries to make it anew, run this again: {trouble}")


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
        raise RequestError(told, REFUSED, 0) from None

    def drop() -> None:
        with contextlib.suppress(OSError):
            os.remove(path)

    told = (
        f"IT IS SAVED in {path} on the machine where this task ran. 'kubectl create -f' makes it again. The file holds the whole "
        "environment of its Pods, passwords included: remove it afterwards."
    )
    return Kept(told, drop)
