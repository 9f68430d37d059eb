# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is to be done about one stuck Pod, decided from what the kubelet says and from what the Secrets hold now. Pure.

A Pod's list of pull secrets never changes, but the kubelet reads the Secrets anew for each try. So a Pod whose Secrets hold a
credential for its image starts by itself, and only one whose list is wrong is helped by making it anew: where what comes in its
place would have what this one lacks.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import shown_image
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_cause import (
    DENIED,
    HELD_BACK,
    SILENT,
    UNREADABLE,
    kind_of,
    matching,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import Match
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_cause import PodSecrets
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.audit_found import StuckContainer
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_found import StuckPod
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_owner import Successor, Template

RECOVERING, EVICT, REPLACE_POD, REPLACE_JOB, LEFT = "recovering", "evict", "replace Pod", "replace Job", "left"
# what may be for want of a credential; anything else no credential mends
_OURS = (DENIED, UNREADABLE, SILENT, HELD_BACK)
_OTHER_REASONS = ("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed")
# the kubelet's longest pause between two tries is 300 s, and so is the longest life of a Secret in its cache
_SURELY_TRIED = timedelta(seconds=330)


@dataclass(frozen=True)
class Verdict:
    """``action`` is one of the constants above, ``container`` the one that decided it."""

    action: str
    container: StuckContainer
    message: str


@dataclass(frozen=True)
class Sight:
    """What is known of Secrets at this moment: those of a Pod, those that a Pod of a template would have, and ages."""

    own: Callable[[StuckPod], PodSecrets]
    of_template: Callable[[StuckPod, Template], PodSecrets]
    changed: Callable[[StuckPod, Match], str]


def by_itself(pod: StuckPod, sight: Sight) -> Verdict | None:
    """The verdict on a Pod that starts by itself, or that nothing of ours helps; None where it depends on its successor."""
    for container in pod.pulling:
        if container.reason in _OTHER_REASONS or kind_of(container) not in _OURS:
            return Verdict(LEFT, container, "not for want of a credential: mend what its cause tells")
    own = sight.own(pod)
    lacking = [one for one in pod.pulling if not _hopeful(pod, one, own, sight)]
    if not lacking:
        return Verdict(RECOVERING, pod.pulling[0], _starts(pod, own))
    if pod.mirror:
        return Verdict(LEFT, lacking[0], "a static Pod: it is a file on its node, and only changes there")
    if own.unknown:
        return Verdict(LEFT, lacking[0], f"what its Secrets hold is not known: {own.unknown}")
    return None


def lacks_in(pod: StuckPod, template: Template, sight: Sight) -> tuple[StuckContainer, str] | None:
    """The first container for which a Pod of the template would have no better credential, and why; None where all have."""
    own, next_one = sight.own(pod), sight.of_template(pod, template)
    if next_one.unknown:
        return pod.pulling[0], f"what its successor's Secrets hold is not known: {next_one.unknown}"
    if next_one.keyring.problems:
        broken = listed([one.secret for one in next_one.keyring.problems], 3)
        return pod.pulling[0], f"its successor could read its Secrets no better: write {broken} anew"
    for container in pod.pulling:
        image = template.images.get(container.name) or container.image
        matches = [one for one in matching(image, next_one) if not next_one.expired(one)]
        if not matches:
            return container, _missing(image, pod, template, next_one)
        refused = [] if _hopeful(pod, container, own, sight) else _pairs(matching(container.image, own))
        if not set(_pairs(matches)) - set(refused):
            return container, "its successor would have no other credential than the one that is refused"
    return None


def with_successor(pod: StuckPod, successor: Successor, sight: Sight) -> Verdict:
    """The verdict on a Pod that has to be made anew, but for what the person wants and what that costs its owner."""
    first = pod.pulling[0]
    if successor.template is None:
        return Verdict(LEFT, _lacking(pod, sight), successor.none)
    lack = lacks_in(pod, successor.template, sight)
    if lack is not None:
        return _by_parent(pod, successor, sight) or Verdict(LEFT, *lack)
    if all(one.name in pod.debug for one in pod.stuck):
        return Verdict(LEFT, first, "only a container for debugging lacks its image: add another one to the Pod")
    if pod.running and (pod.phase == "Pending" or (successor.owner and successor.owner.job)):
        told = f"its container {listed(pod.running, 3)} runs, and would be lost. Delete the Pod when that may be"
        return Verdict(LEFT, first, told)
    return Verdict(EVICT if pod.owner else REPLACE_POD, _lacking(pod, sight), "")


def _by_parent(pod: StuckPod, successor: Successor, sight: Sight) -> Verdict | None:
    """A Deployment that has a better template by now replaces its Pods itself; a CronJob waits for its Job to end."""
    parent = successor.parent
    if parent is None or lacks_in(pod, parent.template, sight) is not None:
        return None
    if parent.owner.kind != "Deployment":
        told = f"{shown(str(parent.owner))} has a better template by now, for its next run: delete {shown(str(pod.owner))}"
        return Verdict(LEFT, _lacking(pod, sight), told)
    if parent.stands:
        return Verdict(LEFT, pod.pulling[0], f"{shown(str(parent.owner))} has a better template, but is paused: resume it")
    told = f"{shown(str(parent.owner))} has a better template by now, and replaces its Pods itself"
    return Verdict(RECOVERING, pod.pulling[0], told)


def _lacking(pod: StuckPod, sight: Sight) -> StuckContainer:
    own = sight.own(pod)
    return next((one for one in pod.pulling if not _hopeful(pod, one, own, sight)), pod.pulling[0])


def _hopeful(pod: StuckPod, container: StuckContainer, own: PodSecrets, sight: Sight) -> bool:
    """Whether the Pod's own Secrets hold a credential for it that has not been refused for certain."""
    matches = [one for one in matching(container.image, own) if not own.expired(one)]
    if kind_of(container) != DENIED:
        return bool(matches)
    return any(not _tried(pod.told_at, sight.changed(pod, one)) for one in matches)


def _tried(told_at: str, changed: str) -> bool:
    """Whether the kubelet has surely tried what the Secret holds now, given when it last spoke of the container."""
    try:
        return _moment(told_at) - _moment(changed) > _SURELY_TRIED
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def _starts(pod: StuckPod, own: PodSecrets) -> str:
    secrets = dict.fromkeys(one.secret for container in pod.pulling for one in matching(container.image, own))
    return (
        f"{listed(list(secrets), 3)} holds a credential for it now: it starts by itself at the kubelet's next try, at most "
        "5 minutes after the last one, unless the registry refuses that credential"
    )


def _missing(image: str, pod: StuckPod, template: Template, next_one: PodSecrets) -> str:
    try:
        registry = parse_image(image).registry
    except InputError:
        return f"image '{shown_image(image)}' is no valid name in its owner's template"
    names = template.pull_secrets or next_one.linked
    if not names:
        who = f"ServiceAccount {shown(template.account)} in namespace {pod.namespace}"
        return f"there is no credential for registry {shown(registry)}, now or for a successor: link a pull secret to {who}"
    gone = f" ({listed(next_one.missing, 3)} does not exist)" if next_one.missing else ""
    return (
        f"there is no credential for registry {shown(registry)}, now or for a successor: add one to Secret "
        f"{listed(names, 3)}{gone}"
    )


def _pairs(matches: list[Match]) -> list[tuple[str, str]]:
    return [(one.username, one.password) for one in matches]
