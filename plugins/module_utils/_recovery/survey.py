# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads what recovery decides on: stuck Pods, their events, Secrets and owners.

A kubelet before 1.32 reports a back-off without its reason. A container that ran before is in CrashLoopBackOff most of the time,
because the kubelet tries to pull only when the back-off of its last run is over.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from .._cluster.namespaces import FEW
from .._cluster.objects import Objects, list_all
from .._concurrency import for_each
from .._diagnosis.causes import PULL_HELD_BACK, UNEXPLAINED, cause, kind_of
from .._diagnosis.pod_secrets import SecretLookup
from .._diagnosis.snapshot import StuckContainer, Survey, event_time
from .._diagnosis.survey import Surveyor
from .._errors import RequestError
from .._text import shown
from .manifest import pod_manifest, pod_replacement_obstacle
from .model import StuckPod, pods_named
from .owners import (
    OWNERS,
    PARENTS,
    Owner,
    OwnerSnapshot,
    ParentSnapshot,
    PodTemplate,
    Successor,
    owner_snapshot,
    parent_snapshot,
    successor_of,
    template_of,
)
from .plan import Decision, SecretsView, decide_alone, decide_with_successor, missing_credential

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._credentials.keyring import Match
    from .._diagnosis.pod_secrets import PodSecrets


_BACK_OFF = "ImagePullBackOff"
_FAILED_PULLS = {"fieldSelector": "involvedObject.kind=Pod,reason=Failed"}
_PULL = re.compile(r'Failed to pull image "([^"]*)": (.*)', re.DOTALL)


def with_event_messages(api: Api, pods: Sequence[StuckPod], workers: int) -> list[StuckPod]:
    """The Pods that are stuck, by their status or by an event.

    A container whose status gives no reason gets the message of its last event, where events may be read.
    """
    unclear = [pod for pod in pods if pod.crash_looping or any(kind_of(one) in UNEXPLAINED for one in pod.stuck)]
    namespaces = sorted({pod.namespace for pod in unclear})

    def read(namespace: str) -> list[tuple[str, str, str]]:
        try:
            return list_all(api, "events", _event, _FAILED_PULLS, namespace=namespace, malformed={})
        except RequestError:  # events are additional: without the right to read them, the status decides alone
            return []

    last: dict[tuple[str, str], tuple[str, str]] = {}
    for events in for_each(namespaces, read, workers):
        for time, uid, message in sorted(events):
            pull = _PULL.match(message)
            if pull and kind_of(StuckContainer("", pull[1], _BACK_OFF, pull[2])) != PULL_HELD_BACK:
                last[uid, pull[1]] = (time, pull[2])
    return [pod for pod in (apply_events(pod, last) for pod in pods) if pod.stuck]


def apply_events(pod: StuckPod, last: Mapping[tuple[str, str], tuple[str, str]]) -> StuckPod:
    """The Pod with the messages of its last events: (uid, image) -> when and why the pull failed. Pure."""
    stuck = []
    for one in pod.stuck:
        _time, message = last.get((pod.uid, one.image), ("", ""))
        stuck.append(replace(one, message=message) if message and kind_of(one) in UNEXPLAINED else one)
    for one in pod.crash_looping:
        time, message = last.get((pod.uid, one.image), ("", ""))
        if message and pod.finished_at.get(one.name) and time >= pod.finished_at[one.name]:
            # it has not run since the pull failed: its image is missing
            stuck.append(replace(one, reason=_BACK_OFF, message=message))
    return replace(pod, stuck=tuple(stuck))


def _event(item: Mapping[str, t.Any]) -> tuple[str, str, str]:
    """When it was last seen, its Pod (uid), and its message."""
    return event_time(item), str((item.get("involvedObject") or {}).get("uid") or ""), str(item.get("message") or "")


class RecoverySurvey:
    """``pods``: the stuck Pods. ``refused``: namespace -> why its Pods could not be listed."""

    def __init__(self, api: Api, chosen: Chosen, patterns: Sequence[str], workers: int, now: datetime) -> None:
        self._api = api
        self._chosen = chosen
        self._patterns = patterns
        self._workers = workers
        self.pods: list[StuckPod] = []
        self.refused: dict[str, str] = {}
        self._found = Survey()
        self._surveyor = Surveyor(api, chosen, workers)
        self._asked: set[tuple[str, str]] = set()
        self._lookup = SecretLookup(self._found, now)
        self._view = SecretsView(self._secrets, self._secrets_of_template, self._changed)
        # (namespace, ServiceAccount, names) -> what these Secrets hold
        self._known: dict[tuple[str, str, tuple[str, ...]], PodSecrets] = {}
        self._successors: dict[str, Successor] = {}

    def read(self) -> None:
        """Finds ``pods``, and reads what the decisions on them depend on.

        Raises ClusterError, and RequestError for anything but a missing right.
        """
        self._read_pods()
        if not self.pods:
            return
        self._surveyor.accounts(self._found)
        self._read_secrets((pod.namespace, name) for pod in self.pods for name in pod.pull_secrets)
        undecided = [pod for pod in self.pods if decide_alone(pod, self._view) is None]
        self._read_successors(undecided)
        self._read_parents(undecided)

    def _read_pods(self) -> None:
        found = Survey()
        if self._chosen.namespaces:
            self._surveyor.pods(found, pods_named(self._patterns))
        listed = [pod for pods in found.pods.values() for pod in pods if isinstance(pod, StuckPod)]
        self.pods = with_event_messages(self._api, sorted(listed, key=lambda pod: (pod.namespace, pod.name)), self._workers)
        self.refused = found.unlisted.get("pods", {})
        # everything else is read in namespaces with such Pods only
        stuck = {pod.namespace for pod in self.pods}
        with_pods = tuple(one for one in self._chosen.namespaces if one.name in stuck)
        chosen = replace(self._chosen, namespaces=with_pods, listed=self._chosen.listed and len(with_pods) > FEW)
        self._surveyor = Surveyor(self._api, chosen, self._workers)

    def decision(self, pod: StuckPod) -> Decision:
        """On one of ``pods``, as it was or as it is now."""
        decision = decide_alone(pod, self._view)
        return decision if decision is not None else decide_with_successor(pod, self.successor(pod), self._view)

    def successor(self, pod: StuckPod) -> Successor:
        return self._successors.get(pod.uid) or Successor(obstacle="it became stuck during this run. Run this again")

    def failures(self, pod: StuckPod) -> int | None:
        """The failures of a Pod's Job now; None where the Job is over, or cannot be read."""
        found = self._owner((pod.namespace, pod.owner)) if pod.owner else None
        job = found.job if isinstance(found, OwnerSnapshot) and found.owner == pod.owner else None
        return None if job is None or job.finished else job.failed

    def cause(self, pod: StuckPod, container: StuckContainer) -> str:
        return cause(pod, container, self._secrets(pod))

    def _secrets(self, pod: StuckPod) -> PodSecrets:
        key = (pod.namespace, pod.account, pod.pull_secrets)
        if key not in self._known:
            self._known[key] = self._lookup.of_pod(pod)
        return self._known[key]

    def _secrets_of_template(self, pod: StuckPod, template: PodTemplate) -> PodSecrets:
        names = template.pull_secrets or self._lookup.linked(pod.namespace, template.account)
        return self._secrets(replace(pod, account=template.account, pull_secrets=names))

    def _changed(self, pod: StuckPod, match: Match) -> str:
        secret = self._found.secrets.get((pod.namespace, match.secret))
        return secret.changed if secret else ""

    def _read_secrets(self, keys: Iterable[tuple[str, str]]) -> None:
        wanted: dict[str, list[str]] = {}
        for namespace, name in dict.fromkeys(keys):
            if (namespace, name) not in self._asked:
                self._asked.add((namespace, name))
                wanted.setdefault(name, []).append(namespace)
        self._surveyor.secrets_by_name(self._found, wanted)
        self._known.clear()

    def _read_successors(self, pods: Sequence[StuckPod]) -> None:
        bare = [pod for pod in pods if pod.owner is None]
        owned = {(pod.namespace, pod.owner): None for pod in pods if pod.owner is not None and pod.owner.kind in OWNERS}
        owners = dict(zip(owned, for_each(list(owned), self._owner, self._workers)))
        for pod, found in zip(bare, for_each(bare, self._bare, self._workers)):
            self._successors[pod.uid] = found
        for pod in pods:
            if pod.owner is None:
                continue
            if pod.owner.kind in OWNERS:
                self._successors[pod.uid] = successor_of(pod, owners[pod.namespace, pod.owner], None)
            else:
                obstacle = (
                    f"it is not known whether {shown(str(pod.owner))} would recreate the Pod. If so, delete the Pod yourself"
                )
                self._successors[pod.uid] = Successor(obstacle=obstacle)
        self._read_templates(pods, [self._successors[pod.uid].template for pod in pods])

    def _read_parents(self, pods: Sequence[StuckPod]) -> None:
        """Deployments where the ReplicaSet's template would not help, and CronJobs of Jobs."""
        above: dict[str, tuple[str, Owner]] = {}
        for pod in pods:
            found = self._successors[pod.uid]
            owner, template = found.owner, found.template
            if owner is None or owner.parent is None or template is None or owner.parent.kind not in PARENTS:
                continue
            if owner.job is not None or missing_credential(pod, template, self._view) is not None:
                above[pod.uid] = (pod.namespace, owner.parent)
        keys = list(dict.fromkeys(above.values()))
        parents = dict(zip(keys, for_each(keys, self._parent, self._workers)))
        for pod in pods:
            parent = parents.get(above[pod.uid]) if pod.uid in above else None
            if parent is not None:
                self._successors[pod.uid] = replace(self._successors[pod.uid], parent=parent)
                self._read_templates([pod], [parent.template])

    def _read_templates(self, pods: Sequence[StuckPod], templates: Sequence[PodTemplate | None]) -> None:
        keys = []
        for pod, template in zip(pods, templates):
            if template is not None:
                names = template.pull_secrets or self._lookup.linked(pod.namespace, template.account)
                keys += [(pod.namespace, name) for name in names]
        self._read_secrets(keys)

    def _owner(self, key: tuple[str, Owner]) -> OwnerSnapshot | str | None:
        namespace, owner = key
        try:
            item = Objects(self._api, OWNERS[owner.kind], dry_run=True).get(namespace, owner.name)
        except RequestError as error:
            return str(error)
        return None if item is None else owner_snapshot(owner.kind, item)

    def _parent(self, key: tuple[str, Owner]) -> ParentSnapshot | None:
        namespace, owner = key
        try:
            item = Objects(self._api, PARENTS[owner.kind], dry_run=True).get(namespace, owner.name)
        except RequestError:  # without the right to read it, the decision is as without a parent
            return None
        return None if item is None else parent_snapshot(owner.kind, item)

    def _bare(self, pod: StuckPod) -> Successor:
        try:
            item = Objects(self._api, "pods", dry_run=True).get(pod.namespace, pod.name)
        except RequestError as error:
            return Successor(obstacle=f"its manifest cannot be read: {error}")
        if item is None or item["metadata"]["uid"] != pod.uid:
            return Successor(obstacle="it was deleted meanwhile")
        why = pod_replacement_obstacle(item)
        return Successor(obstacle=f"it cannot be recreated: {why}") if why else Successor(template_of(pod_manifest(item)["spec"]))
