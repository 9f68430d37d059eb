# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where logins are kept: in a login file or in a credential helper. One login is found, stored or removed."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, replace

from .._credentials.credential import HELPER_USERNAME, StoredLogin, has_expired
from .._errors import HostError
from .._text import shown
from .login_document import LoginDocument, shown_user

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.credential import Login
    from .credential_helper import CredentialHelpers
    from .login_file import LoginFile
    from .login_format import LoginFormat


AUTO, FILE = "auto", "file"
STORED, REMOVED, UNCHANGED, REFUSED = "stored", "removed", "unchanged", "refused"
_TOKEN = "(identity token)"


@dataclass(frozen=True)
class LoginRequest:
    """A login to store; without ``login``, one to remove, with a ``username`` only that of this user.

    ``verified`` is null if the registry was not asked. Without ``may_replace`` no other usable login is replaced.
    """

    key: str
    login: Login | None = None
    username: str | None = None
    verified: bool | None = None
    may_replace: bool = True


@dataclass(frozen=True)
class LoginResult:
    """``before``: the user that was logged in, null for nobody. ``verified`` is null if the registry was not asked."""

    registry: str
    username: str | None
    action: str
    before: str | None
    verified: bool | None = None

    @property
    def row(self) -> dict[str, t.Any]:
        """As registry_login returns it."""
        return {"registry": self.registry, "username": self.username, "action": self.action, "verified": self.verified}


class RepeatableHelpers:
    """Credential helpers for an edit that can be repeated: each question is asked once, each login stored or erased once.

    Answers are those from before the first edit, so that each repetition has the same result.
    """

    def __init__(self, helpers: CredentialHelpers | RepeatableHelpers) -> None:
        self._helpers = helpers
        self._found: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._stored: set[tuple[str, str, str, str]] = set()
        self._erased: set[tuple[str, str]] = set()

    def find(self, suffix: str, server: str) -> tuple[str, str] | None:
        if (suffix, server) not in self._found:
            self._found[suffix, server] = self._helpers.find(suffix, server)
        return self._found[suffix, server]

    def store(self, suffix: str, server: str, username: str, secret: str) -> None:
        login = (suffix, server, username, secret)
        if login not in self._stored:
            self._helpers.store(*login)
            self._stored.add(login)

    def erase(self, suffix: str, server: str) -> None:
        if (suffix, server) not in self._erased:
            self._helpers.erase(suffix, server)
            self._erased.add((suffix, server))


@dataclass(frozen=True)
class LoginStore:
    """``choice``: auto, file or the suffix of a helper. ``dry``: helpers are asked, and nothing is stored in or erased from them.

    ``refusal``: why the file must not choose a helper, empty if it may. Each method raises HostError.
    """

    kind: LoginFormat
    helpers: CredentialHelpers | RepeatableHelpers
    choice: str
    dry: bool
    refusal: str = ""

    def place(self, document: LoginDocument, key: str) -> str:
        """Where the login of ``key`` is stored: file, or the suffix of a helper."""
        return self._helper(document, key) or FILE

    def find(self, document: LoginDocument, key: str) -> StoredLogin:
        """The login for ``key`` in the place where one is stored; an empty one if there is none."""
        helper = self._helper(document, key)
        if helper:
            return self._found_in(helper, key)
        keys = document.keys_for(key)
        return document.entries[key if key in keys else keys[0]] if keys else StoredLogin()

    def find_recorded(self, document: LoginDocument, key: str, place: str) -> StoredLogin:
        """The login under exactly this key in the ``place`` where it was stored earlier; an empty one if there is none."""
        if place == FILE:
            return document.entries.get(key, StoredLogin())
        if document.helper(key) != place:
            return StoredLogin()
        if self.refusal and self.choice != place:
            raise HostError(f"{self.refusal} Make root the owner of the file.")
        return self._found_in(place, key)

    def store(self, document: LoginDocument, key: str, login: Login, may_replace: bool) -> tuple[LoginDocument, LoginResult]:
        """The document with the login. Without ``may_replace``, another login stays that a client can use now."""
        helper = self._helper(document, key)
        before = self.find(document, key)
        user = shown_user(login.username, login.password)
        if not may_replace and _is_usable(before) and not _is_same(before, login):
            return document, LoginResult(key, user, REFUSED, _user(before))
        if not helper:
            edited = document.with_login(key, login)
            if self.choice == FILE:
                edited = edited.without_helper(key)
            changed = edited.text != document.text
        else:
            wanted = (HELPER_USERNAME, login.token) if login.token else (login.username, login.password)
            new = wanted != (HELPER_USERNAME if before.token else before.username, before.token or before.password)
            if new and not self.dry:
                self.helpers.store(helper, key, *wanted)
            edited = document if self.choice == AUTO else document.with_helper(key, self.choice)
            edited = edited.with_mark(key)
            changed = new or edited.text != document.text
        action = STORED if changed else UNCHANGED
        return edited, LoginResult(key, user, action, _user(before))

    def remove(self, document: LoginDocument, key: str, username: str | None) -> tuple[LoginDocument, LoginResult]:
        """The document without the login, or only without that of the user."""
        erased = self._erase(document, key, username)
        keys = [
            one
            for one in document.keys_for(key)
            if username in (None, document.entries[one].username) or (erased and document.entries[one].empty)
        ]
        before = erased or next((user for user in (_user(document.entries[one]) for one in keys) if user), None)
        if username is None or before:
            keys += [one for one in self.kind.left_over(key) if one in document.entries]
        edited = document.without(keys)
        if document.helpers.get(key) == self.choice and (username is None or before):
            edited = edited.unregistered(key)
        action = REMOVED if erased or edited.text != document.text else UNCHANGED
        return edited, LoginResult(key, before or (username and shown_user(username)), action, before)

    def remove_recorded(self, document: LoginDocument, key: str, place: str) -> tuple[LoginDocument, LoginResult]:
        """The document without the login that ``find_recorded`` found."""
        before = _user(self.find_recorded(document, key, place))
        if place != FILE and not self.dry:
            self.helpers.erase(place, key)
        entry = document.entries.get(key)
        edited = document.without([key]) if entry and (place == FILE or entry.empty) else document
        if edited.helpers.get(key) == self.choice:
            edited = edited.unregistered(key)
        return edited, LoginResult(key, before, REMOVED, before)

    def _helper(self, document: LoginDocument, server: str) -> str:
        """Suffix of the helper that keeps the login; empty for the file."""
        named = document.helper(server)
        helper = {AUTO: named, FILE: ""}.get(self.choice, self.choice)
        if helper and self.choice == AUTO and self.refusal:
            raise HostError(
                f"registry {server}: {self.refusal} Make root the owner of the file, or set store to file or to the suffix of a "
                "helper."
            )
        if self.kind.scoped and "/" in server and (helper or named):
            host = server.partition("/")[0]
            hides = f" credHelpers names it for {host}, so podman does not read the login in the file." if named else ""
            remedy = "remove it from credHelpers" if named else "set store to file"
            raise HostError(
                f"registry {server}: docker-credential-{shown(helper or named)} keeps logins for whole registries only.{hides} "
                f"Give {host}, or {remedy}."
            )
        return helper

    def _found_in(self, helper: str, server: str) -> StoredLogin:
        return _login_of(*(self.helpers.find(helper, server) or ("", "")))

    def _erase(self, document: LoginDocument, key: str, username: str | None) -> str | None:
        """The user whose login a helper erased; null for nobody."""
        erased = None
        for server in self.kind.servers(key):
            # a login for a path is always in the file
            helper = "" if self.choice == AUTO and "/" in server and self.kind.scoped else self._helper(document, server)
            found = self.helpers.find(helper, server) if helper else None
            if found is not None and username in (None, found[0]):
                if not self.dry:
                    self.helpers.erase(helper, server)
                erased = erased or _user(_login_of(*found))
        return erased


def stored_logins(file: LoginFile, store: LoginStore, keys: Sequence[str]) -> dict[str, t.Any]:
    """Key -> the StoredLogin for it, as a mapping. Raises HostError."""
    text, _info = file.read()
    document, own = LoginDocument(file.path, text, store.kind), replace(store, refusal=file.refusal)
    return {key: asdict(own.find(document, key)) for key in keys}


def _is_usable(stored: StoredLogin) -> bool:
    if stored.token:
        return True
    return bool(stored.username and stored.password) and not has_expired(stored.username, stored.password)


def _is_same(stored: StoredLogin, login: Login) -> bool:
    if stored.token:
        return stored.token == login.token
    return (stored.username, stored.password) == (login.username, login.password)


def _user(login: StoredLogin) -> str | None:
    """The user name for a result; null for nobody."""
    if login.empty:
        return None
    return shown_user(login.username, login.password) or (_TOKEN if login.token else "")


def _login_of(username: str, secret: str) -> StoredLogin:
    """A login of a helper, which does not record who owns an identity token."""
    return StoredLogin(token=secret) if username == HELPER_USERNAME else StoredLogin(username, secret)
