# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One registry: where it is, and what it asks for. Each thing is asked once, by the thread that needs it first."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
import typing as t
from dataclasses import dataclass

from .._credentials.redact import foreign_text
from .._text import listed
from .bearer import Challenge, parse_challenges
from .connection import NoAnswer
from .origin import Origin, realm_refusal
from .transport import LONGEST_BODY
from .verdict import UNREACHABLE, UNVERIFIABLE, Decided, Finding, is_web_page, led_astray, trouble, unexpected, web_page

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .transport import Answer, Exchange


Found = t.TypeVar("Found")


class Once(t.Generic[Found]):
    """What ``find`` gives. Threads that ask meanwhile wait, and get the same.

    A value is found out anew after ``lasts`` seconds. A Decided that ``find`` raises is raised for good: what was refused, or
    not answered, is not asked for again.
    """

    def __init__(self, find: Callable[[], Found], lasts: float = math.inf) -> None:
        self._find = find
        self._lasts = lasts
        self._lock = threading.Lock()
        self._until = -math.inf
        self._found: Found
        self._end: Finding | None = None

    def __call__(self) -> Found:
        with self._lock:
            if self._end is None and time.monotonic() >= self._until:
                begun = time.monotonic()
                try:
                    self._found = self._find()
                except Decided as decided:
                    self._end = decided.finding
                self._until = begun + self._lasts
            if self._end is not None:
                raise Decided(self._end)
            return self._found


BASE = "/v2/"
# containerd prefers them in this order as well (core/remotes/docker/auth/parse.go)
_SCHEMES = ("bearer", "basic")
# beyond that it is nothing that a registry has reason to ask for
_MOST_SCOPES, _LONGEST_SCOPE = 4, 512


@dataclass
class Server:
    """``name`` is the registry as in the name of an image, ``origin`` where it is asked. Safe to share among threads."""

    name: str
    origin: Origin
    exchange: Exchange
    realms: frozenset[str]

    def __post_init__(self) -> None:
        self._challenge = Once(self._ask)

    def challenge(self) -> Challenge | None:
        """What /v2/ asks for; None where it lets everybody in. Raises Decided for a registry that cannot be asked."""
        return self._challenge()

    def send(self, method: str, path: str, authorization: str | None = None, accept: str | None = None) -> Answer:
        """Raises Decided for no answer and for one that decides nothing."""
        try:
            answer = self._usable(self.name, self.exchange.send(method, f"{self.origin}{path}", authorization, accept))
        except NoAnswer as error:
            raise Decided(self._unanswered(error)) from None
        # a manifest from elsewhere is what a node gets as well; all else comes from somebody who saw no credential
        if answer.astray and (answer.status != 200 or (authorization and path == BASE)):
            raise Decided(led_astray(self.name, answer))
        return answer

    def ask_for_token(self, url: str, authorization: str | None) -> Answer:
        """The same for a request to the token server, whose redirects are never followed."""
        try:
            answer = self.exchange.send("GET", url, authorization, follow=False)
        except NoAnswer as error:
            raise Decided(self._unanswered(error, f"the token server of {self.name}: ")) from None
        return self._usable(f"the token server of {self.name}", answer)

    def wanted(self, answer: Answer) -> Challenge:
        """The challenge in a 401 that can be answered. Raises Decided, also where it would send a credential astray."""
        challenges = parse_challenges(answer.headers.get_all("WWW-Authenticate") or ())
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        found = next((by_scheme[scheme] for scheme in _SCHEMES if scheme in by_scheme), None)
        if found is None:
            schemes = listed([foreign_text(challenge.scheme, 40) for challenge in challenges], 3) or "nothing at all"
            raise Decided(
                Finding(
                    UNVERIFIABLE,
                    f"{self.name} asks for {schemes} instead of Basic or Bearer. Log in there by other means.",
                    answer.status,
                )
            )
        if found.scheme == "bearer":
            realm = found.parameters.get("realm", "")
            refusal = "it names no token server" if not realm else realm_refusal(realm, self.origin, self.realms)
            if refusal:
                raise Decided(Finding(UNVERIFIABLE, f"no credential was sent to {self.name}: {refusal}.", answer.status))
        return found

    def other_scopes(self, challenge: Challenge, answer: Answer, asked: Sequence[str]) -> list[str]:
        """What a 401 to a token for the scopes ``asked`` names beside them, for the same service; containerd asks for both.

        A registry behind a front end that rewrites paths has another name for a repository. Raises Decided where the 401 is
        for another service: a token for that one is not asked for, so nothing is known.
        """
        if answer.status != 401 or challenge.scheme != "bearer":
            return []
        offered = parse_challenges(answer.headers.get_all("WWW-Authenticate") or ())
        bearer = next((one.parameters for one in offered if one.scheme == "bearer"), {})
        named = [scope for scope in dict.fromkeys(bearer.get("scope", "").split()) if scope not in asked]
        if not named or len(named) > _MOST_SCOPES or any(len(scope) > _LONGEST_SCOPE for scope in named):
            return []
        if bearer.get("service", "") != challenge.parameters.get("service", ""):
            told = (
                f"{self.name} asks for a token of another service at this image than at {BASE}, and none was asked for. Give the "
                "host that serves the image as endpoint."
            )
            raise Decided(Finding(UNVERIFIABLE, told, answer.status))
        return named

    def _ask(self) -> Challenge | None:
        answer = self.send("GET", BASE)
        if answer.status == 401:
            return self.wanted(answer)
        if answer.status == 404:
            told = f"there is no registry at {self.origin}/v2/ (404). Check host, port and endpoint."
            raise Decided(Finding(UNREACHABLE, told, 404))
        if answer.status != 200:
            raise Decided(unexpected(self.name, answer))
        # some registries call an empty answer HTML
        if is_web_page(answer) and answer.body.strip():
            raise Decided(web_page(self.name, answer))
        return None

    def _unanswered(self, error: NoAnswer, subject: str = "") -> Finding:
        told = f"{subject}{error}"
        named = told if self.name in told else f"{self.name}: {told}"
        return Finding(UNVERIFIABLE if error.refused else UNREACHABLE, foreign_text(named, 500))

    @staticmethod
    def _usable(server: str, answer: Answer) -> Answer:
        finding = trouble(server, answer)
        if finding is not None:
            raise Decided(finding)
        return answer


_MEDIA_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"
)
_DIGEST = re.compile(r"[a-z0-9+._-]{1,32}:[0-9a-f]{32,128}")


class ManifestRequest(t.NamedTuple):
    """``reference`` is a tag or a digest."""

    repository: str
    reference: str

    @property
    def path(self) -> str:
        return f"/v2/{self.repository}/manifests/{self.reference}"

    def send(self, server: Server, authorization: str | None) -> Answer:
        """The answer that decides. Raises Decided where none does.

        A 403 to HEAD has no body to say why, and some registries answer 404 or 405 since they do not know HEAD: then GET is
        sent as well. A 200 to HEAD without a digest proves nothing, since nothing was read.
        """
        head = server.send("HEAD", self.path, authorization, _MEDIA_TYPES)
        if head.status == 200 and (is_web_page(head) or self._names_content(head)):
            return head
        if head.status not in (200, 403, 404, 405):
            return head
        try:
            return server.send("GET", self.path, authorization, _MEDIA_TYPES)
        except Decided:
            if head.status == 403:
                return head
            raise

    def digest(self, server: Server, answer: Answer) -> str | None:
        """The digest of the manifest in a 200. Raises Decided for the answer to a GET that holds no such manifest."""
        stated = answer.headers.get("Docker-Content-Digest") or ""
        named = stated if _DIGEST.fullmatch(stated) else None
        if answer.method == "HEAD" or len(answer.body) >= LONGEST_BODY:
            return named
        if not _is_json_object(answer.body):
            raise Decided(_no_manifest(server.name, "a body that is not a manifest"))
        found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if self.reference.startswith("sha256:") and self.reference != found:
            raise Decided(_no_manifest(server.name, "a manifest that has another digest"))
        return named or found

    def _names_content(self, head: Answer) -> bool:
        digest = head.headers.get("Docker-Content-Digest") or ""
        known = digest == self.reference if ":" in self.reference else bool(_DIGEST.fullmatch(digest))
        return known and "Content-Length" in head.headers


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _no_manifest(name: str, what: str) -> Finding:
    return Finding(UNVERIFIABLE, f"{name} answers 200 with {what}: no node can pull that. Check host and endpoint.", 200)
