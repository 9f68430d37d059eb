# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The document of a pull secret: written as kubectl writes it, read as the kubelet reads it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.auth_field import decode_auth
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import comparison_key

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential

# encoding/json escapes these for HTML and JavaScript, json.dumps does not
_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_GO_TABLE = str.maketrans(_GO_ESCAPES)


@dataclass(frozen=True)
class StoredEntry:
    """One entry of a document found in a cluster. ``problem`` says why the kubelet cannot use it."""

    username: str = ""
    password: str = field(default="", repr=False)
    email: str = ""
    problem: str | None = None


@dataclass(frozen=True)
class StoredDocument:
    """A document found in a cluster: entries by their key as it stands there, or why nothing could be read."""

    entries: Mapping[str, StoredEntry]
    problem: str | None = None


def kubectl_document(credentials: Sequence[Credential]) -> bytes:
    """The bytes that ``kubectl create secret docker-registry`` puts into ``.dockerconfigjson`` for these credentials."""
    auths = {
        credential.registry: {
            "username": credential.username,
            "password": credential.password,
            **({"email": credential.email} if credential.email else {}),
            "auth": credential.auth,
        }
        for credential in sorted(credentials, key=lambda one: one.registry.encode())
    }
    text = json.dumps({"auths": auths}, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_GO_TABLE).encode("utf-8")


def read_stored_document(document: bytes) -> StoredDocument:
    """What a document in a cluster says. Never raises: the document is a stranger's, and its faults are told."""
    try:
        parsed = json.loads(document.decode("utf-8"))
    except (ValueError, RecursionError):
        return StoredDocument({}, "is not JSON")
    if not isinstance(parsed, dict):
        return StoredDocument({}, "is not a JSON object")
    auths = member(parsed, "auths")
    if not isinstance(auths, dict):
        return StoredDocument({}, "has no 'auths' object")
    return StoredDocument({key: _read_entry(entry) for key, entry in auths.items()})


def same_meaning(stored: StoredDocument, credentials: Sequence[Credential]) -> bool:
    """Whether the kubelet gets from the stored document what it would get from ours.

    Order, white space and ``auth`` beside or instead of username and password make no difference; an e-mail address
    only where we ask for one, since no registry looks at it.
    """
    found: dict[str, StoredEntry] = {}
    for key, entry in stored.entries.items():
        if found.setdefault(comparison_key(key), entry) is not entry:
            return False
    wanted = {comparison_key(credential.registry): credential for credential in credentials}
    return (
        stored.problem is None
        and found.keys() == wanted.keys()
        and all(_same_entry(found[key], credential) for key, credential in wanted.items())
    )


def changed_registries(stored: StoredDocument, credentials: Sequence[Credential]) -> tuple[list[str], list[str]]:
    """``(written, purged)``: registries whose credential is new or differs, and keys that go, both sorted."""
    found = {comparison_key(key): entry for key, entry in stored.entries.items()}
    wanted = {comparison_key(credential.registry): credential for credential in credentials}
    written = [
        credential.registry for key, credential in wanted.items() if key not in found or not _same_entry(found[key], credential)
    ]
    purged = [key for key in stored.entries if comparison_key(key) not in wanted]
    return sorted(written), sorted(purged)


def member(mapping: Mapping[str, t.Any], name: str) -> t.Any:
    """A member as encoding/json finds it: the exact name or the same in other case, the last one wins."""
    found = None
    for key, value in mapping.items():
        if key.casefold() == name:
            found = value
    return found


def _read_entry(entry: t.Any) -> StoredEntry:
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        return StoredEntry(problem="is not a JSON object")
    fields = {name: member(entry, name) or "" for name in ("username", "password", "email", "auth")}
    if not all(isinstance(value, str) for value in fields.values()):
        return StoredEntry(problem="holds a member that is not text")
    username, password = fields["username"], fields["password"]
    if fields["auth"]:
        try:
            username, password = decode_auth(fields["auth"])
        except ValueError as error:
            return StoredEntry(problem=str(error))
    return StoredEntry(username, password, fields["email"], None if username and password else "holds no user name and password")


def _same_entry(entry: StoredEntry, credential: Credential) -> bool:
    return (
        entry.problem is None
        and (entry.username, entry.password) == (credential.username, credential.password)
        and (not credential.email or entry.email == credential.email)
    )
