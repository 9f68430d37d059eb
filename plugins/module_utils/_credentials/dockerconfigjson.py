# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The document of a pull secret: written as kubectl writes it, edited by registry, and compared by what the kubelet reads."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .json_edit import COMPACT, Within, edited, json_of
from .json_text import parse
from .kubelet_document import Entry, UnreadableDocument, fields, kubelet_entries
from .registry_key import comparison_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .credential import Credential


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
    """The document with these credentials in place of all entries for their registries. Raises UnreadableDocument."""
    return _edited(document, [one.registry for one in credentials], {one.registry: entry_of(one) for one in credentials})


def without_registries(document: bytes, registries: Sequence[str]) -> bytes:
    """The document without the entries of these registries (canonical keys). Raises UnreadableDocument."""
    return _edited(document, registries, {})


def _edited(document: bytes, registries: Sequence[str], entries: Mapping[str, Mapping[str, str]]) -> bytes:
    """The document with ``entries`` in place of all others for ``registries``. What else is in it stays as it is."""
    kubelet_entries(document)
    text = document.decode("utf-8", "surrogateescape")
    root = parse(text)
    auths = [node for _name, node in fields(root, ("auths",))]
    if len(auths) > 1:
        raise UnreadableDocument("has several 'auths' members")
    edited_keys = {comparison_key(registry) for registry in registries}
    outdated = [key for node in auths for key, _entry in node.members if comparison_key(key) in edited_keys]
    edits = {"auths": Within({**dict.fromkeys(outdated), **entries})}
    return edited(text, root, edits, COMPACT).encode("utf-8", "surrogateescape")
