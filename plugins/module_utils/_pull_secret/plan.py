# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for one pull secret in one namespace: the desired Secret and the stored one give a change. Pure."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import replace

from .._cluster.objects import MANAGED_BY, MANAGED_BY_LABEL, OWNER_LABEL
from .._credentials.credential import has_expired
from .._credentials.dockerconfigjson import (
    LEGACY_SECRET_TYPE,
    PULL_SECRET_KEY,
    PULL_SECRET_TYPE,
    kubectl_document,
    merge_document,
    without_registries,
)
from .._credentials.registry_key import comparison_key, shown_key
from .._errors import InputError
from .._reconcile.targets import SKIPPED, Change, Write
from .._text import listed, shown
from .model import annotations_without, own_annotations, secret_difference

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.dockerconfigjson import DocumentChange, Entry, StoredDocument
    from .model import DesiredSecret, SecretDifference, StoredSecret


# kube-apiserver counts the decoded values of a Secret (pkg/apis/core/validation, MaxSecretSize)
_MOST_BYTES = 1024 * 1024
_UNDECIDED_REMEDY = (
    "Correct the registry, its CA or the network and run again. If only nodes reach the registry, set verify to none (in the "
    "role cluster_pull_access: node). To write it unverified, set verify_undecided to accept"
)


class _Refused(Exception):
    """A change that is not made; its text is the message of the result."""


class PullSecretPlan:
    """Plans the change for each namespace; what is equal for all of them is prepared once.

    Raises InputError if the document is too large for a Secret.
    """

    def __init__(self, desired: DesiredSecret) -> None:
        self.desired = desired
        self._document = kubectl_document(desired.credentials)
        try:
            self._data = _data(self._document)
        except _Refused as error:
            raise InputError(str(error)) from None
        self._removed = {comparison_key(key) for key in desired.registries}

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts to mask: the document and its base64."""
        return (self._document.decode(), self._data[PULL_SECRET_KEY]) if self.desired.credentials else ()

    def change(self, stored: StoredSecret | None) -> Change:
        """``stored`` is the Secret of that name in a namespace, null if there is none."""
        try:
            if not self.desired.present:
                return Change("unchanged") if stored is None else self._delete(stored)
            return self._create() if stored is None else self._update(stored)
        except _Refused as error:
            return Change("refused", str(error))

    def _create(self) -> Change:
        body = self._created_object()
        metadata = {key: value for key, value in body["metadata"].items() if key != "name"}
        immutable = {"immutable": True} if self.desired.immutable else {}
        registries = {credential.registry: "(new)" for credential in self.desired.credentials}
        after = {"type": PULL_SECRET_TYPE, **metadata, **immutable, "registries": registries}
        return Change("created", write=Write("create", {**body, **immutable}), after=after)

    def _created_object(self) -> dict[str, t.Any]:
        desired = self.desired
        labels = {**desired.labels, MANAGED_BY_LABEL: MANAGED_BY, OWNER_LABEL: desired.owner}
        own = own_annotations(desired, [one.registry for one in desired.credentials], {}, {})
        annotations = {**desired.annotations, **own}
        metadata = {"name": desired.name, "labels": labels, **({"annotations": annotations} if annotations else {})}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": PULL_SECRET_TYPE, "data": self._data}

    def _update(self, stored: StoredSecret) -> Change:
        if stored.terminating:
            finalizers = listed(stored.finalizers)
            return Change("failed", f"the Secret is being deleted and waits for its finalizers {finalizers}; remove them")
        difference = secret_difference(stored, self.desired)
        obstacle = self._obstacle(stored)
        if not difference:
            warning = f"{obstacle}; it has the desired content, but the next change will be refused" if obstacle else ""
            return Change("unchanged", warning, warning=warning)
        obstacle = obstacle or usable_entries_lost(stored.type, difference.found, difference.document, self.desired)
        if obstacle:
            raise _Refused(obstacle)
        if _must_be_replaced(stored, difference):
            return self._replace(stored, difference)
        if not self.desired.purge and difference.found.problem:
            raise _Refused(_unmergeable(difference.found.problem))
        message = difference.in_words()
        if stored.is_foreign(self.desired):
            message = f"adopted from {shown(stored.owner) if stored.owner else 'nobody'}; {message}"
        metadata = {"labels": difference.labels, "annotations": difference.annotations}
        body: dict[str, t.Any] = {"metadata": {key: value for key, value in metadata.items() if value}}
        if difference.immutable is not None:
            body["immutable"] = difference.immutable
        if difference.rewrites:
            body["data"] = self._new_data(stored, difference)
        before, after = difference.masked(stored, self.desired)
        return Change("updated", message, Write("patch", body, stored.seen), before, after, difference.purged)

    def _replace(self, stored: StoredSecret, difference: SecretDifference) -> Change:
        """For another type, or new content of an immutable Secret: the API server accepts these only in a new object."""
        problem = f"has type {shown(stored.type)}, not {PULL_SECRET_TYPE}" if difference.wrong_type else "is immutable"
        if not self.desired.recreate:
            remedy = "Set recreate to delete and create it, or use another name and link that"
            if not difference.wrong_type:
                remedy = (
                    "Use another name and link that, or set recreate to delete and create it: kubelets use the old content of "
                    "an immutable Secret until no Pod on the node uses it"
                )
            raise _Refused(f"the Secret {problem}, and cannot be changed. {remedy}")
        if stored.finalizers:
            raise _Refused(
                f"the Secret {problem}, and its finalizers {listed(stored.finalizers)} would block its deletion; remove them"
            )
        if not self.desired.purge and difference.wrong_type:
            raise _Refused(f"the Secret {problem}, so nothing can be merged into it; set purge_registries, or delete it")
        write = Write("replace", self._successor(stored, difference), stored.seen)
        before, after = difference.masked(stored, self.desired)
        lost = f"its other keys were deleted: {listed(sorted(stored.other_keys))}" if stored.other_keys else ""
        change = Change("replaced", f"it {problem}", write, before, after, difference.purged, stale=stored.immutable)
        return change.with_message(lost)

    def _successor(self, stored: StoredSecret, difference: SecretDifference) -> dict[str, t.Any]:
        """The object that replaces the stored one and keeps the labels and annotations of others."""
        created = self._created_object()
        labels = {**stored.labels, **created["metadata"]["labels"]}
        annotations = {**stored.annotations, **difference.annotations}
        annotations = {key: value for key, value in annotations.items() if value is not None}
        immutable = stored.immutable if self.desired.immutable is None else self.desired.immutable
        metadata = {"name": self.desired.name, "labels": labels, "annotations": annotations}
        return {**created, "metadata": metadata, "data": self._new_data(stored, difference), "immutable": immutable}

    def _new_data(self, stored: StoredSecret, difference: SecretDifference) -> dict[str, str]:
        kept = difference.document.kept
        credentials = [
            replace(one, password=kept[one.registry].password) if one.registry in kept else one
            for one in self.desired.credentials
        ]
        if self.desired.purge:
            return _data(kubectl_document(credentials))
        try:
            return _data(merge_document(stored.document or b"{}", credentials))
        except ValueError as error:
            raise _Refused(_unmergeable(str(error))) from None

    def _delete(self, stored: StoredSecret) -> Change:
        if stored.terminating:
            finalizers = listed(stored.finalizers)
            return Change(SKIPPED, f"the Secret is being deleted already and waits for its finalizers {finalizers}")
        obstacle = self._obstacle(stored)
        if obstacle:
            return Change("refused" if self.desired.adopt else SKIPPED, f"{obstacle}; it was not removed")
        if not self.desired.purge:
            return self._remove_entries(stored)
        purged = tuple(sorted(shown_key(key) for key in stored.parsed_document().entries))
        before = {"type": shown(stored.type), "registries": dict.fromkeys(purged, "(removed)")}
        return Change("deleted", write=Write("delete", seen=stored.seen), before=before, purged=purged)

    def _remove_entries(self, stored: StoredSecret) -> Change:
        found = stored.parsed_document()
        if found.problem:
            raise _Refused(_unmergeable(found.problem))
        left = {key: entry for key, entry in found.entries.items() if comparison_key(key) not in self._removed}
        purged = tuple(sorted(shown_key(key) for key in found.entries if key not in left))
        before = {"registries": {shown_key(key): "(before)" for key in found.entries}}
        if not purged:
            return Change("unchanged")
        if not left:
            message = "it had no other registry"
            return Change("deleted", message, Write("delete", seen=stored.seen), before, purged=purged)
        if stored.immutable:
            raise _Refused("the Secret is immutable, so no registry can be removed from it; delete or replace it")
        after = {"registries": {shown_key(key): "(before)" for key in left}}
        try:
            data = _data(without_registries(stored.document or b"{}", self.desired.registries))
        except ValueError as error:
            raise _Refused(_unmergeable(str(error))) from None
        annotations = annotations_without(self.desired.registries, left, stored.annotations)
        body = {"data": data, **({"metadata": {"annotations": annotations}} if annotations else {})}
        return Change("updated", f"purged: {listed(purged)}", Write("patch", body, stored.seen), before, after, purged)

    def _obstacle(self, stored: StoredSecret) -> str:
        """Why the Secret may not be changed, or an empty text."""
        if stored.managed_by:
            return f"the Secret is managed by {stored.managed_by}, which would undo a change: change it there"
        if stored.owner == self.desired.owner or self.desired.adopt:
            return ""
        if stored.owner is None:
            return "the Secret was created by somebody else (no label pullpass.registry/owner); set adopt to take it over"
        return f"the Secret belongs to owner '{shown(stored.owner)}', not '{self.desired.owner}'; set adopt to take it over"


def _must_be_replaced(stored: StoredSecret, difference: SecretDifference) -> bool:
    """Whether the API server refuses the change, whoever sends it."""
    unlocked = difference.immutable is False
    return difference.wrong_type or (stored.immutable and (difference.rewrites or unlocked))


def _data(document: bytes) -> dict[str, str]:
    if len(document) > _MOST_BYTES:
        size = len(document)
        raise _Refused(f"the document has {size} bytes, and a Secret has at most {_MOST_BYTES}. Use two Secrets")
    return {PULL_SECRET_KEY: base64.b64encode(document).decode("ascii")}


def _unmergeable(problem: str) -> str:
    return f"its document {problem}, so entries cannot be merged; fix or delete the Secret, or set purge_registries"


def usable_entries_lost(kind: str, stored: StoredDocument, change: DocumentChange, desired: DesiredSecret) -> str:
    """Why the change is not made: it replaces or drops usable entries, and a registry is undecided. Empty if it is made.

    ``kind`` is the type of the Secret. The kubelet reads two types and ignores all others. A misspelt registry, a wrong CA
    and a registry that is down are all undecided: none of them may cost a namespace a credential that works.
    """
    if not desired.undecided or kind not in (PULL_SECRET_TYPE, LEGACY_SECRET_TYPE):
        return ""
    if kind == LEGACY_SECRET_TYPE:
        return _unverified_loss(["would replace a Secret of type kubernetes.io/dockercfg, which kubelets can use"], desired)
    new = {comparison_key(one.registry): one for one in desired.credentials}
    verified = {key for key, one in new.items() if one.registry not in desired.undecided}
    replaced, dropped = [], []
    for key, entry in stored.entries.items():
        place = comparison_key(key)
        login = new.get(place)
        if place in verified or not _is_in_use(entry) or (login and _is_same_login(entry, login.username, login.password)):
            continue
        if login and login.registry in change.written:
            replaced.append(shown_key(key))
        elif key in change.purged:
            dropped.append(shown_key(key))
    losses = [f"would replace the usable login for {listed(sorted(replaced))}"] if replaced else []
    losses += [f"would drop the usable login for {listed(sorted(dropped))}"] if dropped else []
    return _unverified_loss(losses, desired) if losses else ""


def _is_in_use(entry: Entry) -> bool:
    """Whether a kubelet may pull with the entry: it is complete, and has not expired by its own date."""
    return entry.usable and not has_expired(entry.username, entry.password)


def _is_same_login(entry: Entry, username: str, password: str) -> bool:
    return (entry.username, entry.password) == (username, password)


def _unverified_loss(losses: Sequence[str], desired: DesiredSecret) -> str:
    return (
        f"the new credential for {listed(sorted(desired.undecided))} is not verified, and the change {' and '.join(losses)}; "
        f"the Secret was not changed. {_UNDECIDED_REMEDY}"
    )
