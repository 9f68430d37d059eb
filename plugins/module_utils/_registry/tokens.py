# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The tokens that a token server gives to one login, or to nobody."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._registry.once import Once
from ansible_collections.pullpass.registry.plugins.module_utils._registry.refusal import no_right, rejected, unexpected
from ansible_collections.pullpass.registry.plugins.module_utils._registry.token import token_in, token_url
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import UNVERIFIABLE, Decided, Finding

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.challenge import Challenge
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import Server

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
