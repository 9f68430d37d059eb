# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An object deleted and made anew under its name, without leaving nothing where something was."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from .._errors import FailureKind, PullpassError, RequestError
from .api import FIELD_MANAGER, GaveUp, Patience, retry

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .objects import Objects, Seen


# To delete the old object, and to create the new one or the old one again
_PATIENCE = Patience(attempts=4, pause=0.5, longest=2.0)
# Seconds between two looks at whether the old one is gone
_GONE_PAUSE = 0.5
# Seconds for one that was made a moment ago
_SHORT_WAIT = 90.0


@dataclass(frozen=True)
class Kept:
    """Something written down: ``told`` says where a person finds it, ``drop`` removes it."""

    told: str
    drop: Callable[[], None]


@dataclass(frozen=True)
class Lasting:
    """What is known of an object that takes its time to go, or whose loss nobody else could make good.

    ``seconds`` is how long it may take, ``propagation`` what becomes of what it owns, ``put_back`` the object as it was.
    ``keep`` writes that down before anything is deleted, so that it outlives even a run that is killed; it raises
    RequestError where it cannot. ``differences`` names the fields in which what the server makes of a manifest is not what
    the old object was: then nothing is deleted, and what was made like that is removed again.
    """

    seconds: float
    propagation: str | None
    put_back: Mapping[str, t.Any]
    keep: Callable[[Mapping[str, t.Any]], Kept]
    differences: Callable[[Mapping[str, t.Any]], str]


def replace_object(
    objects: Objects,
    namespace: str,
    name: str,
    seen: Seen,
    body: Mapping[str, t.Any],
    lasting: Lasting | None = None,
    objection: Callable[[Mapping[str, t.Any]], str] | None = None,
) -> Mapping[str, t.Any] | None:
    """Tries the new object by a dry run, deletes the old one and creates the new one; the old one comes back if that fails.

    ``objection`` looks at the object that the dry run returned, which has another name: a text says why nothing is deleted.
    Gives the new object, None for a dry run. Raises RequestError: a conflict when the object is no longer the one that was
    seen, else what was in the way.
    """
    old = objects.get(namespace, name)
    if old is None or old["metadata"]["resourceVersion"] != seen.resource_version:
        raise RequestError(f"{objects.resource} {name} has changed", FailureKind.CONFLICT, 409)
    trial = _try_out(objects, namespace, name, body)
    why = objection(trial) if objection else ""
    if why:
        raise RequestError(f"the old one was not touched: {why}", FailureKind.REFUSED, 0)
    fields = lasting.differences(trial) if lasting else ""
    if fields:
        raise Unlike(f"the new one would not be as the old one is, by what admission makes of it: {fields}")
    if lasting and not objects.dry_run:
        return _replace_lasting(objects, namespace, name, seen, body, lasting)
    objects.delete(namespace, name, seen, *([lasting.propagation] if lasting else []))
    return None if objects.dry_run else _create_one_of(_Alike(objects, None), namespace, name, body, _fresh(old))


class Unlike(RequestError):
    """The server makes something else of the manifest than the old object was."""

    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.REFUSED, 0)


class _Lost(RequestError):
    """Neither the new object nor the old one is there for certain."""

    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.REFUSED, 0)


class _PutBack(RequestError):
    """The old object is there again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.REFUSED, 0)


def _replace_lasting(
    objects: Objects, namespace: str, name: str, seen: Seen, body: Mapping[str, t.Any], lasting: Lasting
) -> Mapping[str, t.Any]:
    kept = lasting.keep(lasting.put_back)
    try:
        _delete_surely(objects, namespace, name, seen, lasting.propagation)
    except _Lost as error:
        raise _Lost(f"{error} {kept.told}") from None
    except PullpassError:
        kept.drop()
        raise
    try:
        _wait_until_gone(objects, namespace, name, seen.uid, lasting.seconds)
        made = _create_one_of(_Alike(objects, lasting.differences), namespace, name, body, lasting.put_back)
    except _PutBack:
        kept.drop()
        raise
    except PullpassError as error:
        # no conflict any more: that would be taken for a change before the delete
        meanwhile = isinstance(error, RequestError) and error.kind == FailureKind.CONFLICT
        told = f"the old one is deleted, but somebody else has made another {objects.resource} {name} meanwhile: "
        raise _Lost(f"{told if meanwhile else ''}{error} {kept.told}") from None
    kept.drop()
    return made


def _delete_surely(objects: Objects, namespace: str, name: str, seen: Seen, propagation: str | None) -> None:
    """Raises _Lost where the object may or may not be deleted. After any other error it is not (conflict: it has changed)."""
    unsure = False

    def attempt() -> bool:
        try:
            objects.delete(namespace, name, seen, propagation)
        except RequestError as error:
            if error.kind != FailureKind.NOT_FOUND:
                raise
            if not unsure:
                raise RequestError(f"{objects.resource} {name} is gone", FailureKind.CONFLICT, 404) from None
        return True

    def check(_error: PullpassError) -> bool | None:
        nonlocal unsure
        unsure = True
        now = objects.get(namespace, name)
        if now is None or now["metadata"]["uid"] != seen.uid or "deletionTimestamp" in now["metadata"]:
            return True
        if now["metadata"]["resourceVersion"] != seen.resource_version:
            raise RequestError(f"{objects.resource} {name} has changed", FailureKind.CONFLICT, 409)
        return None

    try:
        retry(attempt, _PATIENCE, lambda error: unsure or error.kind == FailureKind.UNCERTAIN, check)
    except PullpassError as error:
        if unsure and error.kind != FailureKind.CONFLICT:
            raise _Lost(f"whether the old one is deleted is not known, and the new one was not made: {error}.") from None
        raise


@dataclass(frozen=True)
class _Alike:
    """Creates objects; one with ``differences`` to the old object is removed again."""

    objects: Objects
    differences: Callable[[Mapping[str, t.Any]], str] | None

    def create(self, namespace: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any] | PullpassError:
        """The object that was made, or why there is none. Raises as _create_surely, and _Lost."""
        made = _create_surely(self.objects, namespace, body["metadata"]["name"], body)
        if isinstance(made, PullpassError) or self.differences is None:
            return made
        fields = self.differences(made)
        if not fields:
            return made
        told = f"admission made it other than the old one was, and other than in the trial: {fields}"
        metadata = made["metadata"]
        try:
            # what may run in it by now runs with other rights than it should
            self.objects.delete_made(namespace, metadata["name"], metadata["uid"], "Background")
            _wait_until_gone(self.objects, namespace, metadata["name"], metadata["uid"], _SHORT_WAIT)
        except PullpassError as error:
            raise _Lost(f"{told}. IT COULD NOT BE REMOVED, delete it yourself: {error}.") from None
        return Unlike(f"{told}. It was removed again")


def _create_one_of(
    alike: _Alike, namespace: str, name: str, body: Mapping[str, t.Any], old: Mapping[str, t.Any]
) -> Mapping[str, t.Any]:
    made = alike.create(namespace, body)
    if not isinstance(made, PullpassError):
        return made
    lost = alike.create(namespace, old)
    if isinstance(lost, PullpassError):
        raise _Lost(f"the new one could not be made ({made}), AND THE OLD ONE COULD NOT BE PUT BACK: {lost}.")
    raise _PutBack(f"the new one was refused, the old one is back: {made}")


def _try_out(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    """What the server would make of it.

    Under another name, since the old one is still there; to a quota that makes one more. Names of Jobs end at 63.
    """
    trial = {**body, "metadata": {**body["metadata"], "name": f"{name[:50].rstrip('.-')}-dry-run"}}
    try:
        return replace(objects, dry_run=True).create(namespace, trial)
    except RequestError as error:
        raise RequestError(
            f"a trial of the new one, beside the old one, was refused: {error}", error.kind, error.status
        ) from None


def _wait_until_gone(objects: Objects, namespace: str, name: str, uid: str, seconds: float) -> None:
    """Until nothing, or something else, has the name. A server that does not answer meanwhile is asked again."""
    give_up = time.monotonic() + seconds
    trouble = "it is still being deleted"
    while True:
        try:
            now = objects.get(namespace, name)
            if now is None or now["metadata"]["uid"] != uid:
                return
        except PullpassError as error:
            trouble = str(error)
        if time.monotonic() >= give_up:
            raise _Lost(f"the old one was not gone after {seconds:.0f} seconds, and the new one was not made: {trouble}.")
        time.sleep(_GONE_PAUSE)


def _create_surely(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any] | PullpassError:
    """The object that was made, or why not. Raises RequestError (conflict) when somebody else's took its place."""
    unsure = False

    def attempt() -> Mapping[str, t.Any]:
        try:
            return objects.create(namespace, body)
        except RequestError as error:
            now = objects.get(namespace, name) if unsure and error.kind == FailureKind.CONFLICT else None
            if now is None or not _is_ours(now, body):
                raise
            return now

    def may_pass(error: PullpassError) -> bool:
        nonlocal unsure
        unsure = not isinstance(error, RequestError) or error.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED)
        return unsure

    try:
        return retry(attempt, _PATIENCE, may_pass)
    except GaveUp as gave_up:
        return gave_up.error
    except RequestError as error:
        if error.kind == FailureKind.CONFLICT:
            raise
        return error


def _is_ours(now: Mapping[str, t.Any], body: Mapping[str, t.Any]) -> bool:
    """Whether a create whose answer was lost came through. Only a Secret has data to tell it by."""
    if "data" in body:
        return (now.get("type"), now.get("data")) == (body.get("type"), body.get("data"))
    return any(entry.get("manager") == FIELD_MANAGER for entry in now["metadata"].get("managedFields") or ())


def _fresh(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An object that was read, as it has to be to be created again."""
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = {name: item["metadata"][name] for name in kept if name in item["metadata"]}
    return {**item, "metadata": metadata}
