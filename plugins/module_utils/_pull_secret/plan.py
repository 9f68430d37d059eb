# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for one pull secret: what is wanted and what is there -> one step. Pure."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import replace

from .._cluster.ownership import MANAGED_BY, MANAGED_BY_LABEL, OWNER_LABEL
from .._credentials.dockerconfigjson import (
    PULL_SECRET_KEY,
    PULL_SECRET_TYPE,
    UnreadableDocument,
    kubectl_document,
    merge_document,
    without_registries,
)
from .._credentials.registry_key import comparison_key, shown_key
from .._reconcile.change import Step, Write
from .._text import listed, shown
from .difference import SecretDifference, is_foreign, read_document, secret_difference, usable_entries_lost
from .model import MOST_BYTES, notes, notes_without

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import StoredSecret, WantedSecret


class PullSecretPlan:
    """Plans the step for each namespace; what is the same for all of them is prepared once."""

    def __init__(self, wanted: WantedSecret) -> None:
        self._wanted = wanted
        self._document = kubectl_document(wanted.credentials)
        self._data = _data(self._document)
        self._removed = {comparison_key(key) for key in wanted.registries}

    @property
    def secrets(self) -> tuple[str, str]:
        """Texts that hold the credentials: the document and its base64."""
        return self._document.decode(), self._data[PULL_SECRET_KEY]

    def step(self, stored: StoredSecret | None) -> Step:
        """The step for one namespace, where ``stored`` is the Secret of that name, if there is one."""
        if not self._wanted.present:
            return self._absent(stored)
        if stored is None:
            return self._create()
        return self._present(stored)

    def _create(self) -> Step:
        wanted = self._wanted
        labels = {**wanted.labels, MANAGED_BY_LABEL: MANAGED_BY, OWNER_LABEL: wanted.owner}
        noted = {**wanted.annotations, **notes(wanted, {}, [one.registry for one in wanted.credentials], {})}
        annotations = {"annotations": noted} if noted else {}
        immutable = {"immutable": True} if wanted.immutable else {}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": wanted.name, "labels": labels, **annotations},
            "type": PULL_SECRET_TYPE,
            "data": self._data,
            **immutable,
        }
        registries = {credential.registry: "(new)" for credential in wanted.credentials}
        after = {"type": PULL_SECRET_TYPE, "labels": labels, **annotations, **immutable, "registries": registries}
        return Step("created", write=Write("create", body), after=after)

    def _present(self, stored: StoredSecret) -> Step:
        if stored.terminating:
            return Step("failed", f"the Secret is being deleted, and held by {listed(stored.finalizers)}; remove the finalizers")
        difference = secret_difference(stored, self._wanted)
        obstacle = self._obstacle(stored)
        if not difference:
            warning = f"{obstacle}; it already says what is wanted, but the next change will be refused" if obstacle else ""
            return Step("unchanged", warning, warning=warning)
        obstacle = obstacle or usable_entries_lost(stored.type, difference.found, difference.document, self._wanted)
        if not obstacle and self._is_fixed(stored, difference):
            return self._replace(stored, difference)
        obstacle = obstacle or self._unmergeable(difference)
        if obstacle:
            return Step("refused", obstacle)
        message = difference.words()
        if is_foreign(stored, self._wanted):
            message = f"adopted from {shown(stored.owner) if stored.owner else 'nobody'}; {message}"
        before, after = difference.masked(stored, self._wanted)
        metadata = {"labels": difference.labels, "annotations": difference.annotations}
        body: dict[str, t.Any] = {"metadata": {key: value for key, value in metadata.items() if value}}
        if difference.immutable is not None:
            body["immutable"] = difference.immutable
        if difference.rewrites:
            try:
                body["data"] = self._new_data(stored, difference)
            except ValueError as error:
                return Step("refused", str(error))
        return Step("updated", message, Write("patch", body, stored.seen), before, after, difference.purged)

    def _replace(self, stored: StoredSecret, difference: SecretDifference) -> Step:
        """What the API server takes only as a new object: another type, or new content of an immutable Secret."""
        why = f"has type {shown(stored.type)}, not {PULL_SECRET_TYPE}" if difference.wrong_type else "is immutable"
        if not self._wanted.recreate:
            return Step(
                "refused",
                f"the Secret {why}, and cannot be changed. Set recreate to delete it and make it anew, or better use another "
                "name and link that: kubelets keep an immutable Secret's old content until no Pod on the node uses it",
            )
        if stored.finalizers:
            return Step(
                "refused", f"the Secret {why}, and {listed(stored.finalizers)} would hold the old one: remove the finalizers"
            )
        if not self._wanted.purge and difference.wrong_type:
            return Step("refused", f"the Secret {why}, so that nothing can be merged into it; set purge_registries, or delete it")
        body = self._create().write
        try:
            new = self._successor(stored, difference, {} if body is None else body.body)
        except ValueError as error:
            return Step("refused", str(error))
        before, after = difference.masked(stored, self._wanted)
        message = f"it {why}" + (f"; with it went its keys {listed(sorted(stored.other_keys))}" if stored.other_keys else "")
        write = Write("replace", new, stored.seen)
        return Step("replaced", message, write, before, after, difference.purged, stale=stored.immutable)

    def _successor(self, stored: StoredSecret, difference: SecretDifference, created: Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The object that takes the place of the stored one, with what others noted on that."""
        labels = {**stored.labels, **created["metadata"]["labels"]}
        noted = {**stored.annotations, **difference.annotations}
        annotations = {key: value for key, value in noted.items() if value is not None}
        immutable = stored.immutable if self._wanted.immutable is None else self._wanted.immutable
        metadata = {"name": self._wanted.name, "labels": labels, "annotations": annotations}
        return {**created, "metadata": metadata, "data": self._new_data(stored, difference), "immutable": immutable}

    def _new_data(self, stored: StoredSecret, difference: SecretDifference) -> dict[str, str]:
        """Raises ValueError with the reason where it cannot be done."""
        kept = difference.document.kept
        credentials = [
            replace(one, password=kept[one.registry].password) if one.registry in kept else one
            for one in self._wanted.credentials
        ]
        if self._wanted.purge:
            return _data(kubectl_document(credentials))
        try:
            return _data(merge_document(stored.document or b"{}", credentials))
        except UnreadableDocument as error:
            raise ValueError(_unmergeable(str(error))) from None

    def _unmergeable(self, difference: SecretDifference) -> str:
        """Why others' entries could not be kept, or an empty text."""
        return "" if self._wanted.purge or not difference.found.problem else _unmergeable(difference.found.problem)

    def _absent(self, stored: StoredSecret | None) -> Step:
        if stored is None:
            return Step("unchanged")
        if stored.terminating:
            return Step("skipped", f"the Secret is being deleted already, and held by {listed(stored.finalizers)}")
        obstacle = self._obstacle(stored)
        if obstacle:
            return Step("refused" if self._wanted.adopt else "skipped", f"{obstacle}; it was left there")
        if not self._wanted.purge:
            return self._without_some(stored)
        purged = tuple(sorted(shown_key(key) for key in read_document(stored).entries))
        before = {"type": shown(stored.type), "registries": dict.fromkeys(purged, "(removed)")}
        return Step("deleted", write=Write("delete", seen=stored.seen), before=before, purged=purged)

    def _without_some(self, stored: StoredSecret) -> Step:
        found = read_document(stored)
        if found.problem:
            return Step("refused", _unmergeable(found.problem))
        gone = [key for key in found.entries if comparison_key(key) in self._removed]
        purged = tuple(sorted(shown_key(key) for key in gone))
        before = {"registries": {shown_key(key): "(before)" for key in found.entries}}
        if not gone:
            return Step("unchanged")
        if len(gone) == len(found.entries):
            message = "its last registry went with it"
            return Step("deleted", message, Write("delete", seen=stored.seen), before, purged=purged)
        if stored.immutable:
            return Step("refused", "the Secret is immutable, so that nothing can be taken out of it; delete it, or replace it")
        after = {"registries": {shown_key(key): "(before)" for key in found.entries if key not in gone}}
        try:
            data = _data(without_registries(stored.document or b"{}", self._wanted.registries))
        except ValueError as error:
            return Step("refused", _unmergeable(str(error)))
        left = {key: entry for key, entry in found.entries.items() if key not in gone}
        noted = notes_without(self._wanted.registries, left, stored.annotations)
        body = {"data": data, **({"metadata": {"annotations": noted}} if noted else {})}
        return Step("updated", f"purged: {listed(purged)}", Write("patch", body, stored.seen), before, after, purged)

    def _obstacle(self, stored: StoredSecret) -> str:
        """Why the Secret may not be touched, or an empty text."""
        if stored.managed_by:
            return f"the Secret is managed by {stored.managed_by}, which would undo or prune a change: change it there"
        if stored.owner == self._wanted.owner or self._wanted.adopt:
            return ""
        if stored.owner is None:
            return "the Secret was made by somebody else (no label pullpass.registry/owner); set adopt to take it over"
        return f"the Secret belongs to owner '{shown(stored.owner)}', not '{self._wanted.owner}'; set adopt to take it over"

    def _is_fixed(self, stored: StoredSecret, difference: SecretDifference) -> bool:
        """Whether the API server refuses the change, whoever asks for it."""
        unlocked = difference.immutable is False
        return difference.wrong_type or (stored.immutable and (difference.rewrites or unlocked))


def _data(document: bytes) -> dict[str, str]:
    if len(document) > MOST_BYTES:
        raise ValueError(f"the document would be {len(document)} bytes; a Secret takes at most {MOST_BYTES}. Use two Secrets")
    return {PULL_SECRET_KEY: base64.b64encode(document).decode("ascii")}


def _unmergeable(problem: str) -> str:
    return f"its document {problem}, so that nothing can be merged into it; mend or delete it, or set purge_registries"
