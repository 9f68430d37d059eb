# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reports the logins of a login file, for registry_login_info.

The results agree with docker 28 and podman 4: a test compares them on the same files.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._credentials.credential import HELPER_USERNAME, StoredLogin
from .._credentials.lint import examine
from .._credentials.lint_keys import DOCKER, PODMAN, key_problems
from .._credentials.registry_key import shown_key
from .._errors import HostError
from .._text import shown
from .login_document import LoginDocument, shown_user
from .option_files import RefusedHelpers

if t.TYPE_CHECKING:
    from .._credentials.lint import Examined
    from .credential_helper import CredentialHelpers
    from .login_file import LoginFile
    from .login_format import LoginFormat

    LoginRow = dict[str, t.Any]

_TOKEN = "it is an identity token, which docker can use and the kubelet cannot. Do not use it in a pull secret."
_NO_LOGIN = StoredLogin()


def survey(file: LoginFile, kind: LoginFormat, helpers: CredentialHelpers) -> dict[str, t.Any]:
    """``exists``, ``problem`` and ``logins`` as registry_login_info returns them. Raises HostError if the file cannot be read."""
    text, info = file.read()
    document = LoginDocument(file.path, text, kind, strict=False)
    problems = list(document.faults)
    if info is not None and kind.scoped and not text.strip():
        problems.append(f"{file.path} is empty, which podman rejects as invalid JSON. Remove the file, or log in.")
    asked = RefusedHelpers(file.refusal) if file.refusal else helpers
    found = _Survey(document, kind, asked, examine(text.encode("utf-8", "surrogateescape")), problems)
    rows = sorted(found.rows(), key=lambda row: row["registry"])
    return {"exists": info is not None, "problem": next(iter(problems), None), "logins": rows}


@dataclass
class _Survey:
    """``problems`` are those of the file as a whole and of a credsStore that cannot list its logins."""

    document: LoginDocument
    kind: LoginFormat
    helpers: CredentialHelpers | RefusedHelpers
    examined: Examined
    problems: list[str] = field(default_factory=list)

    def rows(self) -> list[LoginRow]:
        document = self.document
        rows = [self._entry(key) for key in dict.fromkeys([*document.entries, *self.examined.entries])]
        rows += [
            self._named(key, suffix)
            for key, suffix in document.helpers.items()
            if key not in document.entries and (suffix or self.kind.scoped)
        ]
        if document.store and self.kind.global_store:
            rows += self._listed(document.store)
        return rows

    def _entry(self, key: str) -> LoginRow:
        server = self._server(key)
        # podman also asks a helper with an empty name
        asks = bool(self.document.helper(key)) or (self.kind.scoped and server in self.document.helpers)
        return self._kept(key, self.document.helper(key)) if asks and self._readable else self._in_file(key)

    def _named(self, key: str, suffix: str) -> LoginRow:
        """A registry that is only in credHelpers."""
        server = self._server(key)
        if self.kind.scoped and not self._readable:
            return self._row(key, None, False, "podman cannot read this file.", suffix)
        if server == key:
            return self._kept(key, suffix)
        problem = f"{self._reader} does not ask for it under this name. Write it as '{shown_key(server)}' in credHelpers."
        return self._row(key, None, False, problem, suffix)

    def _in_file(self, key: str) -> LoginRow:
        entry, bare = self.document.entries.get(key, _NO_LOGIN), self.examined.entries.get(key)
        username, password = (bare.username, bare.password) if entry.empty and bare else (entry.username, entry.password)
        if entry.token and (entry.in_auth or self._reader == DOCKER):
            found = not any(one.blocks and self._reader in one.readers for one in key_problems(key))
            return self._row(key, shown_user(username), self._readable and found, _TOKEN)
        problems = [one.text for one in self.examined.of_entry(key) if self._reader in one.readers]
        usable = self._readable and self.examined.usable(key, self._reader)
        if usable and self.kind.scoped and not entry.in_auth:
            usable, problems = False, [*problems, "podman reads only 'auth' of an entry, which is missing here. Log in again."]
        elif usable and not username and not entry.registry_token:
            usable, problems = False, [*problems, "its user name is empty, so no login is sent. Log in again."]
        return self._row(key, shown_user(username, password), usable, " ".join(problems) or None)

    def _kept(self, key: str, helper: str) -> LoginRow:
        """An entry, or a name in credHelpers, of a registry for which the readers ask a helper."""
        server, program = self._server(key), f"docker-credential-{shown(helper)}"
        if not helper:
            unnamed = "its helper in credHelpers has an empty name, which podman cannot run. Remove it from credHelpers."
            return self._row(key, None, False, unnamed, helper)
        try:
            found = self.helpers.find(helper, server)
        except HostError as error:
            return self._failed(key, helper, str(error))
        if server != key:
            unread = f"{self._reader} does not read it: it asks {program} for '{shown_key(server)}' instead. Remove it."
            return self._row(key, shown_user(self.document.entries[key].username), False, unread)
        if found is None:
            return self._row(key, None, False, f"{program} has no login for it.", helper)
        if found[0] == HELPER_USERNAME:
            return self._row(key, None, True, _TOKEN, helper)
        problem = None
        if not self.document.entries.get(key, _NO_LOGIN).empty:
            problem = "the file has another login for it, which is not used. Log in again to remove it from the file."
        return self._row(key, shown_user(*found), bool(found[0]), problem, helper)

    def _failed(self, key: str, helper: str, problem: str) -> LoginRow:
        """The helper failed: docker then uses the login in the file, podman uses none."""
        if self.kind.scoped or self.document.entries.get(key, _NO_LOGIN).empty:
            return self._row(key, None, False, problem, helper)
        row = self._in_file(key)
        return {**row, "problem": " ".join(filter(None, [problem, "docker uses the login in the file.", row["problem"]]))}

    def _server(self, key: str) -> str:
        """The name under which a helper is asked for the registry of a key."""
        return self.kind.hub if self.kind.same(key, self.kind.hub) else self.kind.server(key)

    @property
    def _reader(self) -> str:
        return PODMAN if self.kind.scoped else DOCKER

    @property
    def _readable(self) -> bool:
        return self.examined.readable(self._reader)

    def _listed(self, store: str) -> list[LoginRow]:
        """The other logins in the credsStore."""
        try:
            listed = self.helpers.usernames(store)
        except HostError as error:
            self.problems.append(f"the other logins in credsStore cannot be listed: {error}")
            return []
        known = {*self.document.entries, *self.document.helpers, *self.kind.left_over(self.kind.hub)}
        return [self._of_store(server, username, store) for server, username in listed.items() if server not in known]

    def _of_store(self, server: str, username: str, store: str) -> LoginRow:
        asked = self._server(server)
        if asked != server:
            problem = f"docker does not ask for it under this name, but for '{shown_key(asked)}'."
            return self._row(server, shown_user(username), False, problem, store)
        if username == HELPER_USERNAME:
            return self._row(server, None, True, _TOKEN, store)
        return self._row(server, shown_user(username), True, None, store)

    def _row(self, key: str, username: str | None, usable: bool, problem: str | None, store: str = "file") -> LoginRow:
        return {"registry": shown_key(key), "username": username, "usable": usable, "problem": problem, "store": shown(store)}
