# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One credential, or none, at one registry: does the registry accept it, and does it let it pull an image?"""

from __future__ import annotations

import base64
import contextlib
import threading
import typing as t
from dataclasses import replace

from .bearer import granted, pull_scope, scope_repository, token_in, token_url
from .server import BASE, ManifestRequest, Once
from .verdict import (
    ACCEPTED,
    ANONYMOUS,
    PULLABLE,
    REJECTED,
    UNVERIFIABLE,
    Decided,
    Finding,
    allowance,
    is_web_page,
    no_right,
    not_asked,
    refused,
    rejected,
    token_refused,
    unexpected,
    web_page,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .bearer import Challenge
    from .server import Server
    from .transport import Answer


# seconds; a token lives 60 at least (distribution spec auth/token), and may have to last for a slow answer
_FRESH = 40


class Tokens:
    """``basic`` is the Authorization of the login, None for nobody. Safe to share among threads."""

    def __init__(self, server: Server, basic: str | None) -> None:
        self._server = server
        self._basic = basic
        self._accepted = basic is None
        self._kept: dict[tuple[str, ...], Once[str]] = {}
        self._lock = threading.Lock()

    def token(self, challenge: Challenge, *scopes: str) -> str:
        """One request for the same scopes, however many threads ask. Raises Decided where there is none.

        A login is tried without a scope before it is used for one, as ``docker login`` does. It alone shows whether it is good:
        with a scope some token servers (ghcr.io, gcr.io, GitLab's) refuse a good login for a repository that is not its own.
        """
        if scopes and not self._accepted:
            self.token(challenge)
            self._accepted = True
        with self._lock:
            if scopes not in self._kept:
                self._kept[scopes] = Once(lambda: self._request(challenge, scopes), _FRESH)
            once = self._kept[scopes]
        return once()

    def _request(self, challenge: Challenge, scopes: tuple[str, ...]) -> str:
        name = self._server.name
        answer = self._server.ask_for_token(token_url(challenge.parameters, scopes), self._basic)
        if answer.status in (401, 403):
            wrong = self._basic and not scopes
            raise Decided(rejected(name, answer) if wrong else no_right(name, answer, anonymous=self._basic is None))
        if answer.status != 200:
            raise Decided(unexpected(f"the token server of {name}", answer))
        try:
            return token_in(answer.body)
        except ValueError as error:
            told = f"the token server of {name} answered with {error}. Look at it, or at what stands between."
            raise Decided(Finding(UNVERIFIABLE, told, answer.status)) from None


class Session:
    """``login`` is (username, password), None for nobody. A rejected one is never sent again. Safe to share among threads."""

    def __init__(self, server: Server, login: tuple[str, str] | None) -> None:
        self._server = server
        self._basic = None if login is None else _basic(*login)
        self._tokens = Tokens(server, self._basic)
        # with Basic, at the door
        self._logged_in = Once(self._log_in)
        self._proved = Once(self._prove)
        # held while nobody knows yet whether the login is good, so that a wrong one is sent once and not by each thread
        self._gate = threading.Lock()
        self._accepted = False
        self._end: Finding | None = None

    def check_login(self) -> Finding:
        """accepted, unless it raises Decided. No image is asked for."""
        if self._end is not None:
            return self._end
        return self._proved()

    def check_image(self, repository: str, reference: str) -> Finding:
        """Whether the manifest can be read; ``reference`` is a tag or a digest."""
        if self._end is not None:
            return self._end
        try:
            finding = self._check_image(ManifestRequest(repository, reference))
        except Decided as decided:
            finding = decided.finding
        if finding.verdict == REJECTED:
            self._end = finding
        return finding

    def _prove(self) -> Finding:
        name = self._server.name
        challenge = self._server.challenge()
        if challenge is None:
            told = f"{name} lets everybody in at /v2/, so that a login there proves nothing. Check with an image."
            raise Decided(Finding(UNVERIFIABLE, told, 200))
        if challenge.scheme == "basic":
            self._logged_in()
        else:
            answer = self._server.send("GET", BASE, f"Bearer {self._tokens.token(challenge)}")
            if answer.status in (401, 403):
                raise Decided(token_refused(name, answer))
            self._check_inside(answer)
        return Finding(ACCEPTED, f"{name} accepts the credential.", 200)

    def _log_in(self) -> None:
        answer = self._server.send("GET", BASE, self._basic)
        if answer.status in (401, 403):
            raise Decided(rejected(self._server.name, answer))
        self._check_inside(answer)

    def _check_inside(self, answer: Answer) -> None:
        """Raises Decided where what /v2/ says to a login is not what a registry says."""
        if answer.status != 200:
            raise Decided(unexpected(self._server.name, answer))
        if is_web_page(answer) and answer.body.strip():
            raise Decided(web_page(self._server.name, answer))

    def _check_image(self, wanted: ManifestRequest) -> Finding:
        challenge = self._server.challenge()
        scopes = [pull_scope(wanted.repository)]
        authorization = self._authorization(challenge, scopes)
        answer = wanted.send(self._server, authorization)
        if challenge is None and answer.status == 401:
            challenge = self._server.wanted(answer)
            authorization, answer = self._open_at_the_door(challenge, scopes, wanted, answer)
        more = self._server.other_scopes(challenge, answer, scopes) if challenge else []
        if more and authorization:
            scopes += more
            authorization = self._authorization(challenge, scopes)
            answer = wanted.send(self._server, authorization)
        if answer.status == 200 and not is_web_page(answer):
            return self._pullable(wanted.digest(self._server, answer), answer, challenge, scopes)
        if self._basic and not authorization and answer.status in (401, 403):
            return not_asked(self._server.name, answer)
        return refused(self._server.name, wanted.repository, answer, anonymous=not (self._basic and authorization))

    def _authorization(self, challenge: Challenge | None, scopes: Sequence[str]) -> str | None:
        """For a manifest, where /v2/ asks for it."""
        if challenge is None:
            return None
        if challenge.scheme == "bearer":
            return f"Bearer {self._tokens.token(challenge, *scopes)}"
        if self._basic:
            self._logged_in()
        return self._basic

    def _open_at_the_door(
        self, challenge: Challenge, scopes: Sequence[str], wanted: ManifestRequest, answer: Answer
    ) -> tuple[str | None, Answer]:
        """What is sent, and what comes, for a manifest that alone is asked for with a credential; ``answer`` came without."""
        if challenge.scheme == "bearer":
            authorization = self._authorization(challenge, scopes)
            return authorization, wanted.send(self._server, authorization)
        return self._basic, self._read_with_login(wanted) if self._basic else answer

    def _read_with_login(self, wanted: ManifestRequest) -> Answer:
        """With Basic. As long as nothing else has shown that the login is good, one image is asked for at a time."""
        with self._gate if not self._accepted else contextlib.nullcontext():
            if self._end is not None:
                raise Decided(self._end)
            try:
                answer = wanted.send(self._server, self._basic)
            except Decided as decided:
                if not self._accepted and decided.finding.http_status is None:
                    # nobody answers: the others would wait one after the other
                    self._end = decided.finding
                raise
            if answer.status == 401 and not self._accepted:
                self._end = rejected(self._server.name, answer)
                raise Decided(self._end)
            self._accepted = self._accepted or answer.status < 400
            return answer

    def _pullable(self, digest: str | None, answer: Answer, challenge: Challenge | None, scopes: Sequence[str]) -> Finding:
        found = Finding(
            PULLABLE,
            f"the credential can pull it{allowance(answer)}.",
            answer.status,
            digest,
            self._can_push(challenge, scopes),
        )
        if self._basic and challenge:
            return found
        told = "anybody can pull it: the registry asks for no credential" if self._basic else "anybody can pull it"
        return replace(found, verdict=ANONYMOUS, message=f"{told}{allowance(answer)}.")

    def _can_push(self, challenge: Challenge | None, scopes: Sequence[str]) -> bool | None:
        """By the grant of a token that is asked to allow it, where tokens of this registry tell what they grant.

        The last of ``scopes`` is the one that the registry itself named.
        """
        repository = scope_repository(scopes[-1])
        if not self._basic or challenge is None or challenge.scheme != "bearer" or not repository:
            return None
        try:
            if granted(self._tokens.token(challenge, *scopes), repository) is None:
                return None
            grants = granted(self._tokens.token(challenge, *scopes[:-1], pull_scope(repository, "push")), repository)
        except Decided:
            return None
        return None if grants is None else not grants.isdisjoint(("push", "*"))


def _basic(username: str, password: str) -> str:
    """What was no UTF-8 in a Secret goes out as it was."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode("ascii")
