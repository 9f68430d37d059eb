# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Deletes an object and creates it again under its name. Where the new object is refused, the old one is created again."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._errors import FailureKind, PullpassError, RequestError
from .api import FIELD_MANAGER, GaveUp, Patience, retry

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .objects import Objects, Seen


Differences = t.Callable[[t.Mapping[str, t.Any]], str]
# To delete the old object, and to create the new one or the old one again
_PATIENCE = Patience(attempts=4, pause=0.5, longest=2.0)
# Seconds between two reads of an object that is being deleted
_DELETION_PAUSE = 0.5
# Seconds for the deletion of an object that was created a moment ago
_DELETION_DOUBT = "the old object may be deleted or not, and the new one was not created"
_CREATION_DOUBT = "it is not known whether the new object was created"
_SHORT_DELETION = 90.0


@dataclass(frozen=True)
class SavedManifest:
    """A manifest that was saved. ``place`` tells a person where it is, ``remove`` removes it."""

    place: str
    remove: Callable[[], None]


@dataclass(frozen=True)
class SafeReplacement:
    """How to replace an object whose deletion takes time, and that nobody could restore.

    ``deletion_timeout``: seconds for the deletion. ``propagation``: the deletion policy for its dependents. ``old_manifest``:
    what creates the old object again. ``save`` saves that before the deletion, so that it outlives a run that is killed; it
    raises RequestError if it cannot. ``differences`` names the fields in which an object that the server would create, or has
    created, differs from the old one: then nothing is deleted, or that object is deleted again.
    """

    deletion_timeout: float
    propagation: str | None
    old_manifest: Mapping[str, t.Any] = field(repr=False)
    save: Callable[[Mapping[str, t.Any]], SavedManifest]
    differences: Differences


class _Refused(RequestError):
    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.REFUSED, 0)


class ChangedByAdmission(_Refused):
    """Admission on the server changes the new object, so that it differs from the old one."""


class _OldObjectLost(_Refused):
    """It is not certain that the new object or the old one exists."""


class _OldObjectRestored(_Refused):
    """The new object was refused, and the old one exists again."""


def replace_object(
    objects: Objects,
    namespace: str,
    name: str,
    seen: Seen,
    body: Mapping[str, t.Any],
    replacement: SafeReplacement | None = None,
    objection: Callable[[Mapping[str, t.Any]], str] | None = None,
) -> Mapping[str, t.Any] | None:
    """Tries the new object in a dry run, deletes the old one and creates the new one; null for a dry run.

    ``objection`` checks the object that the dry run returned, which has another name: a text is the reason why nothing is
    deleted. Raises RequestError: a conflict if the object has changed since it was seen, else the reason.
    """
    old = objects.get(namespace, name)
    if old is None or old["metadata"]["resourceVersion"] != seen.resource_version:
        raise RequestError(f"{objects.resource} {name} has changed", FailureKind.CONFLICT, 409)
    trial = _dry_run(objects, namespace, name, body)
    reason = objection(trial) if objection else ""
    if reason:
        raise _Refused(f"the old object was not deleted: {reason}")
    fields = replacement.differences(trial) if replacement else ""
    if fields:
        raise ChangedByAdmission(f"the new object would differ from the old one, because admission changes it: {fields}")
    if replacement and not objects.dry_run:
        return _replace_safely(objects, namespace, name, seen, body, replacement)
    objects.delete(namespace, name, seen, *([replacement.propagation] if replacement else []))
    return None if objects.dry_run else _create_new_or_old(_Creation(objects, None), namespace, body, _without_status(old))


def _dry_run(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    """The object that the server would create.

    It has another name, since the old object still exists; a quota counts both. The name of a Job has at most 63 characters.
    """
    trial = {**body, "metadata": {**body["metadata"], "name": f"{name[:50].rstrip('.-')}-dry-run"}}
    try:
        return replace(objects, dry_run=True).create(namespace, trial)
    except RequestError as error:
        message = f"a dry run of the new object, beside the old one, was refused: {error}"
        raise RequestError(message, error.kind, error.status) from None


def _replace_safely(
    objects: Objects, namespace: str, name: str, seen: Seen, body: Mapping[str, t.Any], replacement: SafeReplacement
) -> Mapping[str, t.Any]:
    saved = replacement.save(replacement.old_manifest)
    try:
        _delete(objects, namespace, name, seen, replacement.propagation)
    except _OldObjectLost as error:
        raise _OldObjectLost(f"{error} {saved.place}") from None
    except PullpassError:
        saved.remove()
        raise
    try:
        _wait_for_deletion(objects, namespace, name, seen.uid, replacement.deletion_timeout)
        created = _create_new_or_old(_Creation(objects, replacement.differences), namespace, body, replacement.old_manifest)
    except _OldObjectRestored:
        saved.remove()
        raise
    except PullpassError as error:
        # not as a conflict: the caller would take that for a change before the deletion
        is_taken = error.kind == FailureKind.CONFLICT
        reason = "the old object is deleted, but somebody else has created another of its name: " if is_taken else ""
        raise _OldObjectLost(f"{reason}{error} {saved.place}") from None
    saved.remove()
    return created


def _delete(objects: Objects, namespace: str, name: str, seen: Seen, propagation: str | None) -> None:
    """Raises _OldObjectLost if the object may be deleted. After any other error it is not (conflict: it has changed)."""
    is_uncertain = False

    def attempt() -> bool:
        try:
            objects.delete(namespace, name, seen, propagation)
        except RequestError as error:
            if error.kind != FailureKind.NOT_FOUND:
                raise
            if not is_uncertain:
                raise RequestError(f"{objects.resource} {name} does not exist", FailureKind.CONFLICT, 404) from None
        return True

    def check(_error: PullpassError) -> bool | None:
        nonlocal is_uncertain
        is_uncertain = True
        now = _read_again(objects, namespace, name, _DELETION_DOUBT)
        if now is None or now["metadata"]["uid"] != seen.uid or "deletionTimestamp" in now["metadata"]:
            return True
        if now["metadata"]["resourceVersion"] != seen.resource_version:
            raise RequestError(f"{objects.resource} {name} has changed", FailureKind.CONFLICT, 409)
        return None

    try:
        retry(attempt, _PATIENCE, lambda error: is_uncertain or error.kind == FailureKind.UNCERTAIN, check)
    except PullpassError as error:
        if is_uncertain and error.kind != FailureKind.CONFLICT and not isinstance(error, _OldObjectLost):
            raise _OldObjectLost(f"{_DELETION_DOUBT}: {error}.") from None
        raise


def _read_again(objects: Objects, namespace: str, name: str, doubt: str) -> Mapping[str, t.Any] | None:
    """The object after a write without an answer. Raises _OldObjectLost, which begins with ``doubt``."""
    try:
        return objects.get(namespace, name)
    except PullpassError as error:
        raise _OldObjectLost(f"{doubt}: {error}.") from None


def _wait_for_deletion(objects: Objects, namespace: str, name: str, uid: str, seconds: float) -> None:
    """Returns once nothing, or another object, has the name. A server that does not answer is asked again."""
    give_up = time.monotonic() + seconds
    reason = "it is still being deleted"
    while True:
        try:
            now = objects.get(namespace, name)
            if now is None or now["metadata"]["uid"] != uid:
                return
        except PullpassError as error:
            reason = str(error)
        if time.monotonic() >= give_up:
            message = f"the old object was not deleted within {seconds:.0f} seconds, and no new one was created: {reason}."
            raise _OldObjectLost(message)
        time.sleep(_DELETION_PAUSE)


def _create_new_or_old(
    creation: _Creation, namespace: str, body: Mapping[str, t.Any], old: Mapping[str, t.Any]
) -> Mapping[str, t.Any]:
    created = creation.create(namespace, body)
    if not isinstance(created, PullpassError):
        return created
    restored = creation.create(namespace, old)
    if isinstance(restored, PullpassError):
        raise _OldObjectLost(f"the new object was not created ({created}), AND THE OLD ONE COULD NOT BE RESTORED: {restored}.")
    raise _OldObjectRestored(f"the new object was refused, the old one is restored: {created}")


@dataclass(frozen=True)
class _Creation:
    """Creates objects. An object that differs from the old one is deleted again."""

    objects: Objects
    differences: Differences | None

    def create(self, namespace: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any] | PullpassError:
        """The object that was created, or the reason why there is none. Raises as _create, and _OldObjectLost."""
        created = _create(self.objects, namespace, body)
        if isinstance(created, PullpassError) or self.differences is None:
            return created
        fields = self.differences(created)
        if not fields:
            return created
        message = f"admission created an object that differs from the old one and from the dry run: {fields}"
        metadata = created["metadata"]
        try:
            # its containers may run with other rights than they should
            self.objects.delete_created(namespace, metadata["name"], metadata["uid"], "Background")
            _wait_for_deletion(self.objects, namespace, metadata["name"], metadata["uid"], _SHORT_DELETION)
        except PullpassError as error:
            raise _OldObjectLost(f"{message}. IT COULD NOT BE DELETED, delete it yourself: {error}.") from None
        return ChangedByAdmission(f"{message}. It was deleted again")


def _create(objects: Objects, namespace: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any] | PullpassError:
    """The object that was created, or why there is none.

    Raises RequestError (conflict) if somebody else has created one, and _OldObjectLost if it is not known who has.
    """
    is_uncertain = False

    def attempt() -> Mapping[str, t.Any]:
        try:
            return objects.create(namespace, body)
        except RequestError as error:
            if not is_uncertain or error.kind != FailureKind.CONFLICT:
                raise
            now = _read_again(objects, namespace, body["metadata"]["name"], _CREATION_DOUBT)
            if now is None or not _is_ours(now, body):
                raise
            return now

    def may_pass(error: PullpassError) -> bool:
        nonlocal is_uncertain
        is_uncertain = not isinstance(error, RequestError) or error.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED)
        return is_uncertain

    try:
        return retry(attempt, _PATIENCE, may_pass)
    except GaveUp as gave_up:
        return gave_up.error
    except RequestError as error:
        if error.kind == FailureKind.CONFLICT or isinstance(error, _OldObjectLost):
            raise
        return error


def _is_ours(now: Mapping[str, t.Any], body: Mapping[str, t.Any]) -> bool:
    """Whether a create without an answer was successful. Only a Secret has data that tells."""
    if "data" in body:
        return (now.get("type"), now.get("data")) == (body.get("type"), body.get("data"))
    return any(entry.get("manager") == FIELD_MANAGER for entry in now["metadata"].get("managedFields") or ())


def _without_status(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An object that was read, as a manifest that creates it again."""
    names = ("name", "labels", "annotations", "finalizers")
    metadata = {name: item["metadata"][name] for name in names if name in item["metadata"]}
    return {**item, "metadata": metadata}
