# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Verdicts: what a response of a registry means for a credential or an image. Pure.

The rules are those of the distribution spec's auth/token and of the OCI distribution spec ("Error Codes"), with the exceptions
of single registries.
"""

from __future__ import annotations

import base64
import json
import re
import typing as t
from dataclasses import dataclass

from .._credentials.redact import foreign_text, remember_secrets
from .._text import HIDDEN, counted
from .origin import parse_challenges

if t.TYPE_CHECKING:
    from .transport import Response


_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_EXPIRED = re.compile(
    r"\b(token|credential|password|key|login|session)s?\b.*\bexpired|\bexpired (\w+ )?(token|credential|password)", re.IGNORECASE
)


class Verdict:
    """The values of `verdict` in results. GOOD: the credential works. UNDECIDED: nothing is known of the credential."""

    ACCEPTED = "accepted"
    PULLABLE = "pullable"
    ANONYMOUS = "anonymous"
    REJECTED = "rejected"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    NO_CREDENTIALS = "no_credentials"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    UNVERIFIABLE = "unverifiable"
    GOOD = (ACCEPTED, PULLABLE, ANONYMOUS)
    UNDECIDED = (RATE_LIMITED, UNREACHABLE, UNVERIFIABLE)


@dataclass(frozen=True)
class Finding:
    """``message`` is a sentence: what was found, and what to do. ``http_status`` is that of the response that decided.

    ``can_push`` is null where the registry does not report it.
    """

    verdict: str
    message: str
    http_status: int | None = None
    digest: str | None = None
    can_push: bool | None = None


class CheckEnded(Exception):
    """Ends a check early, with its finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def inconclusive(server: str, response: Response) -> Finding | None:
    """The finding for a response that says nothing of the credential, whatever the request was; null for all others."""
    status = response.status
    quoted = _quoted_message(response)
    if status == 429 or _first_error(response)[0] == "TOOMANYREQUESTS":
        message = f"{server} accepts no more requests for now ({status}). {_retry_hint(response)}.{quoted}"
        return Finding(Verdict.RATE_LIMITED, message, status)
    if status >= 500:
        message = f"{server} fails ({status}). Check the registry, or try again later.{quoted}"
        return Finding(Verdict.UNREACHABLE, message, status)
    if 300 <= status < 400:
        message = (
            f"{server} redirects in circles, to another protocol, or to where no credential is sent ({status}). Give the "
            "address that it redirects to as endpoint."
        )
        return Finding(Verdict.UNVERIFIABLE, message, status)
    return None


def unexpected(server: str, response: Response) -> Finding:
    message = f"{server} answers with an unexpected status ({response.status}). Check host, port and endpoint."
    return Finding(Verdict.UNVERIFIABLE, message + _quoted_message(response), response.status)


def is_web_page(response: Response) -> bool:
    return response.headers.get_content_type() == "text/html"


def web_page(name: str, response: Response) -> Finding:
    message = f"{name} answers with a web page ({response.status}), which no registry does. Check host, port and endpoint."
    return Finding(Verdict.UNVERIFIABLE, message, response.status)


def redirected(name: str, response: Response) -> Finding:
    """For the response of another host or port."""
    message = (
        f"{name} redirects to another host or port, which gets no credential and answers with {response.status}. If that place "
        "belongs to the registry, give it as endpoint."
    )
    return Finding(Verdict.UNVERIFIABLE, message, response.status)


def login_not_requested(name: str, response: Response) -> Finding:
    """For a 401 or 403 from a registry that never requested a login."""
    message = (
        f"{name} refuses the request ({response.status}) without a request for a credential, so none was sent. Check host, "
        f"endpoint and any proxy before it.{_quoted_message(response)}"
    )
    return Finding(Verdict.UNVERIFIABLE, message, response.status)


def login_rejected(name: str, response: Response) -> Finding:
    """For a login that was sent and refused."""
    message = f"{name} rejects the credential ({response.status}): it is wrong or has expired. Renew it."
    return Finding(Verdict.REJECTED, message + _quoted_message(response), response.status)


def manifest_refused(name: str, repository: str, response: Response, anonymous: bool) -> Finding:
    """For a manifest that was refused to an accepted login, or (``anonymous``) without a login."""
    status = response.status
    if status == 404:
        unknown_tag = _first_error(response)[0] == "MANIFEST_UNKNOWN"
        missing = f"tag or digest in {repository}" if unknown_tag else f"repository {repository}, or no such tag in it"
        hidden = " Some registries also answer so for a private image." if anonymous else ""
        message = f"{name} has no such {missing} (404). Check the name of the image.{hidden}"
        return Finding(Verdict.NOT_FOUND, message, status)
    if status == 401 and _token_error(response) == "invalid_token":
        return token_refused(name, response)
    if status in (401, 403):
        return access_denied(name, response, anonymous)
    if status == 200:
        return web_page(name, response)
    message = f"{name} refuses the request ({status}). Check the name of the image.{_quoted_message(response)}"
    return Finding(Verdict.UNVERIFIABLE, message, status)


def access_denied(name: str, response: Response, anonymous: bool) -> Finding:
    """For a 401 or 403."""
    status = response.status
    if anonymous:
        message = (
            f"{name} requires a credential for this image ({status}) and none matches it, or the repository does not exist. "
            "Give a credential, or check the name of the image."
        )
        return Finding(Verdict.NO_CREDENTIALS, message, status)
    if _says_expired(response):
        return login_rejected(name, response)
    message = (
        f"{name} accepts the credential, but it has no right to pull this image, or the repository does not exist ({status}). "
        f"Grant the right, or check the name of the image.{_quoted_message(response)}"
    )
    return Finding(Verdict.DENIED, message, status)


def token_refused(name: str, response: Response) -> Finding:
    """For a token that the token server has just issued."""
    message = (
        f"the token server of {name} accepts the credential, but the registry refuses its token ({response.status}). Compare "
        "their clocks, keys and service names."
    )
    return Finding(Verdict.UNVERIFIABLE, message, response.status)


def remaining_pulls(response: Response) -> str:
    """``, 19 of 100 pulls left in 6 hours`` where the registry reports it (the RateLimit headers of Docker Hub)."""
    limit, left = (response.headers.get(f"ratelimit-{name}") or "" for name in ("limit", "remaining"))
    numbers = [text.partition(";")[0].strip() for text in (left, limit)]
    if not all(map(_WHOLE_NUMBER.fullmatch, numbers)):
        return ""
    window = limit.partition("w=")[2].partition(";")[0].strip()
    hours = f" in {int(window) / 3600:g} hours" if _WHOLE_NUMBER.fullmatch(window) else ""
    return f", {numbers[0]} of {numbers[1]} pulls left{hours}"


def _retry_hint(response: Response) -> str:
    after = (response.headers.get("Retry-After") or "").strip()
    if _WHOLE_NUMBER.fullmatch(after):
        return f"Try again in {counted(int(after), 'second')}"
    return f"Try again after {foreign_text(after, 40)}" if after else "Try again later"


def _quoted_message(response: Response) -> str:
    message = _first_error(response)[1]
    return f" It says: {message}" if message else ""


def _token_error(response: Response) -> str:
    """The `error` of a Bearer challenge (RFC 6750 section 3.1)."""
    challenges = parse_challenges(response.headers.get_all("WWW-Authenticate") or ())
    return next((one.parameters["error"] for one in challenges if "error" in one.parameters), "")


def _says_expired(response: Response) -> bool:
    """Whether the credential has expired: ECR answers 403 then. Other things can expire too, such as a licence."""
    return bool(_EXPIRED.search(_first_error(response)[1]))


def _first_error(response: Response) -> tuple[str, str]:
    """Code and message of the first error in a response, else two empty texts. A credential in the message is hidden.

    The token servers of Docker Hub (``details``) and Quay (``error``) have the message in another member.
    """
    try:
        body = json.loads(response.body)
        error = body["errors"][0] if "errors" in body else {"message": body.get("details") or body.get("error")}
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "", ""
    secrets = _secrets(response.authorization or "")
    remember_secrets(secrets)
    for secret in secrets:
        message = message.replace(secret, HIDDEN)
    return code, foreign_text(message, 160)


def _secrets(authorization: str) -> list[str]:
    """The secret parts of an Authorization header."""
    scheme, _blank, value = authorization.partition(" ")
    password = base64.b64decode(value).decode(errors="surrogateescape").partition(":")[2] if scheme == "Basic" else ""
    return [secret for secret in (value, password) if secret]
