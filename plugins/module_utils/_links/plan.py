# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for the imagePullSecrets of one workload or Pod. Pure."""

from __future__ import annotations

import typing as t

from .._cluster.kinds import WORKLOADS
from .._cluster.objects import PULL_SECRETS_FIELD
from .._reconcile.targets import SKIPPED, Change
from .._text import shown
from .model import UNCHANGEABLE, StoredWorkload

if t.TYPE_CHECKING:
    from .._reconcile.targets import DesiredLinks

_REPLACE_CHOICES = {"Job": "jobs", "Pod": "bare_pods"}


def workload_change(desired: DesiredLinks, stored: StoredWorkload | None) -> Change:
    """The plan for one workload, null for one that was deleted. An object that a controller creates is never written."""
    if stored is None:
        return Change(SKIPPED, "it was deleted in the meantime")
    change = None if stored.obsolete else desired.list_change(stored.pull_secrets)
    if change is None:
        return Change("unchanged")
    if stored.controller:
        return Change("owned", _owned(desired, stored))
    if stored.kind in UNCHANGEABLE:
        return Change("needs_replacement", _unchangeable(desired, stored))
    if stored.other_manager and not desired.force:
        return Change("contested", _contested(desired, stored))
    return change.below(WORKLOADS[stored.kind].pod_spec, stored.seen, stored.effect)


def _owned(desired: DesiredLinks, stored: StoredWorkload) -> str:
    verb = "link" if desired.present else "unlink"
    remedy = f"{verb} that object or its own owner instead" if stored.kind in UNCHANGEABLE else f"{verb} that object instead"
    effect = "" if stored.kind in UNCHANGEABLE else " and would undo a change here"
    account = _or_account(stored) if desired.present else ""
    return f"{stored.controller} creates it{effect}: {remedy}{account}"


def _unchangeable(desired: DesiredLinks, stored: StoredWorkload) -> str:
    problem = f"the list of an existing {stored.kind} cannot be changed"
    if not desired.present:
        return f"{problem}: the entry stays until the {stored.kind} is deleted"
    return (
        f"{problem}: link ServiceAccount {shown(stored.account)} or add the entry to the manifest, then recreate the "
        f"{stored.kind} (pull_recovery with replace: [{_REPLACE_CHOICES[stored.kind]}])"
    )


def _contested(desired: DesiredLinks, stored: StoredWorkload) -> str:
    if not desired.present:
        return f"{stored.other_manager} manages it and may add the entry again: remove it there, or set force"
    return (
        f"{stored.other_manager} manages it and may undo the change: add the entry to its {PULL_SECRETS_FIELD} there"
        f"{_or_account(stored)}, or set force"
    )


def _or_account(stored: StoredWorkload) -> str:
    """Linking the ServiceAccount helps only a template without a list of its own."""
    return "" if stored.pull_secrets else f", or link ServiceAccount {shown(stored.account)}"
