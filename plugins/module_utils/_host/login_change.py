# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Changes a login file: stores and removes logins as a task requests, and purges logins of earlier tasks.

A list beside the file records the stored logins: docker and podman drop unknown members, so the file cannot hold a mark. A login
is purged only if the list and the file agree on it.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import asdict, dataclass, field, fields, replace

from .._credentials.credential import shown_username
from .._credentials.registry_key import shown_key
from .._errors import HostError
from .._text import HIDDEN, shown
from .atomic_file import Attributes
from .login_document import LoginDocument
from .login_store import FILE, REFUSED, REMOVED, STORED, LoginResult, LoginStore, RepeatableHelpers

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._credentials.credential import Login, StoredLogin
    from .login_file import LoginFile
    from .login_format import LoginFormat
    from .login_store import LoginRequest


SUFFIX = ".pullpass-logins"
_ABOUT = (
    "Logins that pullpass.registry.registry_login stored in the file of this name without the ending, and that "
    "purge_registries may remove. No passwords. Delete this file to keep the logins."
)
_VERSION = 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedLogin:
    """``registry``: the key as it was written. ``store``: file, or the suffix of a helper. ``owner``: purge_owner of the task."""

    registry: str
    username: str
    store: str
    identity_token: bool
    owner: str

    def agrees_with(self, stored: StoredLogin) -> bool:
        if bool(stored.token) != self.identity_token or stored.empty:
            return False
        # a helper does not record who owns an identity token
        return stored.username == self.username or (not stored.username and self.identity_token and self.store != FILE)

    @property
    def valid(self) -> bool:
        texts = (self.registry, self.username, self.store, self.owner)
        return all(isinstance(one, str) for one in texts) and isinstance(self.identity_token, bool)


def read_records(path: str, text: str) -> list[RecordedLogin]:
    """The list in a file. Raises HostError if it is damaged."""
    if not text:
        return []
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError
        records = [RecordedLogin(**{one.name: row[one.name] for one in fields(RecordedLogin)}) for row in content["logins"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        records = None
    if records is None or not all(one.valid for one in records):
        raise HostError(
            f"{shown(path)}, the list of the logins that purge_registries may remove, is damaged. Nothing was changed. Delete "
            "the list. Logins that were stored earlier then stay until a task with state absent names them."
        )
    return records


def text_of_records(records: Iterable[RecordedLogin]) -> str:
    rows = sorted({*records}, key=lambda one: (one.registry, one.owner, one.username))
    return json.dumps({"about": _ABOUT, "version": _VERSION, "logins": [asdict(one) for one in rows]}, indent=2) + "\n"


def can_be_recorded(username: str, password: str) -> bool:
    """Whether the user name is not a secret itself. A UUID beside a password is the name of an account, as in Azure."""
    if shown_username(username, password) != HIDDEN:
        return True
    return bool(_UUID.fullmatch(username)) and username != password and shown_username("user", password) != HIDDEN


def after_store(records: Sequence[RecordedLogin], new: RecordedLogin, ours: bool, changed: bool) -> list[RecordedLogin]:
    """The list after a task requested the login ``new``. ``ours``: whether a later purge may remove it.

    An unchanged login is recorded for the task only if it was recorded before; otherwise somebody else stored it. Records of a
    replaced login are dropped, and those of another owner with the same login stay.
    """
    others = [one for one in records if one.registry != new.registry]
    same = [one for one in records if one.registry == new.registry]
    if not changed:
        is_recorded = any(replace(one, owner=new.owner) == new for one in same)
        return [*others, *same, *([new] if ours and is_recorded and new not in same else [])]
    if not ours:
        return others
    kept = [
        replace(one, store=new.store)
        for one in same
        if (one.username, one.identity_token) == (new.username, new.identity_token) and one.owner != new.owner
    ]
    return [*others, *kept, new]


def after_removal(records: Sequence[RecordedLogin], registry: str, username: str | None) -> list[RecordedLogin]:
    """The list after the logins of a registry, or of one of its users, were removed."""
    return [one for one in records if one.registry != registry or username not in (None, one.username)]


@dataclass
class PurgeList:
    """The list of stored logins, for one edit of the file.

    ``enabled``: purge_registries. Without it an existing list is updated, and a missing one is not made. ``warnings``: what was
    not removed, and why.
    """

    file: LoginFile
    enabled: bool
    owner: str
    warnings: list[str] = field(default_factory=list)
    _records: list[RecordedLogin] = field(default_factory=list)
    _before: str = ""
    _list_file: LoginFile = field(init=False)

    def load(self) -> None:
        """Raises HostError if the list is needed and cannot be read."""
        self.warnings.clear()
        self._records, self._before = [], ""
        self._list_file = self.file.beside(SUFFIX)
        try:
            text = self._list_file.read()[0]
            self._records, self._before = read_records(self._list_file.path, text), text
        except HostError:
            if self.enabled:
                raise

    def exists(self) -> bool:
        try:
            return self.file.beside(SUFFIX).read()[1] is not None
        except HostError:
            return False

    def record(self, key: str, login: Login, place: str, changed: bool) -> None:
        """Update the list for a requested login. ``changed``: whether it was stored now."""
        ours = self.enabled
        if ours and not can_be_recorded(login.username, login.password):
            ours = False
            if changed:
                self.warnings.append(
                    f"{key}: the user name looks like a token and is not recorded, so purge_registries does not remove this "
                    "login. When it is no longer needed, remove it with state absent."
                )
        new = RecordedLogin(key, login.username, place, bool(login.token), self.owner)
        self._records = after_store(self._records, new, ours, changed)

    def forget(self, key: str, username: str | None) -> None:
        self._records = after_removal(self._records, key, username)

    def purge(self, store: LoginStore, document: LoginDocument, wanted: Sequence[str]) -> tuple[LoginDocument, list[LoginResult]]:
        """The document without the logins of our owner that are not ``wanted``."""
        results: list[LoginResult] = []
        for record in self._outdated(store.kind, wanted):
            if not any(one.registry == record.registry and one.owner != self.owner for one in self._records):
                try:
                    document, result = self._without(store, document, record)
                except HostError as error:
                    self.warnings.append(f"{shown_key(record.registry)}: the login cannot be removed: {error}")
                    continue
                results += [result] if result else []
            self._records.remove(record)
        return document, results

    def postpone(self, kind: LoginFormat, wanted: Sequence[str]) -> None:
        """Purge nothing: a wanted login is not verified, so the name of its registry can be a typing error."""
        remedy = "the login is not removed until the logins of this task are verified."
        self.warnings += [f"{shown_key(record.registry)}: {remedy}" for record in self._outdated(kind, wanted)]

    def save(self) -> None:
        """Called after the file is written: an unrecorded login stays, a wrong record could remove somebody else's login."""
        if self.changed:
            self._list_file.change(lambda _text: self._text, Attributes(mode=0o600), backup=False)

    @property
    def changed(self) -> bool:
        return self._text != self._before

    @property
    def _text(self) -> str:
        return text_of_records(self._records) if self._records or self._before else ""

    def _outdated(self, kind: LoginFormat, wanted: Sequence[str]) -> list[RecordedLogin]:
        own = [one for one in self._records if one.owner == self.owner] if self.enabled else []
        return [one for one in own if not any(kind.same(one.registry, key) for key in wanted)]

    def _without(
        self, store: LoginStore, document: LoginDocument, record: RecordedLogin
    ) -> tuple[LoginDocument, LoginResult | None]:
        found = store.find_recorded(document, record.registry, record.store)
        if record.agrees_with(found):
            return store.remove_recorded(document, record.registry, record.store)
        if not found.empty:
            self.warnings.append(
                f"{shown_key(record.registry)}: the login of user {shown(record.username)}, which an earlier task stored, was "
                "replaced by somebody else's login. It is not removed. If it is not needed, remove it with state absent."
            )
        return document, None


@dataclass(frozen=True)
class LoginChange:
    """What was changed. ``results`` are those of the requests, in order, followed by those of the ``purged`` registries.

    ``attributes``: name, old and new value. ``unlocked``: whether another task could have changed the file at the same time.
    """

    changed: bool
    results: Sequence[LoginResult]
    purged: Sequence[str]
    attributes: Sequence[tuple[str, str, str]]
    backup_file: str | None
    unlocked: bool
    warnings: Sequence[str]

    @classmethod
    def from_json(cls, values: Mapping[str, t.Any]) -> LoginChange:
        """From its ``asdict``, as it comes back from the process of another account."""
        return cls(**{**values, "results": [LoginResult(**one) for one in values["results"]]})


def change_logins(
    file: LoginFile,
    store: LoginStore,
    requests: Sequence[LoginRequest],
    attributes: Attributes,
    backup: bool,
    purge_list: PurgeList,
) -> LoginChange:
    """Raises HostError; the file is then as it was."""
    results: list[LoginResult] = []
    helpers, helpers_of_purge = [RepeatableHelpers(store.helpers) for _request in requests], RepeatableHelpers(store.helpers)
    wanted = [request.key for request in requests if request.login]

    def edit(text: str) -> str:
        results.clear()
        document = LoginDocument(file.path, text, store.kind)
        purge_list.load()
        for request, asked in zip(requests, helpers):
            document, result = _changed(replace(store, helpers=asked, refusal=file.refusal), document, request, purge_list)
            results.append(replace(result, verified=request.verified))
        if all(request.may_replace for request in requests):
            store_of_purge = replace(store, helpers=helpers_of_purge, refusal=file.refusal)
            document, purged = purge_list.purge(store_of_purge, document, wanted)
            results.extend(purged)
        else:
            purge_list.postpone(store.kind, wanted)
        return document.text

    if store.dry:
        change = file.preview(edit, attributes)
    else:
        change = file.change(edit, attributes, backup, bool(wanted) or purge_list.exists(), then=purge_list.save)
    return LoginChange(
        changed=change.changed or purge_list.changed or any(one.action in (STORED, REMOVED) for one in results),
        results=results,
        purged=[one.registry for one in results[len(requests) :]],
        attributes=change.attributes,
        backup_file=change.backup_file,
        unlocked=file.unlocked,
        warnings=purge_list.warnings,
    )


def _changed(
    store: LoginStore, document: LoginDocument, request: LoginRequest, purge_list: PurgeList
) -> tuple[LoginDocument, LoginResult]:
    key, login = request.key, request.login
    if login is None:
        purge_list.forget(key, request.username)
        return store.remove(document, key, request.username)
    edited, result = store.store(document, key, login, request.may_replace)
    if result.action != REFUSED:
        purge_list.record(key, login, store.place(edited, key), result.action == STORED)
    return edited, result
