# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One pull secret brought into the desired state in all chosen namespaces of a cluster."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._cluster.namespaces import FEW
from .._cluster.objects import Objects, list_all, list_in
from .._cluster.ownership import EXPIRES
from .._concurrency import for_each
from .._errors import InputError, PullpassError, RequestError
from .._reconcile.apply import CarryOut, Outcome, Subject
from .._reconcile.change import FAILED, Step
from .._reconcile.image_pull_secrets import AccountPlan, Links, StoredServiceAccount, stored_service_account
from .._reconcile.targets import closed_outcomes, list_named, subjects_in
from .._text import listed
from .model import StoredSecret, WantedSecret, notes, stored_secret
from .plan import PullSecretPlan

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen


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


LEFT = "the namespace is no longer chosen, but the Secret is still there; set prune to remove it"


def orphans(
    found: Mapping[str, Subject[StoredSecret]], namespaces: Collection[str], wanted: WantedSecret
) -> list[Subject[StoredSecret]]:
    """Those of our owner that nobody else manages."""
    return [
        subject
        for namespace, subject in found.items()
        if namespace not in namespaces
        and isinstance(subject.stored, StoredSecret)
        and subject.stored.owner == wanted.owner
        and subject.stored.managed_by is None
    ]


def settle_orphans(
    objects: Objects,
    subjects: list[Subject[StoredSecret]],
    wanted: WantedSecret,
    prune: bool,
    workers: int,
    links: DanglingLinks | None = None,
) -> list[Outcome]:
    """Removed with ``prune``, else only reported. With ``links`` the ServiceAccounts that name them are unlinked before."""
    if not prune:
        return [Outcome(subject.namespace, subject.name, Step("orphaned", LEFT)) for subject in subjects]
    namespaces = [subject.namespace for subject in subjects]
    unlinked, blocked = links.unlinked(namespaces) if links and namespaces else ({}, {})
    gone = PullSecretPlan(replace(wanted, present=False, purge=True, adopt=False))
    free = [subject for subject in subjects if subject.namespace not in blocked]
    outcomes = CarryOut(objects, stored_secret, gone.step).run(free, workers)
    kept = [Outcome(namespace, wanted.name, step) for namespace, step in blocked.items()]
    return [*kept, *(_told(outcome, unlinked.get(outcome.namespace, "")) for outcome in outcomes)]


def _told(outcome: Outcome, unlinked: str) -> Outcome:
    message = "; ".join(filter(None, (outcome.step.message, unlinked)))
    return replace(outcome, step=replace(outcome.step, message=message))


def with_stale_pods(api: Api, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes; those of immutable Secrets that were replaced name the Pods that have to go first."""
    return [_named(api, outcome) if outcome.step.stale else outcome for outcome in outcomes]


def _named(api: Api, outcome: Outcome) -> Outcome:
    try:
        pods = list_all(api, "pods", lambda item: _pod(item, outcome.name), namespace=outcome.namespace)
    except PullpassError as error:
        told = f"which Pods still hold the old content is not known: {error}"
    else:
        names = [name for name in pods if name]
        told = f"Pods that hold the old content until they are gone from their node: {listed(names) or 'none'}"
    step = replace(outcome.step, message=f"{outcome.step.message}; {told}")
    return replace(outcome, step=step)


def _pod(item: dict[str, t.Any], secret: str) -> str:
    references = item["spec"].get("imagePullSecrets") or ()
    return item["metadata"]["name"] if any(one.get("name") == secret for one in references) else ""


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
