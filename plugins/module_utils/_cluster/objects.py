# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Namespaced objects: read, created, patched, deleted and evicted with a guard, and listed in pages."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from .._concurrency import for_each
from .._errors import ClusterError, FailureKind, RequestError
from .answers import checked_items, checked_object, kept, malformed, place_of
from .api import FIELD_MANAGER, JSON, Api, GaveUp, Patience, retry
from .errors import Request
from .kinds import resource_path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


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
            if error.kind == FailureKind.NOT_FOUND:
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
        """For Pods: a delete that PodDisruptionBudgets may refuse (kind BUDGET)."""
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


METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500
# Each attempt reads the list from its first page
_STARTS = Patience(attempts=3)
# For all pages together; a list of a million objects takes some minutes
_SECONDS = 1800.0
Item = t.TypeVar("Item")
# namespace (None: not known), name (may be empty) and what is wrong, for one malformed item of a list
Spoiled = t.Callable[[t.Optional[str], str, RequestError], None]


def list_all(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
    namespace: str | None = None,
    spoiled: Spoiled | None = None,
) -> list[Item]:
    """``keep(item)`` for all items of a resource (its plural name), in one namespace or in all.

    ``selectors`` may hold fieldSelector and labelSelector. When the continue token has expired (410), the list starts
    again, twice. A malformed item is left out and handed to ``spoiled``; without that it is an error of the whole list.
    Raises RequestError or ClusterError.
    """
    reader = _Reader(api, Request("list", resource, namespace), keep, spoiled or _raise)
    try:
        return retry(lambda: reader.pages(selectors or {}, accept), _STARTS, lambda error: error.kind == FailureKind.EXPIRED)
    except GaveUp:
        raise ClusterError(
            f"the list of {resource} changed faster than it could be read ({_STARTS.attempts} attempts ended with 410 Gone). "
            "Try again later."
        ) from None


class _Reader(t.Generic[Item]):
    def __init__(self, api: Api, request: Request, keep: Callable[[dict[str, t.Any]], Item], spoiled: Spoiled) -> None:
        self._api = api
        self._request = request
        self._keep = keep
        self._spoiled = spoiled

    def pages(self, selectors: Mapping[str, str], accept: str) -> list[Item]:
        path = resource_path(self._request.resource, self._request.namespace)
        found: list[Item] = []
        query: dict[str, str | int] = {"limit": PAGE, **selectors}
        give_up = time.monotonic() + _SECONDS
        while True:
            page = self._api.send(self._request, path, query, accept=accept)
            found += self._items(page)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            if not isinstance(token, str) or token == query.get("continue"):
                raise malformed(f"the list of {self._request.resource} does not continue")
            if time.monotonic() > give_up:
                raise malformed(f"the list of {self._request.resource} has not ended after {_SECONDS / 60:.0f} minutes")
            query["continue"] = token

    def _items(self, page: dict[str, t.Any]) -> list[Item]:
        resource, namespace = self._request.resource, self._request.namespace
        found: list[Item] = []
        for item in checked_items(page, resource):
            try:
                found.append(kept(item, page, resource, namespace, self._keep))
            except RequestError as error:
                if error.kind != FailureKind.MALFORMED:
                    raise
                self._spoiled(*place_of(item, namespace), error)
        return found


def _raise(_namespace: str | None, _name: str, error: RequestError) -> None:
    raise error


def list_in(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    namespaces: Sequence[str],
    whole: bool,
    workers: int,
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
) -> tuple[list[Item], dict[str, RequestError]]:
    """``keep(item)`` for the items in these namespaces, and namespace -> why something in it could not be listed.

    ``whole``: by one list of the cluster, if that is allowed and well-formed; else by one of each namespace. Raises
    ClusterError, and RequestError for what one list of the cluster could not do for another reason.
    """
    lists = _Lists(api, resource, keep, frozenset(namespaces), selectors, accept)
    if whole and namespaces:
        try:
            return lists.read(None), lists.malformed
        except RequestError as error:
            if error.kind not in (FailureKind.FORBIDDEN, FailureKind.MALFORMED):
                raise
    answers = dict(zip(namespaces, for_each(namespaces, lists.try_read, workers)))
    found = [item for answer in answers.values() if not isinstance(answer, RequestError) for item in answer]
    refused = {namespace: answer for namespace, answer in answers.items() if isinstance(answer, RequestError)}
    return found, {**lists.malformed, **refused}


@dataclass(frozen=True)
class _Lists(t.Generic[Item]):
    """Lists of one resource. ``malformed``: namespace -> what is wrong with an object in it."""

    api: Api
    resource: str
    keep: Callable[[dict[str, t.Any]], Item]
    wanted: frozenset[str]
    selectors: Mapping[str, str] | None
    accept: str
    malformed: dict[str, RequestError] = field(default_factory=dict)

    def read(self, namespace: str | None) -> list[Item]:
        parts = list_all(self.api, self.resource, self._keep_wanted, self.selectors, self.accept, namespace, self._note)
        return [item for part in parts for item in part]

    def try_read(self, namespace: str) -> list[Item] | RequestError:
        try:
            return self.read(namespace)
        except RequestError as error:
            return error

    def _keep_wanted(self, item: dict[str, t.Any]) -> list[Item]:
        return [self.keep(item)] if item["metadata"]["namespace"] in self.wanted else []

    def _note(self, namespace: str | None, _name: str, error: RequestError) -> None:
        if namespace is None:
            raise error
        if namespace in self.wanted:
            self.malformed[namespace] = error
