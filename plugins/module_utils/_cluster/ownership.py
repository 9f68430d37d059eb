# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whose object it is: ours by one label, or that of a tool which would revert or prune what we write."""

from __future__ import annotations

import json
import typing as t

from .._text import shown
from .api import FIELD_MANAGER

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


OWNER_LABEL = "pullpass.registry/owner"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "pullpass.registry"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Argo CD, by default, takes what carries it for a part of that application, and prunes it
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


def reserved_marks(labels: Mapping[str, str], annotations: Mapping[str, str]) -> list[str]:
    """Labels and annotations by which a tool, this one included, knows what is its own: not for a person to set."""
    known_labels = {*_BY_LABEL, OWNER_LABEL, MANAGED_BY_LABEL, INSTANCE_LABEL}
    known_annotations = {*_BY_ANNOTATION, LAST_APPLIED, EXPIRES, REVISION}
    return [*(known_labels & labels.keys()), *(known_annotations & annotations.keys())]


def manager(
    labels: Mapping[str, str], annotations: Mapping[str, str], owner_references: Sequence[Mapping[str, t.Any]]
) -> str | None:
    """The tool or object that manages this one, in words with the mark that tells so; None where nobody does."""
    for reference in owner_references:
        return f"{shown(str(reference.get('kind')))} {shown(str(reference.get('name')))} (ownerReference)"
    for marks, found in ((_BY_LABEL, labels), (_BY_ANNOTATION, annotations)):
        for mark, tool in marks.items():
            if mark in found:
                return f"{tool} ({mark}: {shown(found[mark], 80)})"
    tool_name = _BY_MANAGED_BY.get(labels.get(MANAGED_BY_LABEL, "").lower())
    return f"{tool_name} ({MANAGED_BY_LABEL})" if tool_name else None


def other_field_manager(metadata: Mapping[str, t.Any], path: Sequence[str]) -> str | None:
    """Who else applies the field below ``path``, in words; null if nobody does.

    The API replaces a list such as imagePullSecrets as a whole, so such a manager would undo a change at its next apply.
    """
    managed = [f"f:{key}" for key in path]
    for entry in metadata.get("managedFields") or ():
        applied = entry.get("operation") == "Apply" and entry.get("manager") != FIELD_MANAGER
        if applied and _has(entry.get("fieldsV1"), managed):
            return f"'{shown(str(entry.get('manager')))}' (server-side apply)"
    last_applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if last_applied and _has(_parsed(last_applied), path):
        return "the user of 'kubectl apply' (last-applied-configuration)"
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
