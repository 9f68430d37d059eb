# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""PodDisruptionBudgets that stand in the way of an eviction: whether one ever lets it pass. Pure.

A Pod that is not ready may go while as many others are healthy as the budget wants, and one at least, or at any time with
AlwaysAllow (kubernetes pkg/registry/core/pod/storage/eviction.go). So where the stuck Pods are what is missing, waiting never
ends.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True)
class Budget:
    """``healthy`` Pods of ``expected`` are ready, and ``desired`` have to be. ``failing``: why the server cannot count them."""

    name: str
    selector: Mapping[str, t.Any] | None
    healthy: int
    desired: int
    expected: int
    failing: str


def found_budget(item: Mapping[str, t.Any]) -> Budget:
    status = item.get("status") or {}
    failing = [
        str(one.get("message") or "")
        for one in status.get("conditions") or ()
        if one.get("type") == "DisruptionAllowed" and one.get("reason") == "SyncFailed"
    ]
    return Budget(
        name=item["metadata"]["name"],
        selector=_quick((item.get("spec") or {}).get("selector")),
        healthy=status.get("currentHealthy") or 0,
        desired=status.get("desiredHealthy") or 0,
        expected=status.get("expectedPods") or 0,
        failing=failing[0] if failing else "",
    )


def _quick(selector: Mapping[str, t.Any] | None) -> Mapping[str, t.Any] | None:
    """With sets of values: a tenant may list 100,000 of them, and each is looked for in the labels of each Pod."""
    if not selector:
        return selector
    expressions = [{**one, "values": frozenset(one.get("values") or ())} for one in selector.get("matchExpressions") or ()]
    return {**selector, "matchExpressions": expressions}


def never_passes(budgets: Iterable[Budget], labels: Mapping[str, str], stuck: Iterable[Mapping[str, str]]) -> str:
    """Why the Pod with these labels will not be let go however long one waits, or an empty text.

    ``stuck`` are the labels of all Pods, this one included, that waiting does not make healthy.
    """
    own = [one for one in budgets if selects(one.selector, labels)]
    if len(own) > 1:
        names = ", ".join(shown(one.name) for one in own)
        return f"more than one PodDisruptionBudget is for it ({names}), and the server then evicts nothing. Keep one"
    for budget in own:
        name = f"PodDisruptionBudget {shown(budget.name)}"
        if budget.failing:
            return f"{name} cannot be counted: {shown(budget.failing)}. Mend or remove it"
        hopeless = sum(selects(budget.selector, one) for one in stuck)
        # the server counts how many may be missing, and that is none where none is healthy, whatever the budget says
        wanted = max(budget.desired, 1)
        if budget.expected - hopeless < wanted:
            return (
                f"{name} wants {wanted} healthy Pods and has {budget.healthy} of {budget.expected}, of which {hopeless} "
                "will not be by waiting: it never allows that. Set unhealthyPodEvictionPolicy: AlwaysAllow in it, or "
                "delete the Pod yourself"
            )
    return ""


def selects(selector: Mapping[str, t.Any] | None, labels: Mapping[str, str]) -> bool:
    """LabelSelectorAsSelector of apimachinery: none at all selects nothing, an empty one everything."""
    if selector is None:
        return False
    pairs = (selector.get("matchLabels") or {}).items()
    wanted = all(labels.get(name) == value for name, value in pairs)
    return wanted and all(_meets(one, labels) for one in selector.get("matchExpressions") or ())


_OPERATORS: Mapping[str, Callable[[str | None, t.Collection[str | None]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _values: value is not None,
    "DoesNotExist": lambda value, _values: value is None,
}


def _meets(expression: Mapping[str, t.Any], labels: Mapping[str, str]) -> bool:
    meets = _OPERATORS.get(expression.get("operator") or "")
    return meets is not None and meets(labels.get(str(expression.get("key"))), expression.get("values") or ())
