# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file of logins, read strictly and edited without a change to anything else in it. Pure.

A file that its readers reject, or read in different ways, is an error: no login may be lost through an edit.
"""

from __future__ import annotations

import typing as t

from .._credentials.credential import Login, StoredLogin, shown_username
from .._credentials.dockerconfigjson import decode_auth
from .._credentials.json_edit import Within, edited
from .._credentials.json_text import JsonError, Node, fields, parse
from .._credentials.registry_key import shown_key
from .._errors import HostError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._credentials.json_edit import Edit
    from .login_format import LoginFormat


_SECRETS = ("auth", "username", "password", "identitytoken", "registrytoken")
_TEXTS = (*_SECRETS, "email")
# of UTF-8, and of UTF-16 as its bytes look when they are read as UTF-8
_BYTE_ORDER_MARKS = ("\ufeff", "\udcff\udcfe", "\udcfe\udcff")
_REMEDY = "Fix the file by hand, or move it away."
_REPEATED = "is there a second time, and programs differ in which one they use"
_KINDS = {
    **{kind: kind for kind in ("true", "false", "null")},
    **{"array": "an array", "object": "an object", "string": "a string", "number": "a number"},
}
_MISSING = Node("null", 0, 0)


class LoginDocument:
    """``entries`` and ``helpers`` by their keys in the file; ``store`` is the credsStore, or empty.

    ``faults``: sentences about the file; always empty if ``strict``.
    """

    def __init__(self, where: str, text: str, kind: LoginFormat, strict: bool = True) -> None:
        """If ``strict``, raises HostError for a fault; its message begins with ``where``.

        Otherwise an unusable value counts as missing, and the document must not be edited.
        """
        self._where = where
        self._kind = kind
        self._strict = strict
        self.text = text
        self.faults: list[str] = []
        self._root = self._parse() if text.strip() else Node("null", 0, len(text))
        for name in ("auths", "credHelpers", "credsStore", "HttpHeaders"):
            self._check_repeats(self._root, name, "")
        self.store = self._text(self._root, "credsStore", "")
        self.helpers = self._texts("credHelpers")
        self._texts("HttpHeaders")
        self._nodes = self._members("auths")
        self.entries = {key: self._entry(key, node) for key, node in self._nodes.items()}

    def helper(self, server: str) -> str:
        """Suffix of the program that the readers ask for the login; empty if they read it in the file."""
        return self.helpers.get(self._kind.server(server), self.store if self._kind.global_store else "")

    def keys_for(self, key: str) -> list[str]:
        """The keys of entries for the registry of ``key``."""
        return [one for one in self.entries if self._kind.same(one, key)]

    def with_login(self, key: str, login: Login) -> LoginDocument:
        """The login under ``key``; the rest of its entry stays. Other entries for the registry with another login are removed."""
        same = self.keys_for(key)
        wrong = [one for one in same if not self._holds(one, login)]
        if key in same:
            return self._with_entries(wrong, {key: login.entry} if key in wrong else {})
        # docker reads any of several entries if none has exactly this key
        rivals = [one for one in self.entries if one not in same and self._kind.finds(one, key)]
        if any(self._kind.finds(one, key) for one in same) and not wrong and not rivals:
            return self
        return self._with_entries(same, {key: login.entry})

    def with_mark(self, key: str) -> LoginDocument:
        """Without a login for the registry, and with an empty entry if the format has one for a login in a helper."""
        if not self._kind.marks:
            return self.without(self.keys_for(key))
        others = [one for one in self.keys_for(key) if one != key]
        return self._with_entries(others, {} if key in self.entries and self.entries[key].empty else {key: {}})

    def with_helper(self, key: str, suffix: str) -> LoginDocument:
        return self if self.helpers.get(key) == suffix else self._edited({"credHelpers": Within({key: suffix})})

    def without_helper(self, key: str) -> LoginDocument:
        """The readers look for the login of ``key`` in the file. Beside a credsStore, docker needs an empty suffix for this."""
        if not self.helper(key):
            return self
        if self.store and self._kind.global_store:
            return self.with_helper(key, "")
        return self.unregistered(key)

    def unregistered(self, key: str) -> LoginDocument:
        """``key`` is not in credHelpers."""
        return self._edited({"credHelpers": Within({key: None}) if self.helpers.keys() - {key} else None})

    def without(self, keys: t.Iterable[str]) -> LoginDocument:
        return self._with_entries(keys, {})

    def _with_entries(self, removed: t.Iterable[str], changed: Mapping[str, Mapping[str, str]]) -> LoginDocument:
        edits: dict[str, Edit] = {key: None for key in removed}
        for key, members in changed.items():
            # names in other letters count, and null too
            old = [name for name, _value in self._nodes.get(key, _MISSING).members if name.lower() in _SECRETS]
            is_new = self._nodes.get(key, _MISSING).kind == "null"
            edits[key] = members if is_new else Within({**dict.fromkeys(old), **members})
        return self._edited({"auths": Within(edits)})

    def _edited(self, edits: Mapping[str, Edit]) -> LoginDocument:
        text = edited(self.text, self._root, edits)
        return self if text == self.text else LoginDocument(self._where, text, self._kind)

    def _holds(self, key: str, login: Login) -> bool:
        """Whether the readers get exactly this login from the entry."""
        entry = self.entries[key]
        if not entry.in_auth if self._kind.scoped else entry.registry_token:
            return False
        if login.token:
            return (entry.username, entry.token) == (login.username, login.token)
        return not entry.token and (entry.username, entry.password) == (login.username, login.password)

    def _parse(self) -> Node:
        if self.text.startswith(_BYTE_ORDER_MARKS):
            return self._fault("begins with a byte order mark, which is not valid JSON")
        try:
            root = parse(self.text)
        except JsonError as error:
            return self._fault(f"is not JSON: {error}")
        return root if root.kind == "object" else self._fault(f"is {_KINDS[root.kind]}, not a JSON object")

    def _texts(self, name: str) -> dict[str, str]:
        found = {}
        for key, node in self._members(name).items():
            if node.kind != "string":
                self._wrong(node, f"{name}, '{shown_key(key)}'", f"is {_KINDS[node.kind]}, not text")
            found[key] = node.string
        return found

    def _members(self, name: str) -> dict[str, Node]:
        node = _only(self._root, name)
        if node.kind not in ("object", "null"):
            self._wrong(node, name, f"is {_KINDS[node.kind]}, not an object")
        found: dict[str, Node] = {}
        for key, value in node.members:
            if key in found:
                self._wrong(value, f"{name}, '{shown_key(key)}'", _REPEATED)
            found[key] = value
        return found

    def _entry(self, key: str, node: Node) -> StoredLogin:
        place = f"auths, '{shown_key(key)}'"
        if node.kind not in ("object", "null"):
            self._wrong(node, place, f'is {_KINDS[node.kind]}, not an object such as {{"auth": "..."}}')
        for name in _TEXTS:
            self._check_repeats(node, name, f"{place}, ")
        texts = {name: self._text(node, name, f"{place}, ") for name in _TEXTS}
        username, password = texts["username"], texts["password"]
        decoded = self._decoded(_only(node, "auth"), place) if texts["auth"] else None
        if texts["auth"]:
            username, password = decoded or ("", "")
        # docker and containerd cut NULs that some tools leave at the end
        return StoredLogin(
            username, password.rstrip("\0"), texts["identitytoken"], decoded is not None, bool(texts["registrytoken"])
        )

    def _text(self, node: Node, name: str, place: str) -> str:
        value = _only(node, name)
        if value.kind not in ("string", "null"):
            self._wrong(value, place + name, f"is {_KINDS[value.kind]}, not text")
        return value.string

    def _decoded(self, node: Node, place: str) -> tuple[str, str] | None:
        if len(node.string.replace("\r", "").replace("\n", "")) % 4:
            self._wrong(node, f"{place}, auth", "is not base64, or the '=' at its end is missing")
            return None
        try:
            username, password = decode_auth(node.string)
        except ValueError as error:
            self._wrong(node, place, f"cannot be used: {error}")
            return None
        if not username and not self._kind.scoped:
            self._wrong(node, f"{place}, auth", "has an empty user name, for which docker rejects the whole file")
        return username, password

    def _check_repeats(self, node: Node, name: str, place: str) -> None:
        found = [value for _field, value in fields(node, (name.lower(),))]
        if len(found) > 1:
            self._wrong(found[1], place + name, _REPEATED)

    def _wrong(self, node: Node, place: str, problem: str) -> None:
        line = self.text.count("\n", 0, node.start) + 1
        column = node.start - self.text.rfind("\n", 0, node.start)
        self._fault(f"line {line}, column {column}: {place} {problem}", ", ")

    def _fault(self, problem: str, after_path: str = " ") -> Node:
        """Raises HostError if strict."""
        message = f"{self._where}{after_path}{problem}. {_REMEDY}"
        if self._strict:
            raise HostError(message) from None
        self.faults.append(message)
        return _MISSING


def shown_user(username: str, password: str = "") -> str | None:
    """A user name for a result; null for an empty one. ``password`` is empty if it is not known."""
    # without a password, shown_username would take the name for a token
    return shown_username(username, password or "?") if username else None


def _only(node: Node, name: str) -> Node:
    return next((value for _field, value in fields(node, (name.lower(),))), _MISSING)
