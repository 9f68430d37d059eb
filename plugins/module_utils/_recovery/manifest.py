# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The manifest of a bare Pod or a Job as it was applied, and whether its replacement equals it. Pure.

The server records in managedFields what a writer sent before admission (apiserver pkg/endpoints/handlers/create.go). So admission
added what no writer owns, the ServiceAccount's pull secrets included, and adds it to the next one again.

Admission depends on who creates an object. The caller may be exempt from a policy that set a field of the old one, so the answer
to a dry run is compared with the old one. Where a field differs, nothing is replaced.
"""

from __future__ import annotations

import json
import re
import typing as t

from .._cluster.objects import PULL_SECRETS_FIELD, pull_secret_names
from .._text import listed, shown
from .model import MIRROR, has_run
from .owners import job_manifest

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# the volume of the ServiceAccount's token, which the server adds to a Pod
_TOKEN_VOLUME = "kube-api-access-"
_KEPT_METADATA = ("labels", "annotations")
_ITEMS = {"containers": "container", "initContainers": "init container", "volumes": "volume"}
# admission ServiceAccount adds the volume of the token under a random name
_TOKEN_VOLUME_NAME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_CONTAINERS = ("containers", "initContainers")
# admission PodTopologyLabels copies them when the scheduler has chosen a node
_OF_THE_NODE = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def pod_manifest(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The Pod with its name and the fields that its writers own."""
    fields = _written_fields(item["metadata"])
    owned = _owned(item, fields) if fields else {}
    return _pod(item, owned.get("metadata") or {}, owned.get("spec") or {})


def original_manifest(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The Pod with everything that admission added, but without its node."""
    node = pod_manifest(item)["spec"].get("nodeName")
    spec = {name: value for name, value in item["spec"].items() if name != "nodeName" or node}
    return _pod(item, item["metadata"], spec)


def pod_replacement_obstacle(item: Mapping[str, t.Any]) -> str:
    """Why a bare Pod cannot be recreated without a loss, or an empty text."""
    metadata, spec = item["metadata"], item["spec"]
    if MIRROR in (metadata.get("annotations") or {}):
        return "it is a static Pod: a file on its node defines it"
    if metadata.get("finalizers"):
        return f"it has finalizers ({listed(metadata['finalizers'], 3)}), which would keep its name in use"
    if metadata.get("ownerReferences"):
        owner = metadata["ownerReferences"][0]
        return f"{shown(str(owner.get('kind')))} {shown(str(owner.get('name')))} owns it, though not as its controller"
    if spec.get("ephemeralContainers"):
        return "it has ephemeral containers for debugging, which a new Pod cannot have"
    if has_run(item.get("status")):
        return "one of its containers has run already, and what it left in the Pod would be lost"
    return _added(item)


def _added(item: Mapping[str, t.Any]) -> str:
    """What admission added to a Pod and would add again, or an empty text."""
    spec = pod_manifest(item)["spec"]
    sent_items = [one for kind in _ITEMS for one in spec.get(kind) or ()]
    if not spec.get("containers") or not all("name" in one for one in sent_items):
        return "its managedFields are missing or incomplete, so it is not known what admission added and would add twice"
    for kind, word in _ITEMS.items():
        sent = {one["name"] for one in spec.get(kind) or ()}
        added = [one["name"] for one in item["spec"].get(kind) or () if one["name"] not in sent]
        strange = [name for name in added if kind != "volumes" or not name.startswith(_TOKEN_VOLUME)]
        if strange:
            return f"an admission controller added {word} {listed(strange, 3)} and would add the same again to a new Pod"
    return ""


def _pod(item: Mapping[str, t.Any], metadata: Mapping[str, t.Any], spec: Mapping[str, t.Any]) -> dict[str, t.Any]:
    kept = {name: metadata[name] for name in _KEPT_METADATA if metadata.get(name)}
    named = {"name": item["metadata"]["name"], "namespace": item["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**named, **kept}, "spec": dict(spec)}


def _written_fields(metadata: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The owned fields (FieldsV1), except those that the cluster writes through a subresource."""
    fields: dict[str, t.Any] = {}
    for entry in metadata.get("managedFields") or ():
        if not entry.get("subresource"):
            _add(fields, entry.get("fieldsV1") or {})
    return fields


def _add(fields: dict[str, t.Any], more: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Into ``fields``, which shares no mapping with others."""
    for key, within in more.items():
        known, is_tree = fields.get(key), isinstance(within, dict)
        if known and is_tree:
            _add(known, within)
        elif key not in fields:
            fields[key] = _add({}, within) if is_tree else {}
    return fields


def _owned(value: t.Any, fields: Mapping[str, t.Any]) -> t.Any:
    """The part of a value that the fields name. A field without fields of its own stands for all that is below it."""
    if not fields:
        return value
    if isinstance(value, dict):
        return {name: _owned(value[name], fields[f"f:{name}"]) for name in value if f"f:{name}" in fields}
    if isinstance(value, list):
        entries = _Entries(fields)
        return [_owned(one, within) for one, within in ((one, entries.of(one)) for one in value) if within is not None]
    return value


class _Entries:
    """The fields within each entry of a list, found by the value of the entry, or by the values of some of its members."""

    def __init__(self, fields: Mapping[str, t.Any]) -> None:
        self._by_value: dict[str, t.Any] = {}
        self._by_members: dict[tuple[str, ...], dict[str, t.Any]] = {}
        for path, within in fields.items():
            kind, _colon, text = path.partition(":")
            try:
                key = json.loads(text) if kind in ("k", "v") else None
            except (ValueError, RecursionError):
                continue
            if kind == "v":
                self._by_value[_json_key(key)] = within
            elif key and isinstance(key, dict):
                names = tuple(sorted(key))
                self._by_members.setdefault(names, {})[_json_key([key[name] for name in names])] = within

    def of(self, one: t.Any) -> Mapping[str, t.Any] | None:
        """None where nobody owns the entry."""
        if isinstance(one, dict):
            for names, known in self._by_members.items():
                within = known.get(_json_key([one[name] for name in names])) if all(name in one for name in names) else None
                if within is not None:
                    return t.cast("Mapping[str, t.Any]", within)
        return self._by_value.get(_json_key(one)) if self._by_value else None


def _json_key(value: t.Any) -> str:
    return json.dumps(value, sort_keys=True)


def pod_differences(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> str:
    """The fields in which ``new`` differs from ``old``, or an empty text.

    In the spec, all fields count except those that differ in every new Pod: the node that the scheduler chose, the random name
    of the token's volume, and added pull secrets. A lost or changed label or annotation counts, because policies select by
    them; one that only a subresource wrote (a kubelet, a network) does not.
    """
    before, after = _pod_spec(old), _pod_spec(new)
    lost = set(pull_secret_names(before)) - set(pull_secret_names(after))
    for spec in (before, after):
        spec.pop(PULL_SECRETS_FIELD, None)
    fields = _different(before, after, "spec") + (["spec.imagePullSecrets"] if lost else [])
    return listed([*fields, *_lost_metadata(old, new)])


def job_differences(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> str:
    """The same for Jobs, without the fields that the server generates."""
    before, after = job_manifest(old), job_manifest(new)
    return listed([*_different(before["spec"], after["spec"], "spec"), *_lost_metadata(before, after)])


def _pod_spec(item: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Without the node, and with a fixed name for the token's volume where there is exactly one."""
    spec = {name: value for name, value in item["spec"].items() if name != "nodeName"}
    volumes = spec.get("volumes") or []
    tokens = [one["name"] for one in volumes if _TOKEN_VOLUME_NAME.fullmatch(one["name"]) and "projected" in one]
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


def _lost_metadata(old: Mapping[str, t.Any], new: Mapping[str, t.Any]) -> list[str]:
    """Labels and annotations that are missing or changed."""
    before, after = old["metadata"], new["metadata"]
    return [
        f"metadata.{kind}[{name}]"
        for kind in ("labels", "annotations")
        for name, value in sorted((before.get(kind) or {}).items())
        if (after.get(kind) or {}).get(name) != value and not _is_of_this_pod(before, kind, name)
    ]


def _is_of_this_pod(metadata: Mapping[str, t.Any], kind: str, name: str) -> bool:
    """Whether it describes this Pod only: copied from its node, or written through a subresource alone."""
    writers = [
        bool(entry.get("subresource"))
        for entry in metadata.get("managedFields") or ()
        if f"f:{name}" in (((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get(f"f:{kind}") or {})
    ]
    return all(writers) if writers else name in _OF_THE_NODE
