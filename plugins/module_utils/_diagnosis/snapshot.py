# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Snapshots of Secrets, ServiceAccounts and Pods: the fields that a diagnosis needs. The rest of a page is dropped. Pure."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass, field

from .._cluster.objects import EXPIRES, LAST_APPLIED, OWNER_LABEL, REVISION, used_pull_secrets
from .._credentials.dockerconfigjson import LEGACY_SECRET_KEY, LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE
from .._credentials.keyring import PullSecret

if t.TYPE_CHECKING:
    from collections.abc import Mapping


# type of a pull secret -> its key
KEY_OF_TYPE = {PULL_SECRET_TYPE: PULL_SECRET_KEY, LEGACY_SECRET_TYPE: LEGACY_SECRET_KEY}
# reasons of a container that waits for its image (kubernetes pkg/kubelet/images/types.go)
_REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)


@dataclass(frozen=True)
class SecretSnapshot:
    """``document`` is None for a type that is not a pull secret's. ``type`` is empty where only the metadata was listed.

    ``exposed``: an annotation holds the credentials too. ``changed`` is the time of the last write to its data (RFC 3339, UTC).
    """

    namespace: str
    name: str
    type: str
    owner: str | None = None
    revision: str | None = None
    expires: str | None = None
    immutable: bool = False
    exposed: bool = False
    changed: str = ""
    document: bytes | None = field(default=None, repr=False)

    @property
    def pull_secret(self) -> PullSecret | None:
        """None for a type that the kubelet ignores."""
        if self.document is None:
            return None
        return PullSecret(self.name, self.type, {KEY_OF_TYPE[self.type]: self.document})


@dataclass(frozen=True)
class AccountSnapshot:
    namespace: str
    name: str
    pull_secrets: tuple[str, ...]


@dataclass(frozen=True)
class StuckContainer:
    """A container that waits for its image."""

    name: str
    image: str
    reason: str
    message: str

    @property
    def has_unreadable_secret(self) -> bool:
        return _is_error_text(self.reason)


@dataclass(frozen=True)
class PodSnapshot:
    """``stuck`` are its containers, of all three kinds, that wait for their image."""

    namespace: str
    name: str
    account: str
    pull_secrets: tuple[str, ...]
    stuck: tuple[StuckContainer, ...]


@dataclass
class Survey:
    """What exists in the chosen namespaces.

    ``unlisted``: kind (plural) -> namespaces in which it could not be listed -> why. ``unread``: the same for single Secrets.
    A Secret that the task, a ServiceAccount or a stuck Pod names, and that is in none of these, does not exist.
    """

    secrets: dict[tuple[str, str], SecretSnapshot] = field(default_factory=dict)
    accounts: dict[str, list[AccountSnapshot]] = field(default_factory=dict)
    pods: dict[str, list[PodSnapshot]] = field(default_factory=dict)
    unlisted: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: dict[tuple[str, str], str] = field(default_factory=dict)


class SecretReader:
    """Makes snapshots of Secrets. Equal documents are stored once."""

    def __init__(self) -> None:
        self._documents: dict[bytes, bytes] = {}

    def __call__(self, item: Mapping[str, t.Any]) -> SecretSnapshot:
        metadata, kind = item["metadata"], item.get("type") or ""
        annotations = metadata.get("annotations") or {}
        document = None
        if kind in KEY_OF_TYPE:
            document = base64.b64decode((item.get("data") or {}).get(KEY_OF_TYPE[kind]) or "")
            document = self._documents.setdefault(document, document)
        return SecretSnapshot(
            namespace=metadata["namespace"],
            name=metadata["name"],
            type=kind,
            owner=(metadata.get("labels") or {}).get(OWNER_LABEL),
            revision=annotations.get(REVISION),
            expires=annotations.get(EXPIRES),
            immutable=bool(item.get("immutable")),
            exposed=_holds_data(annotations.get(LAST_APPLIED)),
            changed=_changed(metadata),
            document=document,
        )


def account_snapshot(item: Mapping[str, t.Any]) -> AccountSnapshot:
    metadata = item["metadata"]
    return AccountSnapshot(metadata["namespace"], metadata["name"], used_pull_secrets(item))


def stuck_pod_snapshot(item: Mapping[str, t.Any]) -> PodSnapshot | None:
    """None for a Pod without a stuck container."""
    stuck = stuck_containers(item)
    return pod_snapshot(item, stuck) if stuck else None


def pod_snapshot(item: Mapping[str, t.Any], stuck: tuple[StuckContainer, ...]) -> PodSnapshot:
    metadata, spec = item["metadata"], item["spec"]
    account = spec.get("serviceAccountName") or "default"
    return PodSnapshot(metadata["namespace"], metadata["name"], account, used_pull_secrets(spec), stuck)


def stuck_containers(item: Mapping[str, t.Any]) -> tuple[StuckContainer, ...]:
    """The containers of a Pod, of all three kinds, that wait for their image."""
    spec, status = item["spec"], item.get("status") or {}
    kinds = ("initContainers", "containers", "ephemeralContainers")
    images = {one["name"]: one.get("image") or "" for kind in kinds for one in spec.get(kind) or ()}
    stuck = []
    for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(kind) or ():
            waiting = (one.get("state") or {}).get("waiting") or {}
            reason = waiting.get("reason") or ""
            if is_stuck(reason):
                # the status may name an image by a digest, or by nothing at all
                image = images.get(one["name"]) or one.get("image") or ""
                stuck.append(StuckContainer(one["name"], image, reason, waiting.get("message") or ""))
    return tuple(stuck)


def event_time(item: Mapping[str, t.Any]) -> str:
    """When an event was last seen (RFC 3339)."""
    return str(item.get("lastTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp") or "")


def is_stuck(reason: str) -> bool:
    """Whether the reason of a waiting container is about its image."""
    return reason in _REASONS or _is_error_text(reason)


def _is_error_text(reason: str) -> bool:
    """A kubelet that cannot parse a pull secret writes the error itself as the reason; every other reason is one word."""
    return " " in reason


def _changed(metadata: Mapping[str, t.Any]) -> str:
    writes = [entry for entry in metadata.get("managedFields") or () if "f:data" in (entry.get("fieldsV1") or {})]
    return max([metadata.get("creationTimestamp") or "", *(entry.get("time") or "" for entry in writes)])


def _holds_data(last_applied: str | None) -> bool:
    if not last_applied:
        return False
    try:
        applied = json.loads(last_applied)
    except (ValueError, RecursionError):
        return False
    return isinstance(applied, dict) and bool(applied.get("data") or applied.get("stringData"))
