# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The document of a pull secret: read as the kubelet does, written as kubectl does, edited, and compared.

The kubelet's rules are those of kubernetes pkg/credentialprovider/config.go and secrets. One value of a wrong type, or one `auth`
that cannot be decoded, makes all Secrets of the Pod unusable.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t
from dataclasses import dataclass, field

from .json_edit import COMPACT, Renamed, Within, edited, json_of
from .json_text import JsonError, Node, fields, go_text, parse
from .registry_key import comparison_key, shown_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .credential import Credential
    from .json_edit import Edit


PULL_SECRET_TYPE = "kubernetes.io/dockerconfigjson"
PULL_SECRET_KEY = ".dockerconfigjson"
LEGACY_SECRET_TYPE = "kubernetes.io/dockercfg"
LEGACY_SECRET_KEY = ".dockercfg"
_PADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_UNPADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?")
_ENTRY_FIELDS = ("username", "password", "email", "auth")


@dataclass(frozen=True)
class Entry:
    """The credential that the kubelet finds in one entry. With an empty one it pulls without a credential."""

    username: str = ""
    password: str = field(default="", repr=False)
    email: str = ""

    @property
    def usable(self) -> bool:
        return bool(self.username and self.password)


class UnreadableDocument(ValueError):
    """The kubelet cannot read the document. The message begins with a verb, and names an entry by its key."""


@dataclass(frozen=True)
class StoredDocument:
    """A document of a cluster: entries by their unchanged key, or why the kubelet cannot read it."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class DocumentChange:
    """Registries with a new or different credential, and keys to remove. Both are empty if the kubelet reads the same from both.

    ``kept``: entries that differ and stay, by the requested registry.
    """

    written: tuple[str, ...]
    purged: tuple[str, ...]
    kept: Mapping[str, Entry] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.written or self.purged)


def decode_auth(auth: str) -> tuple[str, str]:
    """``(username, password)``, bytes that are not UTF-8 as lone surrogates. Raises ValueError, without any part of ``auth``.

    Line breaks inside are ignored; other white space and the URL-safe alphabet are errors, as in Go.
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
        raise ValueError("'auth' contains no colon between user name and password")
    return username.decode("utf-8", "surrogateescape"), password.decode("utf-8", "surrogateescape")


def kubelet_entries(document: bytes) -> dict[str, Entry]:
    """Key of `auths` -> Entry. Raises UnreadableDocument for a document that the kubelet cannot read.

    As with encoding/json, an error in an entry is reported before a wrong type of `auths` or `HttpHeaders`.
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
                _require(value, "object", "has an 'auths' that is not an object")
        except UnreadableDocument as error:
            wrong.append(error)
            continue
        if name == "auths":
            entries.update({key: _entry(key, entry) for key, entry in value.members})
    if wrong:
        raise wrong[0]
    return entries


def legacy_kubelet_entries(document: bytes) -> dict[str, Entry]:
    """The same for a .dockercfg, whose members are all entries."""
    return {key: _entry(key, entry) for key, entry in _root(document).members}


def string_fields(node: Node, names: Sequence[str]) -> Mapping[str, str]:
    """Text of each field, empty for a missing one; a `null` changes nothing. Raises UnreadableDocument."""
    found = dict.fromkeys(names, "")
    for name, value in fields(node, names):
        if value.kind != "null":
            _require(value, "string", f"'{name}' is not text")
            found[name] = value.string
    return found


def kubectl_document(credentials: Sequence[Credential]) -> bytes:
    """The bytes that ``kubectl create secret docker-registry`` writes for these credentials."""
    auths = {one.registry: entry_of(one) for one in sorted(credentials, key=lambda one: one.registry.encode())}
    return json_of({"auths": auths}).encode("utf-8")


def entry_of(credential: Credential) -> dict[str, str]:
    """The members of an entry, in the order in which kubectl writes them."""
    return {
        "username": credential.username,
        "password": credential.password,
        **({"email": credential.email} if credential.email else {}),
        "auth": credential.auth,
    }


def read_stored_document(document: bytes) -> StoredDocument:
    """The content of a document in a cluster. Never raises: a problem of the document is a part of the result."""
    try:
        return StoredDocument(kubelet_entries(document))
    except UnreadableDocument as error:
        return StoredDocument(problem=str(error))


def changes(
    stored: StoredDocument,
    credentials: Sequence[Credential],
    keep_others: bool = False,
    good_enough: Callable[[Entry, Credential], bool] | None = None,
) -> DocumentChange:
    """The changes after which the document has these credentials, and no others unless ``keep_others``.

    An entry that differs stays if ``good_enough`` is true for it.

    Order, white space and ``auth`` beside or instead of username and password make no difference. An e-mail address makes a
    difference only if the credential has one, since no registry uses it.
    """
    found: dict[str, list[str]] = {}
    for key in stored.entries:
        found.setdefault(comparison_key(key), []).append(key)
    written, purged = [], []
    staying: dict[str, Entry] = {}
    for credential in credentials:
        keys = found.pop(comparison_key(credential.registry), [])
        kept = credential.registry if credential.registry in keys or not keys else keys[0]
        # with a second key for the same registry the kubelet tries two credentials
        purged += [key for key in keys if key != kept]
        entry = stored.entries.get(kept)
        if entry is not None and _same(entry, credential):
            continue
        if entry is not None and good_enough and good_enough(entry, credential):
            staying[credential.registry] = entry
        else:
            written.append(credential.registry)
    if not keep_others:
        purged += [key for keys in found.values() for key in keys]
    return DocumentChange(tuple(sorted(written)), tuple(sorted(purged)), staying)


def _same(entry: Entry, credential: Credential) -> bool:
    return (entry.username, entry.password) == (credential.username, credential.password) and (
        not credential.email or entry.email == credential.email
    )


def merge_document(document: bytes, credentials: Sequence[Credential]) -> bytes:
    """The document with these credentials. Raises UnreadableDocument.

    A credential replaces the first entry for its registry. Further entries for the registry are removed.
    """
    return _edited(document, {comparison_key(one.registry): one for one in credentials})


def without_registries(document: bytes, registries: Sequence[str]) -> bytes:
    """The document without the entries of these registries (canonical keys). Raises UnreadableDocument."""
    return _edited(document, {comparison_key(registry): None for registry in registries})


def _edited(document: bytes, credentials: Mapping[str, Credential | None]) -> bytes:
    """The document with the credentials by comparison key, null to remove the entries. What else is in it stays as it is."""
    kubelet_entries(document)
    text = document.decode("utf-8", "surrogateescape")
    root = parse(text)
    auths = [node for _name, node in fields(root, ("auths",))]
    if len(auths) > 1:
        raise UnreadableDocument("has several 'auths' members")
    missing = dict(credentials)
    edits: dict[str, Edit] = {}
    for key, _entry_node in auths[0].members if auths else ():
        comparable = comparison_key(key)
        if comparable in credentials and key not in edits:
            credential = missing.pop(comparable, None)
            edits[key] = Renamed(credential.registry, entry_of(credential)) if credential else None
    edits.update({one.registry: entry_of(one) for one in missing.values() if one})
    return edited(text, root, {"auths": Within(edits)}, COMPACT).encode("utf-8", "surrogateescape")


def _root(document: bytes) -> Node:
    """The object in a document; `null` is an empty object."""
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
    _require(node, "object", "has 'HttpHeaders' that are not an object")
    for _name, value in node.members:
        if value.kind != "null":
            _require(value, "string", "has an 'HttpHeaders' member that is not text")


def _require(node: Node, kind: str, problem: str) -> None:
    if node.kind != kind:
        raise UnreadableDocument(problem)
