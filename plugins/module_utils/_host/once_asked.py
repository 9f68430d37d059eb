# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Credential helpers for one login whose edit may be planned again: nothing is asked, stored or erased a second time."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers

    Question = tuple[str, ...]


class OnceAsked:
    """The answers are those from before the first edit, so that each plan reports the same."""

    def __init__(self, helpers: CredentialHelpers | OnceAsked) -> None:
        self._helpers = helpers
        self._found: dict[Question, tuple[str, str] | None] = {}
        self._done: set[Question] = set()

    def find(self, suffix: str, server: str) -> tuple[str, str] | None:
        if (suffix, server) not in self._found:
            self._found[suffix, server] = self._helpers.find(suffix, server)
        return self._found[suffix, server]

    def store(self, suffix: str, server: str, username: str, secret: str) -> None:
        question = ("store", suffix, server, username, secret)
        if question not in self._done:
            self._helpers.store(suffix, server, username, secret)
            self._done.add(question)

    def erase(self, suffix: str, server: str) -> None:
        question = ("erase", suffix, server)
        if question not in self._done:
            self._helpers.erase(suffix, server)
            self._done.add(question)
