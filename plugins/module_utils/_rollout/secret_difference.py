# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""In what a Secret differs from the wanted one, and how that is told without showing a secret."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import (
    DocumentChange,
    StoredDocument,
    changes,
    read_stored_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lifetime import expiry, lifetime_words
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.notes import (
    kept_entries,
    notes,
    read_revisions,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import (
    EXPIRES,
    LAST_APPLIED,
    OWNER_LABEL,
    REVISION,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import KEY, TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.kubelet_document import Entry
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import StoredSecret, WantedSecret


@dataclass(frozen=True)
class SecretDifference:
    """What an update has to change; an annotation that goes is None, as a merge patch says it."""

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
        """Whether the document has to be written anew."""
        return self.wrong_type or bool(self.document) or self.found.problem is not None

    @property
    def purged(self) -> tuple[str, ...]:
        return tuple(shown_key(key) for key in self.document.purged)

    def words(self) -> str:
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

    def masked(self, stored: StoredSecret, wanted: WantedSecret) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """``before`` and ``after`` for --diff."""
        before: dict[str, t.Any] = {
            "labels": {key: stored.labels.get(key) for key in self.labels},
            # what others noted there may hold anything, the credentials of an old apply included
            "annotations": {key: "(hidden)" for key in self.annotations if key in stored.annotations},
            "registries": self.found.problem or {shown_key(key): "(before)" for key in self.found.entries},
        }
        after: dict[str, t.Any] = {
            "labels": dict(self.labels),
            "annotations": {key: value for key, value in self.annotations.items() if value is not None},
            "registries": self._registries_after(wanted),
        }
        if self.immutable is not None:
            before["immutable"], after["immutable"] = str(stored.immutable).lower(), str(self.immutable).lower()
        return before, after

    def _registries_after(self, wanted: WantedSecret) -> dict[str, str]:
        kept = {} if wanted.purge else {shown_key(key): "(before)" for key in self.found.entries}
        for credential in wanted.credentials:
            kept.setdefault(credential.registry, "(before)")
            if credential.registry in self.document.written:
                kept[credential.registry] = "(after)"
        return {key: mark for key, mark in kept.items() if key not in self.purged}


def is_foreign(stored: StoredSecret, wanted: WantedSecret) -> bool:
    """Whether the Secret is not (or not only) of the owner who wants it changed."""
    return stored.managed_by is not None or stored.owner != wanted.owner


def read_document(stored: StoredSecret) -> StoredDocument:
    if stored.document is None:
        return StoredDocument(problem=f"has no {KEY}")
    return read_stored_document(stored.document)


def secret_difference(stored: StoredSecret, wanted: WantedSecret) -> SecretDifference:
    """Compares content, labels and annotations; of a Secret that may not be adopted not the marks that adoption would set."""
    found = read_document(stored)
    document = changes(found, wanted.credentials, keep_others=not wanted.purge, good_enough=_lives_on(wanted, stored))
    wished: dict[str, str] = dict(wanted.annotations)
    labels = {key: value for key, value in wanted.labels.items() if stored.labels.get(key) != value}
    gone: list[str] = []
    if not is_foreign(stored, wanted) or (wanted.adopt and stored.managed_by is None):
        kept = kept_entries(wanted, found.entries, document.written)
        wished.update(notes(wanted, kept, document.written, stored.annotations))
        if stored.owner != wanted.owner:
            labels[OWNER_LABEL] = wanted.owner
        # LAST_APPLIED holds credentials in plain sight of everybody who may read metadata; the notes would be outdated
        gone = [key for key in (LAST_APPLIED, EXPIRES, REVISION) if key in stored.annotations and key not in wished]
    annotations: dict[str, str | None] = {key: value for key, value in wished.items() if stored.annotations.get(key) != value}
    annotations.update(dict.fromkeys(gone))
    immutable = None if wanted.immutable in (None, stored.immutable) else wanted.immutable
    return SecretDifference(found, document, labels, annotations, stored.type != TYPE, immutable)


def _lives_on(wanted: WantedSecret, stored: StoredSecret) -> Callable[[Entry, Credential], bool] | None:
    """Whether a stored token may stay in the place of a new one; None where it may not."""
    enough = wanted.refresh_before
    if enough is None:
        return None
    now, accepted = datetime.now(timezone.utc), wanted.still_accepted
    revisions = read_revisions(stored.annotations.get(REVISION, ""))

    def lives_on(entry: Entry, credential: Credential) -> bool:
        ends = expiry(entry.username, entry.password)
        return (
            entry.username == credential.username
            and ends is not None
            and ends - now >= enough
            # a person who gives a lasting password, or another revision, means it
            and bool(lifetime_words(credential.username, credential.password))
            and wanted.revisions.get(credential.registry) == revisions.get(credential.registry)
            and (accepted is None or accepted(credential.registry, entry.username, entry.password))
        )

    return lives_on
