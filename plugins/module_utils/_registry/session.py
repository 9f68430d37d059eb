# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One login, or an anonymous client, at one registry: is it accepted, and can it pull an image?"""

from __future__ import annotations

import base64
import contextlib
import enum
import threading
import typing as t
from dataclasses import dataclass, field, replace

from .server import BASE, ManifestRequest, Memo, granted, pull_scope, scope_repository, token_in, token_url
from .verdict import (
    CheckEnded,
    Finding,
    Verdict,
    access_denied,
    is_web_page,
    login_not_requested,
    login_rejected,
    manifest_refused,
    remaining_pulls,
    token_refused,
    unexpected,
    web_page,
)

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .origin import Challenge
    from .server import Server
    from .transport import Response


# seconds; a token is valid for at least 60 (distribution spec auth/token), and must outlast a slow response
_TOKEN_LIFETIME = 40


class LoginState(enum.Enum):
    UNTESTED = "no response shows yet whether the login is valid"
    ACCEPTED = "the registry has accepted it"
    STOPPED = "it is not sent again: it was rejected, or nobody answers"


@dataclass
class LoginStatus:
    """``authorization`` is the Basic header of a login, null for an anonymous client. Shared by the threads of a task.

    ``state``: what responses to this header show. A token server tests a login by itself (Tokens).
    """

    authorization: str | None = field(repr=False)
    state: LoginState = LoginState.UNTESTED
    # the finding that stopped it
    finding: Finding | None = None
    # held while one thread tests the login, so that a wrong one is sent once and not by each thread
    test: threading.Lock = field(default_factory=threading.Lock)

    @property
    def needs_test(self) -> bool:
        return self.authorization is not None and self.state is not LoginState.ACCEPTED

    def accept(self) -> None:
        if self.state is LoginState.UNTESTED:
            self.state = LoginState.ACCEPTED

    def stop(self, finding: Finding) -> None:
        self.state, self.finding = LoginState.STOPPED, finding


class Tokens:
    """The bearer tokens of one login. Safe to share among threads."""

    def __init__(self, server: Server, login: LoginStatus) -> None:
        self._server = server
        self._login = login
        # by the token server: a registry may accept the same login as a Basic header, or the other way round
        self._is_accepted = login.authorization is None
        self._tokens: dict[tuple[str, ...], Memo[str]] = {}
        self._lock = threading.Lock()

    def token(self, challenge: Challenge, *scopes: str) -> str:
        """One request for equal scopes, however many threads need the token. Raises CheckEnded without a token.

        A login gets a token without a scope before one with a scope, as with ``docker login``. Only the first shows whether the
        login is valid: with a scope some token servers (ghcr.io, gcr.io, GitLab's) refuse a valid login for a repository of
        others.
        """
        if scopes and not self._is_accepted:
            self.token(challenge)
            self._is_accepted = True
        with self._lock:
            if scopes not in self._tokens:
                self._tokens[scopes] = Memo(lambda: self._request(challenge, scopes), _TOKEN_LIFETIME)
            memo = self._tokens[scopes]
        return memo()

    def _request(self, challenge: Challenge, scopes: tuple[str, ...]) -> str:
        name, authorization = self._server.name, self._login.authorization
        response = self._server.send_token_request(token_url(challenge.parameters, scopes), authorization)
        if response.status in (401, 403):
            if authorization and not scopes:
                raise CheckEnded(login_rejected(name, response))
            raise CheckEnded(access_denied(name, response, anonymous=authorization is None))
        if response.status != 200:
            raise CheckEnded(unexpected(f"the token server of {name}", response))
        try:
            return token_in(response.body)
        except ValueError as error:
            message = f"the token server of {name} answers with {error}. Check it, and any proxy before it."
            raise CheckEnded(Finding(Verdict.UNVERIFIABLE, message, response.status)) from None


class Session:
    """``login`` is (username, password), null for an anonymous client. Safe to share among threads.

    A rejected login is never sent again.
    """

    def __init__(self, server: Server, login: tuple[str, str] | None) -> None:
        self._server = server
        self._login = LoginStatus(None if login is None else _basic(*login))
        self._tokens = Tokens(server, self._login)
        self._basic_login = Memo(self._log_in_with_basic)
        self._login_check = Memo(self._log_in)

    def check_login(self) -> Finding:
        """accepted, unless it raises CheckEnded. Sends no request for an image."""
        return self._login.finding or self._login_check()

    def check_image(self, repository: str, reference: str) -> Finding:
        """Whether the manifest can be read; ``reference`` is a tag or a digest."""
        if self._login.finding is not None:
            return self._login.finding
        try:
            finding = self._check_image(ManifestRequest(repository, reference))
        except CheckEnded as ended:
            finding = ended.finding
        if finding.verdict == Verdict.REJECTED:
            self._login.stop(finding)
        return finding

    def _log_in(self) -> Finding:
        name = self._server.name
        challenge = self._server.challenge()
        if challenge is None:
            message = f"{name} requires no credential at /v2/, so a login proves nothing. Check with an image."
            raise CheckEnded(Finding(Verdict.UNVERIFIABLE, message, 200))
        if challenge.scheme == "basic":
            self._basic_login()
        else:
            response = self._server.send("GET", BASE, f"Bearer {self._tokens.token(challenge)}")
            if response.status in (401, 403):
                raise CheckEnded(token_refused(name, response))
            self._check_base(response)
        return Finding(Verdict.ACCEPTED, f"{name} accepts the credential.", 200)

    def _log_in_with_basic(self) -> None:
        response = self._server.send("GET", BASE, self._login.authorization)
        if response.status in (401, 403):
            raise CheckEnded(login_rejected(self._server.name, response))
        self._check_base(response)

    def _check_base(self, response: Response) -> None:
        """Raises CheckEnded where the response of /v2/ to a login is not that of a registry."""
        if response.status != 200:
            raise CheckEnded(unexpected(self._server.name, response))
        if is_web_page(response) and response.body.strip():
            raise CheckEnded(web_page(self._server.name, response))

    def _check_image(self, manifest: ManifestRequest) -> Finding:
        server, has_login = self._server, self._login.authorization is not None
        challenge = server.challenge()
        scopes = [pull_scope(manifest.repository)]
        authorization = self._authorization(challenge, scopes)
        response = manifest.send(server, authorization)
        if challenge is None and response.status == 401:
            challenge = server.usable_challenge(response)
            authorization, response = self._answer_manifest_challenge(challenge, scopes, manifest, response)
        further = server.further_scopes(challenge, response, scopes) if challenge else []
        if further and authorization:
            scopes += further
            authorization = self._authorization(challenge, scopes)
            response = manifest.send(server, authorization)
        if response.status == 200 and not is_web_page(response):
            return self._pullable(manifest.digest(server, response), response, challenge, scopes)
        if has_login and not authorization and response.status in (401, 403):
            return login_not_requested(server.name, response)
        return manifest_refused(server.name, manifest.repository, response, anonymous=not (has_login and authorization))

    def _authorization(self, challenge: Challenge | None, scopes: Sequence[str]) -> str | None:
        """For a manifest, where /v2/ requires one."""
        if challenge is None:
            return None
        if challenge.scheme == "bearer":
            return f"Bearer {self._tokens.token(challenge, *scopes)}"
        if self._login.authorization:
            self._basic_login()
        return self._login.authorization

    def _answer_manifest_challenge(
        self, challenge: Challenge, scopes: Sequence[str], manifest: ManifestRequest, refusal: Response
    ) -> tuple[str | None, Response]:
        """The authorization and its response, where /v2/ requires no credential and the manifest does (``refusal``)."""
        if challenge.scheme == "bearer":
            authorization = self._authorization(challenge, scopes)
            return authorization, manifest.send(self._server, authorization)
        return self._login.authorization, self._send_with_basic(manifest) if self._login.authorization else refusal

    def _send_with_basic(self, manifest: ManifestRequest) -> Response:
        """While no response shows that the login is valid, one image is requested at a time."""
        login = self._login
        with login.test if login.needs_test else contextlib.nullcontext():
            if login.finding is not None:
                raise CheckEnded(login.finding)
            try:
                response = manifest.send(self._server, login.authorization)
            except CheckEnded as ended:
                if login.needs_test and ended.finding.http_status is None:
                    # without an answer the other threads would wait one after the other
                    login.stop(ended.finding)
                raise
            if response.status == 401 and login.needs_test:
                finding = login_rejected(self._server.name, response)
                login.stop(finding)
                raise CheckEnded(finding)
            if response.status < 400:
                login.accept()
            return response

    def _pullable(self, digest: str | None, response: Response, challenge: Challenge | None, scopes: Sequence[str]) -> Finding:
        left = remaining_pulls(response)
        message = f"The credential can pull it{left}."
        finding = Finding(Verdict.PULLABLE, message, response.status, digest, self._can_push(challenge, scopes))
        if self._login.authorization and challenge:
            return finding
        reason = ": the registry requires no credential" if self._login.authorization else ""
        return replace(finding, verdict=Verdict.ANONYMOUS, message=f"Anybody can pull it{reason}{left}.")

    def _can_push(self, challenge: Challenge | None, scopes: Sequence[str]) -> bool | None:
        """By the claims of a token for which push was requested; null where tokens of this registry have no such claims.

        The last of ``scopes`` is the one that the registry itself named.
        """
        repository = scope_repository(scopes[-1])
        if not self._login.authorization or challenge is None or challenge.scheme != "bearer" or not repository:
            return None
        try:
            if granted(self._tokens.token(challenge, *scopes), repository) is None:
                return None
            actions = granted(self._tokens.token(challenge, *scopes[:-1], pull_scope(repository, "push")), repository)
        except CheckEnded:
            return None
        return None if actions is None else not actions.isdisjoint(("push", "*"))


def _basic(username: str, password: str) -> str:
    """Bytes of a Secret that are not UTF-8 are sent unchanged."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode("ascii")
