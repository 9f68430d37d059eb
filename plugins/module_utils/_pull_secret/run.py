# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Brings one pull secret into the desired state in all chosen namespaces of a cluster, and reports it."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, replace
from functools import partial

from .._cluster.namespaces import NamespaceLists
from .._cluster.objects import Objects, list_all, used_pull_secrets
from .._concurrency import for_each
from .._credentials.docker_config import credentials_from_document
from .._credentials.dockerconfigjson import LEGACY_SECRET_KEY, LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE
from .._credentials.json_text import go_text
from .._errors import InputError, PullpassError, RequestError
from .._reconcile.apply import apply
from .._reconcile.report import ReportForm, diffs, outcome_report, warnings
from .._reconcile.targets import (
    FAILED_ACTIONS,
    SKIPPED,
    Change,
    DesiredLinks,
    Outcome,
    StoredServiceAccount,
    TargetObject,
    service_account_change,
    stored_service_account,
    targets_by_namespace,
    targets_in,
    unavailable_outcomes,
)
from .._text import listed, shown
from .model import StoredSecret, stored_secret
from .plan import PullSecretPlan

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._credentials.credential import Credential
    from .model import DesiredSecret


SECRET_ACTIONS = ("created", "updated", "replaced", "deleted", "unchanged", "skipped", "orphaned", "refused", "failed")
_FORM = ReportForm("namespaces", SECRET_ACTIONS)
_SECRETS, _ACCOUNTS = "secrets", "serviceaccounts"
_STILL_NAMED = (
    "ServiceAccounts still name the removed Secret: remove the entry with pull_secret_link and state absent (with prune, "
    "prune_links does it)"
)
_ORPHANED = "the namespace is no longer chosen, but the Secret still exists; set prune to remove it"


@dataclass(frozen=True)
class PullSecretRequest:
    """``prune`` removes the Secret from namespaces that are no longer chosen, ``prune_links`` also its links there.

    ``source``, namespace and name, is the Secret that the credentials were read from. It is never written.
    """

    plan: PullSecretPlan
    prune: bool = False
    prune_links: bool = False
    source: tuple[str, str] | None = None


def distribute(api: Api, chosen: Chosen, request: PullSecretRequest, workers: int, check_mode: bool) -> list[Outcome]:
    """An outcome for each namespace, sorted. Raises InputError, RequestError and ClusterError."""
    desired = request.plan.desired
    lists = request.prune or (chosen.listed and bool(chosen.namespaces))
    found = targets_by_namespace(api, _SECRETS, stored_secret, desired.name) if lists else None
    if request.prune:
        _check_prune(chosen, found)
    spared = request.source[0] if request.source and request.source[1] == desired.name else None
    targets = [one for one in targets_in(chosen, desired.name, found) if one.namespace != spared]
    objects = Objects(api, _SECRETS, check_mode)
    links = _SecretLinks(api, desired.name, workers, check_mode)
    outcomes = links.reported(apply(targets, objects, stored_secret, request.plan.change, workers))
    if not check_mode:
        outcomes = [_with_stale_pods(api, one) if one.change.stale else one for one in outcomes]
    namespaces = {namespace.name for namespace in chosen.namespaces}
    if spared in namespaces:
        outcomes.append(Outcome(str(spared), desired.name, Change(SKIPPED, "the credentials are read from this Secret")))
    outcomes += unavailable_outcomes(chosen, desired.name, check_mode)
    if desired.present and found is not None:
        orphans = _orphans(found, namespaces | {spared or ""}, desired)
        if request.prune:
            outcomes += _remove_orphans(objects, orphans, desired, links, request.prune_links)
        else:
            outcomes += [Outcome(one.namespace, one.name, Change("orphaned", _ORPHANED)) for one in orphans]
    return sorted(outcomes, key=lambda one: one.namespace)


def _check_prune(chosen: Chosen, found: Mapping[str, TargetObject[StoredSecret]] | None) -> None:
    if found is None:
        raise InputError(
            "prune needs a list of the Secrets in all namespaces, which the server does not return: the right to list them is "
            "missing, or the list is malformed. Grant the right, or leave prune out."
        )
    if not chosen.namespaces:
        raise InputError(
            "prune is set, but no namespace is chosen: it would remove the Secret everywhere. Use state absent for that."
        )


def _orphans(
    found: Mapping[str, TargetObject[StoredSecret]], namespaces: Collection[str], desired: DesiredSecret
) -> list[TargetObject[StoredSecret]]:
    """The Secrets of our owner outside of ``namespaces`` that nobody else manages."""
    return [
        target
        for namespace, target in found.items()
        if namespace not in namespaces
        and target.stored is not None
        and target.stored.owner == desired.owner
        and target.stored.managed_by is None
    ]


def _remove_orphans(
    objects: Objects,
    orphans: Sequence[TargetObject[StoredSecret]],
    desired: DesiredSecret,
    links: _SecretLinks,
    prune_links: bool,
) -> list[Outcome]:
    """With ``prune_links`` the ServiceAccounts that name them are unlinked first."""
    removed, blocked = links.remove([one.namespace for one in orphans]) if prune_links and orphans else ({}, {})
    plan = PullSecretPlan(replace(desired, present=False, purge=True, adopt=False))
    targets = [one for one in orphans if one.namespace not in blocked]
    outcomes = apply(targets, objects, stored_secret, plan.change, links.workers)
    if not prune_links:
        return links.reported(outcomes)
    kept = [Outcome(namespace, desired.name, change) for namespace, change in blocked.items()]
    return [*kept, *(_with_message(one, removed.get(one.namespace, "")) for one in outcomes)]


def _with_message(outcome: Outcome, text: str, **fields: t.Any) -> Outcome:
    return replace(outcome, change=outcome.change.with_message(text, **fields))


@dataclass(frozen=True)
class _SecretLinks:
    """The ServiceAccounts that name Secret ``secret``."""

    api: Api
    secret: str
    workers: int
    check_mode: bool

    def remove(self, namespaces: Sequence[str]) -> tuple[dict[str, str], dict[str, Change]]:
        """namespace -> what was unlinked there, and namespace -> why the Secret has to stay. Raises ClusterError.

        A missing right to list ServiceAccounts does not keep a credential in a namespace where it is not wanted.
        """
        targets, unlisted = self._find(namespaces)
        plan = partial(service_account_change, DesiredLinks((self.secret,), present=False, force=False))
        objects = Objects(self.api, _ACCOUNTS, self.check_mode)
        blocked: dict[str, Change] = {}
        unlinked: dict[str, list[str]] = {}
        for one in apply(targets, objects, stored_service_account, plan, self.workers):
            if one.change.action in FAILED_ACTIONS:
                action = "refused" if one.change.action == "contested" else "failed"
                message = f"not removed, because ServiceAccount {one.name} still names it: {one.change.message}"
                blocked.setdefault(one.namespace, Change(action, message))
            elif one.change.action == "unlinked":
                unlinked.setdefault(one.namespace, []).append(one.name)
        messages = {namespace: f"unlinked from ServiceAccount {listed(names)}" for namespace, names in unlinked.items()}
        for namespace, error in unlisted.items():
            unknown = f"whether other ServiceAccounts name it is unknown: {error}"
            messages[namespace] = f"{messages[namespace]}; {unknown}" if namespace in messages else unknown
        return messages, blocked

    def reported(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes; those of deleted Secrets say which ServiceAccounts still name them."""
        deleted = [outcome.namespace for outcome in outcomes if outcome.change.action == "deleted"]
        if not deleted:
            return list(outcomes)
        try:
            accounts, _unlisted = self._find(deleted)
        except PullpassError:  # the Secrets are deleted, and without the right to list there is nothing to report
            return list(outcomes)
        naming: dict[str, list[str]] = {}
        for account in accounts:
            naming.setdefault(account.namespace, []).append(account.name)
        return [self._with_accounts(one, naming.get(one.namespace, [])) for one in outcomes]

    @staticmethod
    def _with_accounts(outcome: Outcome, names: Sequence[str]) -> Outcome:
        if outcome.change.action != "deleted" or not names:
            return outcome
        warning = outcome.change.warning or _STILL_NAMED
        return _with_message(outcome, f"ServiceAccount {listed(names)} still names it", warning=warning)

    def _find(self, namespaces: Sequence[str]) -> tuple[list[TargetObject[StoredServiceAccount]], Mapping[str, RequestError]]:
        def keep(item: Mapping[str, t.Any]) -> StoredServiceAccount | None:
            stored = stored_service_account(item)
            return stored if self.secret in stored.pull_secrets else None

        def read_default(namespace: str) -> StoredServiceAccount | None:
            try:
                item = Objects(self.api, _ACCOUNTS, dry_run=True).get(namespace, "default")
            except RequestError:  # the error of the list is reported already
                return None
            return None if item is None else keep(item)

        found, unlisted = NamespaceLists(self.api, self.workers).items(_ACCOUNTS, keep, namespaces)
        # the right may cover this one alone, as in docs/rbac.yml
        found += for_each(list(unlisted), read_default, self.workers)
        return [TargetObject(one.namespace, one.name, one, listed=True) for one in found if one is not None], unlisted


def _with_stale_pods(api: Api, outcome: Outcome) -> Outcome:
    """The outcome of a replaced immutable Secret, with the Pods that have to go before kubelets read the new one."""

    def name_of(item: Mapping[str, t.Any]) -> str:
        return item["metadata"]["name"] if outcome.name in used_pull_secrets(item["spec"]) else ""

    try:
        pods = [name for name in list_all(api, "pods", name_of, namespace=outcome.namespace) if name]
    except PullpassError as error:
        return _with_message(outcome, f"Pods that use the old content are unknown: {error}")
    return _with_message(outcome, f"Pods that use the old content until they are deleted: {listed(pods) or 'no Pod'}")


def credentials_from_secret(api: Api, namespace: str, name: str, only: Sequence[str] | None = None) -> list[Credential]:
    """The credentials of the Secret, all of them or those of the registries in ``only``. Raises InputError.

    A helper that its document names is never run: a tenant may have written the document, and the helper uses our identity.
    """
    where = f"from_secret {shown(namespace)}/{shown(name)}"
    try:
        item = Objects(api, _SECRETS, dry_run=True).get(namespace, name)
    except RequestError as error:
        raise InputError(f"{where} cannot be read: {error}") from None
    if item is None:
        raise InputError(f"{where} does not exist on {api.identity['server']}. Create it first, or correct its name.")
    return credentials_from_document(where, _document(where, item), only)


def _document(where: str, item: Mapping[str, t.Any]) -> str:
    data = item.get("data") or {}
    if item.get("type") == PULL_SECRET_TYPE and data.get(PULL_SECRET_KEY):
        return go_text(base64.b64decode(data[PULL_SECRET_KEY]))
    if item.get("type") == LEGACY_SECRET_TYPE and data.get(LEGACY_SECRET_KEY):
        return f'{{"auths": {go_text(base64.b64decode(data[LEGACY_SECRET_KEY]))}}}'
    raise InputError(
        f"{where} has type {shown(str(item.get('type')))} and no pull credentials. Expected type {PULL_SECRET_TYPE} with key "
        f"{PULL_SECRET_KEY}."
    )


def secrets_report(desired: DesiredSecret, outcomes: Sequence[Outcome], show_all: bool, with_diff: bool) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary``, ``namespaces``, ``registries``, ``purged``, ``expires`` and ``diff``."""
    return {
        **outcome_report(outcomes, _FORM, show_all),
        "registries": [credential.registry for credential in desired.credentials],
        "purged": sorted({key for outcome in outcomes for key in outcome.change.purged}),
        "expires": desired.expires,
        **({"diff": diffs(outcomes)} if with_diff else {}),
    }


def secret_warnings(desired: DesiredSecret, outcomes: Sequence[Outcome]) -> list[str]:
    return [f"Secret {desired.name} {warning}" for warning in warnings(outcomes)]
