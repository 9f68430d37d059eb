# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for the imagePullSecrets of one workload or Pod: what is wanted and what is there -> one step. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .._reconcile.change import Step
from .._reconcile.image_pull_secrets import FIELD, Links
from .._text import shown
from .model import UNCHANGEABLE, StoredWorkload, pod_spec_path

_REPLACED_AS = {"Job": "jobs", "Pod": "bare_pods"}


@dataclass(frozen=True)
class WorkloadPlan:
    """``links`` are what is wanted of every workload. What a controller makes is never written, whatever is forced."""

    links: Links

    def step(self, stored: StoredWorkload | None) -> Step:
        if stored is None:
            return Step("skipped", "it was deleted in the meantime")
        change = None if stored.over else self.links.change(stored.pull_secrets)
        if change is None:
            return Step("unchanged")
        if stored.owner:
            return Step("owned", self._owned(stored))
        if stored.kind in UNCHANGEABLE:
            return Step("needs_replacement", self._unchangeable(stored))
        if stored.contender and not self.links.force:
            return Step("contested", self._contested(stored))
        return change.step(pod_spec_path(stored.kind), stored.seen, stored.effect)

    def _owned(self, stored: StoredWorkload) -> str:
        if stored.kind in UNCHANGEABLE:
            made, maker = f"{stored.owner} makes it", "that, or what makes that"
        else:
            made, maker = f"{stored.owner} makes it and would undo a change here", "that"
        if not self.links.present:
            return f"{made}: unlink {maker} instead"
        return f"{made}: link {maker} instead{self._or_account(stored)}"

    def _unchangeable(self, stored: StoredWorkload) -> str:
        fixed = f"the list of a {stored.kind} that exists cannot be changed"
        if not self.links.present:
            return f"{fixed}: the entry stays until the {stored.kind} is gone"
        return (
            f"{fixed}: link ServiceAccount {shown(stored.account)} or put the entry into its manifest, and have it made anew "
            f"(pull_recovery with replace: [{_REPLACED_AS[stored.kind]}])"
        )

    def _contested(self, stored: StoredWorkload) -> str:
        if not self.links.present:
            return f"{stored.contender} keeps it and may put the entry back: take it out there, or set force"
        return (
            f"{stored.contender} keeps it and may take a change back: put the entry into its {FIELD} there"
            f"{self._or_account(stored)}, or set force"
        )

    def _or_account(self, stored: StoredWorkload) -> str:
        """A list of the template's own hides that of the ServiceAccount."""
        return "" if stored.pull_secrets else f", or link ServiceAccount {shown(stored.account)}"
