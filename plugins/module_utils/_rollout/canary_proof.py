# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a pull proves, and what it does not: the Pod as it was admitted, put beside the one that was asked for. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import shown_image
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_pod import CONTAINER, LABEL, POLICY
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_pod import Canary


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
