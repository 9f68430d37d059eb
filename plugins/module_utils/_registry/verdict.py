# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Verdicts: what a registry's answer means. Pure.

The table is that of the distribution spec's auth/token and of the OCI distribution spec ("Error Codes"), with what single
registries do otherwise.
"""

from __future__ import annotations

import base64
import json
import re
import typing as t
from dataclasses import dataclass

from .._credentials.redact import foreign_text, remember_secrets
from .._credentials.shown import HIDDEN
from .._text import counted
from .bearer import parse_challenges

if t.TYPE_CHECKING:
    from .transport import Answer


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
# neither good nor bad: nothing is known of the credential
UNDECIDED = (RATE_LIMITED, UNREACHABLE, UNVERIFIABLE)


@dataclass(frozen=True)
class Finding:
    """``message`` is a sentence that says what was found and what to do. ``http_status`` is that of the answer that decided.

    ``can_push`` is None where the registry does not tell.
    """

    verdict: str
    message: str
    http_status: int | None = None
    digest: str | None = None
    can_push: bool | None = None


class Decided(Exception):
    """Ends a check early, with what was found."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_EXPIRED = re.compile(
    r"\b(token|credential|password|key|login|session)s?\b.*\bexpired|\bexpired (\w+ )?(token|credential|password)", re.IGNORECASE
)


def trouble(server: str, answer: Answer) -> Finding | None:
    """The Finding for an answer that decides nothing, whatever was asked; None for all others."""
    status = answer.status
    words = _said(answer)
    if status == 429 or _words(answer)[0] == "TOOMANYREQUESTS":
        return Finding(RATE_LIMITED, f"{server} takes no more requests for now ({status}){_patience(answer)}.{words}", status)
    if status >= 500:
        return Finding(UNREACHABLE, f"{server} fails ({status}). Try again later, or look at the registry.{words}", status)
    if 300 <= status < 400:
        return Finding(
            UNVERIFIABLE,
            f"{server} redirects in circles, to another protocol or from where no credential may go on ({status}). Give the "
            "address that it redirects to as endpoint.",
            status,
        )
    return None


def unexpected(server: str, answer: Answer) -> Finding:
    return Finding(
        UNVERIFIABLE,
        f"{server} answers in a way that says nothing of the credential ({answer.status}).{_said(answer)}",
        answer.status,
    )


def is_web_page(answer: Answer) -> bool:
    return answer.headers.get_content_type() == "text/html"


def web_page(name: str, answer: Answer) -> Finding:
    told = f"{name} answers with a web page, as no registry does ({answer.status}). Check host, port and endpoint."
    return Finding(UNVERIFIABLE, told, answer.status)


def led_astray(name: str, answer: Answer) -> Finding:
    """For what another host, or another port, answered."""
    told = (
        f"{name} redirects to another place, where no credential may go along; from there came {answer.status}. Give that place "
        "as endpoint if it is the registry's."
    )
    return Finding(UNVERIFIABLE, told, answer.status)


def not_asked(name: str, answer: Answer) -> Finding:
    """For a 401 or 403 from a registry that never asked for the login there is."""
    told = (
        f"{name} refuses without asking for a credential ({answer.status}), so that none was sent. Check host and endpoint, and "
        f"what stands between.{_said(answer)}"
    )
    return Finding(UNVERIFIABLE, told, answer.status)


def rejected(name: str, answer: Answer) -> Finding:
    """For a login that was sent and refused."""
    told = f"{name} rejects the credential ({answer.status}): it is wrong, or it has expired. Renew it.{_said(answer)}"
    return Finding(REJECTED, told, answer.status)


def refused(name: str, repository: str, answer: Answer, anonymous: bool) -> Finding:
    """For a manifest that was not given, to a login that was accepted or (``anonymous``) to nobody."""
    status = answer.status
    if status == 404:
        what = "no such tag or digest" if _words(answer)[0] == "MANIFEST_UNKNOWN" else "no such repository, or no such tag,"
        hides = " Some registries say so of what they hide from strangers." if anonymous else ""
        return Finding(NOT_FOUND, f"{name} has {what} in {repository} (404). Check the image's name.{hides}", status)
    if status == 401 and _token_error(answer) == "invalid_token":
        return token_refused(name, answer)
    if status in (401, 403):
        return no_right(name, answer, anonymous)
    if status == 200:
        return web_page(name, answer)
    told = f"{name} does not take the question ({status}). Check the image's name.{_said(answer)}"
    return Finding(UNVERIFIABLE, told, status)


def no_right(name: str, answer: Answer, anonymous: bool) -> Finding:
    """For a 401 or 403."""
    status = answer.status
    if anonymous:
        told = (
            f"{name} lets nobody pull it without a credential ({status}), and none matches it, or there is no such repository. "
            "Give one, or check the image's name."
        )
        return Finding(NO_CREDENTIALS, told, status)
    if _says_expired(answer):
        return rejected(name, answer)
    told = (
        f"{name} accepts the credential, but it has no right to pull this image, or there is no such repository ({status}). "
        f"Grant the right, or check the image's name.{_said(answer)}"
    )
    return Finding(DENIED, told, status)


def token_refused(name: str, answer: Answer) -> Finding:
    """For a token that came from the token server just now."""
    told = (
        f"the token server of {name} accepts the credential, but the registry does not take its token ({answer.status}). Do "
        "their clocks, their keys and the name of the service agree?"
    )
    return Finding(UNVERIFIABLE, told, answer.status)


def allowance(answer: Answer) -> str:
    """``, 19 of 100 pulls left in 6 hours`` where the registry tells (the RateLimit headers of Docker Hub)."""
    limit, left = (answer.headers.get(f"ratelimit-{name}") or "" for name in ("limit", "remaining"))
    numbers = [text.partition(";")[0].strip() for text in (left, limit)]
    if not all(map(_WHOLE_NUMBER.fullmatch, numbers)):
        return ""
    window = limit.partition("w=")[2].partition(";")[0].strip()
    hours = f" in {int(window) / 3600:g} hours" if _WHOLE_NUMBER.fullmatch(window) else ""
    return f", {numbers[0]} of {numbers[1]} pulls left{hours}"


def _patience(answer: Answer) -> str:
    after = (answer.headers.get("Retry-After") or "").strip()
    if _WHOLE_NUMBER.fullmatch(after):
        return f". Try again in {counted(int(after), 'second')}"
    return f". Try again after {foreign_text(after, 40)}" if after else ". Try again later"


def _said(answer: Answer) -> str:
    words = _words(answer)[1]
    return f" It says: {words}" if words else ""


def _token_error(answer: Answer) -> str:
    """The `error` of a Bearer challenge (RFC 6750 section 3.1)."""
    challenges = parse_challenges(answer.headers.get_all("WWW-Authenticate") or ())
    return next((one.parameters["error"] for one in challenges if "error" in one.parameters), "")


def _says_expired(answer: Answer) -> bool:
    """Whether a refusal is for an expired token: ECR answers 403 to one. Licences expire, too."""
    return bool(_EXPIRED.search(_words(answer)[1]))


def _words(answer: Answer) -> tuple[str, str]:
    """Code and message of the first error in an answer; empty where there is none. A credential that it repeats is taken out.

    The token servers of Docker Hub (``details``) and Quay (``error``) have their words elsewhere.
    """
    try:
        told = json.loads(answer.body)
        error = told["errors"][0] if "errors" in told else {"message": told.get("details") or told.get("error")}
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return "", ""
    secrets = _secrets(answer.authorization or "")
    remember_secrets(secrets)
    for secret in secrets:
        message = message.replace(secret, HIDDEN)
    return code, foreign_text(message, 160)


def _secrets(authorization: str) -> list[str]:
    """What nobody may see of an Authorization header."""
    scheme, _blank, value = authorization.partition(" ")
    password = base64.b64decode(value).decode(errors="surrogateescape").partition(":")[2] if scheme == "Basic" else ""
    return [secret for secret in (value, password) if secret]
