# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The canary Pod, snapshots of nodes, and Pods that an earlier run left behind. Pure.

A Pod carries the time that its run may need it, and the API server reports its age: a table has the age by the server's clock.
The clock of the machine where the task runs does not matter.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from secrets import token_hex

from .._cluster.objects import MANAGED_BY, MANAGED_BY_LABEL, Seen, used_pull_secrets
from .._credentials.redact import foreign_text
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


# Label or taint key -> values, None for any: behind such a node is no kubelet that pulls images. KWOK even reports Pods as
# running without a pull.
VIRTUAL: Mapping[str, Sequence[str] | None] = {
    "type": ("virtual-kubelet", "kwok"),
    "virtual-kubelet.io/provider": None,
    "eks.amazonaws.com/compute-type": ("fargate",),
    "liqo.io/type": ("virtual-node",),
}
OS = "kubernetes.io/os"
# the value is the id of the run
LABEL = "pullpass.registry/canary"
# seconds after its creation from which any run may remove it
DEADLINE = "pullpass.registry/canary-deadline"
CONTAINER = "canary"
POLICY = "Always"
# Seconds that a run may need in addition to its timeout, before its Pods count as leftovers
SLACK = 30
_COMMAND = "/.pullpass-canary-does-not-exist"
# A quota may demand requests and limits; equal ones satisfy any ratio of limit to request
_SMALL = {"cpu": "10m", "memory": "16Mi"}
# a sidecar would pull its own image first, and keep the Pod running
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
TABLE_FORMAT = "application/json;as=Table;g=meta.k8s.io;v=v1"
# apimachinery pkg/util/duration HumanDuration: one or two of these, rounded down
_AGE = re.compile(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (365 * 86400, 86400, 3600, 60, 1)
_LIFETIME = re.compile(r"[0-9]{1,6}")


class CanaryAction:
    """Actions of the result."""

    PULLED, NOT_PULLED, UNPROVEN, SKIPPED, FAILED = "pulled", "not_pulled", "unproven", "skipped", "failed"
    ALL = (PULLED, NOT_PULLED, UNPROVEN, SKIPPED, FAILED)


@dataclass(frozen=True)
class NodeSnapshot:
    """``unfit``: why no Pod is sent there, or an empty text."""

    name: str
    unfit: str


def node_snapshot(item: Mapping[str, t.Any]) -> NodeSnapshot:
    return NodeSnapshot(item["metadata"]["name"], _unfit(item))


def _unfit(item: Mapping[str, t.Any]) -> str:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    labels, taints = metadata.get("labels") or {}, spec.get("taints") or []
    if "deletionTimestamp" in metadata:
        return "is being deleted"
    mark = _virtual_mark(labels, taints)
    if mark:
        return f"is virtual ({mark}): it has no kubelet that pulls images"
    system = labels.get(OS) or (status.get("nodeInfo") or {}).get("operatingSystem") or "linux"
    if system != "linux":
        return f"runs {shown(system, 40)}, but a canary needs Linux"
    if spec.get("unschedulable"):
        return "is cordoned"
    not_ready = _not_ready(status)
    if not_ready:
        return not_ready
    barriers = [_shown_taint(taint) for taint in taints if taint.get("effect") in ("NoSchedule", "NoExecute")]
    return f"has taint {', '.join(barriers[:3])}, which a canary does not tolerate" if barriers else ""


def _virtual_mark(labels: Mapping[str, str], taints: Sequence[Mapping[str, t.Any]]) -> str:
    pairs = [*labels.items(), *((str(taint.get("key")), str(taint.get("value") or "")) for taint in taints)]
    for key, value in pairs:
        if key in VIRTUAL:
            values = VIRTUAL[key]
            if values is None or value in values:
                return shown(f"{key}={value}", 80)
    return ""


def _not_ready(status: Mapping[str, t.Any]) -> str:
    ready: Mapping[str, t.Any] = next((one for one in status.get("conditions") or () if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ""
    message = foreign_text(str(ready.get("message") or ready.get("reason") or "its kubelet has reported nothing"), 120)
    return f"is NotReady: {message}"


def _shown_taint(taint: Mapping[str, t.Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return shown(f"{taint.get('key')}{value}:{taint.get('effect')}", 120)


@dataclass(frozen=True)
class Canary:
    """What all Pods of a run have. Without ``secrets`` they get those of the ServiceAccount, without ``resources`` SMALL."""

    image: str
    account: str
    secrets: Sequence[str]
    resources: Resources | None
    timeout: int
    run: str = field(default_factory=lambda: token_hex(5))

    @property
    def lifetime(self) -> int:
        return self.timeout + SLACK


@dataclass(frozen=True)
class CanaryTarget:
    """The place and name of one Pod. Without ``node`` the scheduler chooses."""

    namespace: str
    name: str
    node: str | None = None


@dataclass(frozen=True)
class AdmittedPod:
    """The Pod after admission. ``run``: its label."""

    image: str
    policy: str
    account: str
    secrets: tuple[str, ...]
    run: str


def admitted_pod(item: Mapping[str, t.Any]) -> AdmittedPod:
    spec = item["spec"]
    container: Mapping[str, t.Any] = next((one for one in spec.get("containers") or () if one["name"] == CONTAINER), {})
    return AdmittedPod(
        image=container.get("image") or "",
        policy=container.get("imagePullPolicy") or "",
        account=spec.get("serviceAccountName") or "",
        secrets=used_pull_secrets(spec),
        run=(item["metadata"].get("labels") or {}).get(LABEL, ""),
    )


def manifest(canary: Canary, target: CanaryTarget, resources: Resources) -> dict[str, t.Any]:
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
    """A node selector. spec.nodeName would bypass the scheduler, so that resources and taints would not count."""
    if node is not None:
        return {"nodeSelectorTerms": [{"matchFields": [_expression("metadata.name", "In", [node])]}]}
    linux = _expression(OS, "In", ["linux"])
    not_virtual = [
        _expression(key, "DoesNotExist" if values is None else "NotIn", values or ()) for key, values in VIRTUAL.items()
    ]
    return {"nodeSelectorTerms": [{"matchExpressions": [linux, *not_virtual]}]}


def _expression(key: str, operator: str, values: Sequence[str]) -> Mapping[str, t.Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@dataclass(frozen=True)
class Leftover:
    namespace: str
    name: str
    seen: Seen


def leftovers(table: Mapping[str, t.Any]) -> list[Leftover]:
    """The canary Pods in a table of Pods that are past their own deadline."""
    return [
        Leftover(metadata["namespace"], metadata["name"], Seen(metadata["uid"], metadata["resourceVersion"]))
        for age, metadata in _rows(table)
        if _is_past_its_deadline(age, metadata)
    ]


def _rows(table: Mapping[str, t.Any]) -> Iterator[tuple[str, Mapping[str, t.Any]]]:
    names = [column.get("name") for column in table.get("columnDefinitions") or ()]
    place = names.index("Age") if "Age" in names else None
    for row in table.get("rows") or ():
        cells = row["cells"]
        yield ("" if place is None or place >= len(cells) else str(cells[place])), row["object"]["metadata"]


def _is_past_its_deadline(age: str, metadata: Mapping[str, t.Any]) -> bool:
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if LABEL not in labels or labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
        return False
    lifetime, seconds = annotations.get(DEADLINE, ""), _age(age)
    return seconds is not None and bool(_LIFETIME.fullmatch(lifetime)) and seconds > int(lifetime)


def _age(text: str) -> int | None:
    """Seconds, rounded down; None for an invalid age, such as that of an object from the future."""
    match = _AGE.fullmatch(text)
    if not text or match is None:
        return None
    return sum(int(number) * seconds for number, seconds in zip(match.groups("0"), _SECONDS))
