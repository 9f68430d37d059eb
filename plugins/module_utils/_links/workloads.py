# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The imagePullSecrets of workload templates: one list for each kind, one write for each workload."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from functools import partial

from .._cluster.kinds import WORKLOAD_RESOURCES
from .._cluster.namespaces import is_glob, open_namespaces
from .._cluster.objects import Objects, list_all, list_in
from .._cluster.validation import fields_equal
from .._errors import FailureKind, InputError, RequestError
from .._reconcile.apply import CarryOut, Outcome, Subject
from .._reconcile.change import Step
from .._reconcile.targets import closed_outcomes
from .._text import listed
from .model import Entry, StoredWorkload, queries, stored_workload
from .report import LinkOutcome, of_kind

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .model import Query
    from .plan import WorkloadPlan


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
        found, refused = list_in(
            self.api, WORKLOAD_RESOURCES[kind], keep, namespaces, self.chosen.listed, self.workers, selectors
        )
        for error in refused.values():
            if error.status == _BAD_REQUEST:
                raise error
        return Listed(found, {namespace: str(error) for namespace, error in refused.items()})


class ReadByList(Objects):
    """Reads an object by a list of its name where it may not be got: list and patch are enough, also after a conflict."""

    def get(self, namespace: str, name: str) -> dict[str, t.Any] | None:
        try:
            return super().get(namespace, name)
        except RequestError as error:
            if error.kind != FailureKind.FORBIDDEN:
                raise
        found = list_all(self.api, self.resource, dict, fields_equal({"metadata.name": name}), namespace=namespace)
        return found[0] if found else None


@dataclass(frozen=True)
class Found:
    """``workloads`` by kind, namespace and name, each once however many entries mean it; ``absent`` are exact names of none."""

    workloads: dict[tuple[str, str, str], StoredWorkload] = field(default_factory=dict)
    unlisted: dict[tuple[str, str], str] = field(default_factory=dict)
    absent: list[Entry] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[StoredWorkload]:
        return [one for one in self.workloads.values() if one.kind == kind and not one.over]

    def blind(self, kind: str) -> set[str]:
        return {namespace for unlisted, namespace in self.unlisted if unlisted == kind}


@dataclass(frozen=True)
class LinkWorkloads:
    """``exact_places``: each chosen namespace was named, so that a name which is in none of them is a slip."""

    survey: WorkloadSurvey
    entries: Sequence[Entry]
    plan: WorkloadPlan
    exact_places: bool
    check_mode: bool

    def find(self) -> Found:
        """What is there, from one list for each kind and selector."""
        found = Found()
        for query in queries(self.entries):
            answer = self.survey.listed(query)
            found.workloads.update({(one.kind, one.namespace, one.name): one for one in answer.workloads})
            found.unlisted.update({(query.kind, namespace): why for namespace, why in answer.refused.items()})
            names = {one.name for one in answer.workloads}
            found.absent.extend(one for one in query.entries if not is_glob(one.name) and one.name not in names)
        return found

    def run(self, found: Found) -> list[LinkOutcome]:
        """An outcome for each workload that is not over, for what may not be listed, and for what is missing by its name."""
        kinds = dict.fromkeys(entry.kind for entry in self.entries)
        outcomes = [outcome for kind in kinds for outcome in self._settled(kind, found)]
        return outcomes + self._missing(found)

    def closed(self) -> list[LinkOutcome]:
        """An outcome for each namespace that takes no objects, as if it were for each entry."""
        entries = {(entry.kind, entry.name): entry for entry in self.entries}.values()
        return [
            outcome
            for entry in entries
            for outcome in of_kind(entry.kind, closed_outcomes(self.survey.chosen, entry.name, self.check_mode))
        ]

    def absent_warning(self, found: Found) -> str | None:
        """Names of nothing that are not a failure."""
        if not found.absent or (self.exact_places and self.plan.links.present) or not open_namespaces(self.survey.chosen):
            return None
        names = listed([str(entry) for entry in found.absent if not found.blind(entry.kind)])
        return f"nothing of this name is in the chosen namespaces: {names}. Is it spelt right?" if names else None

    def _settled(self, kind: str, found: Found) -> list[LinkOutcome]:
        carry_out = CarryOut(
            ReadByList(self.survey.api, WORKLOAD_RESOURCES[kind], self.check_mode), partial(stored_workload, kind), self.plan.step
        )
        subjects = [Subject(one.namespace, one.name, one) for one in found.of_kind(kind)]
        unlisted = [
            Outcome(namespace, "*", Step("failed", why))
            for (unlisted_kind, namespace), why in found.unlisted.items()
            if unlisted_kind == kind
        ]
        outcomes = [*carry_out.run(subjects, self.survey.workers), *unlisted]
        return of_kind(kind, sorted(outcomes, key=lambda one: (one.namespace, one.name)))

    def _missing(self, found: Found) -> list[LinkOutcome]:
        if not self.exact_places or not self.plan.links.present:
            return []
        return [
            LinkOutcome(namespace.name, entry.name, self._not_there(entry), entry.kind)
            for entry in {(entry.kind, entry.name): entry for entry in found.absent}.values()
            for namespace in open_namespaces(self.survey.chosen)
            if namespace.name not in found.blind(entry.kind)
        ]

    def _not_there(self, entry: Entry) -> Step:
        what = f"the {entry.kind} does not exist" + (" with labels as in its selector" if entry.selector else "")
        if self.check_mode:
            return Step("skipped", f"{what} (yet)")
        return Step("failed", f"{what} in any chosen namespace; create it first, correct its name, or give a glob")
