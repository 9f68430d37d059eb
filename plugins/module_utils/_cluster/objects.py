# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Single namespaced objects of the core group: read, created, patched and deleted, guarded by what the plan saw."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import FIELD_MANAGER, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import (
    CONFLICT,
    NOT_FOUND,
    REFUSED,
    UNDECIDED,
    Request,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds after each try to create what has to be there again
_PAUSES = (0.5, 1.0, 2.0, 0.0)


@dataclass(frozen=True)
class Seen:
    """The version of an object that a plan was made from. A write that carries it fails (409) once another has come."""

    uid: str
    resource_version: str


@dataclass(frozen=True)
class Objects:
    """One kind of object (``resource`` is its plural). With ``dry_run`` the server does all but store the write."""

    api: Api
    resource: str
    dry_run: bool

    def get(self, namespace: str, name: str) -> dict[str, t.Any] | None:
        """The object, or None when it is not there."""
        try:
            return self.api.send(Request("get", self.resource, namespace, name), self._path(namespace, name))
        except RequestError as error:
            if error.kind == NOT_FOUND:
                return None
            raise

    def create(self, namespace: str, body: Mapping[str, t.Any]) -> None:
        self.api.send(Request("create", self.resource, namespace), self._path(namespace), self._query(), body)

    def patch(self, namespace: str, name: str, seen: Seen, changes: Mapping[str, t.Any]) -> None:
        """A JSON merge patch, refused (409) unless the object is still the one that was seen."""
        guard = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        body = {**changes, "metadata": {**changes.get("metadata", {}), **guard}}
        self.api.send(Request("patch", self.resource, namespace, name), self._path(namespace, name), self._query(), body)

    def delete(self, namespace: str, name: str, seen: Seen) -> None:
        # the query parameter dryRun is ignored as soon as there is a body, and then this deletes: it has to be in the body
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"uid": seen.uid, "resourceVersion": seen.resource_version},
            **({"dryRun": ["All"]} if self.dry_run else {}),
        }
        self.api.send(Request("delete", self.resource, namespace, name), self._path(namespace, name), None, body)

    def replace(self, namespace: str, name: str, seen: Seen, body: Mapping[str, t.Any]) -> None:
        """Delete the object and create another under its name; the old one comes back if the server refuses the new one."""
        old = self.get(namespace, name)
        if old is None or old["metadata"]["resourceVersion"] != seen.resource_version:
            raise RequestError(f"{self.resource} {name} has changed", CONFLICT, 409)
        trial = {**body, "metadata": {**body["metadata"], "name": f"{name[:240]}-dry-run"}}
        replace(self, dry_run=True).create(namespace, trial)
        self.delete(namespace, name, seen)
        if self.dry_run:
            return
        trouble = self._create_surely(namespace, body)
        if trouble is None:
            return
        lost = self._create_surely(namespace, _fresh(old))
        if lost is not None:
            told = f"the new one was refused ({trouble}), AND THE OLD ONE COULD NOT BE PUT BACK: {lost}"
            raise RequestError(told, REFUSED, lost.status)
        raise RequestError(f"the new one was refused, the old one is back: {trouble}", REFUSED, trouble.status)

    def _create_surely(self, namespace: str, body: Mapping[str, t.Any]) -> RequestError | None:
        """None when the object is made; else why not. Raises RequestError (conflict) when another one took its place."""
        trouble: RequestError | None = None
        for pause in _PAUSES:
            try:
                self.create(namespace, body)
                return None
            except RequestError as error:
                if error.kind == CONFLICT:
                    raise
                trouble = error
                if error.kind != UNDECIDED:
                    break
            time.sleep(pause)
        return trouble

    def _path(self, namespace: str, name: str | None = None) -> str:
        collection = f"/api/v1/namespaces/{namespace}/{self.resource}"
        return f"{collection}/{name}" if name else collection

    def _query(self) -> dict[str, str | int]:
        return {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if self.dry_run else {})}


def _fresh(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An object that was read, as it has to be to be created again."""
    kept = ("name", "labels", "annotations", "finalizers")
    metadata = {name: item["metadata"][name] for name in kept if name in item["metadata"]}
    return {**item, "metadata": metadata}
