# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an answer of the API server that is no success means, told apart as a person needs it.

A 429 is throttling, or a PodDisruptionBudget that forbids an eviction, which no waiting may ever change.
Quota, a terminating namespace, admission policies and RBAC are all 403 Forbidden. Only the first of them has a cause of its
own; the others are told apart by the text (kubernetes plugin/pkg/admission/resourcequota, apiserver
pkg/endpoints/handlers/responsewriters/errors.go for RBAC and other authorisers).
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

FORBIDDEN = "forbidden"
QUOTA = "quota"
TERMINATING = "terminating"
REFUSED = "refused"
CONFLICT = "conflict"
NOT_FOUND = "not_found"
EXPIRED = "expired"
THROTTLED = "throttled"
BUDGET = "budget"
UNDECIDED = "undecided"

_UNAUTHORISED = re.compile(r'User ".*" cannot \S+ (resource|path) ')


@dataclass(frozen=True)
class Request:
    """What was asked for: ``verb`` as RBAC calls it, ``resource`` plural, the namespace and the name where there is one."""

    verb: str
    resource: str
    namespace: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        named = f"{self.resource} {self.name}" if self.name else self.resource
        return f"{self.verb} {named} {self.place}".rstrip()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, and so may be sent again."""
        return self.verb in ("get", "list")

    @property
    def place(self) -> str:
        if self.namespace:
            return f"in namespace {self.namespace}"
        return "" if self.name else "in all namespaces"


def refusal(request: Request, server: str, status: int, body: bytes) -> Exception:
    """The exception for an answer outside 2xx: ClusterError where no other request can do better, else RequestError."""
    answer = _status_object(body)
    message = shown(str(answer.get("message") or ""), 500) or f"HTTP {status}"
    if status == 401:
        return ClusterError(
            f"{server} does not accept the credential (401 Unauthorized): it is wrong or has expired. Renew the token or "
            "certificate of this cluster."
        )
    if status == 403:
        return _forbidden(request, answer, message)
    if status == 429 and "DisruptionBudget" in _reasons(answer):
        return RequestError(f"a PodDisruptionBudget does not allow it: {_cause_words(answer) or message}", BUDGET, 429)
    kind = {404: NOT_FOUND, 409: CONFLICT, 410: EXPIRED, 429: THROTTLED}.get(status)
    if kind is None:
        kind = UNDECIDED if status >= 500 else REFUSED
    told = {
        THROTTLED: f"{server} is throttling (429) and did not take '{request}' in time: {message}",
        UNDECIDED: f"{server} failed ({status}) at '{request}': {message}",
    }.get(kind, message)
    return RequestError(told, kind, status)


def _forbidden(request: Request, answer: Mapping[str, t.Any], message: str) -> RequestError:
    if "NamespaceTerminating" in _reasons(answer):
        return RequestError(f"namespace {request.namespace} is being deleted", TERMINATING, 403)
    if "exceeded quota" in message:
        return RequestError(f"the quota of the namespace forbids it: {message}", QUOTA, 403)
    if _UNAUTHORISED.search(message):
        return RequestError(f"no right to {request} (403 Forbidden). The server says: {message}", FORBIDDEN, 403)
    if answer.get("reason") == "Forbidden" and answer.get("message"):
        return RequestError(f"an admission policy refused it: {message}", REFUSED, 403)
    return RequestError(
        f"'{request}' was refused (403) by something that gives no reason, a proxy perhaps: {message}", REFUSED, 403
    )


def _reasons(answer: Mapping[str, t.Any]) -> list[str]:
    return [str(cause.get("reason")) for cause in _causes(answer)]


def _cause_words(answer: Mapping[str, t.Any]) -> str:
    return shown("; ".join(str(cause.get("message") or "") for cause in _causes(answer)), 500)


def _causes(answer: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _status_object(body: bytes) -> Mapping[str, t.Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {"message": body[:500].decode("utf-8", "replace")}
    return parsed if isinstance(parsed, dict) else {}
