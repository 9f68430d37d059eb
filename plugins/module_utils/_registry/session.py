# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One credential, or none, at one registry: does the registry take it, and does it let it pull an image?"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import typing as t
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._registry.refusal import (
    allowance,
    no_right,
    refused,
    rejected,
    token_refused,
    unexpected,
)
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


class Session:
    """``login`` is (username, password), None for nobody. A rejected one is never sent again. Safe to share among threads."""

    def __init__(self, server: Server, login: tuple[str, str] | None) -> None:
        self._server = server
        self._basic = None if login is None else "Basic " + base64.b64encode(":".join(login).encode()).decode("ascii")
        # held while nobody knows yet whether the login is good, so that a wrong one is sent once and not by each thread
        self._gate = threading.Lock()
        self._accepted = False
        self._rejection: Finding | None = None
        self._tokens: dict[str, str] = {}
        self._scopes: dict[str, threading.Lock] = {}
        self._scopes_lock = threading.Lock()

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
        if answer.status == 200:
            return self._pullable(answer, challenge, repository)
        finding = refused(self._server.name, repository, answer, anonymous=self._basic is None)
        if finding.verdict == REJECTED:
            self._rejection = finding
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
        if not self._accepted:
            answer = self._gated(lambda: self._server.send("GET", "/v2/", self._basic), (401, 403))
            if answer.status != 200:
                raise Decided(unexpected(self._server.name, answer))

    def _try_token(self, challenge: Challenge) -> None:
        """Raises Decided unless there is a token that the registry takes."""
        answer = self._server.send("GET", "/v2/", f"Bearer {self._new_token(challenge, ())}")
        if answer.status in (401, 403):
            raise Decided(token_refused(self._server.name, answer))
        if answer.status != 200:
            raise Decided(unexpected(self._server.name, answer))

    def _token(self, challenge: Challenge, scope: str) -> str:
        """One request for each scope, however many threads ask."""
        with self._scopes_lock:
            lock = self._scopes.setdefault(scope, threading.Lock())
        with lock:
            if scope not in self._tokens:
                self._tokens[scope] = self._new_token(challenge, (scope,))
            return self._tokens[scope]

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
        """What ``ask`` gets. The first one to send the login finds out whether it is good; Decided for all if it is not."""
        if self._basic is None:
            return ask()
        with self._gate if not self._accepted else contextlib.nullcontext():
            if self._rejection is not None:
                raise Decided(self._rejection)
            answer = ask()
            if not self._accepted and answer.status in refusals:
                self._rejection = rejected(self._server.name, answer)
                raise Decided(self._rejection)
            self._accepted = self._accepted or answer.status < 400
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
