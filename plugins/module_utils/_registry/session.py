# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One credential, or none, at one registry: does the registry take it, and does it let it pull an image?"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import time
import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._registry.refusal import (
    allowance,
    no_right,
    not_asked,
    refused,
    rejected,
    token_refused,
    unexpected,
)
from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import BASE
from ansible_collections.pullpass.registry.plugins.module_utils._registry.token import granted, pull_scope, token_in, token_url
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import (
    ACCEPTED,
    ANONYMOUS,
    PULLABLE,
    REJECTED,
    UNVERIFIABLE,
    Decided,
    Finding,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._registry.challenge import Challenge
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.exchange import Answer
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import Server

# what containerd takes (core/remotes/docker/resolver.go)
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"
)
_DIGEST = re.compile(r"[a-z0-9+._-]{1,32}:[0-9a-f]{32,128}")
# seconds; a token lives 60 at least (distribution spec auth/token), and may have to last for a slow answer
_FRESH = 40


class Session:
    """``login`` is (username, password), None for nobody. A rejected one is never sent again. Safe to share among threads."""

    def __init__(self, server: Server, login: tuple[str, str] | None) -> None:
        self._server = server
        self._basic = None if login is None else _basic(*login)
        # held while nobody knows yet whether the login is good, so that a wrong one is sent once and not by each thread
        self._gate = threading.Lock()
        self._accepted = False
        self._end: Finding | None = None
        # scope -> the token and when it came, or why there is none
        self._tokens: dict[str, tuple[str | Finding, float]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def check_login(self) -> Finding:
        """accepted, rejected or undecided. No image is asked for."""
        name = self._server.name
        try:
            challenge = self._server.challenge()
            if challenge is None:
                return Finding(
                    UNVERIFIABLE,
                    f"{name} lets everybody in at /v2/, so that a login there proves nothing. Check with an image.",
                    200,
                )
            if challenge.scheme == "basic":
                self._log_in()
            else:
                self._try_token(challenge)
        except Decided as decided:
            return decided.finding
        return Finding(ACCEPTED, f"{name} accepts the credential.", 200)

    def check_image(self, repository: str, reference: str) -> Finding:
        """Whether the manifest can be read; ``reference`` is a tag or a digest."""
        try:
            return self._check_image(repository, f"/v2/{repository}/manifests/{reference}")
        except Decided as decided:
            return decided.finding

    def _check_image(self, repository: str, path: str) -> Finding:
        if self._end is not None:
            return self._end
        challenge = self._server.challenge()
        authorization = self._authorization(challenge, repository)
        answer = self._read(path, authorization)
        if challenge is None and answer.status == 401:
            # open at /v2/, but not here
            challenge = self._server.wanted(answer)
            if challenge.scheme == "bearer":
                authorization = self._authorization(challenge, repository)
                answer = self._read(path, authorization)
            elif self._basic:
                authorization = self._basic
                answer = self._gated(lambda: self._read(path, authorization), (401,))
        if answer.status in (403, 404):
            # the answer to HEAD has no body to say why; some registries know no HEAD at all
            answer = self._server.send("GET", path, authorization, _MANIFESTS)
        if answer.status == 200 and answer.headers.get_content_type() != "text/html":
            return self._pullable(answer, challenge, repository)
        if self._basic and not authorization and answer.status in (401, 403):
            return not_asked(self._server.name, answer)
        finding = refused(self._server.name, repository, answer, anonymous=not (self._basic and authorization))
        if finding.verdict == REJECTED:
            self._end = finding
        return finding

    def _read(self, path: str, authorization: str | None) -> Answer:
        answer = self._server.send("HEAD", path, authorization, _MANIFESTS)
        return self._server.send("GET", path, authorization, _MANIFESTS) if answer.status == 405 else answer

    def _authorization(self, challenge: Challenge | None, repository: str) -> str | None:
        if challenge is None:
            return None
        if challenge.scheme == "bearer":
            return f"Bearer {self._token(challenge, pull_scope(repository))}"
        if self._basic:
            self._log_in()
        return self._basic

    def _log_in(self) -> None:
        """With Basic. Raises Decided unless the registry takes it."""
        with self._lock_of(BASE):
            if not self._accepted:
                answer = self._gated(lambda: self._server.send("GET", BASE, self._basic), (401, 403))
                if answer.status != 200:
                    raise Decided(unexpected(self._server.name, answer))

    def _try_token(self, challenge: Challenge) -> None:
        """Raises Decided unless there is a token that the registry takes."""
        answer = self._server.send("GET", BASE, f"Bearer {self._new_token(challenge, ())}")
        if answer.status in (401, 403):
            raise Decided(token_refused(self._server.name, answer))
        if answer.status != 200:
            raise Decided(unexpected(self._server.name, answer))

    def _token(self, challenge: Challenge, scope: str) -> str:
        """One request for each scope, however many threads ask. Raises Decided where there is none."""
        with self._lock_of(scope):
            token, since = self._tokens.get(scope, ("", 0.0))
            if not token or (isinstance(token, str) and time.monotonic() - since > _FRESH):
                try:
                    token = self._new_token(challenge, (scope,))
                except Decided as decided:
                    token = decided.finding
                self._tokens[scope] = token, time.monotonic()
        if isinstance(token, Finding):
            raise Decided(token)
        return token

    def _lock_of(self, what: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(what, threading.Lock())

    def _new_token(self, challenge: Challenge, scopes: Sequence[str]) -> str:
        name = self._server.name
        url = token_url(challenge.parameters, scopes)
        answer = self._gated(lambda: self._server.ask_for_token(url, self._basic), (401, 403))
        if answer.status in (401, 403):
            raise Decided(no_right(name, answer, anonymous=self._basic is None))
        if answer.status != 200:
            raise Decided(unexpected(f"the token server of {name}", answer))
        try:
            return token_in(answer.body)
        except ValueError as error:
            told = f"the token server of {name} answered with {error}. Look at it, or at what stands between."
            raise Decided(Finding(UNVERIFIABLE, told, answer.status)) from None

    def _gated(self, ask: Callable[[], Answer], refusals: tuple[int, ...]) -> Answer:
        """What ``ask`` gets. The first one to send the login finds out whether it is good; Decided for all if it is not.

        A server that does not answer it is not asked by each of them either: they would wait one after the other.
        """
        if self._basic is None:
            return ask()
        with self._gate if not self._accepted else contextlib.nullcontext():
            if self._end is not None:
                raise Decided(self._end)
            if self._accepted:
                return ask()
            try:
                answer = ask()
            except Decided as decided:
                self._end = decided.finding
                raise
            if answer.status in refusals:
                self._end = rejected(self._server.name, answer)
                raise Decided(self._end)
            self._accepted = answer.status < 400
            return answer

    def _pullable(self, answer: Answer, challenge: Challenge | None, repository: str) -> Finding:
        digest = answer.headers.get("Docker-Content-Digest") or ""
        found = Finding(
            PULLABLE,
            f"the credential can pull it{allowance(answer)}.",
            answer.status,
            digest if _DIGEST.fullmatch(digest) else None,
            self._can_push(challenge, repository),
        )
        if self._basic and challenge:
            return found
        told = "anybody can pull it: the registry asks for no credential" if self._basic else "anybody can pull it"
        return replace(found, verdict=ANONYMOUS, message=f"{told}{allowance(answer)}.")

    def _can_push(self, challenge: Challenge | None, repository: str) -> bool | None:
        """By the grant of a token that is asked to allow it, where tokens of this registry tell what they grant."""
        if not self._basic or challenge is None or challenge.scheme != "bearer":
            return None
        try:
            if granted(self._token(challenge, pull_scope(repository)), repository) is None:
                return None
            grants = granted(self._token(challenge, pull_scope(repository, "push")), repository)
        except Decided:
            return None
        return None if grants is None else not grants.isdisjoint(("push", "*"))


def _basic(username: str, password: str) -> str:
    """What was no UTF-8 in a Secret goes out as it was."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode("ascii")
