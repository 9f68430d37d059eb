# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a canary proves, in rows, counts and sentences. Pure.

Not that of _reconcile/report.py, which tells what was changed: here nothing is, and a row has a node and an answer.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from .._credentials.shown import shown_image
from .._errors import FailureKind, RequestError
from .._text import in_groups, listed, shown
from . import verdict
from .cluster import lacks_account, refusal_told
from .model import CONTAINER, LABEL, POLICY

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import Canary, Target
    from .verdict import Judgement


PULLED, NOT_PULLED, UNPROVEN, SKIPPED, FAILED = ACTIONS = ("pulled", "not_pulled", "unproven", "skipped", "failed")
_FAILURES = (NOT_PULLED, FAILED)
_MOST_TEXT = 600


@dataclass(frozen=True)
class Attempt:
    """What became of one Pod, or why there was none.

    ``namespace`` is None for what holds in all of them, ``node`` None where none was chosen. ``seconds`` are those from the
    creation of the Pod until it was decided. ``notable`` needs a person's eye though nothing failed.
    """

    namespace: str | None
    node: str | None
    action: str
    message: str
    seconds: float | None = None
    notable: bool = False


def told(image: str, attempts: Sequence[Attempt], show_all: bool) -> dict[str, t.Any]:
    """``changed`` (never), ``failed``, ``msg``, ``summary`` (action -> count) and ``nodes`` (the rows)."""
    counts = Counter(attempt.action for attempt in attempts)
    failures = [attempt for attempt in attempts if attempt.action in _FAILURES]
    rows = [_row(one) for one in attempts if show_all or one.notable or one.action not in (PULLED, UNPROVEN)]
    return {
        "changed": False,
        "failed": bool(failures),
        "msg": _sentence(image, counts, failures),
        "summary": {action: counts[action] for action in ACTIONS},
        "nodes": rows,
    }


def in_order(attempts: Sequence[Attempt]) -> list[Attempt]:
    return sorted(attempts, key=lambda one: (one.namespace or "", one.node or ""))


def _row(attempt: Attempt) -> dict[str, t.Any]:
    return {
        "namespace": attempt.namespace,
        "node": attempt.node,
        "action": attempt.action,
        "pulled": {PULLED: True, NOT_PULLED: False}.get(attempt.action),
        "seconds": None if attempt.seconds is None else round(attempt.seconds, 1),
        "message": shown(attempt.message, _MOST_TEXT),
    }


def _sentence(image: str, counts: Counter[str], failures: Sequence[Attempt]) -> str:
    numbers = ", ".join(f"{counts[action]} {action}" for action in ACTIONS if counts[action]) or "nothing is selected"
    sentence = f"{shown_image(image)}: {numbers}"
    if not failures:
        return sentence
    return f"{sentence}. {in_groups([(_place(one), one.message) for one in failures])}"


def _place(attempt: Attempt) -> str:
    return "/".join(part for part in (attempt.namespace, attempt.node) if part) or "all namespaces"


@dataclass(frozen=True)
class Admitted:
    """What the cluster made of the Pod that was sent."""

    image: str
    policy: str
    account: str
    secrets: tuple[str, ...]
    run: str


def admitted_pod(item: Mapping[str, t.Any]) -> Admitted:
    spec = item["spec"]
    container: Mapping[str, t.Any] = next((one for one in spec.get("containers") or () if one["name"] == CONTAINER), {})
    return Admitted(
        image=container.get("image") or "",
        policy=container.get("imagePullPolicy") or "",
        account=spec.get("serviceAccountName") or "",
        secrets=tuple(one["name"] for one in spec.get("imagePullSecrets") or () if one.get("name")),
        run=(item["metadata"].get("labels") or {}).get(LABEL, ""),
    )


def useless(canary: Canary, admitted: Admitted) -> str:
    """Why this Pod can prove nothing, or an empty text."""
    if admitted.run != canary.run:
        return f"something in the cluster removed or changed label {LABEL} of the Pod, by which it is found. Exempt such Pods"
    lost = [name for name in canary.secrets if name not in admitted.secrets]
    if lost:
        now = listed(admitted.secrets, 5) or "none"
        return (
            f"something in the cluster changed the pull Secrets of the Pod into {now}, so that nothing would be proven of "
            f"{listed(lost, 5)}. Exempt Pods with label {LABEL}"
        )
    if admitted.policy == POLICY:
        return ""
    return (
        f"something in the cluster changed the pull policy of the Pod from {POLICY} to {shown(admitted.policy, 40) or 'none'}, "
        "so that an image which is on the node already would prove nothing. Exempt Pods with label pullpass.registry/canary"
    )


def changes(canary: Canary, admitted: Admitted) -> str:
    """What the cluster changed in the Pod that matters to a pull, or an empty text."""
    told = []
    if admitted.image != canary.image:
        told.append(f"the image into {shown_image(admitted.image)}")
    if canary.secrets and tuple(canary.secrets) != admitted.secrets:
        told.append(f"its pull Secrets into {listed(admitted.secrets, 5) or 'none'}")
    if admitted.account != canary.account:
        told.append(f"its ServiceAccount into {shown(admitted.account, 80)}")
    return f"something in the cluster changed {' and '.join(told)}" if told else ""


def proof(canary: Canary, admitted: Admitted) -> str:
    """What is proven by this Pod's pull."""
    who = f"a Pod of ServiceAccount {shown(admitted.account, 80)}"
    names = listed(admitted.secrets, 5)
    if not admitted.secrets:
        told = f"{who} can pull it without a pull Secret (it is open to all, or the node has credentials)"
    elif len(admitted.secrets) == 1:
        told = f"{who} with pull Secret {names} can pull it"
    else:
        told = f"{who} with pull Secrets {names} can pull it (which of them did it is not known)"
    changed = changes(canary, admitted)
    if admitted.image != canary.image:
        return f"{changed}, and only that is proven: {told}"
    return f"{changed}: {told}" if changed else told


def refused(target: Target, error: Exception, check_mode: bool) -> Attempt:
    """The attempt for a Pod that could not be created. An earlier task of a check run may be the one that would help."""
    action, message = FAILED, str(error)
    if isinstance(error, RequestError):
        action, message = _refusal(error, check_mode)
    return Attempt(target.namespace, target.node, action, message)


def _refusal(error: RequestError, check_mode: bool) -> tuple[str, str]:
    if error.kind == FailureKind.TERMINATING:
        return SKIPPED, str(error)
    if check_mode and error.kind == FailureKind.FORBIDDEN:
        return UNPROVEN, f"not checked by the server: {error}"
    if check_mode and error.kind == FailureKind.NOT_FOUND:
        return SKIPPED, "the namespace does not exist (yet)"
    if check_mode and lacks_account(error):
        return SKIPPED, "the ServiceAccount does not exist (yet)"
    return FAILED, refusal_told(error)


def accepted(canary: Canary, target: Target, admitted: Admitted) -> Attempt:
    """The attempt for a Pod that a dry run took."""
    told = useless(canary, admitted) or changes(canary, admitted)
    message = "check mode: the server would take the Pod; whether its image can be pulled is not proven"
    return Attempt(target.namespace, target.node, UNPROVEN, f"{message}; {told}" if told else message, notable=bool(told))


def decided(
    canary: Canary, target: Target, admitted: Admitted, node: str | None, judgement: Judgement, seconds: float
) -> Attempt:
    """The attempt for a Pod that was on ``node`` (None for nowhere)."""
    action, message, told = FAILED, judgement.message, changes(canary, admitted)
    if target.node and node and node != target.node:
        message = f"something in the cluster sent the Pod to node {shown(node)} in its place, so that this one is not proven"
    elif judgement.action == verdict.PULLED:
        action, message = PULLED, proof(canary, admitted)
    else:
        if judgement.action == verdict.OTHER_PLATFORM:
            action, message = _other_platform(target, judgement)
        elif judgement.action == verdict.NOT_PULLED:
            action = NOT_PULLED
        message = f"{told}. {message}" if told else message
    return Attempt(target.namespace, target.node or node, action, message, seconds, notable=bool(told))


def _other_platform(target: Target, judgement: Judgement) -> tuple[str, str]:
    """The registry let the node read what there is of the image: nothing for this node."""
    told = "the image can be read, but is not made for the architecture of this node"
    if target.node:
        return SKIPPED, f"{told}. {judgement.message}"
    return NOT_PULLED, f"{told}; choose others with nodes, such as kubernetes.io/arch=amd64. {judgement.message}"
