# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A pull secret: the desired one, the stored one, how they differ, and the annotations about its credentials. Pure."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from .._cluster.objects import EXPIRES, LAST_APPLIED, OWNER_LABEL, REVISION, Seen, manager
from .._credentials.credential import expiry, lifetime_words, timestamp
from .._credentials.dockerconfigjson import (
    PULL_SECRET_KEY,
    PULL_SECRET_TYPE,
    DocumentChange,
    StoredDocument,
    changes,
    read_stored_document,
)
from .._credentials.registry_key import comparison_key, shown_key
from .._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .._credentials.credential import Credential
    from .._credentials.dockerconfigjson import Entry


@dataclass(frozen=True)
class DesiredSecret:
    """The desired state of a pull secret; with ``present`` false it has to be deleted.

    With ``purge`` it has these credentials and no others. Without, other entries stay, and ``registries`` are the keys to
    remove if it is not ``present``. ``immutable`` null leaves that field as it is. A stored token that expires later than
    in ``refresh_before`` is not replaced by a newer one, unless ``still_accepted`` (registry, username, token) is false.
    ``undecided`` are the registries whose credential is not verified: such a credential replaces no usable entry.
    """

    name: str
    owner: str
    adopt: bool
    credentials: Sequence[Credential] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    present: bool = True
    purge: bool = True
    registries: Sequence[str] = ()
    immutable: bool | None = None
    recreate: bool = False
    revisions: Mapping[str, str] = field(default_factory=dict)
    refresh_before: timedelta | None = None
    still_accepted: Callable[[str, str, str], bool] | None = None
    undecided: frozenset[str] = frozenset()

    @property
    def expires(self) -> str | None:
        """When the first of the credentials expires, as far as they say so themselves."""
        return _first_expiry((one.username, one.password) for one in self.credentials)


@dataclass(frozen=True)
class StoredSecret:
    """What a plan needs of a Secret in the cluster."""

    seen: Seen
    type: str
    immutable: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(repr=False)
    managed_by: str | None
    terminating: bool
    finalizers: Sequence[str]
    other_keys: Sequence[str]
    document: bytes | None = field(repr=False)

    @property
    def owner(self) -> str | None:
        return self.labels.get(OWNER_LABEL)

    def is_foreign(self, desired: DesiredSecret) -> bool:
        """Whether somebody else owns the Secret, or owns it as well."""
        return self.managed_by is not None or self.owner != desired.owner

    def parsed_document(self) -> StoredDocument:
        if self.document is None:
            return StoredDocument(problem=f"has no {PULL_SECRET_KEY}")
        return read_stored_document(self.document)


def stored_secret(item: Mapping[str, t.Any]) -> StoredSecret:
    """A Secret as the API server sends it."""
    metadata = item["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    encoded = (item.get("data") or {}).get(PULL_SECRET_KEY)
    return StoredSecret(
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        type=item.get("type", ""),
        immutable=bool(item.get("immutable")),
        labels=labels,
        annotations=annotations,
        managed_by=manager(labels, annotations, metadata.get("ownerReferences") or ()),
        terminating="deletionTimestamp" in metadata,
        finalizers=metadata.get("finalizers") or (),
        other_keys=[key for key in item.get("data") or () if key != PULL_SECRET_KEY],
        document=None if encoded is None else base64.b64decode(encoded),
    )


@dataclass(frozen=True)
class SecretDifference:
    """What an update has to change. An annotation to remove is null, as in a merge patch."""

    found: StoredDocument
    document: DocumentChange
    labels: Mapping[str, str]
    annotations: Mapping[str, str | None]
    wrong_type: bool
    immutable: bool | None = None

    def __bool__(self) -> bool:
        return bool(self.rewrites or self.labels or self.annotations or self.immutable is not None)

    @property
    def rewrites(self) -> bool:
        """Whether the document has to be written."""
        return self.wrong_type or bool(self.document) or self.found.problem is not None

    @property
    def purged(self) -> tuple[str, ...]:
        return tuple(shown_key(key) for key in self.document.purged)

    def in_words(self) -> str:
        parts = []
        if self.found.problem:
            parts.append(f"its document, which {self.found.problem}, was replaced")
        if self.document.written:
            parts.append(f"written: {listed(self.document.written)}")
        if self.purged:
            parts.append(f"purged: {listed(self.purged)}")
        if self.immutable is not None:
            parts.append("made immutable" if self.immutable else "made mutable")
        if self.labels or self.annotations:
            parts.append(f"metadata: {listed([*self.labels, *self.annotations])}")
        return "; ".join(parts)

    def masked(self, stored: StoredSecret, desired: DesiredSecret) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """``before`` and ``after`` for --diff, without a secret."""
        before: dict[str, t.Any] = {
            "labels": {key: stored.labels.get(key) for key in self.labels},
            # annotations of others may hold anything, even the credentials of an old apply
            "annotations": {key: "(hidden)" for key in self.annotations if key in stored.annotations},
            "registries": self.found.problem or {shown_key(key): "(before)" for key in self.found.entries},
        }
        after: dict[str, t.Any] = {
            "labels": dict(self.labels),
            "annotations": {key: value for key, value in self.annotations.items() if value is not None},
            "registries": self._registries_after(desired),
        }
        if self.immutable is not None:
            before["immutable"], after["immutable"] = str(stored.immutable).lower(), str(self.immutable).lower()
        return before, after

    def _registries_after(self, desired: DesiredSecret) -> dict[str, str]:
        after = {} if desired.purge else {shown_key(key): "(before)" for key in self.found.entries}
        for credential in desired.credentials:
            after.setdefault(credential.registry, "(before)")
            if credential.registry in self.document.written:
                after[credential.registry] = "(after)"
        return {key: mark for key, mark in after.items() if key not in self.purged}


def secret_difference(stored: StoredSecret, desired: DesiredSecret) -> SecretDifference:
    """Compares content, labels and annotations. Our own marks are compared only if the Secret is ours or is adopted."""
    found = stored.parsed_document()
    document = changes(found, desired.credentials, keep_others=not desired.purge, good_enough=_keeps_token(desired, stored))
    annotations: dict[str, str] = dict(desired.annotations)
    labels = {key: value for key, value in desired.labels.items() if stored.labels.get(key) != value}
    removed: list[str] = []
    if not stored.is_foreign(desired) or (desired.adopt and stored.managed_by is None):
        unchanged = _unchanged_entries(desired, found.entries, document.written)
        annotations.update(own_annotations(desired, document.written, unchanged, stored.annotations))
        if stored.owner != desired.owner:
            labels[OWNER_LABEL] = desired.owner
        # LAST_APPLIED shows credentials to everybody who may read metadata; our annotations would be outdated
        removed = [key for key in (LAST_APPLIED, EXPIRES, REVISION) if key in stored.annotations and key not in annotations]
    changed: dict[str, str | None] = {key: value for key, value in annotations.items() if stored.annotations.get(key) != value}
    changed.update(dict.fromkeys(removed))
    immutable = None if desired.immutable in (None, stored.immutable) else desired.immutable
    return SecretDifference(found, document, labels, changed, stored.type != PULL_SECRET_TYPE, immutable)


def _keeps_token(desired: DesiredSecret, stored: StoredSecret) -> Callable[[Entry, Credential], bool] | None:
    """Whether a stored token may stay instead of a new one; null if none may."""
    remaining = desired.refresh_before
    if remaining is None:
        return None
    now, accepted = datetime.now(timezone.utc), desired.still_accepted
    revisions = read_revisions(stored.annotations.get(REVISION, ""))

    def keeps_token(entry: Entry, credential: Credential) -> bool:
        expires = expiry(entry.username, entry.password)
        return (
            entry.username == credential.username
            and expires is not None
            and expires - now >= remaining
            # a caller who gives a lasting password, or another revision, wants it to be written
            and bool(lifetime_words(credential.username, credential.password))
            and desired.revisions.get(credential.registry) == revisions.get(credential.registry)
            and (accepted is None or accepted(credential.registry, entry.username, entry.password))
        )

    return keeps_token


def own_annotations(
    desired: DesiredSecret, written: Collection[str], unchanged: Mapping[str, Entry], before: Mapping[str, str]
) -> dict[str, str]:
    """Our annotations after the credentials of the registries in ``written`` are stored beside ``unchanged`` entries."""
    logins = [(one.username, one.password) for one in desired.credentials if one.registry in written]
    expires = _first_expiry([*logins, *((entry.username, entry.password) for entry in unchanged.values())])
    revisions = dict(desired.revisions)
    if not desired.purge:
        others = read_revisions(before.get(REVISION, ""))
        revisions = {**{key: value for key, value in others.items() if key not in written}, **revisions}
    return {**({EXPIRES: expires} if expires else {}), **({REVISION: _revision_text(revisions)} if revisions else {})}


def annotations_without(
    registries: Collection[str], unchanged: Mapping[str, Entry], before: Mapping[str, str]
) -> dict[str, str | None]:
    """The changes of our annotations when the entries of ``registries`` are removed; null removes an annotation."""
    revisions = {key: value for key, value in read_revisions(before.get(REVISION, "")).items() if key not in registries}
    expires = _first_expiry((entry.username, entry.password) for entry in unchanged.values())
    after = {EXPIRES: expires, REVISION: _revision_text(revisions) or None}
    return {key: value for key, value in after.items() if before.get(key) != value}


def _unchanged_entries(desired: DesiredSecret, entries: Mapping[str, Entry], written: Collection[str]) -> dict[str, Entry]:
    """The entries of a document that an update leaves as they are."""
    registries = {comparison_key(one.registry): one.registry for one in desired.credentials}
    unchanged = {}
    for key, entry in entries.items():
        registry = registries.get(comparison_key(key))
        if registry not in written if registry is not None else not desired.purge:
            unchanged[key] = entry
    return unchanged


def _first_expiry(logins: Iterable[tuple[str, str]]) -> str | None:
    known = [moment for moment in (expiry(username, password) for username, password in logins) if moment is not None]
    return timestamp(min(known)) if known else None


def _revision_text(revisions: Mapping[str, str]) -> str:
    return " ".join(f"{registry}={revision}" for registry, revision in sorted(revisions.items()))


def read_revisions(text: str) -> dict[str, str]:
    """Registry -> revision, from the annotation."""
    return dict(pair for pair in (word.partition("=")[::2] for word in text.split()) if all(pair))
