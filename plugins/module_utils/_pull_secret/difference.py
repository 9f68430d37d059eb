# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""How a stored Secret differs from the desired one, without showing a secret. Pure.

A typing error in a registry's name, a wrong CA and a registry that is down all look the same: the registry does not decide.
None of them may cost a namespace the credential that works.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone

from .._cluster.ownership import EXPIRES, LAST_APPLIED, OWNER_LABEL, REVISION
from .._credentials.credential import expiry, has_expired, lifetime_words
from .._credentials.dockerconfigjson import (
    LEGACY_SECRET_TYPE,
    PULL_SECRET_KEY,
    PULL_SECRET_TYPE,
    DocumentChange,
    StoredDocument,
    changes,
    read_stored_document,
)
from .._credentials.registry_key import comparison_key, shown_key
from .._text import listed
from .model import kept_entries, notes, read_revisions

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._credentials.credential import Credential
    from .._credentials.dockerconfigjson import Entry
    from .model import StoredSecret, WantedSecret


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
        return StoredDocument(problem=f"has no {PULL_SECRET_KEY}")
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
    return SecretDifference(found, document, labels, annotations, stored.type != PULL_SECRET_TYPE, immutable)


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


_REMEDY = (
    "Correct the registry, its CA or the network and run again. Where only nodes reach the registry, set verify to none (in the "
    "role cluster_pull_access: node). To write it unverified, set verify_undecided to accept"
)


def usable_entries_lost(kind: str, stored: StoredDocument, change: DocumentChange, wanted: WantedSecret) -> str:
    """Why the change may not be made: it replaces or drops usable entries, and a registry is undecided. Empty where it may.

    ``kind`` is the type of the Secret. The kubelet reads two types and ignores every other one.
    """
    if not wanted.undecided or kind not in (PULL_SECRET_TYPE, LEGACY_SECRET_TYPE):
        return ""
    if kind == LEGACY_SECRET_TYPE:
        return _sentence(["would replace a Secret of type kubernetes.io/dockercfg, which kubelets can use"], wanted)
    new = {comparison_key(one.registry): one for one in wanted.credentials}
    verified = {key for key, one in new.items() if one.registry not in wanted.undecided}
    replaced, dropped = [], []
    for key, entry in stored.entries.items():
        place = comparison_key(key)
        login = new.get(place)
        if place in verified or not _in_use(entry) or (login and _same_login(entry, login.username, login.password)):
            continue
        if login and login.registry in change.written:
            replaced.append(shown_key(key))
        elif key in change.purged:
            dropped.append(shown_key(key))
    losses = [f"would replace the usable login for {listed(sorted(replaced))}"] if replaced else []
    losses += [f"would drop the usable login for {listed(sorted(dropped))}"] if dropped else []
    return _sentence(losses, wanted) if losses else ""


def _in_use(entry: Entry) -> bool:
    """Whether a kubelet may be pulling with the entry: it is complete, and has not expired by its own date."""
    return entry.usable and not has_expired(entry.username, entry.password)


def _same_login(entry: Entry, username: str, password: str) -> bool:
    return (entry.username, entry.password) == (username, password)


def _sentence(losses: Sequence[str], wanted: WantedSecret) -> str:
    return (
        f"the new credential for {listed(sorted(wanted.undecided))} is not verified, and the change {' and '.join(losses)}; "
        f"the Secret was left as it is. {_REMEDY}"
    )
