# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Which workloads a task means: entries of kind, name or glob, and label selector. Pure."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.names import check_object_name
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import is_glob
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.selectors import fields_equal
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
