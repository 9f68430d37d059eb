# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The list, beside a file of logins, of those that registry_login stored there. Pure.

docker and podman drop members of the file that they do not know, so that a mark cannot stand in the file itself.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import asdict, dataclass, fields, replace

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import HIDDEN, shown_username
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
