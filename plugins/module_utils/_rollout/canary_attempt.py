# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What becomes of one Pod, as a row of the result: a refusal, a judgement or a dry run put into words. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import FORBIDDEN, NOT_FOUND, TERMINATING
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout import canary_verdict as verdict
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_proof import changes, proof, useless
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_refusal import lacks_account, refusal_told
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_result import (
    FAILED,
    NOT_PULLED,
    PULLED,
    SKIPPED,
    UNPROVEN,
    Attempt,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_pod import Canary, Target
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_proof import Admitted
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_verdict import Judgement


def refused(target: Target, error: Exception, check_mode: bool) -> Attempt:
    """The attempt for a Pod that could not be created. An earlier task of a check run may be the one that would help."""
    action, message = FAILED, str(error)
    if isinstance(error, RequestError):
        action, message = _refusal(error, check_mode)
    return Attempt(target.namespace, target.node, action, message)


def _refusal(error: RequestError, check_mode: bool) -> tuple[str, str]:
    if error.kind == TERMINATING:
        return SKIPPED, str(error)
    if check_mode and error.kind == FORBIDDEN:
        return UNPROVEN, f"not checked by the server: {error}"
    if check_mode and error.kind == NOT_FOUND:
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
