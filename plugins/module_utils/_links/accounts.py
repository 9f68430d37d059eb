# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The imagePullSecrets of ServiceAccounts, and the Pod templates that ignore them because they have a list of their own.

So a ServiceAccount that is linked does not reach them, and a first entry in a template takes the ServiceAccount's away.
"""

from __future__ import annotations

import fnmatch
import time
import typing as t
from dataclasses import dataclass, replace
from functools import partial

from .._cluster.kinds import WORKLOAD_RESOURCES
from .._cluster.namespaces import FEW, is_glob, open_namespaces
from .._cluster.objects import Objects, list_all
from .._concurrency import for_each
from .._errors import PullpassError
from .._reconcile.apply import CarryOut, Outcome, Subject
from .._reconcile.change import Step
from .._reconcile.image_pull_secrets import AccountPlan, StoredServiceAccount, stored_service_account
from .._reconcile.targets import closed_outcomes, objects_matching, objects_named
from .._text import listed
from .model import UNCHANGEABLE, stored_workload
from .report import LinkOutcome, of_kind

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._reconcile.image_pull_secrets import Links
    from .model import StoredWorkload
    from .workloads import WorkloadSurvey


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
        accounts = {(one.namespace, one.name): one.pull_secrets for one in self._listed(RESOURCE, stored_service_account, places)}
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
        found = known.workloads if known else self._listed(WORKLOAD_RESOURCES[kind], partial(stored_workload, kind), new)
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
