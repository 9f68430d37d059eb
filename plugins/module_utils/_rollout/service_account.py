# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for the imagePullSecrets of one ServiceAccount: what is wanted and what is there -> one step. Pure.

The list is atomic in the API (no merge key): whoever writes it writes all of it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_list import FIELD, Links, contender, names_in
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step

if t.TYPE_CHECKING:
    from collections.abc import Mapping


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
