# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Why the API server takes no canary Pod, in a person's words, and what of a LimitRange can simply be obeyed. Pure.

Only the text tells them apart (kubernetes plugin/pkg/admission/limitranger, resourcequota and serviceaccount, apiserver
pkg/admission/plugin/webhook and policy/validating).
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import NOT_FOUND, QUOTA
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_pod import Resources

_BOUND = re.compile(r"(?:minimum|maximum) (\S+) usage per (?:Container|Pod) is ([0-9][0-9A-Za-z.]*[0-9A-Za-z])(?=[,.])")
_NO_ACCOUNT = re.compile(r"error looking up service ?account |no API token found for service account")
# pattern in the server's message -> what it means and what to do; the first that is found counts
_TOLD = (
    (
        _NO_ACCOUNT,
        "its ServiceAccount does not exist. Create it first, or correct service_account",
    ),
    (
        re.compile(r"failed quota: .*must specify"),
        "a quota of the namespace wants resources that the Pod does not name. Name them in resources",
    ),
    (
        re.compile(r"(?:usage per (?:Container|Pod) is |limit to request ratio per )"),
        "a LimitRange of the namespace does not allow its resources. Set resources to what it allows",
    ),
    (
        re.compile(r"violates PodSecurity "),
        "PodSecurity of the namespace refuses the Pod, which as we send it satisfies even level restricted; a webhook may have "
        "changed it",
    ),
    (
        re.compile(r"admission webhook \"[^\"]*\" denied the request|ValidatingAdmissionPolicy '[^']*' with binding"),
        "a policy of the cluster refuses the Pod. Exempt Pods with label pullpass.registry/canary from it, or choose other "
        "namespaces",
    ),
    (
        re.compile(r"security context constraint"),
        "none of the SecurityContextConstraints that its ServiceAccount may use admits the Pod",
    ),
    (
        re.compile(r"failed calling webhook"),
        "an admission webhook of the cluster does not work, so that no Pod can be created",
    ),
)


def lacks_account(error: RequestError) -> bool:
    """Whether the ServiceAccount is missing; in a new namespace it comes a moment later."""
    return bool(_NO_ACCOUNT.search(str(error)))


def obeyed(resources: Resources, error: RequestError) -> Resources | None:
    """The resources as the LimitRange that refused them wants them; None where it was nothing of that kind."""
    bounds = {name: amount for name, amount in _BOUND.findall(str(error)) if resources["limits"].get(name) != amount}
    if not bounds:
        return None
    amounts = {**resources["limits"], **bounds}
    return {"requests": amounts, "limits": amounts}


def refusal_told(error: RequestError) -> str:
    """Why the Pod was not created."""
    message = str(error)
    if error.kind == QUOTA:
        return f"{message}. Raise the quota, or ask for less with resources"
    if error.kind == NOT_FOUND:
        return "the namespace does not exist (any more)"
    meaning = next((meaning for pattern, meaning in _TOLD if pattern.search(message)), None)
    if meaning is None:
        return message
    return foreign_text(f"{meaning}. The server says: {message.partition('refused it: ')[2] or message}", 560)
