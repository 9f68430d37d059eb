# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A plan carried out over many objects, some at a time. One that fails does not stop the others."""

from __future__ import annotations

import base64
import threading
import typing as t
from dataclasses import dataclass, field, replace
from functools import partial

from .._cluster.api import GaveUp, Patience, retry
from .._cluster.replace import replace_object
from .._concurrency import for_each
from .._credentials.dockerconfigjson import PULL_SECRET_KEY, read_stored_document
from .._credentials.redact import foreign_text
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .._text import in_words, listed, shown
from .change import Step

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._cluster.objects import Objects


# what the request itself is about; a trial has another name
_NOT_CONTENT = ("apiVersion", "kind", "name", "namespace", "uid", "resourceVersion")
_REMEDY = "Exempt the object from that MutatingAdmissionPolicy or webhook, or change what it does"


def changed_by_admission(written: Mapping[str, t.Any], answer: Mapping[str, t.Any], after: Step) -> str:
    """What admission changed, with the remedy; an empty text where the answer is in the desired state.

    ``after`` is the plan for the object that the server returned. No value of a Secret is in the text.
    """
    differences = list(_differences(written, answer, ()))
    lost = any(difference.lost for difference in differences)
    if after.action == "unchanged" and not after.message and not lost:
        return ""
    told = in_words([difference.text for difference in differences], limit=200)
    if not told:
        told = foreign_text(after.message, 300) or f"the returned object would have to be {after.action} again"
    return f"admission on the server changed what was written: {told}. {_REMEDY}"


class _Difference(t.NamedTuple):
    """``lost``: an entry of a list or document is gone, perhaps one of somebody else's, which no plan asks for."""

    text: str
    lost: bool = False


def _differences(written: t.Any, answer: t.Any, path: tuple[str, ...]) -> Iterator[_Difference]:
    if isinstance(written, dict):
        found = answer if isinstance(answer, dict) else {}
        for key, value in written.items():
            if path in ((), ("metadata",)) and key in _NOT_CONTENT:
                continue
            yield from _differences(value, found.get(key), (*path, key))
    elif isinstance(written, list):
        names = _names(answer)
        missing = set(_names(written)).difference(names)
        if missing or len(names) != len(written):
            now = f"is now [{_shown_names(answer)}]" if names else "is now empty"
            yield _Difference(f"{path[-1]} {now}", bool(missing))
    elif written is None and path[-1] == "imagePullSecrets" and answer:
        yield _Difference(f"{path[-1]} is now [{_shown_names(answer)}]")
    elif written != answer and (written or answer):
        yield _Difference(
            f"{_field(path)} {_now(path, answer)}", path == ("data", PULL_SECRET_KEY) and _loses_entries(written, answer)
        )


def _names(references: t.Any) -> list[str]:
    entries = references if isinstance(references, list) else []
    return [str(one.get("name") or "") for one in entries if isinstance(one, dict)]


def _shown_names(answer: t.Any) -> str:
    return listed([foreign_text(name) for name in _names(answer)])


def _loses_entries(written: t.Any, answer: t.Any) -> bool:
    before, after = (_entries(one) for one in (written, answer))
    return any(after.get(key) != entry for key, entry in before.items())


def _entries(encoded: t.Any) -> Mapping[str, t.Any]:
    return read_stored_document(base64.b64decode(encoded)).entries if isinstance(encoded, str) else {}


def _field(path: tuple[str, ...]) -> str:
    marks = {"labels": "label", "annotations": "annotation"}
    if len(path) == 3 and path[0] == "metadata" and path[1] in marks:
        return f"{marks[path[1]]} {shown(path[2], 120)}"
    if path[0] == "data":
        return f"data[{shown(path[1], 80)}]" if len(path) == 2 else "data"
    return shown(".".join(path), 120)


def _now(path: tuple[str, ...], answer: t.Any) -> str:
    """Only labels, the type and flags are shown: annotations of others and data may hold secrets."""
    if answer is None:
        return "was removed"
    public = path[:2] == ("metadata", "labels") or path in (("type",), ("immutable",))
    return f"is now '{foreign_text(str(answer), 80)}'" if public else "has another value"


# Others may write the same object at the same time
_PATIENCE = Patience(attempts=12, uncertain=3, pause=0.04, longest=1.0, random_pauses=True)
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
        step = self.plan(self._read(subject) if isinstance(subject.stored, Unread) else subject.stored)
        unsure: Step | None = None

        def attempt() -> Step:
            return step if step.write is None else self._confirmed(step, self._send(subject, step))

        def may_pass(error: PullpassError) -> bool:
            return isinstance(error, RequestError) and _may_have_changed(error, step)

        def check(error: PullpassError) -> Step | None:
            nonlocal step, unsure
            if error.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED):
                unsure = step
            step = self.plan(self._read(subject))
            if step.write is not None:
                return None
            # what a broken connection left open turns out to be done
            return _found_done(unsure, step) if unsure and step.action == "unchanged" else step

        try:
            return retry(attempt, _PATIENCE, may_pass, check)
        except GaveUp as gave_up:
            return Step("failed", f"{gave_up}. Another writer changed the object meanwhile, or the server failed. Run this again")
        except RequestError as error:
            if error.kind == FailureKind.FORBIDDEN and self.objects.dry_run and step.write is not None:
                return replace(step, message=_joined(step.message, f"not checked by the server: {error}"))
            raise

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
        if error.kind == FailureKind.TERMINATING:
            return Step("skipped", str(error))
        if error.kind == FailureKind.NOT_FOUND and self.objects.dry_run:
            return Step("skipped", f"not there (yet): {error}")
        return Step("failed", str(error))


def _may_have_changed(error: RequestError, step: Step) -> bool:
    """Whether the object has changed, or may have, so that it has to be read and planned again."""
    vanished = error.kind == FailureKind.NOT_FOUND and step.write is not None and step.write.verb != "create"
    return vanished or error.kind in (FailureKind.CONFLICT, FailureKind.UNCERTAIN, FailureKind.MALFORMED)


def _found_done(unsure: Step, now: Step) -> Step:
    """The step whose answer was lost, now that the object has been read again and needs no change."""
    if not now.message:
        return unsure
    changed = f"admission on the server changed what was written: {now.message}"
    return replace(unsure, action="failed", message=changed, written=True)


def _joined(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
