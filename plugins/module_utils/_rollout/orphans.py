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
    objects: Objects, subjects: list[Subject[StoredSecret]], wanted: WantedSecret, prune: bool, workers: int
) -> list[Outcome]:
    """Removed with ``prune``, else only told."""
    if not prune:
        return [Outcome(subject.namespace, subject.name, Step("orphaned", LEFT)) for subject in subjects]
    gone = PullSecretPlan(replace(wanted, present=False, purge=True, adopt=False))
    return CarryOut(objects, stored_secret, gone.step).run(subjects, workers)
