# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The workloads of the chosen namespaces, by kind."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import partial

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import list_in, open_namespaces
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.workload import (
    RESOURCES,
    StoredWorkload,
    stored_workload,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

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
        keep = partial(stored_workload, kind)
        found, refused = list_in(self.api, RESOURCES[kind], keep, namespaces, self.chosen.listed, self.workers, selectors)
        for error in refused.values():
            if error.status == _BAD_REQUEST:
                raise error
        return Listed(found, {namespace: str(error) for namespace, error in refused.items()})
