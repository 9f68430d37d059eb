# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Secrets of ours under this name in namespaces that are no longer chosen."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import CarryOut, Outcome, Subject
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.pull_secret import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import (
    StoredSecret,
    WantedSecret,
    stored_secret,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.dangling_links import DanglingLinks

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
