# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The document of a pull secret as the kubelet reads it (kubernetes pkg/credentialprovider/config.go and secrets).

One value of a wrong type, or one `auth` that cannot be decoded, makes the kubelet give up on all of the Pod's Secrets.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from dataclasses import dataclass, field

from .json_text import JsonError, Node, go_text, parse
from .registry_key import shown_key

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


_PADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_UNPADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?")


def decode_auth(auth: str) -> tuple[str, str]:
    """``(username, password)``, bytes that are no UTF-8 as lone surrogates. Raises ValueError with no part of ``auth`` in it.

    Line breaks inside are ignored, all other white space and the URL-safe alphabet are errors, as in Go.
    """
    try:
        encoded = auth.encode("ascii").replace(b"\r", b"").replace(b"\n", b"")
    except UnicodeEncodeError:
        raise ValueError("'auth' is not base64") from None
    pattern = _PADDED if auth.strip().endswith("=") else _UNPADDED
    if not pattern.fullmatch(encoded):
        raise ValueError("'auth' is not base64")
    try:
        decoded = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("'auth' is not base64") from None
    username, colon, password = decoded.partition(b":")
    if not colon:
        raise ValueError("'auth' holds no colon between user name and password")
    return username.decode("utf-8", "surrogateescape"), password.decode("utf-8", "surrogateescape")


# encoding/json matches names of members without regard to case; of other letters only these fold to one of a to z
_FOLD = {0x17F: "s", 0x212A: "k", **{code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}}
_ENTRY_FIELDS = ("username", "password", "email", "auth")


@dataclass(frozen=True)
class Entry:
    """What the kubelet gets from one entry. An empty one counts as found, and makes it pull with no credential."""

    username: str = ""
    password: str = field(default="", repr=False)
    email: str = ""

    @property
    def usable(self) -> bool:
        return bool(self.username and self.password)


class UnreadableDocument(ValueError):
    """The kubelet cannot read the document; the message begins with a verb, and names an entry by its key."""


def kubelet_entries(document: bytes) -> dict[str, Entry]:
    """Key of `auths` -> Entry. Raises UnreadableDocument where the kubelet would give up.

    As with encoding/json, what is wrong with an entry is told before a wrong type of `auths` or `HttpHeaders` themselves.
    """
    entries: dict[str, Entry] = {}
    wrong: list[UnreadableDocument] = []
    for name, value in fields(_root(document), ("auths", "httpheaders")):
        try:
            if name == "httpheaders":
                _check_headers(value)
            elif value.kind == "null":
                entries.clear()
            else:
                _require(value, "object", "has an 'auths' that is no object")
        except UnreadableDocument as error:
            wrong.append(error)
            continue
        if name == "auths":
            entries.update({key: _entry(key, entry) for key, entry in value.members})
    if wrong:
        raise wrong[0]
    return entries


def legacy_kubelet_entries(document: bytes) -> dict[str, Entry]:
    """The same for a .dockercfg, where every member of the document is an entry."""
    return {key: _entry(key, entry) for key, entry in _root(document).members}


def fields(node: Node, names: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """The members that encoding/json would put into these fields, in order, under the fields' names."""
    for key, value in node.members:
        folded = key.translate(_FOLD)
        if folded in names:
            yield folded, value


def string_fields(node: Node, names: Sequence[str]) -> Mapping[str, str]:
    """Text of each field, empty where it is missing; `null` leaves what came before. Raises UnreadableDocument."""
    found = dict.fromkeys(names, "")
    for name, value in fields(node, names):
        if value.kind != "null":
            _require(value, "string", f"'{name}' is not text")
            found[name] = value.string
    return found


def _root(document: bytes) -> Node:
    """The object that a document is; `null` is an empty one."""
    try:
        root = parse(go_text(document))
    except JsonError as error:
        raise UnreadableDocument(f"is not JSON ({error})") from None
    if root.kind != "null":
        _require(root, "object", "is not a JSON object")
    return root


def _entry(key: str, node: Node) -> Entry:
    if node.kind == "null":
        return Entry()
    if node.kind != "object":
        raise UnreadableDocument(f"has an entry '{shown_key(key)}' that is not an object")
    try:
        found = string_fields(node, _ENTRY_FIELDS)
        username, password = found["username"], found["password"]
        if found["auth"]:
            username, password = decode_auth(found["auth"])
    except ValueError as error:
        raise UnreadableDocument(f"has an entry '{shown_key(key)}' whose {error}") from None
    return Entry(username, password, found["email"])


def _check_headers(node: Node) -> None:
    if node.kind == "null":
        return
    _require(node, "object", "has 'HttpHeaders' that are no object")
    for _name, value in node.members:
        if value.kind != "null":
            _require(value, "string", "has an 'HttpHeaders' member that is not text")


def _require(node: Node, kind: str, problem: str) -> None:
    if node.kind != kind:
        raise UnreadableDocument(problem)
