# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Changes of one list imagePullSecrets, and of the list of a ServiceAccount. Pure.

A JSON merge patch replaces a list as a whole, so it is read, changed and written back guarded by the version that was read.

The list is atomic in the API (no merge key): whoever writes it writes all of it.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .._cluster.api import FIELD_MANAGER
from .._cluster.objects import Seen
from .._cluster.ownership import LAST_APPLIED
from .._text import listed, shown
from .change import Step, Write

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


FIELD = "imagePullSecrets"


@dataclass(frozen=True)
class Links:
    """Adds ``secrets`` to (or, with ``present`` false, takes them out of) lists, even to those of others with ``force``."""

    secrets: tuple[str, ...]
    present: bool
    force: bool

    def change(self, there: Sequence[str]) -> Change | None:
        """What becomes of a list; everything else in it stays, in its order. None where nothing has to change."""
        if self.present:
            added = [name for name in self.secrets if name not in there]
            after = (*there, *added)
            message = f"added: {listed(added)}"
        else:
            after = tuple(name for name in there if name not in self.secrets)
            message = f"removed: {listed([name for name in self.secrets if name in there])}"
        if len(after) == len(there):
            return None
        return Change("linked" if self.present else "unlinked", tuple(there), after, message)


@dataclass(frozen=True)
class Change:
    """``action`` is the word for the result, ``message`` says what is added or removed."""

    action: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    message: str

    def step(self, path: Sequence[str], seen: Seen, note: str = "") -> Step:
        """The guarded write of the list below ``path``; ``note`` ends its message. A list without entries is taken away."""
        body: dict[str, t.Any] = {FIELD: [{"name": name} for name in self.after] or None}
        for key in reversed(path):
            body = {key: body}
        return Step(
            self.action,
            f"{self.message}; {note}" if note else self.message,
            Write("patch", body, seen),
            {FIELD: [shown(name) for name in self.before]},
            {FIELD: [shown(name) for name in self.after]},
        )


def names_in(holder: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The entries of a ServiceAccount's or a Pod spec's list. One without a name is an entry all the same."""
    return tuple(reference.get("name", "") for reference in holder.get(FIELD) or ())


def contender(metadata: Mapping[str, t.Any], path: Sequence[str] = ()) -> str | None:
    """Another owner of the list below ``path``, or of entries in it, in words; None where there is none."""
    fields = [f"f:{key}" for key in (*path, FIELD)]
    for entry in metadata.get("managedFields") or ():
        applied = entry.get("operation") == "Apply" and entry.get("manager") != FIELD_MANAGER
        if applied and _has(entry.get("fieldsV1"), fields):
            return f"'{shown(str(entry.get('manager')))}' (server-side apply)"
    last_applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if last_applied and _has(_parsed(last_applied), (*path, FIELD)):
        return "whoever ran 'kubectl apply' on it (last-applied-configuration)"
    return None


def _has(tree: t.Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return True


def _parsed(text: str) -> t.Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class StoredServiceAccount:
    """What a plan needs of a ServiceAccount. ``contender`` is another owner of its list, in words."""

    namespace: str
    name: str
    seen: Seen
    pull_secrets: tuple[str, ...]
    contender: str | None


def stored_service_account(item: Mapping[str, t.Any]) -> StoredServiceAccount:
    """The StoredServiceAccount of a ServiceAccount object as the API server sends it."""
    metadata = item["metadata"]
    return StoredServiceAccount(
        namespace=metadata["namespace"],
        name=metadata["name"],
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        pull_secrets=names_in(item),
        contender=contender(metadata),
    )


@dataclass(frozen=True)
class AccountPlan:
    """``links`` are what is wanted of every ServiceAccount."""

    links: Links

    def step(self, stored: StoredServiceAccount | None) -> Step:
        if stored is None:
            return self._without_account()
        change = self.links.change(stored.pull_secrets)
        if change is None:
            return Step("unchanged")
        if stored.contender and not self.links.force:
            return Step(
                "contested",
                f"its {FIELD} belong to {stored.contender}, which would take the entry out again: put it where that keeps the "
                "list, use a ServiceAccount of its own, or set force",
            )
        return change.step((), stored.seen)

    def _without_account(self) -> Step:
        if not self.links.present:
            return Step("unchanged")
        return Step("failed", "the ServiceAccount does not exist; create it first, or correct its name", awaited=True)
