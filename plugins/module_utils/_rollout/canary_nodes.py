# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Which nodes a canary may be sent to, and why not to the others. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Label or taint key -> values, None for any: what stands behind such a node is no kubelet that pulls images for it. KWOK
# even reports Pods as running of which it has pulled nothing.
VIRTUAL: Mapping[str, Sequence[str] | None] = {
    "type": ("virtual-kubelet", "kwok"),
    "virtual-kubelet.io/provider": None,
    "eks.amazonaws.com/compute-type": ("fargate",),
    "liqo.io/type": ("virtual-node",),
}
OS = "kubernetes.io/os"


@dataclass(frozen=True)
class FoundNode:
    """``unfit`` says why no Pod is sent there, or is empty."""

    name: str
    unfit: str


def found_node(item: Mapping[str, t.Any]) -> FoundNode:
    """The FoundNode of a Node object as the API server sends it."""
    return FoundNode(item["metadata"]["name"], _unfit(item))


def _unfit(item: Mapping[str, t.Any]) -> str:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    labels, taints = metadata.get("labels") or {}, spec.get("taints") or []
    if "deletionTimestamp" in metadata:
        return "is being deleted"
    mark = _virtual_mark(labels, taints)
    if mark:
        return f"is virtual ({mark}): no kubelet pulls images there"
    system = labels.get(OS) or (status.get("nodeInfo") or {}).get("operatingSystem") or "linux"
    if system != "linux":
        return f"runs {shown(system, 40)}, and a canary needs Linux"
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
