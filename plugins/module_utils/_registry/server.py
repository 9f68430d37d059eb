# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One registry: where it is, and what it asks for, found out once."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._registry.challenge import Challenge, parse_challenges
from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import Origin, realm_refusal
from ansible_collections.pullpass.registry.plugins.module_utils._registry.no_answer import NoAnswer
from ansible_collections.pullpass.registry.plugins.module_utils._registry.once import Once
from ansible_collections.pullpass.registry.plugins.module_utils._registry.refusal import (
    is_web_page,
    led_astray,
    trouble,
    unexpected,
    web_page,
)
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import (
    UNREACHABLE,
    UNVERIFIABLE,
    Decided,
    Finding,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._registry.exchange import Answer, Exchange

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
