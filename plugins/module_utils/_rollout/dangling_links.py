# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""ServiceAccounts that name a Secret which is removed: unlinked before, or reported after."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import FEW
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import CarryOut, Outcome, Subject
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_list import Links
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.service_account import (
    AccountPlan,
    StoredServiceAccount,
    stored_service_account,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import FAILED, Step
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import list_in
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api

_RESOURCE = "serviceaccounts"
STILL_NAMED = (
    "ServiceAccounts still name the removed Secret: take the entry out with pull_secret_link and state absent, or set prune_links"
)


@dataclass(frozen=True)
class DanglingLinks:
    """Of Secret ``secret``. With ``check_mode`` writes are dry runs."""

    api: Api
    secret: str
    workers: int
    check_mode: bool

    def unlinked(self, namespaces: Sequence[str]) -> tuple[dict[str, str], dict[str, Step]]:
        """namespace -> what was unlinked in it, and namespace -> why the Secret has to stay. Raises ClusterError.

        A right that is missing to look does not keep a credential where it is no longer wanted.
        """
        accounts, unlisted = self._naming(namespaces)
        plan = AccountPlan(Links((self.secret,), present=False, force=False))
        objects = Objects(self.api, _RESOURCE, self.check_mode)
        outcomes = CarryOut(objects, stored_service_account, plan.step).run(accounts, self.workers)
        blocked: dict[str, Step] = {}
        done: dict[str, list[str]] = {}
        for one in outcomes:
            if one.step.action in FAILED:
                action = "refused" if one.step.action == "contested" else "failed"
                told = f"not removed, because ServiceAccount {one.name} still names it: {one.step.message}"
                blocked.setdefault(one.namespace, Step(action, told))
            elif one.step.action == "unlinked":
                done.setdefault(one.namespace, []).append(one.name)
        notes = {namespace: f"which other ServiceAccounts name it is not known: {error}" for namespace, error in unlisted.items()}
        for namespace, names in done.items():
            words = f"unlinked from ServiceAccount {listed(names)}"
            notes[namespace] = f"{words}; {notes[namespace]}" if namespace in notes else words
        return notes, blocked

    def reported(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes; those of Secrets that were deleted say which ServiceAccounts still name them."""
        gone = [outcome.namespace for outcome in outcomes if outcome.step.action == "deleted"]
        if not gone:
            return list(outcomes)
        try:
            accounts, _unlisted = self._naming(gone)
        except PullpassError:  # without the right to look there is nothing to report, and the Secrets are removed
            return list(outcomes)
        naming: dict[str, list[str]] = {}
        for account in accounts:
            naming.setdefault(account.namespace, []).append(account.name)
        return [_with_accounts(one, naming) for one in outcomes]

    def _naming(self, namespaces: Sequence[str]) -> tuple[list[Subject[StoredServiceAccount]], Mapping[str, RequestError]]:
        def keep(item: Mapping[str, t.Any]) -> StoredServiceAccount | None:
            stored = stored_service_account(item)
            return stored if self.secret in stored.pull_secrets else None

        def default(namespace: str) -> StoredServiceAccount | None:
            try:
                item = Objects(self.api, _RESOURCE, dry_run=True).get(namespace, "default")
            except RequestError:  # the list has said so already
                return None
            return None if item is None else keep(item)

        found, unlisted = list_in(self.api, _RESOURCE, keep, namespaces, len(namespaces) > FEW, self.workers)
        # the right may be limited to this one, as in the README
        found += for_each(list(unlisted), default, self.workers)
        return [Subject(one.namespace, one.name, one) for one in found if one is not None], unlisted


def _with_accounts(outcome: Outcome, naming: Mapping[str, Sequence[str]]) -> Outcome:
    names = naming.get(outcome.namespace)
    if outcome.step.action != "deleted" or not names:
        return outcome
    told = f"ServiceAccount {listed(names)} still names it"
    message = f"{outcome.step.message}; {told}" if outcome.step.message else told
    return replace(outcome, step=replace(outcome.step, message=message, warning=outcome.step.warning or STILL_NAMED))
