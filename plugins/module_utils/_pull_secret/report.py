# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The result of a pull secret in words: a change, its diff, and the report. No secret is in them. Pure."""

from __future__ import annotations

import typing as t

from .._credentials.registry_key import shown_key
from .._reconcile.report import ReportForm, diffs, outcome_report, warnings
from .._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._reconcile.targets import Outcome
    from .model import DesiredSecret, SecretDifference, StoredSecret


SECRET_ACTIONS = ("created", "updated", "replaced", "deleted", "unchanged", "skipped", "orphaned", "refused", "failed")
_FORM = ReportForm("namespaces", SECRET_ACTIONS)


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


def difference_in_words(difference: SecretDifference) -> str:
    parts = []
    if difference.found.problem:
        parts.append(f"its document, which {difference.found.problem}, was replaced")
    if difference.document.written:
        parts.append(f"written: {listed(difference.document.written)}")
    if difference.purged:
        parts.append(f"purged: {listed(difference.purged)}")
    if difference.immutable is not None:
        parts.append("made immutable" if difference.immutable else "made mutable")
    if difference.labels or difference.annotations:
        parts.append(f"metadata: {listed([*difference.labels, *difference.annotations])}")
    return "; ".join(parts)


def masked_diff(
    difference: SecretDifference, stored: StoredSecret, desired: DesiredSecret
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """``before`` and ``after`` for --diff."""
    before: dict[str, t.Any] = {
        "labels": {key: stored.labels.get(key) for key in difference.labels},
        # annotations of others may hold anything, even the credentials of an old apply
        "annotations": {key: "(hidden)" for key in difference.annotations if key in stored.annotations},
        "registries": difference.found.problem or {shown_key(key): "(before)" for key in difference.found.entries},
    }
    after: dict[str, t.Any] = {
        "labels": dict(difference.labels),
        "annotations": {key: value for key, value in difference.annotations.items() if value is not None},
        "registries": _registries_after(difference, desired),
    }
    if difference.immutable is not None:
        before["immutable"], after["immutable"] = str(stored.immutable).lower(), str(difference.immutable).lower()
    return before, after


def _registries_after(difference: SecretDifference, desired: DesiredSecret) -> dict[str, str]:
    after = {} if desired.purge else {shown_key(key): "(before)" for key in difference.found.entries}
    for credential in desired.credentials:
        after.setdefault(credential.registry, "(before)")
        if credential.registry in difference.document.written:
            after[credential.registry] = "(after)"
    return {key: mark for key, mark in after.items() if key not in difference.purged}
