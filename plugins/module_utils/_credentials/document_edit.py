# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Single registries written into or taken out of a document, every other byte of which stays as it was."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import GO_ESCAPES, entry_of
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.json_text import Node, go_text, parse
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.kubelet_document import (
    UnreadableDocument,
    fields,
    kubelet_entries,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import comparison_key

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential


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
