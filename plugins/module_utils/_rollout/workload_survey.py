# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The workloads of the chosen namespaces: one list of the cluster, or one of each namespace where that is all that is allowed."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import FORBIDDEN
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import open_namespaces
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload import (
    RESOURCES,
    StoredWorkload,
    stored_workload,
)
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload_entries import Query

_BAD_REQUEST = 400


@dataclass(frozen=True)
class Listed:
    """``refused``: namespace -> why nothing in it could be listed."""

    workloads: list[StoredWorkload]
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkloadSurvey:
    """Asks one cluster. ``wholes`` keeps, by kind, the lists that hold all of their kind in the chosen namespaces."""

    api: Api
    chosen: Chosen
    workers: int
    wholes: dict[str, Listed] = field(default_factory=dict)

    def listed(self, query: Query) -> Listed:
        """What one query finds. Raises InputError for a selector that the server cannot read, else RequestError, ClusterError."""
        try:
            found = self._lists(query.kind, query.selectors)
        except RequestError as error:
            if error.status != _BAD_REQUEST or not query.entries[0].selector:
                raise
            where = f"workloads, entry {query.entries[0].number} ({query.entries[0]})"
            raise InputError(
                f"{where}: the server cannot read the selector: {error}. Give one such as app=web,tier!=cache."
            ) from None
        if query.whole:
            self.wholes[query.kind] = found
        named = [one for one in found.workloads if query.matches(one.name)]
        return Listed(named, found.refused)

    def _lists(self, kind: str, selectors: Mapping[str, str]) -> Listed:
        namespaces = [namespace.name for namespace in open_namespaces(self.chosen)]
        wanted = frozenset(namespaces)
        resource = RESOURCES[kind]

        def keep(item: dict[str, t.Any]) -> list[StoredWorkload]:
            return [stored_workload(kind, item)] if item["metadata"]["namespace"] in wanted else []

        if self.chosen.listed and namespaces:
            try:
                return Listed(_flat(list_all(self.api, resource, keep, selectors)))
            except RequestError as error:
                if error.kind != FORBIDDEN:
                    raise

        def read(namespace: str) -> list[StoredWorkload] | str:
            try:
                return _flat(list_all(self.api, resource, keep, selectors, namespace=namespace))
            except RequestError as error:
                if error.status == _BAD_REQUEST:
                    raise
                return str(error)

        answers = dict(zip(namespaces, for_each(namespaces, read, self.workers)))
        found = [one for answer in answers.values() if not isinstance(answer, str) for one in answer]
        return Listed(found, {namespace: answer for namespace, answer in answers.items() if isinstance(answer, str)})


def _flat(lists: Sequence[Sequence[StoredWorkload]]) -> list[StoredWorkload]:
    return [one for part in lists for one in part]
