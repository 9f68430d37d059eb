# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a canary Pod's status and events say of its pull (kubernetes pkg/kubelet/images, kuberuntime_container.go). Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

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
from .._diagnosis.snapshot import StuckContainer, is_stuck
from .._text import listed, shown
from .model import CONTAINER

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PULLED, NOT_PULLED, FAILED, OTHER_PLATFORM = "pulled", "not_pulled", "failed", "other platform"
# A container that is kept from starting by one of these has its image: the kubelet pulls before it looks at anything else
_PAST_THE_PULL = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
)
# what a kubelet writes of a container that it cannot find when a Pod ends: it may never have been there
_NOWHERE = "ContainerStatusUnknown"
# what no time changes
_CERTAIN = {
    INVALID_IMAGE: "the image's name is not valid",
    NEVER_PULLED: "something in the cluster lets the Pod never pull",
    UNREADABLE_SECRET: "a pull Secret of the Pod cannot be read, and then the kubelet uses none of them",
}
# what no time changes, once the kubelet has had the Pod's Secrets. The rest may pass: a registry that is restarted, an
# address that is not known yet
_ANSWERED = {
    PULL_DENIED: "denied: the registry does not let this Pod pull it",
    IMAGE_NOT_FOUND: "not found: the registry has no such repository or tag, or hides it from the users of this Pod's Secrets",
    PULLS_LIMITED: "rate limited: the registry takes no more pulls for a while",
}
_CHECK = "Check its Secrets, their passwords and what their users may do. "
# A kubelet under load may not have a Secret yet when it first pulls, and then pulls without. It tries again after 10 seconds
_SECOND_TRY = 20
_UNSIGNED = "SignatureValidationFailed"
_OTHER_PLATFORM = re.compile(
    r"no match for platform in manifest|no matching manifest for|no image found in (?:manifest list|image index) for",
    re.IGNORECASE,
)
_PULLED_EVENT = "Successfully pulled image"
_FAILED_EVENT = "Failed to pull image"
# a Secret that is missing shows in no status
_MISSING_SECRETS = "FailedToRetrieveImagePullSecret"


@dataclass(frozen=True)
class Event:
    """An event about one Pod. ``ours`` tells whether it is about our container, and not one that was put beside it."""

    reason: str
    message: str
    warning: bool
    ours: bool
    when: str


@dataclass(frozen=True)
class Judgement:
    """``action`` is PULLED, NOT_PULLED, FAILED or OTHER_PLATFORM; None while it may still change.

    ``message`` says why, or how far it has come. ``unsure`` asks for a second look, at the events; ``failing`` tells that the
    pull has failed, but is tried again, and ``patience`` for how many seconds at most that is worth waiting for.
    """

    action: str | None
    message: str = ""
    unsure: bool = False
    failing: bool = False
    patience: int | None = None


def found_event(item: Mapping[str, t.Any]) -> Event:
    """The Event of an Event object as the API server sends it."""
    when = item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp") or ""
    about = (item.get("involvedObject") or {}).get("fieldPath")
    return Event(
        reason=item.get("reason") or "",
        message=item.get("message") or "",
        warning=item.get("type") == "Warning",
        ours=about == f"spec.containers{{{CONTAINER}}}",
        when=when,
    )


def judge(pod: Mapping[str, t.Any], events: Sequence[Event] = ()) -> Judgement:
    """What is known of the pull by now. ``events`` need only be given where a judgement without them was unsure."""
    status = pod.get("status") or {}
    container = _container(status)
    if _is_past_the_pull(container) or _tells_of_pull(events):
        return Judgement(PULLED)
    waiting = (container.get("state") or {}).get("waiting") or {}
    if is_stuck(waiting.get("reason") or ""):
        return _stuck(pod, waiting, events)
    if status.get("phase") in ("Failed", "Succeeded") or "deletionTimestamp" in pod["metadata"]:
        return Judgement(FAILED, f"{_ended(pod)}. {_last_warning(events)}".rstrip(), unsure=not events)
    if not pod["spec"].get("nodeName"):
        return Judgement(None, _unplaced(status))
    return Judgement(None, f"{_so_far(pod, waiting)} {_last_warning(events)}".rstrip())


def judge_lost(events: Sequence[Event]) -> Judgement:
    """The same for a Pod that is there no more."""
    if _tells_of_pull(events):
        return Judgement(PULLED)
    told = f"the Pod was removed by somebody else before its pull was decided. {_last_warning(events)}"
    return Judgement(FAILED, told.rstrip())


def at_time_out(judgement: Judgement, seconds: int) -> Judgement:
    """What an open judgement comes to after so many seconds. A pull that fails again and again has failed."""
    if judgement.action is not None:
        return judgement
    if judgement.patience is not None:
        return Judgement(NOT_PULLED, judgement.message)
    if judgement.failing:
        return Judgement(NOT_PULLED, f"still failing after {seconds} s. {judgement.message}")
    return Judgement(FAILED, f"not decided within {seconds} s: {judgement.message}")


def _container(status: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    return next((one for one in status.get("containerStatuses") or () if one.get("name") == CONTAINER), {})


def _image(pod: Mapping[str, t.Any]) -> str:
    return next((one.get("image") or "" for one in pod["spec"].get("containers") or () if one["name"] == CONTAINER), "")


def _is_past_the_pull(container: Mapping[str, t.Any]) -> bool:
    if container.get("imageID"):
        return True
    state = container.get("state") or {}
    if (state.get("waiting") or {}).get("reason") in _PAST_THE_PULL:
        return True
    # without an id it was not made by a container runtime, but by something that plays the node
    made = bool(container.get("containerID"))
    terminated = state.get("terminated")
    return made and ("running" in state or (terminated is not None and terminated.get("reason") != _NOWHERE))


def _tells_of_pull(events: Sequence[Event]) -> bool:
    """Not by the mere word "Pulled", which is also kubelet_message of an image that was on the node already."""
    return any(one.ours and one.message.startswith(_PULLED_EVENT) for one in events)


def _stuck(pod: Mapping[str, t.Any], waiting: Mapping[str, t.Any], events: Sequence[Event]) -> Judgement:
    container = StuckContainer(CONTAINER, _image(pod), waiting["reason"], waiting.get("message") or "")
    kind = kind_of(container)
    if kind == NO_REASON_GIVEN and events:
        container = replace(container, message=_last_failure(events) or container.message)
        kind = kind_of(container)
    told = kubelet_message(container.message or container.reason)
    if _OTHER_PLATFORM.search(container.message):
        return Judgement(OTHER_PLATFORM, told)
    if container.reason == _UNSIGNED:
        return Judgement(NOT_PULLED, f"{_UNSIGNED}. {told}")
    if kind in _CERTAIN:
        return Judgement(NOT_PULLED, f"{_CERTAIN[kind]}. {told}")
    if kind in _ANSWERED:
        return _answered(pod, kind, told, events)
    # a kubelet that only holds a pull back has not failed at it
    return Judgement(None, f"{kind}. {told}", unsure=kind == NO_REASON_GIVEN and not events, failing=kind != PULL_HELD_BACK)


def _answered(pod: Mapping[str, t.Any], kind: str, told: str, events: Sequence[Event]) -> Judgement:
    """A registry's answer, which is the last word only where the Pod's Secrets are known to have been sent along."""
    missing = _missing_secrets(events)
    message = f"{_ANSWERED[kind]}. {missing or (_CHECK if kind == PULL_DENIED else '')}{told}"
    # the kubelet tells of a Secret that it lacks before it tells of the pull
    complete = not pod["spec"].get("imagePullSecrets") or (not missing and bool(_last_failure(events)))
    if complete:
        return Judgement(NOT_PULLED, message)
    return Judgement(None, message, unsure=not events, failing=True, patience=_SECOND_TRY)


def _last_failure(events: Sequence[Event]) -> str:
    """Older kubelets tell only of the back-off in the status, once that has begun."""
    failures = [one for one in events if one.ours and one.message.startswith(_FAILED_EVENT)]
    return max(failures, key=lambda one: one.when).message if failures else ""


def _missing_secrets(events: Sequence[Event]) -> str:
    names = [re.search(r"\(([^)]+)\)", one.message) for one in events if one.reason == _MISSING_SECRETS]
    found = [name.group(1) for name in names if name]
    return f"The node could not get pull Secret {shown(found[0], 120)}: create it, or correct its name. " if found else ""


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
    """How far a Pod on a node has come that is neither stuck nor through."""
    status = pod.get("status") or {}
    before = [one["name"] for one in pod["spec"].get("initContainers") or ()]
    if before and waiting.get("reason") == "PodInitializing":
        return f"init containers that something put into the Pod come first: {listed(before, 3)}."
    return f"the Pod is {shown(str(waiting.get('reason') or status.get('phase') or 'unknown'), 60)} on its node."


def _last_warning(events: Sequence[Event]) -> str:
    warnings = [one for one in events if one.warning]
    if warnings:
        last = max(warnings, key=lambda one: one.when)
        return f"The last warning is {shown(last.reason, 60)}: {foreign_text(last.message, 240)}"
    return "Its image is being pulled." if any(one.ours and one.reason == "Pulling" for one in events) else ""
