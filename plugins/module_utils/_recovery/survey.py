# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The requests before recovery decides: stuck Pods, their events, Secrets and owners.

Kubelets before 1.32 tell only of a back-off. Of a container that ran before, every kubelet tells most of the time as if it had
crashed, since it tries a pull only when the back-off of its last end is over.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from .._cluster.namespaces import FEW
from .._cluster.objects import Objects, list_all
from .._concurrency import for_each
from .._diagnosis.causes import NO_REASON_GIVEN, PULL_HELD_BACK, cause, kind_of
from .._diagnosis.pod_secrets import SecretLookup
from .._diagnosis.snapshot import StuckContainer
from .._diagnosis.survey import Survey, Surveyor
from .._errors import RequestError
from .._text import shown
from .manifest import may_not_be_replaced, pod_manifest
from .model import StuckPod, only_named
from .owners import (
    OWNERS,
    PARENTS,
    FoundOwner,
    Owner,
    Parent,
    Successor,
    Template,
    found_owner,
    found_parent,
    successor,
    template_of,
)
from .plan import Sight, Verdict, by_itself, lacks_in, with_successor

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._credentials.keyring import Match
    from .._diagnosis.pod_secrets import PodSecrets


_NO_REASON = (NO_REASON_GIVEN, PULL_HELD_BACK)
_BACK_OFF = "ImagePullBackOff"
_FAILED_PULLS = {"fieldSelector": "involvedObject.kind=Pod,reason=Failed"}
_PULL = re.compile(r'Failed to pull image "([^"]*)": (.*)', re.DOTALL)


def with_events(api: Api, pods: Sequence[StuckPod], workers: int) -> list[StuckPod]:
    """The Pods that are stuck, those of which only an event tells so included.

    A container whose status gives no reason has the message of its last event, as far as that may be read.
    """
    unclear = [pod for pod in pods if pod.crashed or any(kind_of(one) in _NO_REASON for one in pod.stuck)]
    namespaces = sorted({pod.namespace for pod in unclear})

    def read(namespace: str) -> list[tuple[str, str, str]]:
        try:
            return list_all(api, "events", _event, _FAILED_PULLS, namespace=namespace, spoiled=_left_out)
        except RequestError:  # they are only evidence: without the right to read them it goes without
            return []

    last: dict[tuple[str, str], tuple[str, str]] = {}
    for events in for_each(namespaces, read, workers):
        for time, uid, message in sorted(events):
            pull = _PULL.match(message)
            if pull and kind_of(StuckContainer("", pull[1], _BACK_OFF, pull[2])) != PULL_HELD_BACK:
                last[uid, pull[1]] = (time, pull[2])
    return [pod for pod in (told(pod, last) for pod in pods) if pod.stuck]


def told(pod: StuckPod, last: Mapping[tuple[str, str], tuple[str, str]]) -> StuckPod:
    """The Pod with what its last events tell: (uid, image) -> when, and why the pull had failed. Pure."""
    stuck = []
    for one in pod.stuck:
        _time, message = last.get((pod.key, one.image), ("", ""))
        stuck.append(replace(one, message=message) if message and kind_of(one) in _NO_REASON else one)
    for one in pod.crashed:
        time, message = last.get((pod.key, one.image), ("", ""))
        if message and pod.ended.get(one.name) and time >= pod.ended[one.name]:
            # it has not run since, so it is the image that keeps it from running
            stuck.append(replace(one, reason=_BACK_OFF, message=message))
    return replace(pod, stuck=tuple(stuck))


def _event(item: Mapping[str, t.Any]) -> tuple[str, str, str]:
    """When it was last seen, of which Pod (uid), and what it says."""
    when = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp") or ""
    return str(when), str((item.get("involvedObject") or {}).get("uid") or ""), str(item.get("message") or "")


def _left_out(_namespace: str | None, _name: str, _error: RequestError) -> None:
    """A malformed event is no evidence."""


class RecoverySurvey:
    """``pods`` are the stuck Pods, ``refused`` namespace -> why its Pods could not be listed. What is read of one is kept."""

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
        self._sight = Sight(self._secrets, self._secrets_of, self._changed)
        self._successors: dict[str, Successor] = {}

    def look(self) -> None:
        """Finds ``pods``, and reads what the verdicts on them depend on.

        Raises ClusterError, and RequestError for anything but a missing right.
        """
        self._look_at_pods()
        if not self.pods:
            return
        self._surveyor.accounts(self._found)
        self._read_secrets((pod.namespace, name) for pod in self.pods for name in pod.pull_secrets)
        open_ones = [pod for pod in self.pods if by_itself(pod, self._sight) is None]
        self._read_successors(open_ones)
        self._read_parents(open_ones)

    def _look_at_pods(self) -> None:
        found = Survey()
        if self._chosen.namespaces:
            self._surveyor.pods(found, only_named(self._patterns))
        listed = [pod for pods in found.pods.values() for pod in pods if isinstance(pod, StuckPod)]
        self.pods = with_events(self._api, sorted(listed, key=lambda pod: (pod.namespace, pod.name)), self._workers)
        self.refused = found.unlisted.get("pods", {})
        # all else is asked of the namespaces with such Pods alone
        stuck = {pod.namespace for pod in self.pods}
        near = tuple(one for one in self._chosen.namespaces if one.name in stuck)
        chosen = replace(self._chosen, namespaces=near, listed=self._chosen.listed and len(near) > FEW)
        self._surveyor = Surveyor(self._api, chosen, self._workers)

    def verdict(self, pod: StuckPod) -> Verdict:
        """On one of ``pods``, or on what has become of it since."""
        verdict = by_itself(pod, self._sight)
        return verdict if verdict is not None else with_successor(pod, self.successor(pod), self._sight)

    def successor(self, pod: StuckPod) -> Successor:
        return self._successors.get(pod.key) or Successor(none="it lacks an image since a moment ago only: run this again")

    def failures(self, pod: StuckPod) -> int | None:
        """How many the Job of a Pod has by now; None where it is over, or cannot be read."""
        found = self._owner((pod.namespace, pod.owner)) if pod.owner else None
        job = found.job if isinstance(found, FoundOwner) and found.owner == pod.owner else None
        return None if job is None or job.finished else job.failed

    def cause(self, pod: StuckPod, container: StuckContainer) -> str:
        return cause(pod, container, self._secrets(pod))

    def _secrets(self, pod: StuckPod) -> PodSecrets:
        return self._lookup.of_pod(pod)

    def _secrets_of(self, pod: StuckPod, template: Template) -> PodSecrets:
        names = template.pull_secrets or self._lookup.linked(pod.namespace, template.account)
        return self._lookup.of_pod(replace(pod, account=template.account, pull_secrets=names))

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

    def _read_successors(self, pods: Sequence[StuckPod]) -> None:
        bare = [pod for pod in pods if pod.owner is None]
        owned = {(pod.namespace, pod.owner): None for pod in pods if pod.owner is not None and pod.owner.kind in OWNERS}
        owners = dict(zip(owned, for_each(list(owned), self._owner, self._workers)))
        for pod, found in zip(bare, for_each(bare, self._bare, self._workers)):
            self._successors[pod.key] = found
        for pod in pods:
            if pod.owner is None:
                continue
            if pod.owner.kind in OWNERS:
                self._successors[pod.key] = successor(pod, owners[pod.namespace, pod.owner], None)
            else:
                told = f"whether {shown(str(pod.owner))} would make another Pod in its place is not known: delete it if so"
                self._successors[pod.key] = Successor(none=told)
        self._read_templates(pods, [self._successors[pod.key].template for pod in pods])

    def _read_parents(self, pods: Sequence[StuckPod]) -> None:
        """Deployments of Pods that their ReplicaSet would not help, and CronJobs of Jobs."""
        above: dict[str, tuple[str, Owner]] = {}
        for pod in pods:
            found = self._successors[pod.key]
            owner, template = found.owner, found.template
            if owner is None or owner.parent is None or template is None or owner.parent.kind not in PARENTS:
                continue
            if owner.job is not None or lacks_in(pod, template, self._sight) is not None:
                above[pod.key] = (pod.namespace, owner.parent)
        keys = list(dict.fromkeys(above.values()))
        parents = dict(zip(keys, for_each(keys, self._parent, self._workers)))
        for pod in pods:
            parent = parents.get(above[pod.key]) if pod.key in above else None
            if parent is not None:
                self._successors[pod.key] = replace(self._successors[pod.key], parent=parent)
                self._read_templates([pod], [parent.template])

    def _read_templates(self, pods: Sequence[StuckPod], templates: Sequence[Template | None]) -> None:
        keys = []
        for pod, template in zip(pods, templates):
            if template is not None:
                names = template.pull_secrets or self._lookup.linked(pod.namespace, template.account)
                keys += [(pod.namespace, name) for name in names]
        self._read_secrets(keys)

    def _owner(self, key: tuple[str, Owner]) -> FoundOwner | str | None:
        namespace, owner = key
        try:
            item = Objects(self._api, OWNERS[owner.kind], dry_run=True).get(namespace, owner.name)
        except RequestError as error:
            return str(error)
        return None if item is None else found_owner(owner.kind, item)

    def _parent(self, key: tuple[str, Owner]) -> Parent | None:
        namespace, owner = key
        try:
            item = Objects(self._api, PARENTS[owner.kind], dry_run=True).get(namespace, owner.name)
        except RequestError:  # without the right to look it is told as if there were none
            return None
        return None if item is None else found_parent(owner.kind, item)

    def _bare(self, pod: StuckPod) -> Successor:
        try:
            item = Objects(self._api, "pods", dry_run=True).get(pod.namespace, pod.name)
        except RequestError as error:
            return Successor(none=f"what it was made from is not known: {error}")
        if item is None or item["metadata"]["uid"] != pod.key:
            return Successor(none="it went away meanwhile")
        why = may_not_be_replaced(item)
        return Successor(none=f"it cannot be made anew: {why}") if why else Successor(template_of(pod_manifest(item)["spec"]))
