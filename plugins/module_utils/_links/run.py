# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Links pull Secrets to ServiceAccounts and workload templates: one list for each kind, one write for each object."""

from __future__ import annotations

import fnmatch
import time
import typing as t
from dataclasses import dataclass, field, replace
from functools import partial

from .._cluster.kinds import WORKLOADS
from .._cluster.namespaces import FEW, NamespaceLists, is_glob, list_cluster, open_namespaces
from .._cluster.objects import Objects, list_all
from .._cluster.validation import fields_equal
from .._errors import FailureKind, InputError, PullpassError, RequestError
from .._reconcile.apply import apply
from .._reconcile.targets import (
    SKIPPED,
    Change,
    DesiredLinks,
    Outcome,
    StoredServiceAccount,
    TargetObject,
    matching_targets,
    named_targets,
    service_account_change,
    stored_service_account,
    unavailable_outcomes,
)
from .model import FoundWorkloads, StoredWorkload, WorkloadEntry, WorkloadQuery, queries, stored_workload
from .plan import workload_change
from .report import (
    DEPLOYED_KINDS,
    absent_warning,
    first_linked,
    hidden_accounts_warning,
    lost_secrets_warning,
    no_match_warning,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen


_ACCOUNT_KIND, _ACCOUNTS = "ServiceAccount", "serviceaccounts"
# Up to this many exact names of ServiceAccounts each get a list of their own, which the server filters
_NAMED_LISTS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
_BAD_REQUEST = 400
Item = t.TypeVar("Item")


@dataclass(frozen=True)
class LinkRequest:
    """``accounts`` are names and globs of ServiceAccounts; ``wait`` (seconds) is for exact names that do not exist yet.

    ``exact_namespaces``: the caller named each namespace, so a workload with an exact name that is in none of them is a
    failure.
    """

    desired: DesiredLinks
    accounts: Sequence[str]
    workloads: Sequence[WorkloadEntry] = ()
    wait: float = 0
    exact_namespaces: bool = False


@dataclass(frozen=True)
class LinkResult:
    outcomes: list[Outcome]
    warnings: list[str] = field(default_factory=list)


def link(api: Api, chosen: Chosen, request: LinkRequest, workers: int, check_mode: bool) -> LinkResult:
    """Raises InputError for a selector that the server cannot read, else RequestError and ClusterError."""
    workloads = _Workloads(api, chosen, request, workers, check_mode)
    # before anything is written: a selector may turn out to be wrong
    found = workloads.find()
    # ServiceAccounts first: Pods of a workload that then rolls out have both
    account_outcomes = link_accounts(api, chosen, request, workers, check_mode) if request.accounts else []
    workload_outcomes = workloads.link(found)
    outcomes = [*account_outcomes, *workload_outcomes, *([] if request.accounts else workloads.unavailable())]
    warnings = [workloads.absent_warning(found)]
    if request.desired.present:
        warnings += _own_list_warnings(api, workers, request.desired, found, account_outcomes, workload_outcomes)
    if chosen.namespaces and not outcomes and not warnings[0]:
        kinds = dict.fromkeys(entry.kind for entry in request.workloads)
        warnings.append(no_match_warning([*([_ACCOUNT_KIND] if request.accounts else []), *kinds]))
    return LinkResult(outcomes, [warning for warning in warnings if warning])


def link_accounts(api: Api, chosen: Chosen, request: LinkRequest, workers: int, check_mode: bool) -> list[Outcome]:
    """An outcome for each ServiceAccount, and for each namespace that is unavailable or does not let them be listed."""
    objects = Objects(api, _ACCOUNTS, check_mode)
    plan = partial(service_account_change, request.desired)
    outcomes: dict[tuple[str, str, str], Outcome] = {}
    targets, unlisted = _account_targets(api, chosen, request.accounts, workers)
    deadline = time.monotonic() + (0 if check_mode else request.wait)
    pause = _FIRST_PAUSE
    while True:
        outcomes.update((one.key, one) for one in apply(targets, objects, stored_service_account, plan, workers))
        late = {(one.namespace, one.name) for one in outcomes.values() if one.change.transient}
        if not late or time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 2)
        try:
            again, _unlisted = _account_targets(api, chosen, request.accounts, workers)
        except PullpassError:  # what was done is reported, and those that are late have failed already
            break
        targets = [one for one in again if (one.namespace, one.name) in late]
    done = [_in_check_mode(one) if check_mode else one for one in outcomes.values()]
    unavailable = [one for name in request.accounts for one in unavailable_outcomes(chosen, name, check_mode, _ACCOUNT_KIND)]
    return _sorted([*done, *unavailable, *_unlisted_outcomes(_ACCOUNT_KIND, unlisted)])


def _in_check_mode(outcome: Outcome) -> Outcome:
    if not outcome.change.transient:
        return outcome
    return replace(outcome, change=Change(SKIPPED, "the ServiceAccount does not exist (yet)"))


def _account_targets(
    api: Api, chosen: Chosen, names: Sequence[str], workers: int
) -> tuple[list[TargetObject[StoredServiceAccount]], Mapping[str, object]]:
    """The ServiceAccounts of these names and globs, and namespace -> why a list failed. Exact names that are missing count."""
    exact = [name for name in names if not is_glob(name)]
    if len(exact) == len(names) and len(exact) <= _NAMED_LISTS:
        lists = [named_targets(api, _ACCOUNTS, stored_service_account, name, chosen) for name in exact]
        return [target for targets in lists for target in targets], {}

    def matches(name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in names)

    found, unlisted = matching_targets(api, _ACCOUNTS, stored_service_account, matches, chosen, workers)
    existing = {(one.namespace, one.name) for one in found}
    missing: list[TargetObject[StoredServiceAccount]] = [
        TargetObject(namespace.name, name, listed=True)
        for namespace in open_namespaces(chosen)
        for name in exact
        if (namespace.name, name) not in existing and namespace.name not in unlisted
    ]
    return [*found, *missing], unlisted


def _unlisted_outcomes(kind: str, unlisted: Mapping[str, object]) -> list[Outcome]:
    return [Outcome(namespace, "*", Change("failed", str(reason)), kind) for namespace, reason in unlisted.items()]


def _sorted(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda one: (one.namespace, one.name))


class _ListedObjects(Objects):
    """Reads an object by a list of its name if get is forbidden: list and patch are enough, also after a conflict."""

    def get(self, namespace: str, name: str) -> dict[str, t.Any] | None:
        try:
            return super().get(namespace, name)
        except RequestError as error:
            if error.kind != FailureKind.FORBIDDEN:
                raise
        found = list_all(self.api, self.resource, dict, fields_equal({"metadata.name": name}), namespace=namespace)
        return found[0] if found else None


@dataclass(frozen=True)
class _Workloads:
    """The workloads of a request in the chosen namespaces."""

    api: Api
    chosen: Chosen
    request: LinkRequest
    workers: int
    check_mode: bool

    def find(self) -> FoundWorkloads:
        found = FoundWorkloads()
        for query in queries(self.request.workloads):
            listed, unlisted = self._list(query)
            if query.whole:
                found.complete[query.kind] = listed
            named = [one for one in listed if query.matches(one.name)]
            found.workloads.update((one.key, one) for one in named)
            found.unlisted.update(((query.kind, namespace), str(error)) for namespace, error in unlisted.items())
            names = {one.name for one in named}
            found.absent.extend(one for one in query.entries if not is_glob(one.name) and one.name not in names)
        return found

    def _list(self, query: WorkloadQuery) -> tuple[list[StoredWorkload], dict[str, RequestError]]:
        namespaces = [namespace.name for namespace in open_namespaces(self.chosen)]
        parse = partial(stored_workload, query.kind)
        lists = NamespaceLists(self.api, self.workers, self.chosen.listed)
        entry = query.entries[0]
        try:
            listed, unlisted = lists.items(WORKLOADS[query.kind].plural, parse, namespaces, query.selectors)
            for error in unlisted.values():
                if error.status == _BAD_REQUEST:
                    raise error
        except RequestError as error:
            if error.status != _BAD_REQUEST or not entry.selector:
                raise
            where = f"workloads, entry {entry.number} ({entry})"
            message = f"{where}: the server cannot read the selector: {error}. Give a selector such as app=web,tier!=cache."
            raise InputError(message) from None
        return listed, unlisted

    def link(self, found: FoundWorkloads) -> list[Outcome]:
        """An outcome for each workload that is not obsolete, for each list that failed, and for each missing exact name."""
        outcomes: list[Outcome] = []
        for kind in dict.fromkeys(entry.kind for entry in self.request.workloads):
            objects = _ListedObjects(self.api, WORKLOADS[kind].plural, self.check_mode)
            relevant = [one for one in found.workloads.values() if one.kind == kind and not one.obsolete]
            targets = [TargetObject(one.namespace, one.name, one, listed=True) for one in relevant]
            plan = partial(workload_change, self.request.desired)
            applied = apply(targets, objects, partial(stored_workload, kind), plan, self.workers)
            outcomes += _sorted([*applied, *_unlisted_outcomes(kind, found.unlisted_namespaces(kind))])
        return outcomes + self._missing(found)

    def _missing(self, found: FoundWorkloads) -> list[Outcome]:
        if not self._names_must_exist:
            return []
        return [
            Outcome(namespace.name, entry.name, self._missing_change(entry), entry.kind)
            for entry in {(entry.kind, entry.name): entry for entry in found.absent}.values()
            for namespace in open_namespaces(self.chosen)
            if namespace.name not in found.unlisted_namespaces(entry.kind)
        ]

    @property
    def _names_must_exist(self) -> bool:
        return self.request.exact_namespaces and self.request.desired.present

    def _missing_change(self, entry: WorkloadEntry) -> Change:
        problem = f"the {entry.kind} does not exist" + (" with the labels of its selector" if entry.selector else "")
        if self.check_mode:
            return Change(SKIPPED, f"{problem} (yet)")
        return Change(
            "failed", f"{problem} in any chosen namespace; create it first, or correct its name. A glob may match nothing"
        )

    def unavailable(self) -> list[Outcome]:
        """An outcome of each entry in each namespace that is being deleted or does not exist."""
        keys = dict.fromkeys((entry.kind, entry.name) for entry in self.request.workloads)
        return [one for kind, name in keys for one in unavailable_outcomes(self.chosen, name, self.check_mode, kind)]

    def absent_warning(self, found: FoundWorkloads) -> str:
        if self._names_must_exist or not open_namespaces(self.chosen):
            return ""
        return absent_warning(entry for entry in found.absent if not found.unlisted_namespaces(entry.kind))


def _own_list_warnings(
    api: Api,
    workers: int,
    desired: DesiredLinks,
    found: FoundWorkloads,
    accounts: Sequence[Outcome],
    workloads: Sequence[Outcome],
) -> list[str]:
    """About Pod templates with a list of their own, where this run linked a ServiceAccount or was the first to link them."""
    namespaces = {one.namespace for one in accounts if one.change.action == "linked"}
    templates = [one for complete in found.complete.values() for one in complete]
    for kind in DEPLOYED_KINDS if namespaces else ():
        if kind not in found.complete:
            listed = _list_if_possible(api, WORKLOADS[kind].plural, partial(stored_workload, kind), namespaces, workers)
            templates += [one for one in listed if one.namespace in namespaces]
    first = first_linked(workloads, found)
    stored = _list_if_possible(api, _ACCOUNTS, stored_service_account, {one.namespace for one in first}, workers)
    secrets = {(one.namespace, one.name): one.pull_secrets for one in stored}
    return [hidden_accounts_warning(desired, accounts, workloads, templates), lost_secrets_warning(desired, first, secrets)]


def _list_if_possible(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Item], namespaces: Collection[str], workers: int
) -> list[Item]:
    """For warnings only, so a list that fails is empty, and a forbidden one costs no list of each namespace."""
    try:
        if len(namespaces) > FEW:
            found = list_cluster(api, resource, parse)
            return found[0] if found else []
        return NamespaceLists(api, workers, whole=False).items(resource, parse, list(namespaces))[0]
    except PullpassError:
        return []
