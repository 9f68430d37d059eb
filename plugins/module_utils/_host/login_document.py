# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file of logins, read strictly and edited without touching anything else in it. Pure.

What a reader would fail on, or what two readers take for different things, is refused: a login must never cost another one.
"""

from __future__ import annotations

import typing as t

from .._credentials.credential import Login, StoredLogin
from .._credentials.json_edit import remove_member, set_member
from .._credentials.json_text import JsonError, Node, parse
from .._credentials.kubelet_document import decode_auth, fields
from .._credentials.registry_key import shown_key
from .._credentials.shown import shown_username
from .._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .login_format import LoginFormat


_SECRETS = ("auth", "username", "password", "identitytoken", "registrytoken")
_TEXTS = (*_SECRETS, "email")
# of UTF-8, and of UTF-16 as its bytes look when they are taken for UTF-8
_BYTE_ORDER_MARKS = ("\ufeff", "\udcff\udcfe", "\udcfe\udcff")
_LEFT = "It was left as it is: mend it by hand, or move it away."
_NOTHING = Node("null", 0, 0)


class LoginDocument:
    """``entries`` by their keys as they stand there, ``helpers`` by theirs; ``store`` is the credsStore, or empty.

    ``faults``: what was found wrong, always empty when ``strict``.
    """

    def __init__(self, where: str, text: str, kind: LoginFormat, strict: bool = True) -> None:
        """Raises InputError that says where the fault is, and that begins with ``where``, if ``strict``.

        Otherwise a value that cannot be used counts as missing. Such a document can only be looked at.
        """
        self._where = where
        self._kind = kind
        self._strict = strict
        self.text = text
        self.faults: list[str] = []
        self.entries: dict[str, StoredLogin] = {}
        self.helpers: dict[str, str] = {}
        self.store = ""
        if text.strip():
            self._read(self._parse())

    @property
    def _object(self) -> str:
        return self.text if self.text.strip() else "{}"

    def edited(self, text: str) -> LoginDocument:
        return self if text == self.text else LoginDocument(self._where, text, self._kind)

    def helper(self, server: str) -> str:
        """Suffix of the program that the readers ask for the login, empty where they look into the file."""
        return self.helpers.get(self._kind.server(server), self.store if self._kind.global_store else "")

    def keys_for(self, key: str) -> list[str]:
        """The entries that mean the registry of ``key``."""
        return [one for one in self.entries if self._kind.same(one, key)]

    def with_login(self, key: str, login: Login) -> LoginDocument:
        """The login under ``key``. What else is in its entry stays; other entries for the registry that differ go."""
        there = self.keys_for(key)
        found = [one for one in there if self._kind.finds(one, key)]
        wrong = [one for one in there if not self._says(one, login)]
        if key in there:
            return self.without([one for one in wrong if one != key])._with_entry(key, login.entry, key in wrong)
        # of several that docker would take for want of the right one, it takes any
        rivals = [one for one in self.entries if one not in there and self._kind.finds(one, key)]
        if found and not wrong and not rivals:
            return self
        return self.without(there)._with_entry(key, login.entry, True)

    def with_mark(self, key: str) -> LoginDocument:
        """No login under any key for the registry, but, where the format has it so, an empty entry."""
        others = [one for one in self.keys_for(key) if one != key or not self._kind.marks]
        if not self._kind.marks:
            return self.without(others)
        missing = key not in self.entries
        return self.without(others)._with_entry(key, {}, missing or not self.entries[key].empty)

    def with_helper(self, key: str, suffix: str) -> LoginDocument:
        if self.helpers.get(key) == suffix:
            return self
        return self.edited(set_member(self._object, ("credHelpers", key), suffix))

    def without_helper(self, key: str) -> LoginDocument:
        """The login of ``key`` is looked for in the file: an empty suffix says so to docker where there is a credsStore."""
        if not self.helper(key):
            return self
        if self.store and self._kind.global_store:
            return self.with_helper(key, "")
        return self.unregistered(key)

    def unregistered(self, key: str) -> LoginDocument:
        edited = remove_member(self.text, ("credHelpers", key))
        if not LoginDocument(self._where, edited, self._kind).helpers:
            edited = remove_member(edited, ("credHelpers",))
        return self.edited(edited)

    def without(self, keys: t.Iterable[str]) -> LoginDocument:
        text = self.text
        for key in keys if self.entries else ():
            text = remove_member(text, ("auths", key))
        return self.edited(text)

    def _with_entry(self, key: str, members: Mapping[str, str], wanted: bool) -> LoginDocument:
        if not wanted:
            return self
        if key not in self.entries:
            return self.edited(set_member(self._object, ("auths", key), members))
        text = self.text
        node = dict(_only(parse(text), "auths").members)[key]
        if node.kind == "null":
            return self.edited(set_member(text, ("auths", key), members))
        for name, _value in node.members:
            # in other letters, too, and null among them
            if name.lower() in _SECRETS and name not in members:
                text = remove_member(text, ("auths", key, name))
        for name, value in members.items():
            text = set_member(text, ("auths", key, name), value)
        return self.edited(text)

    def _says(self, key: str, login: Login) -> bool:
        entry = self.entries[key]
        if not entry.in_auth if self._kind.scoped else entry.registry_token:
            return False
        if login.token:
            return (entry.username, entry.token) == (login.username, login.token)
        return not entry.token and (entry.username, entry.password) == (login.username, login.password)

    def _parse(self) -> Node:
        if self.text.startswith(_BYTE_ORDER_MARKS):
            self._fault(f"{self._where} begins with a byte order mark, which JSON does not allow. {_LEFT}")
            return _NOTHING
        try:
            root = parse(self.text)
        except JsonError as error:
            self._fault(f"{self._where} is not JSON: {error}. {_LEFT}")
            return _NOTHING
        if root.kind != "object":
            self._fault(f"{self._where} is {_a(root.kind)} where an object belongs. {_LEFT}")
        return root

    def _read(self, root: Node) -> None:
        for name in ("auths", "credHelpers", "credsStore", "HttpHeaders"):
            self._check_once(root, name, "")
        store = _only(root, "credsStore")
        if store.kind not in ("string", "null"):
            self._wrong(store, "credsStore", f"is {_a(store.kind)} where text belongs")
        self.store = store.string
        self.helpers = {key: node.string for key, node in self._texts(root, "credHelpers").items()}
        self._texts(root, "HttpHeaders")
        self.entries = {key: self._entry(key, node) for key, node in self._members(root, "auths").items()}

    def _texts(self, root: Node, name: str) -> dict[str, Node]:
        members = self._members(root, name)
        for key, node in members.items():
            if node.kind != "string":
                self._wrong(node, f"{name}, '{shown_key(key)}'", f"is {_a(node.kind)} where text belongs")
        return members

    def _members(self, root: Node, name: str) -> dict[str, Node]:
        node = _only(root, name)
        if node.kind not in ("object", "null"):
            self._wrong(node, name, f"is {_a(node.kind)} where an object belongs")
        found: dict[str, Node] = {}
        for key, value in node.members:
            if key in found:
                self._wrong(value, f"{name}, '{shown_key(key)}'", "comes a second time, and readers do not agree which counts")
            found[key] = value
        return found

    def _entry(self, key: str, node: Node) -> StoredLogin:
        place = f"auths, '{shown_key(key)}'"
        if node.kind not in ("object", "null"):
            self._wrong(node, place, f'is {_a(node.kind)} where an object belongs, such as {{"auth": "..."}}')
        texts = dict.fromkeys(_TEXTS, "")
        for name in _TEXTS:
            self._check_once(node, name, f"{place}, ")
            value = _only(node, name)
            if value.kind not in ("string", "null"):
                self._wrong(value, f"{place}, {name}", f"is {_a(value.kind)} where text belongs")
            texts[name] = value.string
        username, password = texts["username"], texts["password"]
        decoded = self._decoded(_only(node, "auth"), place) if texts["auth"] else None
        if texts["auth"]:
            username, password = decoded or ("", "")
        # docker and containerd cut NULs that some tools leave at the end
        return StoredLogin(
            username, password.rstrip("\0"), texts["identitytoken"], decoded is not None, bool(texts["registrytoken"])
        )

    def _decoded(self, node: Node, place: str) -> tuple[str, str] | None:
        if len(node.string.replace("\r", "").replace("\n", "")) % 4:
            self._wrong(node, f"{place}, auth", "is not base64, or lacks the '=' at its end")
            return None
        try:
            username, password = decode_auth(node.string)
        except ValueError as error:
            self._wrong(node, place, f"cannot be used: {error}")
            return None
        if not username and not self._kind.scoped:
            self._wrong(node, f"{place}, auth", "has an empty user name, for which docker refuses the whole file")
        return username, password

    def _check_once(self, node: Node, name: str, place: str) -> None:
        found = [value for _field, value in fields(node, (name.lower(),))]
        if len(found) > 1:
            self._wrong(found[1], f"{place}{name}", "comes a second time, and readers do not agree which counts")

    def _wrong(self, node: Node, place: str, what: str) -> None:
        line = self.text.count("\n", 0, node.start) + 1
        column = node.start - self.text.rfind("\n", 0, node.start)
        self._fault(f"{self._where}, line {line}, column {column}: {place} {what}. {_LEFT}")

    def _fault(self, told: str) -> None:
        if self._strict:
            raise InputError(told) from None
        self.faults.append(told)


def told_user(username: str, password: str = "") -> str | None:
    """A user name as it may be told, None for an empty one. ``password`` is empty where it is not known."""
    # without one, shown_username would take the name for a token
    return shown_username(username, password or "?") if username else None


def _only(node: Node, name: str) -> Node:
    return next((value for _field, value in fields(node, (name.lower(),))), _NOTHING)


def _a(kind: str) -> str:
    return {"true": "true", "false": "false", "null": "null", "array": "an array", "object": "an object"}.get(kind, f"a {kind}")
