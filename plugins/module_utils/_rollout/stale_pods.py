# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Pods whose node may go on using what an immutable Secret held before it was replaced (kubernetes#131589)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import Outcome


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
