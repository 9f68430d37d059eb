# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Decides what to do about one stuck Pod. Pure.

A Pod's list of pull secrets never changes, but the kubelet reads the Secrets again for each try. So a Pod whose Secrets hold a
credential for its image starts by itself. Recreating a Pod helps only where its successor would have a credential that it lacks.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .._credentials.image_reference import parse_image
from .._diagnosis.causes import NO_REASON_GIVEN, PULL_DENIED, PULL_HELD_BACK, UNREADABLE_SECRET, kind_of
from .._errors import InputError
from .._text import listed, shown, shown_image
from .model import RecoveryAction
from .owners import eviction_obstacle

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._credentials.keyring import Match
    from .._diagnosis.pod_secrets import PodSecrets
    from .._diagnosis.snapshot import StuckContainer
    from .model import StuckPod
    from .owners import OwnerSnapshot, PodTemplate, Successor


BARE_PODS, JOBS = "bare_pods", "jobs"
# failures that a missing credential can cause
_CREDENTIAL_FAILURES = (PULL_DENIED, UNREADABLE_SECRET, NO_REASON_GIVEN, PULL_HELD_BACK)
_OTHER_REASONS = ("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed")
# the kubelet's longest pause between two tries is 300 s, and so is the longest life of a Secret in its cache
_SURELY_TRIED = timedelta(seconds=330)
_NEEDS_BARE_PODS = "nothing recreates this Pod: put bare_pods into replace to have it deleted and created again"
_NEEDS_EVICT = "it has to be recreated: set evict to have it evicted"


@dataclass(frozen=True)
class Decision:
    """``action``: what to do, or an action of the result. ``container``: the one that decided."""

    action: str
    container: StuckContainer
    message: str


@dataclass(frozen=True)
class SecretsView:
    """The pull secrets of a Pod and of a Pod of a template as they are now, and when the Secret of a credential was written."""

    own: Callable[[StuckPod], PodSecrets]
    of_template: Callable[[StuckPod, PodTemplate], PodSecrets]
    changed: Callable[[StuckPod, Match], str]


@dataclass(frozen=True)
class RecoveryPolicy:
    """What the caller allows. ``replace`` holds BARE_PODS, JOBS, both or nothing."""

    evict: bool
    replace: tuple[str, ...]

    def apply(self, decision: Decision, pod: StuckPod, successor: Successor, peers: int) -> Decision:
        """The decision, or LEFT where it is not allowed. ``peers``: Pods of its owner to evict, this one included."""
        if decision.action == RecoveryAction.REPLACE_POD:
            return decision if BARE_PODS in self.replace else _left(decision, _NEEDS_BARE_PODS)
        owner = successor.owner
        if decision.action == RecoveryAction.EVICT and owner is not None and owner.job is not None:
            decision = self._of_job(decision, pod, owner, peers)
        elif decision.action == RecoveryAction.EVICT and not self.evict:
            decision = _left(decision, _NEEDS_EVICT)
        return _with_blocked_runs(decision, successor)

    def _of_job(self, decision: Decision, pod: StuckPod, owner: OwnerSnapshot, peers: int) -> Decision:
        job, name = owner.job, shown(str(owner.owner))
        if job is None or job.finished or job.foreign:
            why = f"{shown(job.foreign)} runs it" if job and job.foreign else "it has finished"
            return _left(decision, f"its {name} creates no other Pod: {why}")
        obstacle = eviction_obstacle(job, peers, pod.failures)
        if self.evict and not obstacle:
            return decision
        if owner.parent is None and JOBS in self.replace:
            return replace(decision, action=RecoveryAction.REPLACE_JOB)
        why = obstacle or _NEEDS_EVICT
        if owner.parent is not None:
            cron = owner.parent.kind == "CronJob"
            remedy = "delete the Job, and the next run has the credential" if cron else "let that recreate it"
            return _left(decision, f"{why}; {name} belongs to {shown(str(owner.parent))}: {remedy}")
        return _left(decision, f"{why}; put jobs into replace to have {name} deleted and created again" if obstacle else why)


def decide_alone(pod: StuckPod, view: SecretsView) -> Decision | None:
    """On a Pod that starts by itself, or that this collection cannot help; None where it depends on its successor."""
    for container in pod.pulling:
        if container.reason in _OTHER_REASONS or kind_of(container) not in _CREDENTIAL_FAILURES:
            return Decision(RecoveryAction.LEFT, container, "not a credential problem: fix the reported cause")
    own = view.own(pod)
    lacking = next((one for one in pod.pulling if not _may_succeed(pod, one, own, view)), None)
    if lacking is None:
        return Decision(RecoveryAction.RECOVERING, pod.pulling[0], _starts_by_itself(pod, own))
    if pod.mirror:
        return Decision(RecoveryAction.LEFT, lacking, "it is a static Pod: change its file on the node")
    if own.unknown:
        return Decision(RecoveryAction.LEFT, lacking, f"the content of its Secrets is not known: {own.unknown}")
    return None


def decide_with_successor(pod: StuckPod, successor: Successor, view: SecretsView) -> Decision:
    """On a Pod that has to be recreated, before RecoveryPolicy is applied."""
    first = pod.pulling[0]
    if successor.template is None:
        return Decision(RecoveryAction.LEFT, _lacking(pod, view), successor.obstacle)
    lack = missing_credential(pod, successor.template, view)
    if lack is not None:
        return _by_parent(pod, successor, view) or Decision(RecoveryAction.LEFT, *lack)
    if all(one.name in pod.ephemeral for one in pod.stuck):
        return Decision(
            RecoveryAction.LEFT, first, "only an ephemeral container for debugging cannot pull: add a new one to the Pod"
        )
    if pod.running and (pod.phase == "Pending" or (successor.owner and successor.owner.job)):
        message = f"its container {listed(pod.running, 3)} is running and would be lost. Delete the Pod when that is acceptable"
        return Decision(RecoveryAction.LEFT, first, message)
    return Decision(RecoveryAction.EVICT if pod.owner else RecoveryAction.REPLACE_POD, _lacking(pod, view), "")


def missing_credential(pod: StuckPod, template: PodTemplate, view: SecretsView) -> tuple[StuckContainer, str] | None:
    """The first container for which a Pod of the template would have no better credential, and why; None where all have."""
    own, successor = view.own(pod), view.of_template(pod, template)
    if successor.unknown:
        return pod.pulling[0], f"the content of its successor's Secrets is not known: {successor.unknown}"
    if successor.keyring.problems:
        broken = listed([one.secret for one in successor.keyring.problems], 3)
        return pod.pulling[0], f"its successor could not read its Secrets either: write {broken} again"
    for container in pod.pulling:
        image = template.images.get(container.name) or container.image
        matches = [one for one in successor.logins(image) if not successor.expired_at(one)]
        if not matches:
            return container, _no_credential(image, pod, template, successor)
        refused = [] if _may_succeed(pod, container, own, view) else _logins(own.logins(container.image))
        if not set(_logins(matches)) - set(refused):
            return container, "its successor would have no credential but the rejected one"
    return None


def _by_parent(pod: StuckPod, successor: Successor, view: SecretsView) -> Decision | None:
    """A Deployment with a better template replaces its Pods itself; a CronJob waits until its Job has ended."""
    parent = successor.parent
    if parent is None or missing_credential(pod, parent.template, view) is not None:
        return None
    name = shown(str(parent.owner))
    if parent.owner.kind != "Deployment":
        message = f"{name} has a better template for its next run: delete {shown(str(pod.owner))}"
        return Decision(RecoveryAction.LEFT, _lacking(pod, view), message)
    if parent.paused:
        return Decision(RecoveryAction.LEFT, pod.pulling[0], f"{name} has a better template, but is paused: resume it")
    return Decision(RecoveryAction.RECOVERING, pod.pulling[0], f"{name} has a better template and replaces its Pods itself")


def _lacking(pod: StuckPod, view: SecretsView) -> StuckContainer:
    own = view.own(pod)
    return next((one for one in pod.pulling if not _may_succeed(pod, one, own, view)), pod.pulling[0])


def _may_succeed(pod: StuckPod, container: StuckContainer, own: PodSecrets, view: SecretsView) -> bool:
    """Whether the Pod's own Secrets hold a credential for it that was not surely rejected."""
    matches = [one for one in own.logins(container.image) if not own.expired_at(one)]
    if kind_of(container) != PULL_DENIED:
        return bool(matches)
    return any(not _surely_tried(pod.status_time, view.changed(pod, one)) for one in matches)


def _surely_tried(status_time: str, changed: str) -> bool:
    """Whether the kubelet has tried the present content of the Secret, given when it last wrote the container's status."""
    try:
        return _moment(status_time) - _moment(changed) > _SURELY_TRIED
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def _starts_by_itself(pod: StuckPod, own: PodSecrets) -> str:
    secrets = dict.fromkeys(one.secret for container in pod.pulling for one in own.logins(container.image))
    return (
        f"the credential for this image is in {listed(list(secrets), 3)} now. The Pod starts by itself within 5 minutes, when "
        "the kubelet tries again, unless the registry rejects the credential"
    )


def _no_credential(image: str, pod: StuckPod, template: PodTemplate, successor: PodSecrets) -> str:
    try:
        registry = parse_image(image).registry
    except InputError:
        return f"image '{shown_image(image)}' in its owner's template is not a valid name"
    text = f"no credential for registry {shown(registry)}, now or for a successor"
    names = template.pull_secrets or successor.linked
    if not names:
        return f"{text}: link a pull secret to ServiceAccount {shown(template.account)} in namespace {pod.namespace}"
    missing = f" ({listed(successor.missing, 3)} does not exist)" if successor.missing else ""
    return f"{text}: add one to Secret {listed(names, 3)}{missing}"


def _logins(matches: list[Match]) -> list[tuple[str, str]]:
    return [(one.username, one.password) for one in matches]


def _with_blocked_runs(decision: Decision, successor: Successor) -> Decision:
    """A CronJob that forbids two runs at a time starts none while this Job is stuck."""
    owner, parent = successor.owner, successor.parent
    if decision.action != RecoveryAction.LEFT or parent is None or owner is None or not parent.forbids_concurrency:
        return decision
    blocked = f"Job {shown(owner.owner.name)} blocks every later run of {shown(str(parent.owner))} (concurrencyPolicy Forbid)"
    return replace(decision, message=f"{decision.message}. {blocked}")


def _left(decision: Decision, message: str) -> Decision:
    return replace(decision, action=RecoveryAction.LEFT, message=message)
