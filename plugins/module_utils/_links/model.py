# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Workloads and Pods as a plan sees them, and the entries that select them. Pure."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from .._cluster.namespaces import is_glob
from .._cluster.objects import Seen
from .._cluster.ownership import manager
from .._cluster.validation import check_object_name, fields_equal
from .._errors import InputError
from .._reconcile.image_pull_secrets import contender, names_in
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# The API server takes no other list for what is already there
UNCHANGEABLE = ("Job", "Pod")
_TEMPLATE = ("spec", "template", "spec")
_PATHS = {"CronJob": ("spec", "jobTemplate", *_TEMPLATE), "Pod": ("spec",)}
_FINISHED = {"Job": ("Complete", "Failed"), "Pod": ("Succeeded", "Failed")}
_KEEP_OLD = "Pods that exist keep the old list until they are made anew"


@dataclass(frozen=True)
class StoredWorkload:
    """``account`` is the ServiceAccount of its Pods, ``owner`` the controller that makes it, ``contender`` who else keeps it.

    ``over``: it is finished, is being deleted, or an old revision without Pods, so that its list matters to nobody. ``effect``
    says what a new list does beside the rollout that everybody expects.
    """

    kind: str
    namespace: str
    name: str
    seen: Seen
    pull_secrets: tuple[str, ...]
    account: str
    owner: str | None
    contender: str | None
    over: bool
    effect: str


def pod_spec_path(kind: str) -> tuple[str, ...]:
    """Where the object has the Pod spec that holds the list."""
    return _PATHS.get(kind, _TEMPLATE)


def stored_workload(kind: str, item: Mapping[str, t.Any]) -> StoredWorkload:
    """The StoredWorkload of an object as the API server sends it; in lists the object does not tell its own kind."""
    metadata = item["metadata"]
    path = pod_spec_path(kind)
    pod_spec: Mapping[str, t.Any] = item
    for key in path:
        pod_spec = pod_spec.get(key) or {}
    owner = _controller(metadata)
    tool = manager(metadata.get("labels") or {}, metadata.get("annotations") or {}, ())
    return StoredWorkload(
        kind=kind,
        namespace=metadata["namespace"],
        name=metadata["name"],
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        pull_secrets=names_in(pod_spec),
        account=pod_spec.get("serviceAccountName") or "default",
        owner=owner,
        contender=tool or contender(metadata, path),
        over=_is_over(kind, item, owner is not None),
        effect=_effect(kind, item.get("spec") or {}),
    )


def _controller(metadata: Mapping[str, t.Any]) -> str | None:
    """An owner that only wants the object collected with it does not revert what is written there."""
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return f"{shown(str(reference.get('kind')))} {shown(str(reference.get('name')))}"
    return None


def _is_over(kind: str, item: Mapping[str, t.Any], owned: bool) -> bool:
    status = item.get("status") or {}
    if "deletionTimestamp" in item["metadata"]:
        return True
    if kind == "Job":
        return any(one.get("type") in _FINISHED["Job"] and one.get("status") == "True" for one in status.get("conditions") or ())
    if kind == "ReplicaSet":
        return owned and not item["spec"].get("replicas") and not status.get("replicas")
    return kind == "Pod" and status.get("phase") in _FINISHED["Pod"]


def _effect(kind: str, spec: Mapping[str, t.Any]) -> str:
    strategy = spec.get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if kind == "CronJob":
        return "suspended: from its next Job on, once it is resumed" if spec.get("suspend") else "from its next Job on"
    if kind == "Deployment" and spec.get("paused"):
        return "paused: it rolls out once it is resumed"
    if kind in ("ReplicaSet", "ReplicationController"):
        return _KEEP_OLD
    if strategy.get("type") == "OnDelete":
        return f"OnDelete: {_KEEP_OLD}"
    if kind == "StatefulSet" and partition:
        return f"partition {partition}: its Pods below that number keep the old list"
    return ""


# Pods that are over matter to nobody, and there may be many
_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True)
class Entry:
    """One entry of the option; ``number`` counts from 1, as a person does."""

    number: int
    kind: str
    name: str
    selector: str | None

    def __str__(self) -> str:
        return f"{self.kind} {shown(self.name)}" + (f" ({shown(self.selector)})" if self.selector else "")


@dataclass(frozen=True)
class Query:
    """Entries of one kind that one list answers."""

    kind: str
    entries: tuple[Entry, ...]

    @property
    def selectors(self) -> dict[str, str]:
        """What the server filters by."""
        names = {entry.name for entry in self.entries}
        fields: dict[str, str] = {}
        if len(names) == 1 and not is_glob(*names):
            fields = fields_equal({"metadata.name": next(iter(names))})
        elif self.kind == "Pod":  # one that is named exists, finished or not
            fields = {"fieldSelector": _UNFINISHED}
        label = self.entries[0].selector
        return {**fields, **({"labelSelector": label} if label else {})}

    @property
    def whole(self) -> bool:
        """Whether its list holds all objects of the kind that matter."""
        return not self.entries[0].selector and any(is_glob(entry.name) for entry in self.entries)

    def matches(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, entry.name) for entry in self.entries)


def workload_entries(given: Sequence[Mapping[str, t.Any]]) -> list[Entry]:
    """The checked option. Raises InputError for a name that can be none, and for an empty selector."""
    entries = []
    for number, one in enumerate(given, 1):
        where = f"workloads, entry {number} ({one['kind']})"
        if not is_glob(one["name"]):
            check_object_name(f"{where}: name", one["name"])
        selector = one.get("selector")
        if selector is not None and not selector.strip():
            raise InputError(f"{where}: selector is an empty text. Leave it out to take every {one['kind']} of that name.")
        if selector and "{" in selector:
            raise InputError(f"{where}: selector is a mapping. Give a text, for example 'app=web,tier!=cache'.")
        entries.append(Entry(number, one["kind"], one["name"], selector))
    return entries


def queries(entries: Sequence[Entry]) -> list[Query]:
    """One for each kind, or for each kind and selector: selectors are the server's to read."""
    grouped: dict[tuple[str, str | None], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.kind, entry.selector), []).append(entry)
    return [Query(kind, tuple(alike)) for (kind, _selector), alike in grouped.items()]
