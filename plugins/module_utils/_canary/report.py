# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The outcome of each canary Pod, and the result: rows, counts and one sentence. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._errors import FailureKind, RequestError
from .._reconcile.report import MESSAGE_LIMIT, ReportForm, ReportRow, report
from .._text import listed, shown, shown_image
from .cluster import lacks_account, refusal_message
from .model import LABEL, POLICY, CanaryAction

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .model import AdmittedPod, Canary, CanaryTarget
    from .verdict import PullStatus


_FAILURES = (CanaryAction.NOT_PULLED, CanaryAction.FAILED)
_FORM = ReportForm(
    key="nodes",
    actions=CanaryAction.ALL,
    changed=(),
    failed=_FAILURES,
    explained=_FAILURES,
    quiet=(CanaryAction.PULLED, CanaryAction.UNPROVEN),
)
_EXEMPT = f"Exempt Pods with label {LABEL} from that"


@dataclass(frozen=True)
class CanaryOutcome:
    """The outcome of one Pod, or why there was none.

    ``namespace`` is None for an outcome in all namespaces, ``node`` None where no node was chosen. ``seconds``: from the
    creation of the Pod to its decision. ``notable``: needs attention though nothing failed.
    """

    namespace: str | None
    node: str | None
    action: str
    message: str
    seconds: float | None = None
    notable: bool = False


def canary_result(image: str, outcomes: Sequence[CanaryOutcome], show_all: bool) -> dict[str, t.Any]:
    """``changed`` (never), ``failed``, ``msg``, ``summary`` (action -> count) and ``nodes`` (rows)."""
    return report([_row(one) for one in outcomes], _FORM, show_all, shown_image(image))


def sorted_outcomes(outcomes: Iterable[CanaryOutcome]) -> list[CanaryOutcome]:
    return sorted(outcomes, key=lambda one: (one.namespace or "", one.node or ""))


def _row(outcome: CanaryOutcome) -> ReportRow:
    place = "/".join(part for part in (outcome.namespace, outcome.node) if part) or "all namespaces"
    columns = {
        "namespace": outcome.namespace,
        "node": outcome.node,
        "action": outcome.action,
        "pulled": {CanaryAction.PULLED: True, CanaryAction.NOT_PULLED: False}.get(outcome.action),
        "seconds": None if outcome.seconds is None else round(outcome.seconds, 1),
        "message": shown(outcome.message, MESSAGE_LIMIT),
    }
    return ReportRow(place, outcome.action, outcome.message, columns, outcome.notable)


def proof_obstacle(canary: Canary, admitted: AdmittedPod) -> str:
    """Why this Pod cannot prove anything, or an empty text."""
    if admitted.run != canary.run:
        return f"something in the cluster removed or changed label {LABEL} of the Pod, by which it is found. {_EXEMPT}"
    lost = [name for name in canary.secrets if name not in admitted.secrets]
    if lost:
        now = listed(admitted.secrets, 5) or "null"
        return (
            f"something in the cluster changed the pull secrets of the Pod to {now}, so a pull would prove nothing about "
            f"{listed(lost, 5)}. {_EXEMPT}"
        )
    if admitted.policy == POLICY:
        return ""
    return (
        f"something in the cluster changed the pull policy of the Pod from {POLICY} to {shown(admitted.policy, 40) or 'null'}, "
        f"so an image that is on the node already would prove nothing. {_EXEMPT}"
    )


def admission_changes(canary: Canary, admitted: AdmittedPod) -> str:
    """What the cluster changed in the Pod that matters to a pull, or an empty text."""
    changes = []
    if admitted.image != canary.image:
        changes.append(f"the image to {shown_image(admitted.image)}")
    if canary.secrets and tuple(canary.secrets) != admitted.secrets:
        changes.append(f"its pull secrets to {listed(admitted.secrets, 5) or 'null'}")
    if admitted.account != canary.account:
        changes.append(f"its ServiceAccount to {shown(admitted.account, 80)}")
    return f"something in the cluster changed {' and '.join(changes)}" if changes else ""


def proof(canary: Canary, admitted: AdmittedPod) -> str:
    """What is proven by this Pod's pull."""
    who = f"a Pod of ServiceAccount {shown(admitted.account, 80)}"
    names = listed(admitted.secrets, 5)
    if not admitted.secrets:
        text = f"{who} can pull it without a pull secret (it is public, or the node has credentials)"
    elif len(admitted.secrets) == 1:
        text = f"{who} with pull secret {names} can pull it"
    else:
        text = f"{who} with pull secrets {names} can pull it (it is not known which of them was used)"
    changes = admission_changes(canary, admitted)
    if admitted.image != canary.image:
        return f"{changes}, and only this is proven: {text}"
    return f"{changes}: {text}" if changes else text


def refused_outcome(target: CanaryTarget, error: Exception, check_mode: bool) -> CanaryOutcome:
    """For a Pod that could not be created. In check mode an earlier task may be the one that would help."""
    action, message = CanaryAction.FAILED, str(error)
    if isinstance(error, RequestError):
        action, message = _refusal(error, check_mode)
    return CanaryOutcome(target.namespace, target.node, action, message)


def _refusal(error: RequestError, check_mode: bool) -> tuple[str, str]:
    if error.kind == FailureKind.TERMINATING:
        return CanaryAction.SKIPPED, str(error)
    if check_mode and error.kind == FailureKind.FORBIDDEN:
        return CanaryAction.UNPROVEN, f"not checked by the server: {error}"
    if check_mode and error.kind == FailureKind.NOT_FOUND:
        return CanaryAction.SKIPPED, "the namespace does not exist (yet)"
    if check_mode and lacks_account(error):
        return CanaryAction.SKIPPED, "the ServiceAccount does not exist (yet)"
    return CanaryAction.FAILED, refusal_message(error)


def dry_run_outcome(canary: Canary, target: CanaryTarget, admitted: AdmittedPod) -> CanaryOutcome:
    """For a Pod that a dry run accepted."""
    problem = proof_obstacle(canary, admitted) or admission_changes(canary, admitted)
    message = "check mode: the server accepts the Pod; it is not proven that the image can be pulled"
    message = f"{message}; {problem}" if problem else message
    return CanaryOutcome(target.namespace, target.node, CanaryAction.UNPROVEN, message, notable=bool(problem))


def decided_outcome(
    canary: Canary, target: CanaryTarget, admitted: AdmittedPod, node: str | None, status: PullStatus, seconds: float
) -> CanaryOutcome:
    """For a Pod that was on ``node``, None for no node."""
    changes = admission_changes(canary, admitted)
    if target.node and node and node != target.node:
        action = CanaryAction.FAILED
        message = f"something in the cluster sent the Pod to node {shown(node)} instead, so nothing is proven for this node"
    elif status.action == CanaryAction.PULLED:
        action, message = CanaryAction.PULLED, proof(canary, admitted)
    else:
        action, message = _not_pulled(target, status)
        message = f"{changes}. {message}" if changes else message
    return CanaryOutcome(target.namespace, target.node or node, action, message, seconds, notable=bool(changes))


def _not_pulled(target: CanaryTarget, status: PullStatus) -> tuple[str, str]:
    if not status.other_platform:
        return status.action or CanaryAction.FAILED, status.message
    # the registry let the node read the image: the credential is accepted
    text = "the image can be read, but does not exist for the architecture of this node"
    if target.node:
        return CanaryAction.SKIPPED, f"{text}. {status.message}"
    return CanaryAction.NOT_PULLED, f"{text}; choose others with nodes, such as kubernetes.io/arch=amd64. {status.message}"
