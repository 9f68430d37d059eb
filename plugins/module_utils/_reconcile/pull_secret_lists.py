# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Changes of a list imagePullSecrets, and the plan for the list of a ServiceAccount. Pure.

The list has no merge key: a patch replaces all of it. So it is read, changed and written with the version that was read.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._cluster.objects import PULL_SECRETS_FIELD, Seen, other_field_manager, pull_secret_names
from .._text import listed, shown
from .targets import Change, Write

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class DesiredLinks:
    """Secret names to add to lists, or to remove from them with ``present`` false. ``force``: even if others own a list."""

    secrets: tuple[str, ...]
    present: bool
    force: bool

    def list_change(self, current: Sequence[str]) -> ListChange | None:
        """The change of a list; other entries stay in their order. Null if nothing has to change."""
        if self.present:
            added = [name for name in self.secrets if name not in current]
            after = (*current, *added)
            message = f"added: {listed(added)}"
        else:
            after = tuple(name for name in current if name not in self.secrets)
            message = f"removed: {listed([name for name in self.secrets if name in current])}"
        if len(after) == len(current):
            return None
        return ListChange("linked" if self.present else "unlinked", tuple(current), after, message)


@dataclass(frozen=True)
class ListChange:
    action: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    message: str

    def below(self, path: Sequence[str], seen: Seen, effect: str = "") -> Change:
        """The guarded write of the list below ``path``; ``effect`` ends the message. An empty list is removed."""
        body: dict[str, t.Any] = {PULL_SECRETS_FIELD: [{"name": name} for name in self.after] or None}
        for key in reversed(path):
            body = {key: body}
        before, after = ({PULL_SECRETS_FIELD: [shown(name) for name in names]} for names in (self.before, self.after))
        return Change(self.action, self.message, Write("patch", body, seen), before, after).with_message(effect)


@dataclass(frozen=True)
class StoredServiceAccount:
    """``other_manager`` is another owner of its list, in words."""

    namespace: str
    name: str
    seen: Seen
    pull_secrets: tuple[str, ...]
    other_manager: str | None


def stored_service_account(item: Mapping[str, t.Any]) -> StoredServiceAccount:
    """A ServiceAccount as the API server sends it."""
    metadata = item["metadata"]
    return StoredServiceAccount(
        namespace=metadata["namespace"],
        name=metadata["name"],
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        pull_secrets=pull_secret_names(item),
        other_manager=other_field_manager(metadata, (PULL_SECRETS_FIELD,)),
    )


def service_account_change(desired: DesiredLinks, stored: StoredServiceAccount | None) -> Change:
    """The plan for one ServiceAccount, null for one that does not exist."""
    if stored is None:
        if not desired.present:
            return Change("unchanged")
        return Change("failed", "the ServiceAccount does not exist; create it first, or correct its name", transient=True)
    change = desired.list_change(stored.pull_secrets)
    if change is None:
        return Change("unchanged")
    if stored.other_manager and not desired.force:
        return Change(
            "contested",
            f"its {PULL_SECRETS_FIELD} are managed by {stored.other_manager}, which would undo the change: change the list "
            "there, use another ServiceAccount, or set force",
        )
    return change.below((), stored.seen)
