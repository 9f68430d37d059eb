# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/objects: who manages an object, with the label or annotation that shows it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import (
    LAST_APPLIED,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    OWNER_LABEL,
    manager,
)


@pytest.mark.parametrize(
    ("labels", "tool"),
    [
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, "Flux"),
        ({"helm.toolkit.fluxcd.io/name": "apps"}, "Flux"),
        ({"argocd.argoproj.io/instance": "apps"}, "Argo CD"),
        ({"reconcile.external-secrets.io/managed": "true"}, "External Secrets"),
        ({"reconcile.external-secrets.io/created-by": "x"}, "External Secrets"),
        ({"generate.kyverno.io/policy-name": "copy"}, "Kyverno"),
        ({"kapp.k14s.io/app": "1"}, "kapp"),
        ({MANAGED_BY_LABEL: "Helm"}, "Helm"),
        ({MANAGED_BY_LABEL: "helm"}, "Helm"),
        ({MANAGED_BY_LABEL: "kyverno"}, "Kyverno"),
        ({MANAGED_BY_LABEL: "external-secrets"}, "External Secrets"),
    ],
)
def test_a_label_tells_the_tool_and_is_named(labels: dict[str, str], tool: str) -> None:
    reported = manager({OWNER_LABEL: "default", **labels}, {}, [])
    assert reported is not None
    assert reported.startswith(f"{tool} (")
    assert next(iter(labels)) in reported


@pytest.mark.parametrize(
    ("annotation", "tool"),
    [
        ("meta.helm.sh/release-name", "Helm"),
        ("argocd.argoproj.io/tracking-id", "Argo CD"),
        ("reconcile.external-secrets.io/data-hash", "External Secrets"),
        ("reflector.v1.k8s.emberstack.com/reflects", "Reflector"),
        ("replicator.v1.mittwald.de/replicated-from-version", "kubernetes-replicator"),
    ],
)
def test_an_annotation_tells_the_tool_and_is_named(annotation: str, tool: str) -> None:
    assert manager({}, {annotation: "its value"}, []) == f"{tool} ({annotation}: its value)"


def test_an_owner_reference_tells_the_object() -> None:
    reference = {"kind": "SealedSecret", "name": "regcred", "uid": "1"}
    assert manager({}, {}, [reference]) == "SealedSecret regcred (ownerReference)"


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [
        pytest.param({}, {}, id="no mark at all"),
        pytest.param({OWNER_LABEL: "default", MANAGED_BY_LABEL: MANAGED_BY}, {}, id="ours"),
        pytest.param({OWNER_LABEL: "other"}, {}, id="another owner of this collection"),
        pytest.param({MANAGED_BY_LABEL: "somebody"}, {}, id="managed by nobody we know"),
        pytest.param({"app.kubernetes.io/instance": "apps"}, {}, id="a label that everybody sets"),
        pytest.param({}, {LAST_APPLIED: "{}"}, id="applied once by hand"),
        pytest.param({}, {"argocd.argoproj.io/instance": "x"}, id="a label's name on an annotation"),
    ],
)
def test_nobody_manages_it(labels: dict[str, str], annotations: dict[str, str]) -> None:
    assert manager(labels, annotations, []) is None


@pytest.mark.parametrize(
    "marks",
    [
        ({}, {"meta.helm.sh/release-name": "a\x1b[31m\nb" + "x" * 500}, []),
        ({}, {}, [{"kind": "K\x1b", "name": "n\n" + "x" * 500}]),
        ({}, {}, [{}]),
    ],
    ids=["annotation", "ownerReference", "empty ownerReference"],
)
def test_what_strangers_wrote_into_a_mark_is_fit_for_a_message(marks: tuple[Any, Any, Any]) -> None:
    reported = manager(*marks)
    assert reported is not None
    assert reported.replace("…", "").isprintable()
    assert len(reported) < 450
