# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whose object it is: ours by one label, or that of a tool which would revert or prune what we write."""

from __future__ import annotations

import typing as t

from .._text import shown

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
