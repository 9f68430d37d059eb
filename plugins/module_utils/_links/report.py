# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result and the warnings of linking. Pure.

A Pod template with a list of its own ignores the list of its ServiceAccount. So a new entry in the ServiceAccount has no
effect for it, and the first entry in a template hides all entries of the ServiceAccount.
"""

from __future__ import annotations

import typing as t

from .._reconcile.report import ReportForm, diffs, outcome_report
from .._text import listed
from .model import UNCHANGEABLE

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .._reconcile.targets import DesiredLinks, Outcome
    from .model import FoundWorkloads, StoredWorkload, WorkloadEntry


LINK_ACTIONS = ("linked", "unlinked", "unchanged", "owned", "contested", "needs_replacement", "skipped", "failed")
_FORM = ReportForm("links", LINK_ACTIONS, columns=("namespace", "kind", "name"))
# Kinds that people deploy. The objects that these create (ReplicaSets, Jobs, Pods) have the same list and are many
DEPLOYED_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")


def links_report(outcomes: Sequence[Outcome], show_all: bool, with_diff: bool) -> dict[str, t.Any]:
    """``changed``, ``failed``, ``msg``, ``summary``, ``links`` and, if wanted, ``diff``."""
    result = outcome_report(outcomes, _FORM, show_all)
    return {**result, "diff": diffs(outcomes)} if with_diff else result


def absent_warning(entries: Iterable[WorkloadEntry]) -> str:
    """About names that no object in the chosen namespaces has, where that is not a failure."""
    names = listed([str(entry) for entry in entries])
    return f"no object in the chosen namespaces has this name: {names}. Check the spelling." if names else ""


def no_match_warning(kinds: Iterable[str]) -> str:
    return f"no {' and no '.join(kinds)} in the chosen namespaces matches: nothing was changed."


def hidden_accounts_warning(
    desired: DesiredLinks, accounts: Sequence[Outcome], workloads: Collection[Outcome], templates: Iterable[StoredWorkload]
) -> str:
    """Which ``templates`` do not use the linked ServiceAccounts. Those that are among ``workloads`` have rows of their own."""
    reported = {outcome.key for outcome in workloads}
    linked = {(one.namespace, one.name) for one in accounts if one.change.action in ("linked", "unchanged")}
    names = [
        f"{one.kind} {one.namespace}/{one.name} ({', '.join(one.pull_secrets)}; ServiceAccount {one.account})"
        for one in templates
        if _is_deployed(one)
        and (one.namespace, one.account) in linked
        and one.pull_secrets
        and desired.list_change(one.pull_secrets)
        and one.key not in reported
    ]
    if not names:
        return ""
    return (
        f"Pods of these workloads cannot use {listed(desired.secrets)}, because imagePullSecrets in the Pod template hide those "
        f"of the ServiceAccount: {listed(names)}. Name the workloads under workloads."
    )


def _is_deployed(workload: StoredWorkload) -> bool:
    """The ReplicaSet of a Deployment has the same list; only the Deployment is named."""
    relevant = workload.kind not in UNCHANGEABLE and not workload.obsolete
    return relevant and (workload.kind in DEPLOYED_KINDS or not workload.controller)


def first_linked(outcomes: Iterable[Outcome], found: FoundWorkloads) -> list[StoredWorkload]:
    """The workloads that had no list and now have one."""
    linked = [found.workloads[one.key] for one in outcomes if one.change.action == "linked" and one.key in found.workloads]
    return [one for one in linked if not one.pull_secrets]


def lost_secrets_warning(
    desired: DesiredLinks, workloads: Iterable[StoredWorkload], account_secrets: Mapping[tuple[str, str], Sequence[str]]
) -> str:
    """Which Secrets of their ServiceAccount the Pods of newly linked ``workloads`` no longer use."""
    names = []
    for one in workloads:
        lost = [name for name in account_secrets.get((one.namespace, one.account), ()) if name not in desired.secrets]
        if lost:
            names.append(f"{one.kind} {one.namespace}/{one.name} ({', '.join(lost)} of ServiceAccount {one.account})")
    if not names:
        return ""
    return (
        "Pods of these workloads no longer use other pull Secrets of their ServiceAccount, because their template now has a list "
        f"of its own: {listed(names)}. Add these Secrets to secrets, or link the ServiceAccount instead."
    )
