# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An object deleted and made anew under its name, without leaving nothing where something was."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import CONFLICT, REFUSED, UNDECIDED
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError, RequestError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen

# Seconds after each try to create what has to be there again
_PAUSES = (0.5, 1.0, 2.0, 0.0)


def replace_object(objects: Objects, namespace: str, name: str, seen: Seen, body: Mapping[str, t.Any]) -> None:
    """Tries the new object by a dry run, deletes the old one and creates the new one; the old one comes back if that fails.

    Raises RequestError: a conflict when the object is no longer the one that was seen, else what was in the way.
    """
    old = objects.get(namespace, name)
    if old is None or old["metadata"]["resourceVersion"] != seen.resource_version:
        raise RequestError(f"{objects.resource} {name} has changed", CONFLICT, 409)
    _try_out(objects, namespace, name, body)
    objects.delete(namespace, name, seen)
    if objects.dry_run:
        return
    trouble = _create_surely(objects, namespace, name, body)
    if trouble is None:
        return
    lost = _create_surely(objects, namespace, name, _fresh(old))
    if lost is not None:
        told = f"the new one could not be made ({trouble}), AND THE OLD ONE COULD NOT BE PUT BACK: {lost}"
        raise RequestError(told, REFUSED, 0)
    raise RequestError(f"the new one was refused, the old one is back: {trouble}", REFUSED, 0)


def _try_out(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> None:
    """Under another name, since the old one is still there; to a quota that makes one more."""
    trial = {**body, "metadata": {**body["metadata"], "name": f"{name[:200].rstrip('.-')}-dry-run"}}
    try:
        replace(objects, dry_run=True).create(namespace, trial)
    except RequestError as error:
        raise RequestError(
            f"a trial of the new one, beside the old one, was refused: {error}", error.kind, error.status
        ) from None


def _create_surely(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> PullpassError | None:
    """None when the object is made; else why not. Raises RequestError (conflict) when somebody else's took its place."""
    trouble: PullpassError | None = None
    for pause in _PAUSES:
        try:
            objects.create(namespace, body)
            return None
        except RequestError as error:
            if error.kind == CONFLICT:
                if trouble is not None and _is_there(objects, namespace, name, body):
                    return None
                raise
            trouble = error
            if error.kind != UNDECIDED:
                break
        except PullpassError as error:
            trouble = error
        time.sleep(pause)
    return trouble


def _is_there(objects: Objects, namespace: str, name: str, body: Mapping[str, t.Any]) -> bool:
    """Whether a create whose answer was lost came through."""
    now = objects.get(namespace, name)
    return now is not None and (now.get("type"), now.get("data")) == (body.get("type"), body.get("data"))


def _fresh(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An object that was read, as it has to be to be created again."""
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = {name: item["metadata"][name] for name in kept if name in item["metadata"]}
    return {**item, "metadata": metadata}
