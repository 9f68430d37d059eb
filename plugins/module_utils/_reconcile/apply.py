# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Applies a plan to many objects, several at a time. A failure of one object does not stop the others."""

from __future__ import annotations

import base64
import threading
import typing as t
from dataclasses import dataclass, field, replace
from functools import partial

from .._cluster.api import GaveUp, Patience, retry
from .._cluster.kinds import RESOURCES
from .._cluster.replace import replace_object
from .._concurrency import for_each
from .._credentials.dockerconfigjson import PULL_SECRET_KEY, read_stored_document
from .._credentials.redact import foreign_text
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .._text import in_words, listed, shown
from .targets import SKIPPED, Change, Outcome, Stored, TargetObject

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._cluster.objects import Objects


# Others may write the same object at the same time
_PATIENCE = Patience(attempts=12, uncertain=3, pause=0.04, longest=1.0, random_pauses=True)
# What the request itself is about; the object of a dry run has another name
_NOT_CONTENT = ("apiVersion", "kind", "name", "namespace", "uid", "resourceVersion")
_ADMISSION = "admission on the server changed what was written"
_REMEDY = "Exempt the object from that MutatingAdmissionPolicy or webhook, or change what it does"


def apply(
    targets: Sequence[TargetObject[Stored]],
    objects: Objects,
    parse: Callable[[Mapping[str, t.Any]], Stored],
    plan: Callable[[Stored | None], Change],
    workers: int,
) -> list[Outcome]:
    """The outcome of each target, in their order. A target costs requests only if it is not listed or has to change.

    ``plan`` decides the change for what ``parse`` makes of the object, or for null if it does not exist.
    """
    kind = RESOURCES[objects.resource].kind
    changes: list[Change | None] = [plan(target.stored) if target.listed else None for target in targets]
    pending = [index for index, change in enumerate(changes) if change is None or change.write is not None]
    applied = for_each([targets[index] for index in pending], _Apply(objects, parse, plan).change, workers)
    for index, change in zip(pending, applied):
        changes[index] = change
    return [Outcome(one.namespace, one.name, t.cast(Change, change), kind) for one, change in zip(targets, changes)]


@dataclass
class _Apply(t.Generic[Stored]):
    """Applies a plan to one object at a time. Once the cluster is lost, no further object is tried."""

    objects: Objects
    parse: Callable[[Mapping[str, t.Any]], Stored]
    plan: Callable[[Stored | None], Change]
    _lost: threading.Event = field(default_factory=threading.Event)

    def change(self, target: TargetObject[Stored]) -> Change:
        if self._lost.is_set():
            return Change("failed", "not tried, because the cluster stopped answering")
        try:
            return self._converge(target)
        except ClusterError as error:
            self._lost.set()
            return Change("failed", str(error))
        except RequestError as error:
            if error.kind == FailureKind.TERMINATING:
                return Change(SKIPPED, str(error))
            if error.kind == FailureKind.NOT_FOUND and self.objects.dry_run:
                return Change(SKIPPED, f"does not exist (yet): {error}")
            return Change("failed", str(error))

    def _converge(self, target: TargetObject[Stored]) -> Change:
        change = self.plan(target.stored if target.listed else self._read(target))
        unconfirmed: Change | None = None

        def attempt() -> Change:
            if change.write is None:
                return change
            try:
                answer = self._send(target, change)
            except RequestError as error:
                if error.kind == FailureKind.FORBIDDEN and self.objects.dry_run:
                    return change.with_message(f"not checked by the server: {error}")
                raise
            return self._checked(change, answer)

        def may_pass(error: PullpassError) -> bool:
            return isinstance(error, RequestError) and _may_have_changed(error, change)

        def check(error: PullpassError) -> Change | None:
            nonlocal change, unconfirmed
            if error.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED):
                unconfirmed = change
            change = self.plan(self._read(target))
            if change.write is not None:
                return None
            return _after_lost_answer(unconfirmed, change) if unconfirmed and change.action == "unchanged" else change

        try:
            return retry(attempt, _PATIENCE, may_pass, check)
        except GaveUp as gave_up:
            message = f"{gave_up}. Another writer changed the object meanwhile, or the server failed. Run this again"
            return Change("failed", message)

    def _checked(self, change: Change, answer: Mapping[str, t.Any] | None) -> Change:
        """The change, failed if admission on the server changed what was written."""
        difference = self._difference(change, answer)
        return replace(change, action="failed", message=difference, written=True) if difference else change

    def _difference(self, change: Change, answer: Mapping[str, t.Any] | None) -> str:
        if answer is None or change.write is None:
            return ""
        return changed_by_admission(change.write.body, answer, self.plan(self.parse(answer)))

    def _read(self, target: TargetObject[Stored]) -> Stored | None:
        item = self.objects.get(target.namespace, target.name)
        return None if item is None else self.parse(item)

    def _send(self, target: TargetObject[Stored], change: Change) -> Mapping[str, t.Any] | None:
        write, place = change.write, (target.namespace, target.name)
        if write is None:
            return None
        if write.verb == "create":
            return self.objects.create(target.namespace, write.body)
        if write.seen is not None and write.verb == "patch":
            return self.objects.patch(*place, write.seen, write.body)
        if write.seen is not None and write.verb == "replace":
            return replace_object(self.objects, *place, write.seen, write.body, objection=partial(self._difference, change))
        if write.seen is not None:
            self.objects.delete(*place, write.seen)
        return None


def _may_have_changed(error: RequestError, change: Change) -> bool:
    """Whether the object has changed, or may have changed, so that it has to be read and planned again."""
    deleted = error.kind == FailureKind.NOT_FOUND and change.write is not None and change.write.verb != "create"
    return deleted or error.kind in (FailureKind.CONFLICT, FailureKind.UNCERTAIN, FailureKind.MALFORMED)


def _after_lost_answer(unconfirmed: Change, change: Change) -> Change:
    """The change whose answer was lost, now that the object was read again and ``change`` says that it needs no write."""
    if change.complete:
        return unconfirmed
    return replace(unconfirmed, action="failed", message=f"{_ADMISSION}: {change.message}", written=True)


def changed_by_admission(written: Mapping[str, t.Any], answer: Mapping[str, t.Any], next_change: Change) -> str:
    """What admission changed, with the remedy; an empty text if the answer is in the desired state.

    ``next_change`` is the plan for the object that the server returned. No value of a Secret is in the text.
    """
    differences = list(_differences(written, answer, ()))
    lost = any(difference.lost for difference in differences)
    if next_change.complete and not lost:
        return ""
    words = in_words([difference.text for difference in differences], limit=200)
    if not words:
        words = foreign_text(next_change.message, 300) or f"the returned object still has to be {next_change.action}"
    return f"{_ADMISSION}: {words}. {_REMEDY}"


class _Difference(t.NamedTuple):
    """``lost``: an entry of a list or document is missing, which may be one of somebody else that no plan asks for."""

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
