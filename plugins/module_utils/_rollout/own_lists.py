# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Pod templates with a list of their own: their Pods get nothing of the ServiceAccount's list (serviceaccount admission).

So a ServiceAccount that is linked does not reach them, and a first entry in a template takes the ServiceAccount's away.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import partial

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import FEW
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout import link_accounts
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.service_account import stored_service_account
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload import (
    RESOURCES,
    UNCHANGEABLE,
    stored_workload,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_list import Links
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_outcome import LinkOutcome
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload import StoredWorkload
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload_survey import WorkloadSurvey

# What people deploy. What these make in turn (ReplicaSets, Jobs, Pods) has their list, and there is far more of it
_DEPLOYED = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")

Item = t.TypeVar("Item")


@dataclass(frozen=True)
class OwnLists:
    """Looks only where this run has linked something, and passes over what it may not list."""

    survey: WorkloadSurvey
    links: Links

    def unseen(self, accounts: Iterable[LinkOutcome], others: Collection[LinkOutcome]) -> str | None:
        """Which workloads do not see the ServiceAccounts of ``accounts``. ``others``, workloads, are told by their own rows."""
        accounts = list(accounts)
        told = {outcome.key for outcome in others}
        new = {one.namespace for one in accounts if one.step.action == "linked"}
        held = {(one.namespace, one.name) for one in accounts if one.step.action in ("linked", "unchanged")}
        names = [
            f"{one.kind} {one.namespace}/{one.name} ({', '.join(one.pull_secrets)}; ServiceAccount {one.account})"
            for one in self._templates(new)
            if (one.namespace, one.account) in held
            and one.pull_secrets
            and self.links.change(one.pull_secrets)
            and (one.kind, one.namespace, one.name) not in told
        ]
        if not names:
            return None
        return (
            f"imagePullSecrets of their own hide those of the ServiceAccount, so that {listed(self.links.secrets)} does not "
            f"reach the Pods of {listed(names)}. Name them under workloads."
        )

    def lost(self, outcomes: Iterable[LinkOutcome], found: Mapping[tuple[str, str, str], StoredWorkload]) -> str | None:
        """Which Secrets of their ServiceAccount the Pods of newly linked workloads no longer get."""
        first = [
            found[one.key]
            for one in outcomes
            if one.step.action == "linked" and one.key in found and not found[one.key].pull_secrets
        ]
        places = {one.namespace for one in first}
        accounts = {
            (one.namespace, one.name): one.pull_secrets
            for one in self._listed(link_accounts.RESOURCE, stored_service_account, places)
        }
        names = []
        for one in first:
            gone = [name for name in accounts.get((one.namespace, one.account), ()) if name not in self.links.secrets]
            if gone:
                names.append(f"{one.kind} {one.namespace}/{one.name} ({', '.join(gone)} of ServiceAccount {one.account})")
        if not names:
            return None
        return (
            f"with a list of their own, Pods no longer get what their ServiceAccount has beside it: {listed(names)}. Add it to "
            "secrets, or link the ServiceAccount instead."
        )

    def _templates(self, new: Collection[str]) -> list[StoredWorkload]:
        """All that were listed anyway, and what is deployed where a ServiceAccount was linked."""
        kinds = dict.fromkeys([*self.survey.wholes, *(_DEPLOYED if new else ())])
        return [one for kind in kinds if kind not in UNCHANGEABLE for one in self._of_kind(kind, new)]

    def _of_kind(self, kind: str, new: Collection[str]) -> list[StoredWorkload]:
        known = self.survey.wholes.get(kind)
        found = known.workloads if known else self._listed(RESOURCES[kind], partial(stored_workload, kind), new)
        # the ReplicaSet of a Deployment has its list; the Deployment is told
        alone = [one for one in found if kind in _DEPLOYED or not one.owner]
        return [one for one in alone if not one.over and (known or one.namespace in new)]

    def _listed(self, resource: str, parse: Callable[[Mapping[str, t.Any]], Item], namespaces: Collection[str]) -> list[Item]:
        places: list[str | None] = [None] if len(namespaces) > FEW else list(namespaces)

        def read(namespace: str | None) -> list[Item]:
            return list_all(self.survey.api, resource, parse, namespace=namespace)

        try:
            return [item for part in for_each(places, read, self.survey.workers) for item in part]
        except PullpassError:
            return []
