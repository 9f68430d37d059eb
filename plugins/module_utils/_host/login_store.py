# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Logins stored in and removed from a login file or a credential helper."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, replace

from .._credentials.credential import HELPER_USERNAME, StoredLogin, has_expired
from .._errors import InputError
from .._text import shown
from .login_document import LoginDocument, told_user

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.credential import Login
    from .atomic_file import Attributes
    from .credential_helper import CredentialHelpers
    from .login_file import LoginFile
    from .login_format import LoginFormat
    from .login_purge import Purge

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


AUTO, FILE = "auto", "file"
STORED, REMOVED, UNCHANGED, REFUSED = "stored", "removed", "unchanged", "refused"
_TOKEN = "(identity token)"


@dataclass(frozen=True)
class Keeper:
    """Where logins go. ``store``: auto, file or the suffix of a helper. ``dry``: helpers are asked, and told nothing.

    ``refusal``: why the file does not choose a helper, empty where it does.
    """

    kind: LoginFormat
    helpers: CredentialHelpers | OnceAsked
    store: str
    dry: bool
    refusal: str = ""

    def find(self, document: LoginDocument, key: str) -> StoredLogin:
        """The login that is kept for ``key`` where we would put one; an empty one for none. Raises InputError."""
        helper = self._helper(document, key)
        if helper:
            return _kept(*(self.helpers.find(helper, key) or ("", "")))
        return _in_file(document, key)

    def put(self, document: LoginDocument, key: str, login: Login) -> tuple[LoginDocument, Row]:
        """The document with the login. Raises InputError."""
        helper = self._helper(document, key)
        before = self.find(document, key)
        if not helper:
            edited = document.with_login(key, login)
            if self.store == FILE:
                edited = edited.without_helper(key)
            changed = edited.text != document.text
        else:
            wanted = (HELPER_USERNAME, login.token) if login.token else (login.username, login.password)
            new = wanted != (HELPER_USERNAME if before.token else before.username, before.token or before.password)
            if new and not self.dry:
                self.helpers.store(helper, key, *wanted)
            edited = document if self.store == AUTO else document.with_helper(key, self.store)
            edited = edited.with_mark(key)
            changed = new or edited.text != document.text
        action = STORED if changed else UNCHANGED
        return edited, Row(key, told_user(login.username, login.password), action, _user(before))

    def costs_a_usable_login(self, document: LoginDocument, key: str, login: Login) -> bool:
        """Whether another login is stored there that a client can use now. Raises InputError."""
        before = self.find(document, key)
        if before.token:
            return before.token != login.token
        usable = bool(before.username and before.password) and not has_expired(before.username, before.password)
        return usable and (before.username, before.password) != (login.username, login.password)

    def take(self, document: LoginDocument, key: str, username: str | None) -> tuple[LoginDocument, Row]:
        """The document without the login, or without that of the user alone. Raises InputError."""
        forgotten = self._erase(document, key, username)
        keys = [
            one
            for one in document.keys_for(key)
            if username in (None, document.entries[one].username) or (forgotten and document.entries[one].empty)
        ]
        before = forgotten or next((user for user in (_user(document.entries[one]) for one in keys) if user), None)
        edited = document.without(keys)
        if username is None or before:
            edited = edited.without(one for one in self.kind.left_over(key) if one in document.entries)
        if document.helpers.get(key) == self.store and (username is None or before):
            edited = edited.unregistered(key)
        action = REMOVED if forgotten or edited.text != document.text else UNCHANGED
        return edited, Row(key, before or (username and told_user(username)), action, before)

    def store_of(self, document: LoginDocument, key: str) -> str:
        """Where the login of ``key`` is put: file, or the suffix of a helper."""
        return self._helper(document, key) or FILE

    def find_recorded(self, document: LoginDocument, key: str, store: str) -> StoredLogin:
        """The login under just this key, where we once put it; an empty one for none. Raises InputError."""
        if store == FILE:
            return document.entries.get(key, StoredLogin())
        if document.helper(key) != store:
            return StoredLogin()
        if self.refusal and self.store != store:
            raise InputError(f"{self.refusal} Give the file to root.")
        return _kept(*(self.helpers.find(store, key) or ("", "")))

    def drop(self, document: LoginDocument, key: str, store: str) -> tuple[LoginDocument, Row]:
        """The document without the login that ``find_recorded`` found. Raises InputError."""
        before = _user(self.find_recorded(document, key, store))
        if store != FILE and not self.dry:
            self.helpers.erase(store, key)
        entry = document.entries.get(key)
        edited = document.without([key]) if entry and (store == FILE or entry.empty) else document
        if edited.helpers.get(key) == self.store:
            edited = edited.unregistered(key)
        return edited, Row(key, before, REMOVED, before)

    def _helper(self, document: LoginDocument, server: str) -> str:
        """That which gets the login, empty for the file."""
        named = document.helper(server)
        helper = {AUTO: named, FILE: ""}.get(self.store, self.store)
        if helper and self.store == AUTO and self.refusal:
            raise InputError(
                f"registry {server}: {self.refusal} Give the file to root, or set store to file or to the suffix of a helper."
            )
        if self.kind.scoped and "/" in server and (helper or named):
            host = server.partition("/")[0]
            raise InputError(
                f"registry {server}: docker-credential-{shown(helper or named)} keeps logins for whole registries only"
                + (f", and credHelpers names it for {host}, so that podman does not look into the file. " if named else ". ")
                + f"Give {host}, or {'remove it from credHelpers' if named else 'set store to file'}."
            )
        return helper

    def _erase(self, document: LoginDocument, key: str, username: str | None) -> str | None:
        """Whose login a helper has forgotten, None for nobody's."""
        forgotten = None
        for server in self.kind.servers(key):
            # a login for a path is always in the file
            helper = "" if self.store == AUTO and "/" in server and self.kind.scoped else self._helper(document, server)
            found = self.helpers.find(helper, server) if helper else None
            if found is not None and username in (None, found[0]):
                if not self.dry:
                    self.helpers.erase(helper, server)
                forgotten = forgotten or _user(_kept(*found))
        return forgotten


@dataclass(frozen=True)
class Row:
    """What became of one login. ``before``: the user that was logged in, None for nobody."""

    registry: str
    username: str | None
    action: str
    before: str | None


@dataclass(frozen=True)
class Wish:
    """``login`` None: none is wanted, or with a ``username`` none of that user. Not ``verified``: it replaces no usable login."""

    key: str
    login: Login | None = None
    username: str | None = None
    verified: bool = True


def settle(
    file: LoginFile, keeper: Keeper, wishes: Sequence[Wish], attributes: Attributes, backup: bool, purge: Purge
) -> dict[str, t.Any]:
    """Carry the wishes out, and give what was done, in values that JSON can hold. Raises InputError.

    ``rows`` are those of the wishes, in order, and after them those of what was purged.
    """
    rows: list[Row] = []
    helpers, helpers_of_purge = [OnceAsked(keeper.helpers) for _wish in wishes], OnceAsked(keeper.helpers)

    def edit(text: str) -> str:
        rows.clear()
        document = LoginDocument(file.path, text, keeper.kind)
        purge.load()
        for wish, asked in zip(wishes, helpers):
            own = replace(keeper, helpers=asked, refusal=file.refusal)
            if wish.login is None:
                document, row = own.take(document, wish.key, wish.username)
                purge.removed(wish.key, wish.username)
            elif not wish.verified and own.costs_a_usable_login(document, wish.key, wish.login):
                before = _user(own.find(document, wish.key))
                row = Row(wish.key, told_user(wish.login.username, wish.login.password), REFUSED, before)
            else:
                document, row = own.put(document, wish.key, wish.login)
                purge.stored(wish.key, wish.login, own.store_of(document, wish.key), row.action == STORED)
            rows.append(row)
        own = replace(keeper, helpers=helpers_of_purge, refusal=file.refusal)
        wanted = [wish.key for wish in wishes if wish.login]
        if all(wish.verified for wish in wishes):
            document, purged = purge.carry_out(own, document, wanted)
            rows.extend(purged)
        else:
            purge.put_off(keeper.kind, wanted)
        return document.text

    if keeper.dry:
        done = file.preview(edit, attributes)
    else:
        create = any(wish.login for wish in wishes) or purge.has_list()
        done = file.change(edit, attributes, backup, create, then=purge.save)
    changed = done["changed"] or purge.changed or any(row.action in (STORED, REMOVED) for row in rows)
    return {
        **done,
        "changed": changed,
        "rows": [asdict(row) for row in rows],
        "purged": [row.registry for row in rows[len(wishes) :]],
        "unlocked": file.unlocked,
        "warnings": purge.warnings,
    }


def look(file: LoginFile, keeper: Keeper, keys: Sequence[str]) -> dict[str, t.Any]:
    """Key -> the StoredLogin under it, as a mapping. Raises InputError."""
    text, _info = file.read()
    document = LoginDocument(file.path, text, keeper.kind)
    keeper = replace(keeper, refusal=file.refusal)
    return {key: asdict(keeper.find(document, key)) for key in keys}


def _in_file(document: LoginDocument, key: str) -> StoredLogin:
    keys = document.keys_for(key)
    return document.entries[key if key in keys else keys[0]] if keys else StoredLogin()


def _kept(username: str, secret: str) -> StoredLogin:
    """What a helper keeps; whose token it is a helper does not tell."""
    return StoredLogin(token=secret) if username == HELPER_USERNAME else StoredLogin(username, secret)


def _user(login: StoredLogin) -> str | None:
    """None for nobody."""
    if login.empty:
        return None
    return told_user(login.username, login.password) or (_TOKEN if login.token else "")
