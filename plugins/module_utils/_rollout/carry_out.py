# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A plan carried out over many objects, some at a time: one that fails does not stop the others, and nothing is written blind."""

from __future__ import annotations

import random
import threading
import time
import typing as t
from dataclasses import dataclass, field, replace
from functools import partial

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import (
    CONFLICT,
    FORBIDDEN,
    MALFORMED,
    NOT_FOUND,
    TERMINATING,
    UNDECIDED,
)
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.replacement import replace_object
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.admission import changed_by_admission
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects

# Others may write the same object at the same time: each try reads it again and waits a little longer (seconds)
_TRIES = 12
_LONGEST_PAUSE = 1.0
# What a server or a webhook of it cannot decide (5xx) will hardly be decided at the third try
_UNDECIDED_TRIES = 3

Stored = t.TypeVar("Stored")


class Unread:
    """Stands for an object that has not been looked at yet."""


UNREAD = Unread()


@dataclass(frozen=True)
class Subject(t.Generic[Stored]):
    """One object to bring into its state. ``stored`` is what a list said, None for not there."""

    namespace: str
    name: str
    stored: Stored | None | Unread = field(default=UNREAD)


@dataclass(frozen=True)
class Outcome:
    """What became of one object."""

    namespace: str
    name: str
    step: Step


@dataclass
class CarryOut(t.Generic[Stored]):
    """``plan`` says the step for what ``parse`` made of the object; ``objects`` reads and writes it."""

    objects: Objects
    parse: Callable[[Mapping[str, t.Any]], Stored]
    plan: Callable[[Stored | None], Step]
    _lost: threading.Event = field(default_factory=threading.Event)

    def run(self, subjects: Sequence[Subject[Stored]], workers: int) -> list[Outcome]:
        """The outcome for each subject, in their order. Only those with something to do cost a request."""
        outcomes: list[Outcome | None] = []
        pending: list[tuple[int, Subject[Stored]]] = []
        for index, subject in enumerate(subjects):
            step = None if isinstance(subject.stored, Unread) else self.plan(subject.stored)
            settled = step is not None and step.write is None
            outcomes.append(Outcome(subject.namespace, subject.name, t.cast(Step, step)) if settled else None)
            if not settled:
                pending.append((index, subject))
        for (index, subject), step in zip(pending, for_each([one for _index, one in pending], self._settle, workers)):
            outcomes[index] = Outcome(subject.namespace, subject.name, step)
        return [outcome for outcome in outcomes if outcome is not None]

    def _settle(self, subject: Subject[Stored]) -> Step:
        if self._lost.is_set():
            return Step("failed", "not tried, because the cluster stopped answering")
        try:
            return self._converge(subject)
        except ClusterError as error:
            self._lost.set()
            return Step("failed", str(error))
        except RequestError as error:
            return self._told(error)

    def _converge(self, subject: Subject[Stored]) -> Step:
        stored = self._read(subject) if isinstance(subject.stored, Unread) else subject.stored
        unsure: Step | None = None
        trouble: RequestError | None = None
        undecided = tries = 0
        while True:
            step = self.plan(stored)
            if step.write is None:
                # what a broken connection left open turns out to be done
                return _found_done(unsure, step) if unsure and step.action == "unchanged" else step
            if tries == _TRIES or undecided == _UNDECIDED_TRIES:
                return Step("failed", f"gave up after {tries} tries, each overtaken by another writer or broken off: {trouble}")
            answer = self._try(subject, step)
            tries += 1
            if not isinstance(answer, RequestError):
                return self._confirmed(step, answer)
            trouble = answer
            if trouble.kind == FORBIDDEN and self.objects.dry_run:
                return replace(step, message=_joined(step.message, f"not checked by the server: {trouble}"))
            if not _passes(trouble, step):
                raise trouble
            if trouble.kind in (UNDECIDED, MALFORMED):
                unsure = step
                undecided += 1
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**tries)))
            stored = self._read(subject)

    def _try(self, subject: Subject[Stored], step: Step) -> Mapping[str, t.Any] | RequestError | None:
        """The object that the server returned, None where the write returns none."""
        try:
            return self._send(subject, step)
        except RequestError as error:
            return error

    def _confirmed(self, step: Step, answer: Mapping[str, t.Any] | None) -> Step:
        """The step, failed where admission on the server changed what was written."""
        changed = self._changed(step, answer)
        return replace(step, action="failed", message=changed, written=True) if changed else step

    def _changed(self, step: Step, answer: Mapping[str, t.Any] | None) -> str:
        if answer is None or step.write is None:
            return ""
        return changed_by_admission(step.write.body, answer, self.plan(self.parse(answer)))

    def _read(self, subject: Subject[Stored]) -> Stored | None:
        item = self.objects.get(subject.namespace, subject.name)
        return None if item is None else self.parse(item)

    def _send(self, subject: Subject[Stored], step: Step) -> Mapping[str, t.Any] | None:
        write = step.write
        if write is None:
            return None
        if write.verb == "create":
            return self.objects.create(subject.namespace, write.body)
        if write.seen is not None and write.verb == "patch":
            return self.objects.patch(subject.namespace, subject.name, write.seen, write.body)
        if write.seen is not None and write.verb == "replace":
            place = (subject.namespace, subject.name)
            return replace_object(self.objects, *place, write.seen, write.body, objection=partial(self._changed, step))
        if write.seen is not None:
            self.objects.delete(subject.namespace, subject.name, write.seen)
        return None

    def _told(self, error: RequestError) -> Step:
        if error.kind == TERMINATING:
            return Step("skipped", str(error))
        if error.kind == NOT_FOUND and self.objects.dry_run:
            return Step("skipped", f"not there (yet): {error}")
        return Step("failed", str(error))


def _passes(trouble: RequestError, step: Step) -> bool:
    """Whether the object has changed, or may have, so that it is to be read and planned again."""
    vanished = trouble.kind == NOT_FOUND and step.write is not None and step.write.verb != "create"
    return vanished or trouble.kind in (CONFLICT, UNDECIDED, MALFORMED)


def _found_done(unsure: Step, now: Step) -> Step:
    """The step whose answer was lost, now that the object has been read again and needs no change."""
    if not now.message:
        return unsure
    changed = f"admission on the server changed what was written: {now.message}"
    return replace(unsure, action="failed", message=changed, written=True)


def _joined(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
