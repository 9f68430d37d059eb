# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Logins that this collection stored before and that the task no longer names.

docker and podman drop members of the file that they do not know, so that a mark cannot stand in the file itself.

Removed is only what the list and the file agree on. See login_memo for the list.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import asdict, dataclass, field, fields, replace

from .._credentials.registry_key import shown_key
from .._credentials.shown import HIDDEN, shown_username
from .._errors import InputError
from .._text import shown
from .atomic_file import Attributes

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._credentials.credential import Login, StoredLogin
    from .login_document import LoginDocument
    from .login_file import LoginFile
    from .login_format import LoginFormat
    from .login_store import Keeper, Row


SUFFIX = ".pullpass-logins"
_ABOUT = (
    "Logins that pullpass.registry.registry_login stored in the file of this name without the ending, and that "
    "purge_registries may remove. No passwords. Delete this file to keep the logins."
)
_VERSION = 1
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    """``registry``: the key as we wrote it. ``store``: file, or the suffix of a helper. ``owner``: purge_owner of the task."""

    registry: str
    username: str
    store: str
    identity_token: bool
    owner: str

    def same_login(self, other: Record) -> bool:
        return replace(self, owner="") == replace(other, owner="")


def read_memo(path: str, text: str) -> list[Record]:
    """Raises InputError for what is not such a list."""
    if not text:
        return []
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError
        records = [Record(**{one.name: row[one.name] for one in fields(Record)}) for row in content["logins"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        records = None
    if records is None or not all(_is_sound(one) for one in records):
        raise InputError(
            f"{shown(path)}, the list of the logins that purge_registries may remove, is damaged. Nothing was changed. Delete "
            "it; the logins that were stored until now then stay until a task with state absent names them."
        )
    return records


def memo_text(records: Iterable[Record]) -> str:
    rows = sorted({*records}, key=lambda one: (one.registry, one.owner, one.username))
    return json.dumps({"about": _ABOUT, "version": _VERSION, "logins": [asdict(one) for one in rows]}, indent=2) + "\n"


def can_be_recorded(username: str, password: str) -> bool:
    """Whether the user name is not a secret itself. A UUID beside a password is the name of an account, as Azure has them."""
    if shown_username(username, password) != HIDDEN:
        return True
    return bool(_UUID.fullmatch(username)) and username != password and shown_username("user", password) != HIDDEN


def after_store(records: Sequence[Record], new: Record, ours: bool, changed: bool) -> list[Record]:
    """The list after a task wanted the login ``new``. ``ours``: whether a later purge may remove it.

    A login that the task found there is recorded for it only if it was recorded before: others are not ours. Records of
    what was replaced are dropped, and those of another owner who wants the same login stay.
    """
    others = [one for one in records if one.registry != new.registry]
    there = [one for one in records if one.registry == new.registry]
    if not changed:
        agreed = any(one.same_login(new) for one in there)
        return [*others, *there, *([new] if ours and agreed and new not in there else [])]
    if not ours:
        return others
    kept = [
        replace(one, store=new.store)
        for one in there
        if (one.username, one.identity_token) == (new.username, new.identity_token) and one.owner != new.owner
    ]
    return [*others, *kept, new]


def after_removal(records: Sequence[Record], registry: str, username: str | None) -> list[Record]:
    """The list after the logins of a registry, or of one of its users, were removed."""
    return [one for one in records if one.registry != registry or username not in (None, one.username)]


def _is_sound(record: Record) -> bool:
    texts = (record.registry, record.username, record.store, record.owner)
    return all(isinstance(one, str) for one in texts) and isinstance(record.identity_token, bool)


@dataclass
class Purge:
    """``enabled``: purge_registries. Without it a list that exists is only kept true, and none is made.

    ``warnings``: what could not be removed, and why. An instance serves one edit of the file.
    """

    file: LoginFile
    enabled: bool
    owner: str
    warnings: list[str] = field(default_factory=list)
    _records: list[Record] = field(default_factory=list)
    _before: str = ""
    _memo: LoginFile = field(init=False)

    def load(self) -> None:
        """Raises InputError where the list is needed and cannot be read."""
        self.warnings.clear()
        self._records, self._before = [], ""
        self._memo = self.file.beside(SUFFIX)
        try:
            text = self._memo.read()[0]
            self._records, self._before = read_memo(self._memo.path, text), text
        except InputError:
            if self.enabled:
                raise

    def has_list(self) -> bool:
        try:
            return self.file.beside(SUFFIX).read()[1] is not None
        except InputError:
            return False

    def stored(self, key: str, login: Login, store: str, changed: bool) -> None:
        """The task wanted this login, and it had to be ``changed`` or not."""
        ours = self.enabled
        if ours and not can_be_recorded(login.username, login.password):
            ours = False
            if changed:
                self.warnings.append(
                    f"{key}: the user name looks like a token and is not written down, so that purge_registries will not remove "
                    "this login. Remove it with state absent when it is no longer wanted."
                )
        new = Record(key, login.username, store, bool(login.token), self.owner)
        self._records = after_store(self._records, new, ours, changed)

    def removed(self, key: str, username: str | None) -> None:
        self._records = after_removal(self._records, key, username)

    def carry_out(self, keeper: Keeper, document: LoginDocument, wanted: Iterable[str]) -> tuple[LoginDocument, list[Row]]:
        """The document without the logins of our owner that are not ``wanted``."""
        rows: list[Row] = []
        for record in self._outdated(keeper.kind, wanted):
            if not any(one.registry == record.registry and one.owner != self.owner for one in self._records):
                try:
                    document, row = self._remove(keeper, document, record)
                except InputError as error:
                    self.warnings.append(f"{shown_key(record.registry)} stays, because it cannot be removed: {error}")
                    continue
                rows += [row] if row else []
            self._records.remove(record)
        return document, rows

    def put_off(self, kind: LoginFormat, wanted: Iterable[str]) -> None:
        """Remove nothing, since a login that is wanted is not verified: its registry's name can be a typing error."""
        for record in self._outdated(kind, wanted):
            self.warnings.append(f"{shown_key(record.registry)} stays until the logins that this task names are verified.")

    def _outdated(self, kind: LoginFormat, wanted: Iterable[str]) -> list[Record]:
        """What the list has of our owner, and the task does not name."""
        kept = list(wanted)
        own = [one for one in self._records if one.owner == self.owner] if self.enabled else []
        return [one for one in own if not any(kind.same(one.registry, key) for key in kept)]

    @property
    def changed(self) -> bool:
        return self._text != self._before

    def save(self) -> None:
        """After the file: a login that is there and not in the list stays, while the reverse could cost somebody else's."""
        if self.changed:
            self._memo.change(lambda _text: self._text, Attributes(mode=0o600), backup=False)

    @property
    def _text(self) -> str:
        return memo_text(self._records) if self._records or self._before else ""

    def _remove(self, keeper: Keeper, document: LoginDocument, record: Record) -> tuple[LoginDocument, Row | None]:
        found = keeper.find_recorded(document, record.registry, record.store)
        if _agrees(found, record):
            return keeper.drop(document, record.registry, record.store)
        if not found.empty:
            self.warnings.append(
                f"{shown_key(record.registry)} stays: since this task stored its login (user {shown(record.username)}) somebody "
                "else logged in. Remove it with state absent if it is not wanted."
            )
        return document, None


def _agrees(found: StoredLogin, record: Record) -> bool:
    if bool(found.token) != record.identity_token or found.empty:
        return False
    # a helper does not record who owns an identity token
    return found.username == record.username or (not found.username and record.identity_token and record.store != "file")
