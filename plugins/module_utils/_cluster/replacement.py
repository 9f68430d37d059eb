# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An object deleted and made anew under its name, without leaving nothing where something was."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import FIELD_MANAGER
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import CONFLICT, REFUSED, UNDECIDED
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError, RequestError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen

# Seconds after each try to create what has to be there again
_PAUSES = (0.5, 1.0, 2.0, 0.0)
# Seconds between two looks at whether the old one is gone
_GONE_PAUSE = 0.5


@dataclass(frozen=True)
class Lasting:
    """What is known of an object that takes its time to go, or whose loss nobody else could make good.

    ``seconds`` is how long it may take, ``propagation`` what becomes of what it owns, ``put_back`` the object as it was.
    ``save`` keeps that where a person finds it and says where, for when nothing can be made of it any more.
    """

    seconds: float
    propagation: str | None
    put_back: Mapping[str, t.Any]
    save: Callable[[Mapping[str, t.Any]], str]


def replace_object(
    objects: Objects, namespace: str, name: str, seen: Seen, body: Mapping[str, t.Any], lasting: Lasting | None = None
) -> Mapping[str, t.Any] | None:
    """Tries the new object by a dry run, deletes the old one and creates the new one; the old one comes back if that fails.

    Gives the new object, None for a dry run. Raises RequestError: a conflict when the object is no longer the one that was
    seen, else what was in the way.
    """
    old = objects.get(namespace, name)
    if old is None or old["metadata"]["resourceVersion"] != seen.resource_version:
        raise RequestError(f"{objects.resource} {name} has changed", CONFLICT, 409)
    _try_out(objects, namespace, name, body)
    objects.delete(namespace, name, seen, *([lasting.propagation] if lasting else []))
    if objects.dry_run:
        return None
    put_back = lasting.put_back if lasting else _fresh(old)
    try:
        if lasting:
            _wait_until_gone(objects, namespace, name, seen, lasting.seconds)
        return _create_one_of(objects, namespace, name, body, put_back)
    except _Lost as error:
        saved = f" {lasting.save(put_back)}" if lasting else ""
        raise RequestError(f"{error}{saved}", REFUSED, 0) from None
    except RequestError as error:
        if lasting and error.kind == CONFLICT:
            # not to be taken for a change before the delete
            told = f"the old one is deleted, but somebody else has made another {objects.resource} {name} meanwhile: {error}"
            raise RequestError(told, REFUSED, error.status) from None
        raise


class _Lost(Exception):
    """Neither the new object nor the old one is there."""


def _create_one_of(
    objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any], old: Mapping[str, t.Any]
) -> Mapping[str, t.Any]:
    made = _create_surely(objects, namespace, name, body)
    if not isinstance(made, PullpassError):
        return made
    lost = _create_surely(objects, namespace, name, old)
    if isinstance(lost, PullpassError):
        raise _Lost(f"the new one could not be made ({made}), AND THE OLD ONE COULD NOT BE PUT BACK: {lost}.")
    raise RequestError(f"the new one was refused, the old one is back: {made}", REFUSED, 0)


def _try_out(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> None:
    """Under another name, since the old one is still there; to a quota that makes one more. Names of Jobs end at 63."""
    trial = {**body, "metadata": {**body["metadata"], "name": f"{name[:50].rstrip('.-')}-dry-run"}}
    try:
        replace(objects, dry_run=True).create(namespace, trial)
    except RequestError as error:
        raise RequestError(
            f"a trial of the new one, beside the old one, was refused: {error}", error.kind, error.status
        ) from None


def _wait_until_gone(objects: Objects, namespace: str, name: str, seen: Seen, seconds: float) -> None:
    """Until nothing, or something else, has the name. A server that does not answer meanwhile is asked again."""
    give_up = time.monotonic() + seconds
    trouble = "it is still being deleted"
    while True:
        try:
            now = objects.get(namespace, name)
            if now is None or now["metadata"]["uid"] != seen.uid:
                return
        except PullpassError as error:
            trouble = str(error)
        if time.monotonic() >= give_up:
            raise _Lost(f"the old one was not gone after {seconds:.0f} seconds, and the new one was not made: {trouble}.")
        time.sleep(_GONE_PAUSE)


def _create_surely(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> Mapping[str, t.Any] | PullpassError:
    """The object that was made, or why not. Raises RequestError (conflict) when somebody else's took its place."""
    trouble = PullpassError("it was not tried")
    tried = False
    for pause in _PAUSES:
        try:
            return objects.create(namespace, body)
        except RequestError as error:
            if error.kind == CONFLICT:
                now = objects.get(namespace, name) if tried else None
                if now is not None and _is_ours(now, body):
                    return now
                raise
            trouble = error
            if error.kind != UNDECIDED:
                break
        except PullpassError as error:
            trouble = error
        tried = True
        time.sleep(pause)
    return trouble


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
