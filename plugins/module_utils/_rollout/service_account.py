# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for the imagePullSecrets of one ServiceAccount: what is wanted and what is there -> one step. Pure.

The list is atomic in the API (no merge key): whoever writes it writes all of it, so it is read, changed and written back
guarded by the version that was read.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import FIELD_MANAGER
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import LAST_APPLIED
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step, Write
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIELD = "imagePullSecrets"


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
        pull_secrets=tuple(reference.get("name", "") for reference in item.get(FIELD) or ()),
        contender=_contender(metadata),
    )


@dataclass(frozen=True)
class LinkPlan:
    """Adds ``secrets`` to (or, with ``present`` false, takes them out of) lists; everything else stays, in its order."""

    secrets: Sequence[str]
    present: bool
    force: bool

    def step(self, stored: StoredServiceAccount | None) -> Step:
        if stored is None:
            return self._without_account()
        if self.present:
            added = [name for name in self.secrets if name not in stored.pull_secrets]
            wanted = [*stored.pull_secrets, *added]
            message = f"added: {listed(added)}"
        else:
            wanted = [name for name in stored.pull_secrets if name not in self.secrets]
            message = f"removed: {listed([name for name in self.secrets if name in stored.pull_secrets])}"
        if len(wanted) == len(stored.pull_secrets):
            return Step("unchanged")
        if stored.contender and not self.force:
            return Step(
                "contested",
                f"its {FIELD} belong to {stored.contender}, which would take the entry out again: put it where that keeps the "
                "list, use a ServiceAccount of its own, or set force",
            )
        return Step(
            "linked" if self.present else "unlinked",
            message,
            Write("patch", {FIELD: [{"name": name} for name in wanted]}, stored.seen),
            {FIELD: [shown(name) for name in stored.pull_secrets]},
            {FIELD: [shown(name) for name in wanted]},
        )

    def _without_account(self) -> Step:
        if not self.present:
            return Step("unchanged")
        return Step("failed", "the ServiceAccount does not exist; create it first, or correct its name", awaited=True)


def _contender(metadata: Mapping[str, t.Any]) -> str | None:
    for entry in metadata.get("managedFields") or ():
        applied = entry.get("operation") == "Apply" and entry.get("manager") != FIELD_MANAGER
        if applied and f"f:{FIELD}" in (entry.get("fieldsV1") or {}):
            return f"'{shown(str(entry.get('manager')))}' (server-side apply)"
    last_applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if last_applied and _applies_field(last_applied):
        return "whoever ran 'kubectl apply' on it (last-applied-configuration)"
    return None


def _applies_field(last_applied: str) -> bool:
    try:
        applied = json.loads(last_applied)
    except (ValueError, RecursionError):
        return False
    return isinstance(applied, dict) and FIELD in applied
