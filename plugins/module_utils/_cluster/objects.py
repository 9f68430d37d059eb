# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Objects of a cluster: reads, guarded writes and lists; the pull secrets that one names; and who manages it."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass

from .._errors import ClusterError, FailureKind, RequestError
from .._text import shown
from .answers import checked_item, checked_items, checked_object, malformed_answer, namespace_of
from .api import FIELD_MANAGER, JSON, Api, GaveUp, Patience, retry
from .errors import Request
from .kinds import resource_path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500
# Each attempt reads the list from its first page
_STARTS = Patience(attempts=3)
# For all pages together; a list of a million objects takes some minutes
_SECONDS = 1800.0
Item = t.TypeVar("Item")
PULL_SECRETS_FIELD = "imagePullSecrets"
OWNER_LABEL = "pullpass.registry/owner"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "pullpass.registry"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# By default, Argo CD treats an object with this label as a part of that application, and prunes it
INSTANCE_LABEL = "app.kubernetes.io/instance"
EXPIRES = "pullpass.registry/expires"
REVISION = "pullpass.registry/revision"
_BY_LABEL = {
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
    "argocd.argoproj.io/instance": "Argo CD",
    "reconcile.external-secrets.io/managed": "External Secrets",
    "reconcile.external-secrets.io/created-by": "External Secrets",
    "generate.kyverno.io/policy-name": "Kyverno",
    "kapp.k14s.io/app": "kapp",
}
_BY_ANNOTATION = {
    "meta.helm.sh/release-name": "Helm",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "reconcile.external-secrets.io/data-hash": "External Secrets",
    "reflector.v1.k8s.emberstack.com/reflects": "Reflector",
    "replicator.v1.mittwald.de/replicated-from-version": "kubernetes-replicator",
}
_BY_MANAGED_BY = {"helm": "Helm", "kyverno": "Kyverno", "external-secrets": "External Secrets", "argocd": "Argo CD"}


@dataclass(frozen=True)
class Seen:
    """The version of an object that a plan is based on. A write with it fails (409) if the object has changed."""

    uid: str
    resource_version: str


@dataclass(frozen=True)
class Objects:
    """One kind of object (``resource`` is its plural). With ``dry_run`` the server does everything except store the write."""

    api: Api
    resource: str
    dry_run: bool

    def get(self, namespace: str, name: str) -> dict[str, t.Any] | None:
        """The object, or null if it does not exist. A name that no object can have is not sent.

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
        """The object that the server created."""
        made = self.api.send(Request("create", self.resource, namespace), self._path(namespace), self._query(), body)
        return checked_object(made, self.resource, namespace, body["metadata"]["name"], self.dry_run)

    def patch(self, namespace: str, name: str, seen: Seen, changes: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """A JSON merge patch, refused (409) if the object has changed since it was seen. Returns the patched object."""
        guard = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        body = {**changes, "metadata": {**changes.get("metadata", {}), **guard}}
        request = Request("patch", self.resource, namespace, name)
        patched = self.api.send(request, self._path(namespace, name), self._query(), body)
        return checked_object(patched, self.resource, namespace, name, self.dry_run)

    def delete(self, namespace: str, name: str, seen: Seen, propagation: str | None = None) -> None:
        """``propagation`` is the policy for its dependents: Background, Foreground, Orphan; null for the default of its kind."""
        body = {**self._delete_options(seen), **({"propagationPolicy": propagation} if propagation else {})}
        self.api.send(Request("delete", self.resource, namespace, name), self._path(namespace, name), None, body)

    def delete_created(self, namespace: str, name: str, uid: str, propagation: str) -> None:
        """Deletes an object that this run created, at once, and also if it has changed since."""
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
        # with a body, the server ignores the query parameter dryRun and deletes: it has to be in the body
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


def list_all(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
    namespace: str | None = None,
    malformed: dict[str, RequestError] | None = None,
) -> list[Item]:
    """``keep(item)`` for all items of a resource (its plural), in one namespace or in all.

    ``selectors`` may hold fieldSelector and labelSelector. The list starts again if the continue token has expired (410).
    ``malformed`` collects namespace -> error for malformed items; without it, such an item fails the whole list.
    Raises RequestError or ClusterError.
    """
    reader = _ListReader(api, Request("list", resource, namespace), keep, malformed)
    try:
        return retry(lambda: reader.pages(selectors or {}, accept), _STARTS, lambda error: error.kind == FailureKind.EXPIRED)
    except GaveUp:
        raise ClusterError(
            f"the list of {resource} changed faster than it could be read ({_STARTS.attempts} attempts ended with 410 Gone). "
            "Try again later."
        ) from None


@dataclass(frozen=True)
class _ListReader(t.Generic[Item]):
    api: Api
    request: Request
    keep: Callable[[dict[str, t.Any]], Item]
    malformed: dict[str, RequestError] | None

    def pages(self, selectors: Mapping[str, str], accept: str) -> list[Item]:
        resource = self.request.resource
        path = resource_path(resource, self.request.namespace)
        found: list[Item] = []
        query: dict[str, str | int] = {"limit": PAGE, **selectors}
        give_up = time.monotonic() + _SECONDS
        while True:
            page = self.api.send(self.request, path, query, accept=accept)
            found += self._items(page)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            if not isinstance(token, str) or token == query.get("continue"):
                raise malformed_answer(f"the list of {resource} does not continue")
            if time.monotonic() > give_up:
                raise malformed_answer(f"the list of {resource} has not ended after {_SECONDS / 60:.0f} minutes")
            query["continue"] = token

    def _items(self, page: dict[str, t.Any]) -> list[Item]:
        resource, namespace = self.request.resource, self.request.namespace
        found: list[Item] = []
        for item in checked_items(page, resource):
            try:
                checked = checked_item(item, page, resource, namespace)
            except RequestError as error:
                place = namespace_of(item, namespace)
                if self.malformed is None or place is None:
                    raise
                self.malformed[place] = error
            else:
                found.append(self.keep(checked))
        return found


def pull_secret_names(holder: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The imagePullSecrets of a ServiceAccount or Pod spec, in their order; an entry without a name is an empty text."""
    return tuple(reference.get("name") or "" for reference in holder.get(PULL_SECRETS_FIELD) or ())


def used_pull_secrets(holder: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The same as the kubelet uses them: without repeats and without entries that have no name."""
    return tuple(dict.fromkeys(filter(None, pull_secret_names(holder))))


def reserved_marks(labels: Mapping[str, str], annotations: Mapping[str, str]) -> list[str]:
    """Labels and annotations by which tools, including this one, recognise their own objects. An option may not set them."""
    known_labels = {*_BY_LABEL, OWNER_LABEL, MANAGED_BY_LABEL, INSTANCE_LABEL}
    known_annotations = {*_BY_ANNOTATION, LAST_APPLIED, EXPIRES, REVISION}
    return [*(known_labels & labels.keys()), *(known_annotations & annotations.keys())]


def manager(
    labels: Mapping[str, str], annotations: Mapping[str, str], owner_references: Sequence[Mapping[str, t.Any]]
) -> str | None:
    """The tool or object that manages an object, with the label, annotation or reference that shows it; null if there is none."""
    for reference in owner_references:
        return f"{shown(str(reference.get('kind')))} {shown(str(reference.get('name')))} (ownerReference)"
    for marks, found in ((_BY_LABEL, labels), (_BY_ANNOTATION, annotations)):
        for mark, tool in marks.items():
            if mark in found:
                return f"{tool} ({mark}: {shown(found[mark], 80)})"
    tool_name = _BY_MANAGED_BY.get(labels.get(MANAGED_BY_LABEL, "").lower())
    return f"{tool_name} ({MANAGED_BY_LABEL})" if tool_name else None


def other_field_manager(metadata: Mapping[str, t.Any], path: Sequence[str]) -> str | None:
    """Who else applies the field at ``path``; null if nobody does.

    The API replaces a list such as imagePullSecrets as a whole, so such a manager would undo a change at its next apply.
    """
    managed = [f"f:{key}" for key in path]
    for entry in metadata.get("managedFields") or ():
        applied = entry.get("operation") == "Apply" and entry.get("manager") != FIELD_MANAGER
        if applied and _has(entry.get("fieldsV1"), managed):
            return f"'{shown(str(entry.get('manager')))}' (server-side apply)"
    last_applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if last_applied and _has(_parsed(last_applied), path):
        return "'kubectl apply' (last-applied-configuration)"
    return None


def _has(tree: t.Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def _parsed(text: str) -> t.Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
