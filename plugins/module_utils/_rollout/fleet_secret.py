# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One pull secret brought into its state in all chosen namespaces of a cluster."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import CarryOut, Outcome
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.dangling_links import DanglingLinks
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.notes import notes
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.orphans import orphans, settle_orphans
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import EXPIRES
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.pull_secret import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import WantedSecret, stored_secret
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.stale_pods import with_stale_pods
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import (
    closed_outcomes,
    list_named,
    subjects_in,
)

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen

RESOURCE = "secrets"


class FleetSecret:
    """``wanted`` for the ``chosen`` namespaces. Raises InputError where no Secret could hold the document."""

    def __init__(self, api: Api, wanted: WantedSecret, chosen: Chosen, workers: int, check_mode: bool) -> None:
        self._api = api
        self._wanted = wanted
        self._chosen = chosen
        self._workers = workers
        self._check_mode = check_mode
        try:
            self._plan = PullSecretPlan(wanted)
        except ValueError as error:
            raise InputError(str(error)) from None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts to be masked."""
        return self._plan.secrets if self._wanted.credentials else ()

    @property
    def expires(self) -> str | None:
        """When the first of the wanted credentials ends."""
        wanted = self._wanted
        return notes(wanted, {}, [one.registry for one in wanted.credentials], {}).get(EXPIRES)

    def settle(self, prune: bool, source: Mapping[str, str] | None, prune_links: bool = False) -> list[Outcome]:
        """An outcome for each namespace, sorted. ``source`` is the Secret that the credentials come from: no target."""
        wanted, chosen = self._wanted, self._chosen
        found = list_named(self._api, RESOURCE, stored_secret, wanted.name) if self._lists(prune) else None
        if prune and found is None:
            raise InputError(
                "prune needs a list of the Secrets in all namespaces, and the server does not give it: the right to list them is "
                "missing, or the list is malformed. Grant the right, or leave prune out."
            )
        if prune and not chosen.namespaces:
            raise InputError(
                "prune is set, but no namespace is chosen: it would remove the Secret everywhere. Use state absent for that."
            )
        spared = source["namespace"] if source and source["name"] == wanted.name else None
        subjects = [one for one in subjects_in(chosen, wanted.name, found) if one.namespace != spared]
        objects = Objects(self._api, RESOURCE, self._check_mode)
        links = DanglingLinks(self._api, wanted.name, self._workers, self._check_mode)
        outcomes = links.reported(CarryOut(objects, stored_secret, self._plan.step).run(subjects, self._workers))
        if not self._check_mode:
            outcomes = with_stale_pods(self._api, outcomes)
        if spared in {namespace.name for namespace in chosen.namespaces}:
            outcomes.append(Outcome(str(spared), wanted.name, Step("skipped", "the credentials come from here")))
        outcomes += closed_outcomes(chosen, wanted.name, self._check_mode)
        if wanted.present and found is not None:
            left = orphans(found, {namespace.name for namespace in chosen.namespaces} | {spared or ""}, wanted)
            orphaned = settle_orphans(objects, left, wanted, prune, self._workers, links if prune_links else None)
            outcomes += orphaned if prune_links else links.reported(orphaned)
        return sorted(outcomes, key=lambda one: one.namespace)

    def _lists(self, prune: bool) -> bool:
        return prune or (self._chosen.listed and bool(self._chosen.namespaces))
