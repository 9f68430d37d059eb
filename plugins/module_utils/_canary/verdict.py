# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whether a canary Pod has pulled, by its status and events (kubernetes pkg/kubelet/images, kuberuntime_container.go). Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .._cluster.objects import used_pull_secrets
from .._credentials.redact import foreign_text
from .._diagnosis.causes import (
    IMAGE_NOT_FOUND,
    INVALID_IMAGE,
    NEVER_PULLED,
    NO_REASON_GIVEN,
    PULL_DENIED,
    PULL_HELD_BACK,
    PULLS_LIMITED,
    UNREADABLE_SECRET,
    kind_of,
    kubelet_message,
)
from .._diagnosis.snapshot import StuckContainer, event_time, is_stuck
from .._text import listed, shown
from .model import CONTAINER, CanaryAction

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# A container that waits for one of these reasons has its image, because the kubelet pulls first
_AFTER_PULL = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
)
# the reason of a container that the kubelet cannot find when a Pod ends: it may never have existed
_UNKNOWN_STATUS = "ContainerStatusUnknown"
# permanent failures
_PERMANENT = {
    INVALID_IMAGE: "the image's name is not valid",
    NEVER_PULLED: "something in the cluster set a pull policy that never pulls",
    UNREADABLE_SECRET: "a pull secret of the Pod cannot be read, and then the kubelet uses none of them",
}
# Permanent failures if the kubelet had the Pod's Secrets. All others may pass: a registry restarts, a name is not known yet
_ANSWERED = {
    PULL_DENIED: "denied: the registry does not let this Pod pull it",
    IMAGE_NOT_FOUND: "not found: the registry has no such repository or tag, or hides it from the users of this Pod's Secrets",
    PULLS_LIMITED: "rate limited: the registry accepts no more pulls for now",
}
_CHECK = "Check its Secrets, their passwords and the rights of their users. "
# A kubelet under load may pull before it has a Secret. It tries again after 10 seconds
_SECOND_TRY = 20
_UNSIGNED = "SignatureValidationFailed"
_OTHER_PLATFORM = re.compile(
    r"no match for platform in manifest|no matching manifest for|no image found in (?:manifest list|image index) for",
    re.IGNORECASE,
)
_PULLED_EVENT = "Successfully pulled image"
_FAILED_EVENT = "Failed to pull image"
# no status reports a missing Secret
_MISSING_SECRETS = "FailedToRetrieveImagePullSecret"


@dataclass(frozen=True)
class PodEvent:
    """An event about one Pod. ``ours``: it is about the canary container, not about one that the cluster added."""

    reason: str
    message: str
    warning: bool
    ours: bool
    when: str


@dataclass(frozen=True)
class PullStatus:
    """``action``: whether it pulled, None while that may still change. ``message``: why, or the state so far.

    ``other_platform``: the image does not exist for this node. ``needs_events``: the events are needed to decide. ``failing``:
    the pull failed and is tried again. ``retry_seconds``: after that time, such a failure is permanent.
    """

    action: str | None
    message: str = ""
    other_platform: bool = False
    needs_events: bool = False
    failing: bool = False
    retry_seconds: int | None = None


def pod_event(item: Mapping[str, t.Any]) -> PodEvent:
    about = (item.get("involvedObject") or {}).get("fieldPath")
    return PodEvent(
        reason=item.get("reason") or "",
        message=item.get("message") or "",
        warning=item.get("type") == "Warning",
        ours=about == f"spec.containers{{{CONTAINER}}}",
        when=event_time(item),
    )


def pull_status(pod: Mapping[str, t.Any], events: Sequence[PodEvent] = ()) -> PullStatus:
    """The present status. ``events`` are required only where the status without them has ``needs_events``."""
    status = pod.get("status") or {}
    container = _container(status)
    if _is_after_pull(container) or _has_pull_event(events):
        return PullStatus(CanaryAction.PULLED)
    waiting = (container.get("state") or {}).get("waiting") or {}
    if is_stuck(waiting.get("reason") or ""):
        return _stuck(pod, waiting, events)
    if status.get("phase") in ("Failed", "Succeeded") or "deletionTimestamp" in pod["metadata"]:
        return PullStatus(CanaryAction.FAILED, f"{_ended(pod)}. {_last_warning(events)}".rstrip(), needs_events=not events)
    if not pod["spec"].get("nodeName"):
        return PullStatus(None, _unplaced(status))
    return PullStatus(None, f"{_so_far(pod, waiting)} {_last_warning(events)}".rstrip())


def deleted_pod_status(events: Sequence[PodEvent]) -> PullStatus:
    """The same for a Pod that no longer exists."""
    if _has_pull_event(events):
        return PullStatus(CanaryAction.PULLED)
    message = f"somebody else removed the Pod before its pull was decided. {_last_warning(events)}"
    return PullStatus(CanaryAction.FAILED, message.rstrip())


def status_at_timeout(status: PullStatus, seconds: int) -> PullStatus:
    """The final status after so many seconds. A pull that still fails has failed."""
    if status.action is not None:
        return status
    if status.retry_seconds is not None:
        return PullStatus(CanaryAction.NOT_PULLED, status.message)
    if status.failing:
        return PullStatus(CanaryAction.NOT_PULLED, f"still failing after {seconds} s. {status.message}")
    return PullStatus(CanaryAction.FAILED, f"not decided within {seconds} s: {status.message}")


def _container(status: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    return next((one for one in status.get("containerStatuses") or () if one.get("name") == CONTAINER), {})


def _image(pod: Mapping[str, t.Any]) -> str:
    return next((one.get("image") or "" for one in pod["spec"].get("containers") or () if one["name"] == CONTAINER), "")


def _is_after_pull(container: Mapping[str, t.Any]) -> bool:
    if container.get("imageID"):
        return True
    state = container.get("state") or {}
    if (state.get("waiting") or {}).get("reason") in _AFTER_PULL:
        return True
    # without an id no container runtime created it, but a simulated node
    created = bool(container.get("containerID"))
    terminated = state.get("terminated")
    return created and ("running" in state or (terminated is not None and terminated.get("reason") != _UNKNOWN_STATUS))


def _has_pull_event(events: Sequence[PodEvent]) -> bool:
    """The reason does not suffice: it is "Pulled" too for an image that was on the node already."""
    return any(one.ours and one.message.startswith(_PULLED_EVENT) for one in events)


def _stuck(pod: Mapping[str, t.Any], waiting: Mapping[str, t.Any], events: Sequence[PodEvent]) -> PullStatus:
    container = StuckContainer(CONTAINER, _image(pod), waiting["reason"], waiting.get("message") or "")
    kind = kind_of(container)
    if kind == NO_REASON_GIVEN and events:
        container = replace(container, message=_last_failure(events) or container.message)
        kind = kind_of(container)
    message = kubelet_message(container.message or container.reason)
    if _OTHER_PLATFORM.search(container.message):
        return PullStatus(CanaryAction.NOT_PULLED, message, other_platform=True)
    if container.reason == _UNSIGNED:
        return PullStatus(CanaryAction.NOT_PULLED, f"{_UNSIGNED}. {message}")
    if kind in _PERMANENT:
        return PullStatus(CanaryAction.NOT_PULLED, f"{_PERMANENT[kind]}. {message}")
    if kind in _ANSWERED:
        return _answered(pod, kind, message, events)
    # a pull that the kubelet holds back has not failed
    return PullStatus(
        None, f"{kind}. {message}", needs_events=kind == NO_REASON_GIVEN and not events, failing=kind != PULL_HELD_BACK
    )


def _answered(pod: Mapping[str, t.Any], kind: str, said: str, events: Sequence[PodEvent]) -> PullStatus:
    """A registry's answer. It is final only where the kubelet is known to have had the Pod's Secrets."""
    missing = _missing_secrets(events)
    message = f"{_ANSWERED[kind]}. {missing or (_CHECK if kind == PULL_DENIED else '')}{said}"
    # the kubelet reports a missing Secret before it reports the pull
    complete = not used_pull_secrets(pod["spec"]) or (not missing and bool(_last_failure(events)))
    if complete:
        return PullStatus(CanaryAction.NOT_PULLED, message)
    return PullStatus(None, message, needs_events=not events, failing=True, retry_seconds=_SECOND_TRY)


def _last_failure(events: Sequence[PodEvent]) -> str:
    """Older kubelets report only the back-off in the status."""
    failures = [one for one in events if one.ours and one.message.startswith(_FAILED_EVENT)]
    return max(failures, key=lambda one: one.when).message if failures else ""


def _missing_secrets(events: Sequence[PodEvent]) -> str:
    names = [re.search(r"\(([^)]+)\)", one.message) for one in events if one.reason == _MISSING_SECRETS]
    found = [name.group(1) for name in names if name]
    return f"The node could not get pull secret {shown(found[0], 120)}: create it, or correct its name. " if found else ""


def _ended(pod: Mapping[str, t.Any]) -> str:
    status = pod.get("status") or {}
    reason = foreign_text(" ".join(str(status[key]) for key in ("reason", "message") if status.get(key)), 240)
    return f"the Pod ended before its pull was decided ({reason or status.get('phase') or 'it is being deleted'})"


def _unplaced(status: Mapping[str, t.Any]) -> str:
    placed: Mapping[str, t.Any] = next((one for one in status.get("conditions") or () if one.get("type") == "PodScheduled"), {})
    if placed.get("message"):
        return f"unschedulable. The scheduler says: {foreign_text(placed['message'], 300)}"
    return "unschedulable: no scheduler has looked at the Pod."


def _so_far(pod: Mapping[str, t.Any], waiting: Mapping[str, t.Any]) -> str:
    """The state of a Pod on a node that is neither stuck nor finished."""
    status = pod.get("status") or {}
    before = [one["name"] for one in pod["spec"].get("initContainers") or ()]
    if before and waiting.get("reason") == "PodInitializing":
        return f"init containers that the cluster added to the Pod run first: {listed(before, 3)}."
    return f"the Pod is {shown(str(waiting.get('reason') or status.get('phase') or 'unknown'), 60)} on its node."


def _last_warning(events: Sequence[PodEvent]) -> str:
    warnings = [one for one in events if one.warning]
    if warnings:
        last = max(warnings, key=lambda one: one.when)
        return f"The last warning is {shown(last.reason, 60)}: {foreign_text(last.message, 240)}"
    return "Its image is being pulled." if any(one.ours and one.reason == "Pulling" for one in events) else ""
