# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The Pod of a canary: it makes a kubelet pull one image, and runs nothing of it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_nodes import OS, VIRTUAL
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import MANAGED_BY, MANAGED_BY_LABEL

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# its value is the id of the run
LABEL = "pullpass.registry/canary"
# seconds after its creation from which any run may remove it
DEADLINE = "pullpass.registry/canary-deadline"
CONTAINER = "canary"
POLICY = "Always"
# what a run may take longer than it waits for a Pod, before others take it for dead
SLACK = 30

_COMMAND = "/.pullpass-canary-does-not-exist"
# a quota that counts these refuses a Pod without them; a ratio of limit to request is kept by their being the same
_SMALL = {"cpu": "10m", "memory": "16Mi"}
# sidecars would pull images of their own first, and keep the Pod from ending
_NO_MESH_LABELS = {
    "sidecar.istio.io/inject": "false",
    "istio.io/dataplane-mode": "none",
    "kuma.io/sidecar-injection": "disabled",
}
_NO_MESH_ANNOTATIONS = {
    "sidecar.istio.io/inject": "false",
    "linkerd.io/inject": "disabled",
    "consul.hashicorp.com/connect-inject": "false",
    "vault.hashicorp.com/agent-inject": "false",
}

Resources = t.Mapping[str, t.Mapping[str, str]]
SMALL: Resources = {"requests": _SMALL, "limits": _SMALL}


@dataclass(frozen=True)
class Canary:
    """What every Pod of a run has. ``secrets`` empty leaves the choice to the ServiceAccount, ``resources`` None to us."""

    run: str
    image: str
    account: str
    secrets: Sequence[str]
    resources: Resources | None
    timeout: int

    @property
    def lifetime(self) -> int:
        return self.timeout + SLACK


@dataclass(frozen=True)
class Target:
    """Where one Pod goes, and its name; without ``node`` the scheduler chooses."""

    namespace: str
    name: str
    node: str | None = None


def manifest(canary: Canary, target: Target, resources: Resources) -> dict[str, t.Any]:
    """The Pod. It satisfies PodSecurity restricted, and has no runAsUser, which OpenShift's restricted-v2 would refuse."""
    spec: dict[str, t.Any] = {
        "serviceAccountName": canary.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "activeDeadlineSeconds": canary.lifetime,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": _where(target.node)}},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(canary.image, resources)],
    }
    if canary.secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in canary.secrets]
    metadata = {
        "name": target.name,
        "labels": {LABEL: canary.run, MANAGED_BY_LABEL: MANAGED_BY, **_NO_MESH_LABELS},
        "annotations": {DEADLINE: str(canary.lifetime), **_NO_MESH_ANNOTATIONS},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(image: str, resources: Resources) -> dict[str, t.Any]:
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": POLICY,
        "command": [_COMMAND],
        "resources": {kind: dict(amounts) for kind, amounts in resources.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _where(node: str | None) -> dict[str, t.Any]:
    """A selector of nodes. Not spec.nodeName, which would go past the scheduler: no resources counted, no taint heeded."""
    if node is not None:
        return {"nodeSelectorTerms": [{"matchFields": [_one("metadata.name", "In", [node])]}]}
    linux = _one(OS, "In", ["linux"])
    real = [_one(key, "DoesNotExist" if values is None else "NotIn", values or ()) for key, values in VIRTUAL.items()]
    return {"nodeSelectorTerms": [{"matchExpressions": [linux, *real]}]}


def _one(key: str, operator: str, values: Sequence[str]) -> Mapping[str, t.Any]:
    return {"key": key, "operator": operator, "values": list(values)}
