# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What logins a file holds or names, and what keeps its readers from using one. Never a secret."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.identity_token import HELPER_USERNAME
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.key_problems import DOCKER, PODMAN
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.problems import examine
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_document import (
    LoginDocument,
    StoredLogin,
    told_user,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.problems import Examined
    from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_file import LoginFile
    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_format import LoginFormat

_TOKEN = (
    "it is an identity token, which docker exchanges for access; the kubelet cannot, so that it is of no use as a pull secret."
)
_NO_LOGIN = StoredLogin()


def survey(file: LoginFile, kind: LoginFormat, helpers: CredentialHelpers) -> dict[str, t.Any]:
    """``exists``, ``problem`` and ``logins`` as registry_login_info returns them. Raises InputError for a file out of reach."""
    text, info = file.read()
    try:
        document = LoginDocument(file.path, text, kind)
    except InputError as error:
        rows = _damaged(text, kind)
        return {"exists": True, "problem": str(error), "logins": rows}
    examined = examine(text.encode("utf-8", "surrogateescape")) if text.strip() else None
    rows = [_in_file(document, kind, examined, key) for key in document.entries if examined and not document.helper(key)]
    rows += _Kept(document, kind, helpers).rows()
    return {"exists": info is not None, "problem": None, "logins": sorted(rows, key=lambda row: row["registry"])}


def _reader(kind: LoginFormat) -> str:
    return PODMAN if kind.scoped else DOCKER


def _damaged(text: str, kind: LoginFormat) -> list[dict[str, t.Any]]:
    """The entries of a document that is refused, as far as they can be told apart."""
    examined = examine(text.encode("utf-8", "surrogateescape"))
    reader = _reader(kind)
    return [
        _row(key, told_user(one.username, one.password), examined.readable(reader) and examined.usable(key, reader), None, "file")
        for key, one in examined.entries.items()
    ]


def _in_file(document: LoginDocument, kind: LoginFormat, examined: Examined, key: str) -> dict[str, t.Any]:
    entry, reader = document.entries[key], _reader(kind)
    if entry.token:
        return _row(key, told_user(entry.username), True, _TOKEN, "file")
    problems = [one.text for one in examined.of_entry(key) if reader in one.readers]
    usable = examined.readable(reader) and examined.usable(key, reader)
    return _row(key, told_user(entry.username, entry.password), usable, " ".join(problems) or None, "file")


@dataclass
class _Kept:
    """The logins that helpers keep: of the registries that the file names, and whatever else its credsStore has."""

    document: LoginDocument
    kind: LoginFormat
    helpers: CredentialHelpers

    def rows(self) -> list[dict[str, t.Any]]:
        document = self.document
        named = [key for key in dict.fromkeys([*document.entries, *document.helpers]) if document.helper(key)]
        rows = [self._row(key, document.helper(key)) for key in named]
        if document.store and self.kind.global_store:
            own = self.kind.left_over(self.kind.hub)
            listed = self._list(document.store)
            rows += [
                _row(server, told_user(username), True, None, document.store)
                for server, username in listed.items()
                if server not in named and server not in own and document.helper(server) == document.store
            ]
        return rows

    def _row(self, key: str, helper: str) -> dict[str, t.Any]:
        try:
            found = self.helpers.find(helper, key)
        except InputError as error:
            return _row(key, None, False, str(error), helper)
        if found is None:
            return _row(key, None, False, f"docker-credential-{shown(helper)} keeps no login for it.", helper)
        if found[0] == HELPER_USERNAME:
            return _row(key, None, True, _TOKEN, helper)
        hidden = None
        if not self.document.entries.get(key, _NO_LOGIN).empty:
            hidden = "the file holds another login beside it, which nobody reads. Log in again, and it goes."
        return _row(key, told_user(*found), True, hidden, helper)

    def _list(self, helper: str) -> dict[str, str]:
        try:
            return self.helpers.usernames(helper)
        except InputError:
            # that of the registries which are named has been told
            return {}


def _row(key: str, username: str | None, usable: bool, problem: str | None, store: str) -> dict[str, t.Any]:
    return {"registry": shown_key(key), "username": username, "usable": usable, "problem": problem, "store": shown(store)}
