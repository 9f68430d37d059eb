# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Recovers stuck Pods: lists them, decides, evicts or replaces, and follows them until they run or fail again."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone

from .._cluster.objects import Objects
from .._cluster.validation import fields_equal, labels_equal
from .._concurrency import for_each
from .._errors import RequestError
from .._reconcile.targets import FAILED_ACTIONS, unavailable_outcomes
from .._text import shown_image
from .follow import EvictionBatch, FollowedPod, PodFollower, RecoveryOutcome
from .model import RecoveryAction
from .survey import RecoverySurvey
from .writes import Evictor, Replacer

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .model import Owner, StuckPod
    from .plan import Decision, RecoveryPolicy
    from .writes import WriteResult


# Seconds between two updates: the first, and the longest
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 1.0, 4.0, 1.3
# Seconds until a budget is asked again, as the server proposes
_BUDGET_PAUSE = 10.0
# an update that takes long lists many Pods: the pause after it is this many times as long
_REST = 5


@dataclass(frozen=True)
class RecoveryOptions:
    """``patterns``: globs of Pods' names. ``seconds``: how long to follow the Pods, 0 for not at all."""

    patterns: Sequence[str]
    policy: RecoveryPolicy
    seconds: float


def recover(api: Api, chosen: Chosen, options: RecoveryOptions, workers: int, check_mode: bool) -> list[RecoveryOutcome]:
    """An outcome for each stuck Pod, and for each namespace that could not be read, by namespace and name.

    Raises ClusterError, and RequestError where nothing could be planned.
    """
    outcomes = _Recovery(api, chosen, options, workers, check_mode).run() + _closed_namespaces(chosen, check_mode)
    return sorted(outcomes, key=lambda one: (one.namespace, one.pod.name if one.pod else ""))


def _closed_namespaces(chosen: Chosen, check_mode: bool) -> list[RecoveryOutcome]:
    """Namespaces that do not exist or are being deleted."""
    outcomes = []
    terminating = {one.name for one in chosen.namespaces if one.terminating}
    for one in unavailable_outcomes(chosen, "", check_mode):
        action = RecoveryAction.SKIPPED if one.namespace in terminating else RecoveryAction.LEFT
        action = RecoveryAction.FAILED if one.change.action in FAILED_ACTIONS else action
        outcomes.append(RecoveryOutcome(one.namespace, None, action, one.change.message))
    return outcomes


class _Recovery:
    def __init__(self, api: Api, chosen: Chosen, options: RecoveryOptions, workers: int, check_mode: bool) -> None:
        self._policy = options.policy
        self._workers = workers
        self._survey = RecoverySurvey(api, chosen, options.patterns, workers, datetime.now(timezone.utc))
        self._seconds = 0.0 if check_mode else options.seconds
        self._follower = PodFollower(api, workers, lambda pod: self._survey.cause(pod, pod.pulling[0]))
        self._evictor = Evictor(Objects(api, "pods", check_mode), self._decide, self._labels_of_unhealthy)
        self._replacer = Replacer(api, check_mode, self._decide)
        # uid of an owner -> its Pods to evict
        self._peers: Counter[str] = Counter()
        self._outcomes: list[RecoveryOutcome] = []
        self._batches: list[EvictionBatch] = []

    def run(self) -> list[RecoveryOutcome]:
        self._survey.read()
        self._plan()
        give_up = time.monotonic() + self._seconds
        if self._seconds:
            owned = (RecoveryAction.EVICT, RecoveryAction.REPLACE_JOB)
            self._follower.ignore_existing(one.namespace for one in self._outcomes if one.action in owned)
        self._replace_pods()
        self._replace_jobs()
        if self._seconds:
            self._evict_and_follow(give_up)
        else:
            self._evict_all()
        self._complete_messages()
        refused = self._survey.refused.items()
        return self._outcomes + [RecoveryOutcome(name, None, RecoveryAction.FAILED, why) for name, why in refused]

    def _plan(self) -> None:
        decisions = [(pod, self._survey.decision(pod)) for pod in self._survey.pods]
        evictions = [pod for pod, decision in decisions if decision.action == RecoveryAction.EVICT]
        self._peers.update(pod.owner.uid for pod in evictions if pod.owner)
        batches: dict[str, EvictionBatch] = {}
        for pod, decision in decisions:
            allowed = self._apply_policy(pod, decision)
            image, cause = shown_image(decision.container.image), self._survey.cause(pod, decision.container)
            outcome = RecoveryOutcome(pod.namespace, pod, allowed.action, allowed.message, image, cause)
            self._outcomes.append(outcome)
            if allowed.action == RecoveryAction.RECOVERING:
                self._follow(outcome, uid=pod.uid, owner=None, before=pod)
            elif allowed.action == RecoveryAction.EVICT and pod.owner is not None:
                owner = self._survey.successor(pod).owner
                batch = batches.setdefault(pod.owner.uid, EvictionBatch([], owner is not None and owner.ordered))
                batch.outcomes.append(outcome)
        self._batches = list(batches.values())

    def _decide(self, pod: StuckPod) -> Decision:
        return self._apply_policy(pod, self._survey.decision(pod))

    def _apply_policy(self, pod: StuckPod, decision: Decision) -> Decision:
        peers = self._peers[pod.owner.uid] if pod.owner else 0
        return self._policy.apply(decision, pod, self._survey.successor(pod), peers)

    def _labels_of_unhealthy(self, namespace: str) -> list[Mapping[str, str]]:
        """Of Pods that do not become healthy unless they are evicted."""
        return [one.pod.labels for one in self._outcomes if one.namespace == namespace and one.pod and one.needs_budget]

    def _follow(self, outcome: RecoveryOutcome, uid: str | None, owner: str | None, before: StuckPod | None = None) -> None:
        if self._seconds and outcome.pod:
            between_tries = before is not None and not before.just_tried
            by_name = next(iter(fields_equal({"metadata.name": outcome.pod.name}).items()))
            selector = by_name if uid else self._selector_of_successor(outcome.pod, owner)
            outcome.followed = FollowedPod(outcome.namespace, uid, owner, before, selector, between_tries)
            self._follower.followed.append(outcome.followed)

    def _selector_of_successor(self, pod: StuckPod, owner: str | None) -> tuple[str, str] | None:
        """Selects the Pods of ``owner`` (a uid); None where all Pods of the namespace have to be listed."""
        found = self._survey.successor(pod).owner
        if found is None or found.owner.uid != owner or not found.selector:
            return None
        try:
            return next(iter(labels_equal(found.selector).items()))
        except RequestError:
            return None

    def _replace_pods(self) -> None:
        bare = [(one, one.pod) for one in self._outcomes if one.action == RecoveryAction.REPLACE_POD and one.pod]
        results = for_each(bare, lambda pair: self._replacer.replace_pod(pair[1]), self._workers)
        for (outcome, _pod), result in zip(bare, results):
            self._record(outcome, result, uid=result.new_uid)

    def _replace_jobs(self) -> None:
        jobs: dict[tuple[str, Owner], list[RecoveryOutcome]] = {}
        for one in self._outcomes:
            if one.action == RecoveryAction.REPLACE_JOB and one.pod is not None and one.pod.owner is not None:
                jobs.setdefault((one.namespace, one.pod.owner), []).append(one)
        results = for_each(list(jobs), lambda job: self._replacer.replace_job(*job), self._workers)
        for outcomes, result in zip(jobs.values(), results):
            for one in outcomes:
                self._record(one, result, owner=result.new_uid)

    def _evict_all(self) -> None:
        while self._evict(retry=False):
            pass

    def _evict_and_follow(self, give_up: float) -> None:
        pause = _FIRST_PAUSE
        self._evict(retry=True)
        tried = time.monotonic()
        while time.monotonic() < give_up and (self._follower.undecided or any(batch.pending for batch in self._batches)):
            time.sleep(max(0.0, min(pause, give_up - time.monotonic())))
            start = time.monotonic()
            self._follower.update()
            pause = max(min(_LONGEST_PAUSE, pause * _GROWTH), _REST * (time.monotonic() - start))
            for batch in self._batches:
                batch.stop_if_failing()
            retry = time.monotonic() - tried >= _BUDGET_PAUSE
            tried = time.monotonic() if retry else tried
            if time.monotonic() < give_up:
                self._evict(retry)

    def _evict(self, retry: bool) -> bool:
        """Evicts the next Pods of each batch; False when there are none."""
        for batch in self._batches:
            self._stop_if_job_failed(batch)
        due = [(one, one.pod) for batch in self._batches for one in batch.next_evictions(retry) if one.pod]
        for (outcome, pod), result in zip(due, for_each(due, lambda pair: self._evictor(pair[1]), self._workers)):
            self._record(outcome, result, owner=pod.owner.uid if pod.owner else None)
        return bool(due)

    def _stop_if_job_failed(self, batch: EvictionBatch) -> None:
        """After the first evictions of a Job's Pods: none more when the Job has failed otherwise meanwhile."""
        pod = batch.outcomes[0].pod
        owner = self._survey.successor(pod).owner if pod else None
        begun = any(one.action == RecoveryAction.EVICTED for one in batch.outcomes)
        if pod and owner and owner.job and begun and batch.next_evictions(retry=False):
            batch.stop_if_job_failed(owner.job.failed, self._survey.failures(pod))

    def _record(self, outcome: RecoveryOutcome, result: WriteResult, uid: str | None = None, owner: str | None = None) -> None:
        outcome.message, outcome.budget_full = result.message, result.budget_full
        if result.budget_full:
            return
        outcome.action = result.action
        if result.action in (RecoveryAction.EVICTED, RecoveryAction.REPLACED) and (uid or owner):
            self._follow(outcome, uid, owner)

    def _complete_messages(self) -> None:
        """The last action and message of what was not done, or not decided, in time."""
        for one in self._outcomes:
            if one.action == RecoveryAction.EVICT and one.budget_full:
                one.action, one.message = RecoveryAction.BLOCKED, f"{one.message}. It may be allowed later: run this again"
            elif one.action == RecoveryAction.EVICT:
                one.action = RecoveryAction.LEFT
                one.message = (
                    f"Pods of one owner are evicted a few at a time, and {self._seconds:.0f} s were too short. Run this again"
                )
            if one.followed is not None and one.followed.message:
                late = "" if one.followed.decided else f"after {self._seconds:.0f} s: "
                one.message = "; ".join(text for text in (one.message, late + one.followed.message) if text)
