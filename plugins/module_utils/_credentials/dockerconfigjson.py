# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The document of a pull secret: written as kubectl writes it, edited by registry, and compared by what the kubelet reads."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from .json_text import Node, go_text, parse
from .kubelet_document import Entry, UnreadableDocument, fields, kubelet_entries
from .registry_key import comparison_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .credential import Credential


# encoding/json escapes these for HTML and JavaScript, json.dumps does not
GO_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
PULL_SECRET_TYPE = "kubernetes.io/dockerconfigjson"
PULL_SECRET_KEY = ".dockerconfigjson"
LEGACY_SECRET_TYPE = "kubernetes.io/dockercfg"
LEGACY_SECRET_KEY = ".dockercfg"


@dataclass(frozen=True)
class StoredDocument:
    """A document found in a cluster: entries by their key as it stands there, or why the kubelet can read none."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class DocumentChange:
    """Registries whose credential is new or differs, and keys that go. Both empty: the kubelet gets the same from both.

    ``kept`` are the entries that differ and stay all the same, by the registry that was asked for.
    """

    written: tuple[str, ...]
    purged: tuple[str, ...]
    kept: Mapping[str, Entry] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.written or self.purged)


def kubectl_document(credentials: Sequence[Credential]) -> bytes:
    """The bytes that ``kubectl create secret docker-registry`` puts into ``.dockerconfigjson`` for these credentials."""
    auths = {one.registry: entry_of(one) for one in sorted(credentials, key=lambda one: one.registry.encode())}
    text = json.dumps({"auths": auths}, ensure_ascii=False, separators=(",", ":"))
    return text.translate(GO_ESCAPES).encode("utf-8")


def entry_of(credential: Credential) -> dict[str, str]:
    """The members of an entry, in the order in which kubectl writes them."""
    return {
        "username": credential.username,
        "password": credential.password,
        **({"email": credential.email} if credential.email else {}),
        "auth": credential.auth,
    }


def read_stored_document(document: bytes) -> StoredDocument:
    """What a document in a cluster says. Never raises: the document is a stranger's, and its faults are told."""
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
    """What has to change for the document to hold these credentials, and no others unless ``keep_others``.

    An entry that differs stays all the same where ``good_enough`` says so.

    Order, white space and ``auth`` beside or instead of username and password make no difference; an e-mail address
    only where we ask for one, since no registry looks at it.
    """
    found: dict[str, list[str]] = {}
    for key in stored.entries:
        found.setdefault(comparison_key(key), []).append(key)
    written, purged = [], []
    staying: dict[str, Entry] = {}
    for credential in credentials:
        keys = found.pop(comparison_key(credential.registry), [])
        kept = credential.registry if credential.registry in keys or not keys else keys[0]
        # a second key for the same registry gives the kubelet a second credential to try
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
    """The document with these credentials in it. Raises UnreadableDocument for one that cannot be edited safely.

    A credential takes the place of the first entry for its registry; further entries for it go.
    """
    return _edit(document, {comparison_key(one.registry): _written(one) for one in credentials})


def without_registries(document: bytes, registries: Sequence[str]) -> bytes:
    """The document without the entries of these registries (canonical keys). Raises UnreadableDocument."""
    return _edit(document, {comparison_key(registry): None for registry in registries})


def _edit(document: bytes, edits: Mapping[str, str | None]) -> bytes:
    """Entries by their comparison key: a text takes their place (or comes at the end), None takes them out."""
    kubelet_entries(document)
    root = parse(go_text(document))
    text = document.decode("utf-8", "surrogateescape")
    auths = [node for _name, node in fields(root, ("auths",))]
    if len(auths) > 1:
        raise UnreadableDocument("has several 'auths' members")
    if not auths:
        edited = _insert(text, root, '"auths":' + _object([piece for piece in edits.values() if piece]))
    elif auths[0].kind == "null":
        edited = _replace(text, auths[0], _object([piece for piece in edits.values() if piece]))
    else:
        edited = _replace(text, auths[0], _edited_object(text, auths[0], edits))
    return edited.encode("utf-8", "surrogateescape")


def _edited_object(text: str, auths: Node, edits: Mapping[str, str | None]) -> str:
    pending = dict(edits)
    pieces = []
    for (key, value), (begin, end) in zip(auths.members, _places(text, auths)):
        comparable = comparison_key(key)
        if comparable not in edits:
            pieces.append(text[begin:end])
            continue
        replacement = pending.pop(comparable, None)
        if replacement:
            pieces.append(text[begin : value.name_start] + replacement + text[value.end : end])
    pieces += [piece for piece in pending.values() if piece]
    tail = text[auths.members[-1][1].end if auths.members else auths.start + 1 : auths.end - 1]
    return "{" + ",".join(pieces) + tail + "}"


def _places(text: str, node: Node) -> list[tuple[int, int]]:
    """Begin and end of each member: the white space around it belongs to it, but for that after the last; commas to none."""
    if not node.members:
        return []
    commas = [text.index(",", value.end) for _name, value in node.members[:-1]]
    return list(zip([node.start + 1, *(comma + 1 for comma in commas)], [*commas, node.members[-1][1].end]))


def _insert(text: str, root: Node, member: str) -> str:
    if root.kind == "null":
        return _replace(text, root, "{" + member + "}")
    comma = "," if root.members else ""
    return text[: root.start + 1] + member + comma + text[root.start + 1 :]


def _replace(text: str, node: Node, replacement: str) -> str:
    return text[: node.start] + replacement + text[node.end :]


def _object(pieces: Sequence[str]) -> str:
    return "{" + ",".join(pieces) + "}"


def _written(credential: Credential) -> str:
    entry = json.dumps({credential.registry: entry_of(credential)}, ensure_ascii=False, separators=(",", ":"))
    return entry[1:-1].translate(GO_ESCAPES)
