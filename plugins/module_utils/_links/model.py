# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Workloads and Pods as a plan sees them, and the entries of option workloads that select them. Pure."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass, field

from .._cluster.kinds import WORKLOADS
from .._cluster.namespaces import is_glob
from .._cluster.objects import PULL_SECRETS_FIELD, Seen, manager, other_field_manager, pull_secret_names
from .._cluster.validation import check_object_name, fields_equal
from .._errors import InputError
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# The API server refuses another list for an object of these kinds that exists
UNCHANGEABLE = ("Job", "Pod")
_FINISHED = {"Job": ("Complete", "Failed"), "Pod": ("Succeeded", "Failed")}
# Pods that have finished do not pull again, and there may be many
_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
_KEEP_OLD = "existing Pods keep the old list until they are recreated"


@dataclass(frozen=True)
class StoredWorkload:
    """``account`` is the ServiceAccount of its Pods, ``controller`` the object that creates it, ``other_manager`` a tool.

    ``obsolete``: it has finished, is being deleted, or is an old revision without Pods, so its list has no effect. ``effect``
    says when a new list takes effect, if that is not by a rollout.
    """

    kind: str
    namespace: str
    name: str
    seen: Seen
    pull_secrets: tuple[str, ...]
    account: str
    controller: str | None
    other_manager: str | None
    obsolete: bool
    effect: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.namespace, self.name


def stored_workload(kind: str, item: Mapping[str, t.Any]) -> StoredWorkload:
    """A workload as the API server sends it. Objects in a list do not say their own kind."""
    metadata = item["metadata"]
    path = WORKLOADS[kind].pod_spec
    pod_spec: Mapping[str, t.Any] = item
    for key in path:
        pod_spec = pod_spec.get(key) or {}
    controller = _controller(metadata)
    tool = manager(metadata.get("labels") or {}, metadata.get("annotations") or {}, ())
    return StoredWorkload(
        kind=kind,
        namespace=metadata["namespace"],
        name=metadata["name"],
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        pull_secrets=pull_secret_names(pod_spec),
        account=pod_spec.get("serviceAccountName") or "default",
        controller=controller,
        other_manager=tool or other_field_manager(metadata, (*path, PULL_SECRETS_FIELD)),
        obsolete=_is_obsolete(kind, item, controller is not None),
        effect=_effect(kind, item.get("spec") or {}),
    )


def _controller(metadata: Mapping[str, t.Any]) -> str | None:
    """An owner that is not the controller does not revert what is written to the object."""
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{shown(str(reference.get('kind')))} {shown(str(reference.get('name')))}"
    return None


def _is_obsolete(kind: str, item: Mapping[str, t.Any], controlled: bool) -> bool:
    status = item.get("status") or {}
    if "deletionTimestamp" in item["metadata"]:
        return True
    if kind == "Job":
        return any(one.get("type") in _FINISHED["Job"] and one.get("status") == "True" for one in status.get("conditions") or ())
    if kind == "ReplicaSet":
        return controlled and not item["spec"].get("replicas") and not status.get("replicas")
    return kind == "Pod" and status.get("phase") in _FINISHED["Pod"]


def _effect(kind: str, spec: Mapping[str, t.Any]) -> str:
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if kind == "CronJob":
        return (
            "suspended: takes effect with the next Job after it is resumed"
            if spec.get("suspend")
            else "takes effect with the next Job"
        )
    if kind == "Deployment" and spec.get("paused"):
        return "paused: takes effect when the rollout is resumed"
    if kind in ("ReplicaSet", "ReplicationController"):
        return _KEEP_OLD
    if strategy.get("type") == "OnDelete":
        return f"OnDelete: {_KEEP_OLD}"
    if kind == "StatefulSet" and partition:
        return f"partition {partition}: Pods with a lower ordinal keep the old list"
    return ""


@dataclass(frozen=True)
class WorkloadEntry:
    """An entry of option workloads; ``number`` counts from 1."""

    number: int
    kind: str
    name: str
    selector: str | None

    def __str__(self) -> str:
        return f"{self.kind} {shown(self.name)}" + (f" ({shown(self.selector)})" if self.selector else "")


@dataclass(frozen=True)
class WorkloadQuery:
    """Entries that one list of their kind answers."""

    kind: str
    entries: tuple[WorkloadEntry, ...]

    @property
    def selectors(self) -> dict[str, str]:
        """The selectors for the server."""
        names = {entry.name for entry in self.entries}
        fields: dict[str, str] = {}
        if len(names) == 1 and not is_glob(*names):
            fields = fields_equal({"metadata.name": next(iter(names))})
        elif self.kind == "Pod":  # a Pod that is named by itself counts even if it has finished
            fields = {"fieldSelector": _UNFINISHED}
        label = self.entries[0].selector
        return {**fields, **({"labelSelector": label} if label else {})}

    @property
    def whole(self) -> bool:
        """Whether the list holds all objects of the kind, apart from finished Pods."""
        return not self.entries[0].selector and any(is_glob(entry.name) for entry in self.entries)

    def matches(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, entry.name) for entry in self.entries)


def workload_entries(given: Sequence[Mapping[str, t.Any]]) -> list[WorkloadEntry]:
    """The checked option. Raises InputError for an impossible name and for an empty selector."""
    entries = []
    for number, one in enumerate(given, 1):
        where = f"workloads, entry {number} ({one['kind']})"
        if not is_glob(one["name"]):
            check_object_name(f"{where}: name", one["name"])
        selector = one.get("selector")
        if selector is not None and not selector.strip():
            raise InputError(f"{where}: selector is an empty text. Leave it out to select every {one['kind']} of that name.")
        if selector and "{" in selector:
            raise InputError(f"{where}: selector is a mapping. Give a text such as app=web,tier!=cache.")
        entries.append(WorkloadEntry(number, one["kind"], one["name"], selector))
    return entries


def queries(entries: Sequence[WorkloadEntry]) -> list[WorkloadQuery]:
    """One query for each kind and selector, since only the server evaluates selectors."""
    grouped: dict[tuple[str, str | None], list[WorkloadEntry]] = {}
    for entry in entries:
        grouped.setdefault((entry.kind, entry.selector), []).append(entry)
    return [WorkloadQuery(kind, tuple(alike)) for (kind, _selector), alike in grouped.items()]


@dataclass(frozen=True)
class FoundWorkloads:
    """``workloads`` by their key. ``unlisted``: kind and namespace -> why its list failed.

    ``absent`` are entries with an exact name that no listed object has. ``complete`` has the kinds that were listed without
    a selector: kind -> all its objects in the chosen namespaces.
    """

    workloads: dict[tuple[str, str, str], StoredWorkload] = field(default_factory=dict)
    unlisted: dict[tuple[str, str], str] = field(default_factory=dict)
    absent: list[WorkloadEntry] = field(default_factory=list)
    complete: dict[str, list[StoredWorkload]] = field(default_factory=dict)

    def unlisted_namespaces(self, kind: str) -> dict[str, str]:
        return {namespace: reason for (one, namespace), reason in self.unlisted.items() if one == kind}
