# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Remove the logins that a task stored earlier and does not name any more.

Removed is only what the list and the file agree on. See login_memo for the list.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_attributes import Attributes
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_memo import (
    SUFFIX,
    Record,
    after_removal,
    after_store,
    can_be_recorded,
    memo_text,
    read_memo,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_document import Login, LoginDocument, StoredLogin
    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_file import LoginFile
    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_format import LoginFormat
    from ansible_collections.pullpass.registry.plugins.module_utils._host.logins import Keeper, Row


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
