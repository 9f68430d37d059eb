# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What events tell of pulls where a Pod's status does not.

Kubelets before 1.32 tell only of a back-off. Of a container that ran before, every kubelet tells most of the time as if it had
crashed, since it tries a pull only when the back-off of its last end is over.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_cause import HELD_BACK, SILENT, kind_of
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_found import StuckContainer
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod

_NO_REASON = (SILENT, HELD_BACK)
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
            if pull and kind_of(StuckContainer("", pull[1], _BACK_OFF, pull[2])) != HELD_BACK:
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
