# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The exception for a failed connection or an error answer of the API server.

A 429 is throttling, or a PodDisruptionBudget that does not allow an eviction, which may never change.
Quota, a terminating namespace, admission policies and RBAC all answer 403 Forbidden. A terminating namespace is a cause in the
answer; only the text distinguishes the others (kubernetes plugin/pkg/admission/resourcequota, apiserver
pkg/endpoints/handlers/responsewriters/errors.go for RBAC and other authorisers).
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import typing as t
from dataclasses import dataclass

from .._credentials.redact import foreign_text
from .._errors import ClusterError, FailureKind, PullpassError, RequestError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    import urllib3


def is_untrusted(error: BaseException) -> bool:
    """Whether the certificate of the server, or its name, was not accepted."""
    mismatch = getattr(urllib3.util.ssl_match_hostname, "CertificateError", ssl.SSLCertVerificationError)
    return any(isinstance(one, (ssl.SSLCertVerificationError, mismatch)) for one in _chain(error))


def failure_words(error: BaseException, timeout: float) -> str:
    """The reason as one clause of a message. ``timeout``: the seconds until the time-out."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return f"no connection within {timeout:g} s"
    causes = [one for one in _chain(error) if not isinstance(one, urllib3.exceptions.HTTPError)]
    if not causes:
        return f"{type(error).__name__}: {foreign_text(str(error))}"
    cause = causes[-1]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return foreign_text(cause.verify_message or str(cause))
    if isinstance(cause, ssl.SSLError):
        return foreign_text(cause.reason or str(cause))
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(cause, OSError):
        return foreign_text(cause.strerror or str(cause))
    return f"{foreign_text(str(cause))} ({type(cause).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those inside it: urllib3 stores them as cause, context, argument or ``original_error``."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, getattr(one, "original_error", None), getattr(one, "reason", None), *one.args]
        todo += [found for found in inner if isinstance(found, BaseException)]


_UNAUTHORISED = re.compile(
    r'User "(?P<user>[^"]*)" cannot \S+ (?:resource|path) '
    r'(?:.*?(?: in the namespace "[^"]*"| at the cluster scope))?(?P<more>.*)$',
    re.DOTALL,
)
# The one text that is parsed: only it names the policy or webhook that refused. The API server writes its beginning
_NAME = r"(?P<name>[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)"
_REFUSED_BY = (
    (re.compile(rf"ValidatingAdmissionPolicy '{_NAME}' with binding '[^']*' denied request(?:: |$)"), "admission policy"),
    (re.compile(rf'admission webhook "{_NAME}" denied the request(?:: |$| without)'), "admission webhook"),
    (re.compile(rf'Internal error occurred: failed calling webhook "{_NAME}": '), "failing admission webhook"),
)
_SUBJECT = re.compile(r'[a-z]+(?:\.[a-z0-9.-]+)? "[^"]*" is forbidden: ')
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_NOT_REPEATED = "Its message is not shown because it may contain the Secret"
# The only sign of it in the answer to an eviction (kubernetes pkg/registry/core/pod/storage/eviction.go)
_SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
_BY_STATUS = {
    404: FailureKind.NOT_FOUND,
    409: FailureKind.CONFLICT,
    410: FailureKind.EXPIRED,
    429: FailureKind.THROTTLED,
}
# metav1.StatusReason
_REASONS = frozenset(
    (
        "Unauthorized", "Forbidden", "NotFound", "AlreadyExists", "Conflict", "Gone", "Invalid", "Timeout", "ServerTimeout",
        "TooManyRequests", "BadRequest", "MethodNotAllowed", "NotAcceptable", "RequestEntityTooLarge",
        "UnsupportedMediaType", "InternalError", "StoreReadError", "Expired", "ServiceUnavailable",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A request: ``verb`` as in RBAC, ``resource`` in the plural, and the namespace and name if it has them."""

    verb: str
    resource: str
    namespace: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        named = f"{self.resource} {self.name}" if self.name else self.resource
        return f"{self.verb} {named} {self.place}".rstrip()

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it may be sent again."""
        return self.verb in ("get", "list")

    @property
    def writes_secret(self) -> bool:
        """Whether a text of the server about it may repeat a Secret: admission sees the whole Secret, also in a delete."""
        return self.resource.partition("/")[0] == "secrets" and not self.reads

    @property
    def place(self) -> str:
        if self.namespace:
            return f"in namespace {self.namespace}"
        return "" if self.name else "in all namespaces"


def refusal(request: Request, server: str, status: int, body: bytes) -> PullpassError:
    """The exception for an answer outside 2xx: ClusterError if no other request can succeed, else RequestError."""
    answer = _status_object(body)
    if status == 401:
        return ClusterError(
            f"{server} does not accept the credential (401 Unauthorized): it is wrong or has expired. Renew the token or "
            "certificate of this cluster."
        )
    kind, message = _forbidden(request, answer) if status == 403 else _refused(request, server, status, answer)
    detail = "" if request.writes_secret else foreign_text(_message(answer), 500)
    return RequestError(message, kind, status, detail, _refused_by(_message(answer)))


def _refused(request: Request, server: str, status: int, answer: Mapping[str, t.Any]) -> tuple[FailureKind, str]:
    words = foreign_text(_message(answer), 500) or f"HTTP {status}"
    if status == 429 and "DisruptionBudget" in _reasons(answer):
        return FailureKind.BUDGET, f"a PodDisruptionBudget does not allow it: {_cause_words(answer) or words}"
    if status == 500 and request.resource == "pods/eviction" and _SEVERAL_BUDGETS in _message(answer):
        return FailureKind.BUDGET, words
    kind = _BY_STATUS.get(status, FailureKind.UNCERTAIN if status >= 500 else FailureKind.REFUSED)
    if request.writes_secret:
        return kind, _secret_refused(request, server, answer, kind, status)
    if kind == FailureKind.THROTTLED:
        return kind, f"{server} is throttling (429) and did not accept '{request}' in time: {words}"
    return kind, f"{server} failed ({status}) at '{request}': {words}" if kind == FailureKind.UNCERTAIN else words


def _forbidden(request: Request, answer: Mapping[str, t.Any]) -> tuple[FailureKind, str]:
    message, words = _message(answer), foreign_text(_message(answer), 500) or "HTTP 403"
    if "NamespaceTerminating" in _reasons(answer):
        return FailureKind.TERMINATING, f"namespace {request.namespace} is being deleted"
    if "exceeded quota" in message:
        more = ". Its ResourceQuotas say which number is reached" if request.writes_secret else f": {words}"
        return FailureKind.QUOTA, f"the quota of the namespace forbids it{more}"
    unauthorised = _UNAUTHORISED.search(message)
    if unauthorised:
        return FailureKind.FORBIDDEN, f"no right to {request} (403 Forbidden){_who(request, unauthorised)}"
    if request.writes_secret:
        return FailureKind.REFUSED, _secret_refused(request, "", answer, FailureKind.REFUSED, 403)
    if answer.get("reason") == "Forbidden" and answer.get("message"):
        return FailureKind.REFUSED, f"an admission policy refused it: {words}"
    return FailureKind.REFUSED, f"'{request}' was refused (403) by something that gives no reason, perhaps a proxy: {words}"


def _who(request: Request, unauthorised: re.Match[str]) -> str:
    """The user that the server has authenticated, and what it adds; the rest of its sentence repeats ours."""
    if request.writes_secret:
        return ""
    more = unauthorised["more"].strip(" :")
    return f' for user "{foreign_text(unauthorised["user"], 120)}"' + (f": {foreign_text(more, 300)}" if more else "")


def _secret_refused(request: Request, server: str, answer: Mapping[str, t.Any], kind: FailureKind, status: int) -> str:
    """The message without any text of the server, which may repeat the Secret: no message, details or causes."""
    code = _code(answer, status)
    if kind == FailureKind.THROTTLED:
        return f"{server} is throttling (429) and did not accept '{request}' in time"
    who = _refused_by(_message(answer))
    if who:
        return f"{who} refused '{request}' ({code}). {_NOT_REPEATED}"
    if kind == FailureKind.UNCERTAIN:
        return f"{server} failed at '{request}' ({code})"
    if kind == FailureKind.NOT_FOUND and request.verb == "create":
        return f"namespace {request.namespace} does not exist ({code})"
    if code == "403 Forbidden" and answer.get("message"):
        return f"an admission policy refused '{request}' ({code}). {_NOT_REPEATED}"
    what = "something that gives no reason, perhaps a proxy," if status == 403 else "the server"
    return f"{what} refused '{request}' ({code}). {_NOT_REPEATED}"


def _refused_by(message: str) -> str:
    """``admission policy 'name'``; without the name if that is not a DNS name or may contain a secret."""
    subject = _SUBJECT.match(message)
    for pattern, what in _REFUSED_BY:
        found = pattern.match(message, subject.end() if subject else 0)
        if found:
            name = found["name"]
            known = all(map(_LABEL.fullmatch, name.split("."))) and foreign_text(name, 253) == name
            return f"{what} '{name}'" if known else f"{'a' if what[0] == 'f' else 'an'} {what}"
    return ""


def _code(answer: Mapping[str, t.Any], status: int) -> str:
    reason = answer.get("reason")
    return f"{status} {reason}" if isinstance(reason, str) and reason in _REASONS else f"HTTP {status}"


def _message(answer: Mapping[str, t.Any]) -> str:
    return str(answer.get("message") or "")


def _reasons(answer: Mapping[str, t.Any]) -> list[str]:
    return [str(cause.get("reason")) for cause in _causes(answer)]


def _cause_words(answer: Mapping[str, t.Any]) -> str:
    return foreign_text("; ".join(str(cause.get("message") or "") for cause in _causes(answer)), 500)


def _causes(answer: Mapping[str, t.Any]) -> list[Mapping[str, t.Any]]:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _status_object(body: bytes) -> Mapping[str, t.Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {"message": body.decode("utf-8", "replace")}
    return parsed if isinstance(parsed, dict) else {}
