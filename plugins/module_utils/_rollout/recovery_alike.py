# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whether what the server makes of a manifest is what the stuck Pod or Job is. Pure.

Admission decides by who creates an object. Whoever runs this may be exempt from a policy that set a field of the old one, so
the answer of a trial is compared with it. Where a field is another one, nothing is replaced.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.recovery_job import job_manifest
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# the token of its ServiceAccount: admission ServiceAccount adds it under a random name
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_CONTAINERS = ("containers", "initContainers")
# admission PodTopologyLabels copies them when the scheduler has chosen a node
_OF_THE_NODE = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def pod_differences(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> str:
    """The fields in which ``new`` is not what ``old`` is, or an empty text.

    Of the spec all count but what is another one in every new Pod: the node that the scheduler chose, the random name of the
    token's volume, and pull secrets that were added. A label or an annotation that is lost or changed counts, since policies
    select by them; one that only a subresource wrote (a kubelet, a network) does not.
    """
    before, after = _pod_spec(old), _pod_spec(new)
    wanted = {one.get("name") for one in after.pop("imagePullSecrets", None) or ()}
    lost = [one.get("name") for one in before.pop("imagePullSecrets", None) or () if one.get("name") not in wanted]
    fields = _different(before, after, "spec") + (["spec.imagePullSecrets"] if lost else [])
    return listed([*fields, *_lost_notes(old, new)])


def job_differences(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> str:
    """The same for Jobs, without what the server generates for each."""
    before, after = job_manifest(old), job_manifest(new)
    return listed([*_different(before["spec"], after["spec"], "spec"), *_lost_notes(before, after)])


def _pod_spec(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Without the node, and with one name for the token's volume where there is just one."""
    spec = {name: value for name, value in item["spec"].items() if name != "nodeName"}
    volumes = spec.get("volumes") or []
    tokens = [one["name"] for one in volumes if _TOKEN_VOLUME.fullmatch(one["name"]) and "projected" in one]
    if len(tokens) != 1:
        return spec
    spec["volumes"] = _renamed(volumes, tokens[0])
    for kind in _CONTAINERS:
        if spec.get(kind):
            spec[kind] = [
                {**one, "volumeMounts": _renamed(one["volumeMounts"], tokens[0])} if one.get("volumeMounts") else one
                for one in spec[kind]
            ]
    return spec


def _renamed(items: Sequence[Mapping[str, t.Any]], name: str) -> list[Mapping[str, t.Any]]:
    return [{**one, "name": "kube-api-access"} if one.get("name") == name else one for one in items]


def _different(old: t.Any, new: t.Any, path: str) -> list[str]:
    """Paths of what is not equal."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted({**old, **new})
        return [one for name in names for one in _different(old.get(name), new.get(name), f"{path}.{name}")]
    if isinstance(old, list) and isinstance(new, list) and _names(old) and _names(old) == _names(new):
        return [one for before, after in zip(old, new) for one in _different(before, after, f"{path}[{before['name']}]")]
    return [path]


def _names(items: Sequence[t.Any]) -> list[t.Any]:
    """The names of a list whose entries all have one, else nothing."""
    return [one["name"] for one in items] if all(isinstance(one, dict) and "name" in one for one in items) else []


def _lost_notes(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> list[str]:
    """Labels and annotations that are gone or changed."""
    before, after = old["metadata"], new["metadata"]
    return [
        f"metadata.{kind}[{name}]"
        for kind in ("labels", "annotations")
        for name, value in sorted((before.get(kind) or {}).items())
        if (after.get(kind) or {}).get(name) != value and not _of_this_one(before, kind, name)
    ]


def _of_this_one(metadata: Mapping[str, t.Any], kind: str, name: str) -> bool:
    """Whether it tells where this very Pod is: copied from its node, or written through a subresource alone."""
    writers = [
        bool(entry.get("subresource"))
        for entry in metadata.get("managedFields") or ()
        if f"f:{name}" in (((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get(f"f:{kind}") or {})
    ]
    return all(writers) if writers else name in _OF_THE_NODE
