# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Bring the imagePullSecrets of ServiceAccounts into their state, late ones included."""

from __future__ import annotations

import fnmatch
import time
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import is_glob
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import CarryOut, Outcome, Subject
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_outcome import LinkOutcome, of_kind
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.service_account import (
    AccountPlan,
    StoredServiceAccount,
    stored_service_account,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import (
    closed_outcomes,
    objects_matching,
    objects_named,
    open_namespaces,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen

KIND = "ServiceAccount"
RESOURCE = "serviceaccounts"
# Up to this many exact names each get a list of their own, which the server filters
_NAMED_LISTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0


@dataclass(frozen=True)
class LinkAccounts:
    """``names`` are exact names and globs of ServiceAccounts; ``wait`` (seconds) is for exact ones that are not there yet."""

    api: Api
    chosen: Chosen
    names: Sequence[str]
    plan: AccountPlan
    wait: float
    workers: int
    check_mode: bool

    def run(self) -> list[LinkOutcome]:
        """An outcome for each ServiceAccount, and for each namespace that has none because it is closed or may not be listed."""
        objects = Objects(self.api, RESOURCE, self.check_mode)
        carry_out = CarryOut(objects, stored_service_account, self.plan.step)
        settled: dict[tuple[str, str], Outcome] = {}
        subjects, unlisted = self._survey()
        give_up = time.monotonic() + (0 if self.check_mode else self.wait)
        pause = _FIRST_PAUSE
        while True:
            settled.update({(one.namespace, one.name): one for one in carry_out.run(subjects, self.workers)})
            late = {key for key, outcome in settled.items() if outcome.step.awaited}
            if not late or time.monotonic() + pause > give_up:
                break
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
            try:
                subjects = [one for one in self._survey()[0] if (one.namespace, one.name) in late]
            except PullpassError:  # what was done so far is to be told, and those that are late have failed already
                break
        done = [self._in_check_mode(outcome) for outcome in settled.values()]
        closed = [outcome for name in self.names for outcome in closed_outcomes(self.chosen, name, self.check_mode)]
        return of_kind(KIND, sorted([*done, *closed, *unlisted], key=lambda one: (one.namespace, one.name)))

    def _in_check_mode(self, outcome: Outcome) -> Outcome:
        if not (self.check_mode and outcome.step.awaited):
            return outcome
        return replace(outcome, step=Step("skipped", "the ServiceAccount does not exist (yet)"))

    def _survey(self) -> tuple[list[Subject[StoredServiceAccount]], list[Outcome]]:
        """What is there, and what may not be looked at. Exact names are there as None where they are not."""
        exact = [name for name in self.names if not is_glob(name)]
        if len(exact) == len(self.names) and len(exact) <= _NAMED_LISTS:
            found = [
                subject
                for name in exact
                for subject in objects_named(self.api, RESOURCE, stored_service_account, name, self.chosen)
            ]
            return found, []
        found, unlisted = objects_matching(self.api, RESOURCE, stored_service_account, self._matches, self.chosen, self.workers)
        there = {(one.namespace, one.name) for one in found}
        blind = {outcome.namespace for outcome in unlisted}
        missing: list[Subject[StoredServiceAccount]] = [
            Subject(namespace.name, name, None)
            for namespace in open_namespaces(self.chosen)
            for name in exact
            if (namespace.name, name) not in there and namespace.name not in blind
        ]
        return [*found, *missing], unlisted

    def _matches(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.names)
