# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Single namespaced objects: read, created, patched, deleted and evicted, guarded by what the plan saw."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.answers import checked_object
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import FIELD_MANAGER, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import NOT_FOUND, Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.resources import resource_path
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError

if t.TYPE_CHECKING:
    from collections.abc import Mapping


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
        """The object, or None when it is not there. A name that no object can have is not asked for.

        Raises RequestError, also for an answer that is not this object (MALFORMED).
        """
        try:
            found = self.api.send(Request("get", self.resource, namespace, name), self._path(namespace, name))
        except RequestError as error:
            if error.kind == NOT_FOUND:
                return None
            raise
        return checked_object(found, self.resource, namespace, name)

    def create(self, namespace: str, body: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The object as the server made it."""
        made = self.api.send(Request("create", self.resource, namespace), self._path(namespace), self._query(), body)
        return checked_object(made, self.resource, namespace, body["metadata"]["name"], self.dry_run)

    def patch(self, namespace: str, name: str, seen: Seen, changes: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """A JSON merge patch, refused (409) unless the object is still the one that was seen. Gives the patched object."""
        guard = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        body = {**changes, "metadata": {**changes.get("metadata", {}), **guard}}
        request = Request("patch", self.resource, namespace, name)
        patched = self.api.send(request, self._path(namespace, name), self._query(), body)
        return checked_object(patched, self.resource, namespace, name, self.dry_run)

    def delete(self, namespace: str, name: str, seen: Seen, propagation: str | None = None) -> None:
        """``propagation`` is what becomes of what it owns: Background, Foreground, Orphan; None for what its kind does."""
        body = {**self._delete_options(seen), **({"propagationPolicy": propagation} if propagation else {})}
        self.api.send(Request("delete", self.resource, namespace, name), self._path(namespace, name), None, body)

    def delete_made(self, namespace: str, name: str, uid: str, propagation: str) -> None:
        """One that was made by this run, at once, and whatever has been written to it since."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"uid": uid},
            "gracePeriodSeconds": 0,
            "propagationPolicy": propagation,
        }
        self.api.send(Request("delete", self.resource, namespace, name), self._path(namespace, name), None, body)

    def evict(self, namespace: str, name: str, seen: Seen) -> None:
        """For Pods: a delete that PodDisruptionBudgets may refuse (kind BUDGET of _cluster/refusals.py)."""
        body = {
            "kind": "Eviction",
            "apiVersion": "policy/v1",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": self._delete_options(seen),
        }
        request = Request("create", f"{self.resource}/eviction", namespace, name)
        self.api.send(request, self._path(namespace, name, "eviction"), self._query(), body)

    def _delete_options(self, seen: Seen) -> dict[str, t.Any]:
        # the query parameter dryRun is ignored as soon as there is a body, and then this deletes: it has to be in the body
        return {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {"uid": seen.uid, "resourceVersion": seen.resource_version},
            **({"dryRun": ["All"]} if self.dry_run else {}),
        }

    def _path(self, namespace: str, name: str | None = None, subresource: str | None = None) -> str:
        return resource_path(self.resource, namespace, name, subresource)

    def _query(self) -> dict[str, str | int]:
        return {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if self.dry_run else {})}
