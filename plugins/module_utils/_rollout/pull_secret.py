# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for one pull secret: what is wanted and what is there -> one step. Pure."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import (
    StoredDocument,
    changed_registries,
    kubectl_document,
    read_stored_document,
    same_meaning,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import (
    LAST_APPLIED,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    OWNER_LABEL,
    manager,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step, Write
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential

TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"


@dataclass(frozen=True)
class WantedSecret:
    """A pull secret as it shall be. Without credentials it shall not be there."""

    name: str
    owner: str
    adopt: bool
    credentials: Sequence[Credential] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredSecret:
    """What a plan needs of a Secret in the cluster."""

    seen: Seen
    type: str
    immutable: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    managed_by: str | None
    document: bytes | None = field(repr=False)

    @property
    def owner(self) -> str | None:
        return self.labels.get(OWNER_LABEL)


def stored_secret(item: Mapping[str, t.Any]) -> StoredSecret:
    """The StoredSecret of a Secret object as the API server sends it."""
    metadata = item["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    encoded = (item.get("data") or {}).get(KEY)
    return StoredSecret(
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        type=item.get("type", ""),
        immutable=bool(item.get("immutable")),
        labels=labels,
        annotations=annotations,
        managed_by=manager(labels, annotations, metadata.get("ownerReferences") or ()),
        document=None if encoded is None else base64.b64decode(encoded),
    )


@dataclass(frozen=True)
class Differences:
    """What an update has to change; an annotation that goes is None, as a merge patch says it."""

    document: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str | None]

    def __bool__(self) -> bool:
        return bool(self.document or self.labels or self.annotations)


class PullSecretPlan:
    """Plans the step for each namespace; what is the same for all of them is prepared once."""

    def __init__(self, wanted: WantedSecret) -> None:
        self._wanted = wanted
        self._document = kubectl_document(wanted.credentials)
        self._data = {KEY: base64.b64encode(self._document).decode("ascii")}
        self._labels = {OWNER_LABEL: wanted.owner, **wanted.labels}

    @property
    def secrets(self) -> tuple[str, str]:
        """Texts that hold the credentials: the document and its base64."""
        return self._document.decode(), self._data[KEY]

    def step(self, stored: StoredSecret | None) -> Step:
        """The step for one namespace, where ``stored`` is the Secret of that name, if there is one."""
        if not self._wanted.credentials:
            return self._absent(stored)
        if stored is None:
            return self._create()
        return self._update(stored)

    def _create(self) -> Step:
        labels = {**self._labels, MANAGED_BY_LABEL: self._wanted.labels.get(MANAGED_BY_LABEL, MANAGED_BY)}
        metadata: dict[str, t.Any] = {"name": self._wanted.name, "labels": labels}
        if self._wanted.annotations:
            metadata["annotations"] = dict(self._wanted.annotations)
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TYPE, "data": self._data}
        registries = {credential.registry: "(new)" for credential in self._wanted.credentials}
        after = {
            "type": TYPE,
            "labels": labels,
            "annotations": dict(self._wanted.annotations),
            "registries": registries,
        }
        return Step("created", write=Write("create", body), after={key: value for key, value in after.items() if value})

    def _update(self, stored: StoredSecret) -> Step:
        differences = self._differences(stored)
        obstacle = self._obstacle(stored)
        if not differences:
            warning = f"{obstacle}; it already says what is wanted, but the next change will be refused" if obstacle else ""
            return Step("unchanged", warning, warning=warning)
        obstacle = obstacle or self._fixed(stored, differences)
        if obstacle:
            return Step("refused", obstacle)
        found = self._read(stored)
        written, purged = changed_registries(found, self._wanted.credentials)
        metadata: dict[str, t.Any] = {}
        if differences.labels:
            metadata["labels"] = differences.labels
        if differences.annotations:
            metadata["annotations"] = differences.annotations
        body = {"metadata": metadata, **({"data": self._data} if differences.document else {})}
        before, after = self._masked(stored, found, differences, written)
        return Step(
            "updated",
            self._told(stored, found, differences, written, purged),
            Write("patch", body, stored.seen),
            before,
            after,
            tuple(purged),
        )

    def _absent(self, stored: StoredSecret | None) -> Step:
        if stored is None:
            return Step("unchanged")
        obstacle = self._obstacle(stored)
        if obstacle:
            return Step("refused" if self._wanted.adopt else "skipped", f"{obstacle}; it was left there")
        purged = tuple(sorted(self._read(stored).entries))
        before = {"type": shown(stored.type), "registries": {shown(key): "(removed)" for key in purged}}
        return Step("deleted", write=Write("delete", seen=stored.seen), before=before, purged=purged)

    def _obstacle(self, stored: StoredSecret) -> str:
        """Why the Secret may not be touched, or an empty text."""
        if stored.managed_by:
            return f"the Secret is managed by {stored.managed_by}, which would undo or prune a change: change it there"
        if stored.owner == self._wanted.owner or self._wanted.adopt:
            return ""
        if stored.owner is None:
            return "the Secret was made by somebody else (no label pullpass.registry/owner); set adopt to take it over"
        return f"the Secret belongs to owner '{shown(stored.owner)}', not '{self._wanted.owner}'; set adopt to take it over"

    def _fixed(self, stored: StoredSecret, differences: Differences) -> str:
        """Why the API server could not make the change, or an empty text."""
        if stored.type != TYPE:
            return f"the Secret has type {shown(stored.type)}, which cannot be changed to {TYPE}; delete it, or use another name"
        if stored.immutable and differences.document:
            return (
                "the Secret is immutable; use another name and link that (kubelets keep the old content under this name until "
                "no Pod on the node uses it)"
            )
        return ""

    def _differences(self, stored: StoredSecret) -> Differences:
        labels = {key: value for key, value in self._labels.items() if stored.labels.get(key) != value}
        annotations: dict[str, str | None] = {
            key: value for key, value in self._wanted.annotations.items() if stored.annotations.get(key) != value
        }
        if LAST_APPLIED in stored.annotations:  # it holds the credentials of the last apply, for everybody who may read metadata
            annotations[LAST_APPLIED] = None
        if self._foreign(stored) and (stored.managed_by or not self._wanted.adopt):
            # of a Secret that is not ours only the content is compared: nobody asked to mark it
            labels.pop(OWNER_LABEL, None)
            annotations.pop(LAST_APPLIED, None)
        document = stored.type != TYPE or not same_meaning(self._read(stored), self._wanted.credentials)
        return Differences(document, labels, annotations)

    def _foreign(self, stored: StoredSecret) -> bool:
        return stored.managed_by is not None or stored.owner != self._wanted.owner

    def _read(self, stored: StoredSecret) -> StoredDocument:
        if stored.document is None:
            return StoredDocument({}, f"has no {KEY}")
        return read_stored_document(stored.document)

    def _told(
        self,
        stored: StoredSecret,
        found: StoredDocument,
        differences: Differences,
        written: Sequence[str],
        purged: Sequence[str],
    ) -> str:
        parts = []
        if self._foreign(stored):
            parts.append(f"adopted from {shown(stored.owner) if stored.owner else 'nobody'}")
        if found.problem:
            parts.append(f"its document, which {found.problem}, was replaced")
        if differences.document and written:
            parts.append(f"written: {listed(written)}")
        if purged:
            parts.append(f"purged: {listed(purged)}")
        if differences.labels or differences.annotations:
            parts.append(f"metadata: {listed([*differences.labels, *differences.annotations])}")
        return "; ".join(parts)

    def _masked(
        self, stored: StoredSecret, found: StoredDocument, differences: Differences, written: Sequence[str]
    ) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        wanted = {credential.registry for credential in self._wanted.credentials}
        before: dict[str, t.Any] = {"labels": {key: stored.labels.get(key) for key in differences.labels}}
        after: dict[str, t.Any] = {"labels": dict(differences.labels)}
        # what others noted there may hold anything, the credentials of an old apply included
        before["annotations"] = {key: "(hidden)" for key in differences.annotations if key in stored.annotations}
        after["annotations"] = {key: value for key, value in differences.annotations.items() if value is not None}
        before["registries"] = {shown(key): "(before)" for key in found.entries} or found.problem
        after["registries"] = {key: "(after)" if key in written else "(before)" for key in sorted(wanted)}
        return before, after
