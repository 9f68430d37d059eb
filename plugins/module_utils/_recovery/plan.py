# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What to do about one stuck Pod. Pure.

A Pod's list of pull secrets never changes, but the kubelet reads the Secrets anew for each try. So a Pod whose Secrets hold a
credential for its image starts by itself, and only one whose list is wrong is helped by making it anew: where what comes in its
place would have what this one lacks.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._credentials.image_reference import parse_image
from .._credentials.shown import shown_image
from .._diagnosis.causes import NO_REASON_GIVEN, PULL_DENIED, PULL_HELD_BACK, UNREADABLE_SECRET, kind_of, matching
from .._errors import InputError
from .._text import listed, shown
from .owners import eviction_costs_too_much

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._credentials.keyring import Match
    from .._diagnosis.pod_secrets import PodSecrets
    from .._diagnosis.snapshot import StuckContainer
    from .model import StuckPod
    from .owners import FoundOwner, Successor, Template


RECOVERING, EVICT, REPLACE_POD, REPLACE_JOB, LEFT = "recovering", "evict", "replace Pod", "replace Job", "left"
# what may be for want of a credential; anything else no credential mends
_OURS = (PULL_DENIED, UNREADABLE_SECRET, NO_REASON_GIVEN, PULL_HELD_BACK)
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
        matches = [one for one in matching(image, next_one) if not next_one.expired_at(one)]
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
    matches = [one for one in matching(container.image, own) if not own.expired_at(one)]
    if kind_of(container) != PULL_DENIED:
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


BARE_PODS, JOBS = "bare_pods", "jobs"


@dataclass(frozen=True)
class Wish:
    """``replace`` holds BARE_PODS, JOBS, both or none."""

    evict: bool
    replace: tuple[str, ...]

    def granted(self, verdict: Verdict, pod: StuckPod, successor: Successor, peers: int) -> Verdict:
        """The verdict, or the Pod is left. ``peers`` are the Pods of its owner that would have to go, itself included."""
        if verdict.action == REPLACE_POD:
            return verdict if BARE_PODS in self.replace else _left(verdict, _BARE)
        owner = successor.owner
        if verdict.action == EVICT and owner is not None and owner.job is not None:
            verdict = self._of_job(verdict, pod, owner, peers)
        elif verdict.action == EVICT and not self.evict:
            verdict = _left(verdict, "it has to be made anew: set evict to have it evicted")
        return _with_blocked_runs(verdict, successor)

    def _of_job(self, verdict: Verdict, pod: StuckPod, owner: FoundOwner, peers: int) -> Verdict:
        job, name = owner.job, shown(str(owner.owner))
        if job is None or job.finished or job.foreign:
            why = f"{shown(job.foreign)} runs it" if job and job.foreign else "it has ended"
            return _left(verdict, f"its {name} would make no other Pod: {why}")
        costs = eviction_costs_too_much(job, peers, pod.failures)
        if self.evict and not costs:
            return verdict
        if owner.parent is None and JOBS in self.replace:
            return replace(verdict, action=REPLACE_JOB)
        why = costs or "it has to be made anew: set evict to have it evicted"
        if owner.parent is not None:
            above = shown(str(owner.parent))
            told = "delete the Job, and the next run has all" if owner.parent.kind == "CronJob" else "have that make it anew"
            return _left(verdict, f"{why}; {name} belongs to {above}: {told}")
        return _left(verdict, f"{why}; to have {name} made anew, put jobs into replace" if costs else why)


_BARE = "nobody makes this Pod anew: to have that done here, put bare_pods into replace"


def _with_blocked_runs(verdict: Verdict, successor: Successor) -> Verdict:
    """A CronJob that forbids two runs at a time starts none while this Job is stuck."""
    owner, parent = successor.owner, successor.parent
    if verdict.action != LEFT or parent is None or owner is None or not parent.forbids:
        return verdict
    told = f"Job {shown(owner.owner.name)} blocks every later run of {shown(str(parent.owner))} (concurrencyPolicy Forbid)"
    return replace(verdict, message=f"{verdict.message}. {told}")


def _left(verdict: Verdict, message: str) -> Verdict:
    return replace(verdict, action=LEFT, message=message)
