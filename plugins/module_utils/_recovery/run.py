# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Stuck Pods got going again: looked at, decided, evicted or made anew, and followed until they run or fail once more."""

from __future__ import annotations

import time
import typing as t
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone

from .._cluster.objects import Objects
from .._cluster.validation import fields_equal, labels_equal
from .._concurrency import for_each
from .._credentials.shown import shown_image
from .._errors import RequestError
from .._reconcile.change import FAILED, SKIPPED
from .._reconcile.targets import closed_outcomes
from .follow import Awaited, Fate, Follower, Turn
from .plan import EVICT, LEFT, RECOVERING, REPLACE_JOB, REPLACE_POD
from .survey import RecoverySurvey
from .writes import BUSY, Done, Evictor, Replacer

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._reconcile.apply import Outcome
    from .model import StuckPod
    from .plan import Verdict, Wish


# Seconds between two looks at what has become of the Pods: the first, and the longest
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 4.0
# Seconds until a budget that was busy is asked again, which is what the server proposes
_BUSY_PAUSE = 10.0
# where a look takes long, since there are many Pods to list, the server has this many times as long a rest
_REST = 5


@dataclass(frozen=True)
class Terms:
    """``patterns`` are globs of Pods' names, ``seconds`` how long to wait for what comes of it, 0 for not at all."""

    patterns: Sequence[str]
    wish: Wish
    seconds: float
    workers: int
    check_mode: bool


class Recovery:
    """One run over the chosen namespaces."""

    def __init__(self, api: Api, chosen: Chosen, terms: Terms) -> None:
        self._terms = terms
        self._chosen = chosen
        self._survey = RecoverySurvey(api, chosen, terms.patterns, terms.workers, datetime.now(timezone.utc))
        self._seconds = 0.0 if terms.check_mode else terms.seconds
        self._follower = Follower(api, terms.workers, lambda pod: self._survey.cause(pod, pod.pulling[0]))
        self._evict = Evictor(Objects(api, "pods", terms.check_mode), self._decided, self._needing)
        self._replacer = Replacer(api, terms.check_mode, self._decided)
        self._peers: Counter[str] = Counter()
        self._fates: list[Fate] = []
        self._turns: list[Turn] = []

    def run(self) -> list[Fate]:
        """A Fate for each stuck Pod, and for each namespace that could not be looked at, by namespace and name.

        Raises ClusterError, and RequestError where nothing could be planned.
        """
        self._survey.look()
        self._plan()
        give_up = time.monotonic() + self._seconds
        if self._seconds:
            self._follower.note_those_before(fate.namespace for fate in self._fates if fate.action in (EVICT, REPLACE_JOB))
        self._replace()
        self._recover(give_up)
        self._conclude()
        self._fates += self._closed()
        return sorted(self._fates, key=lambda fate: (fate.namespace, fate.pod.name if fate.pod else ""))

    def _plan(self) -> None:
        verdicts = [(pod, self._survey.verdict(pod)) for pod in self._survey.pods]
        self._peers.update(pod.owner.uid for pod, verdict in verdicts if verdict.action == EVICT and pod.owner)
        for pod, verdict in verdicts:
            granted = self._granted(pod, verdict)
            image, cause = shown_image(verdict.container.image), self._survey.cause(pod, verdict.container)
            self._fates.append(Fate(pod.namespace, pod, granted.action, granted.message, image, cause))
        self._turns = list(self._turns_of([fate for fate in self._fates if fate.action == EVICT]).values())
        for fate in self._fates:
            if fate.action == RECOVERING and fate.pod:
                self._await(fate, uid=fate.pod.key, owner=None, before=fate.pod)

    def _decided(self, pod: StuckPod) -> Verdict:
        return self._granted(pod, self._survey.verdict(pod))

    def _granted(self, pod: StuckPod, verdict: Verdict) -> Verdict:
        peers = self._peers[pod.owner.uid] if pod.owner else 0
        return self._terms.wish.granted(verdict, pod, self._survey.successor(pod), peers)

    def _turns_of(self, fates: Sequence[Fate]) -> dict[str, Turn]:
        turns: dict[str, Turn] = {}
        for fate in fates:
            if fate.pod is not None and fate.pod.owner is not None:
                owner = self._survey.successor(fate.pod).owner
                turn = turns.setdefault(fate.pod.owner.uid, Turn([], owner is not None and owner.ordered))
                turn.fates.append(fate)
        return turns

    def _needing(self, namespace: str) -> list[Mapping[str, str]]:
        return [fate.pod.labels for fate in self._fates if fate.namespace == namespace and fate.pod and fate.needs_eviction]

    def _await(self, fate: Fate, uid: str | None, owner: str | None, before: StuckPod | None = None) -> None:
        if self._seconds and fate.pod:
            paused = before is not None and not before.just_tried
            named = next(iter(fields_equal({"metadata.name": fate.pod.name}).items()))
            selector = named if uid else self._labels_of_next(fate.pod, owner)
            fate.awaited = Awaited(fate.namespace, uid, owner, before, selector, paused)
            self._follower.awaited.append(fate.awaited)

    def _labels_of_next(self, pod: StuckPod, owner: str | None) -> tuple[str, str] | None:
        """Selects the Pods of ``owner`` (a uid), as far as that is the one that was looked at."""
        found = self._survey.successor(pod).owner
        if found is None or found.owner.uid != owner or not found.selector:
            return None
        try:
            return next(iter(labels_equal(found.selector).items()))
        except RequestError:  # then all Pods of the namespace are listed
            return None

    def _replace(self) -> None:
        bare = [fate for fate in self._fates if fate.action == REPLACE_POD]
        for fate, done in zip(bare, for_each(bare, self._bare, self._terms.workers)):
            self._note(fate, done, uid=done.made)
        jobs: dict[tuple[str, t.Any], list[Fate]] = {}
        for fate in self._fates:
            if fate.action == REPLACE_JOB and fate.pod is not None:
                jobs.setdefault((fate.namespace, fate.pod.owner), []).append(fate)
        answers = for_each(list(jobs), lambda job: self._replacer.job(*job), self._terms.workers)
        for alike, done in zip(jobs.values(), answers):
            for fate in alike:
                self._note(fate, done, owner=done.made)

    def _bare(self, fate: Fate) -> Done:
        return self._replacer.pod(t.cast("StuckPod", fate.pod))

    def _recover(self, give_up: float) -> None:
        if not self._seconds:
            while self._evict_due(again=False):
                pass
            return
        pause = _FIRST_PAUSE
        self._evict_due(again=True)
        tried = time.monotonic()
        while time.monotonic() < give_up and (self._follower.open or any(turn.waiting for turn in self._turns)):
            time.sleep(max(0.0, min(pause, give_up - time.monotonic())))
            start = time.monotonic()
            self._follower.look()
            pause = max(min(_LONGEST_PAUSE, pause * 1.3), _REST * (time.monotonic() - start))
            for turn in self._turns:
                turn.stop_if_failing()
            again = time.monotonic() - tried >= _BUSY_PAUSE
            tried = time.monotonic() if again else tried
            if time.monotonic() < give_up:
                self._evict_due(again)

    def _evict_due(self, again: bool) -> bool:
        """Whether there was any Pod whose turn it is."""
        for turn in self._turns:
            self._spare_job(turn)
        due = [fate for turn in self._turns for fate in turn.due(again)]
        for fate, done in zip(due, for_each(due, self._evicted, self._terms.workers)):
            self._note(fate, done, owner=fate.pod.owner.uid if fate.pod and fate.pod.owner else None)
        return bool(due)

    def _spare_job(self, turn: Turn) -> None:
        """Once some Pods of a Job are evicted, the next are only if it has not failed otherwise since it was looked at."""
        pod = turn.fates[0].pod
        owner = self._survey.successor(pod).owner if pod else None
        under_way = any(fate.action == "evicted" for fate in turn.fates)
        if pod and owner and owner.job and under_way and turn.due(again=False):
            turn.stop_if_costly(owner.job.failed, self._survey.failures(pod))

    def _evicted(self, fate: Fate) -> Done:
        return self._evict(t.cast("StuckPod", fate.pod))

    def _note(self, fate: Fate, done: Done, uid: str | None = None, owner: str | None = None) -> None:
        fate.busy = done.action == BUSY
        fate.message = done.message
        if fate.busy:
            return
        fate.action = done.action
        if done.action in ("evicted", "replaced") and (uid or owner):
            self._await(fate, uid, owner)

    def _conclude(self) -> None:
        """Nothing is left open: what was not done, and what has not shown itself in time, says so."""
        for fate in self._fates:
            if fate.busy:
                fate.action = "blocked"
                fate.message = f"{fate.message}. It may later on: run this again"
            elif fate.action == EVICT:
                fate.action = LEFT
                fate.message = (
                    f"the Pods of its owner go a few at a time, and {self._seconds:.0f} s were too short: run this again"
                )
            if fate.awaited is not None and fate.awaited.message:
                late = "" if fate.awaited.settled else f"after {self._seconds:.0f} s "
                fate.message = "; ".join(one for one in (fate.message, late + fate.awaited.message) if one)

    def _closed(self) -> list[Fate]:
        """Namespaces that are missing, are being deleted, or do not let their Pods be listed."""
        closed = closed_outcomes(self._chosen, "", self._terms.check_mode)
        going = {one.name for one in self._chosen.namespaces if one.terminating}
        fates = [Fate(one.namespace, None, self._closed_action(one, going), one.step.message) for one in closed]
        return fates + [Fate(name, None, "failed", why) for name, why in self._survey.refused.items()]

    @staticmethod
    def _closed_action(outcome: Outcome, going: Collection[str]) -> str:
        if outcome.step.action in FAILED:
            return "failed"
        return SKIPPED if outcome.namespace in going else LEFT
