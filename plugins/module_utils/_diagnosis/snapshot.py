# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit keeps of the Secrets, ServiceAccounts and Pods that a cluster lists: the rest of a page is let go at once."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass, field

from .._cluster.ownership import EXPIRES, LAST_APPLIED, OWNER_LABEL, REVISION
from .._credentials.dockerconfigjson import LEGACY_SECRET_KEY, LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE

if t.TYPE_CHECKING:
    from collections.abc import Mapping


# type of a pull secret -> its key
KEYS = {PULL_SECRET_TYPE: PULL_SECRET_KEY, LEGACY_SECRET_TYPE: LEGACY_SECRET_KEY}
# what a kubelet says of a container whose image it does not get (pkg/kubelet/images/types.go)
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
class FoundSecret:
    """``document`` is None for a type that is no pull secret's, and ``type`` empty where no more than that is known of it.

    ``exposed``: an annotation shows the credentials as well. ``changed`` is a moment (RFC 3339, in UTC) after which the
    server has taken no other data for it.
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


@dataclass(frozen=True)
class FoundAccount:
    namespace: str
    name: str
    pull_secrets: tuple[str, ...]


@dataclass(frozen=True)
class StuckContainer:
    name: str
    image: str
    reason: str
    message: str


@dataclass(frozen=True)
class FoundPod:
    """``stuck`` are its containers, of all three kinds, whose image does not come."""

    namespace: str
    name: str
    account: str
    pull_secrets: tuple[str, ...]
    stuck: tuple[StuckContainer, ...]


class SecretReader:
    """Keeps a document that many Secrets hold only once."""

    def __init__(self) -> None:
        self._documents: dict[bytes, bytes] = {}

    def __call__(self, item: Mapping[str, t.Any]) -> FoundSecret:
        metadata, kind = item["metadata"], item.get("type") or ""
        annotations = metadata.get("annotations") or {}
        document = None
        if kind in KEYS:
            document = base64.b64decode((item.get("data") or {}).get(KEYS[kind]) or "")
            document = self._documents.setdefault(document, document)
        return FoundSecret(
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


def found_account(item: Mapping[str, t.Any]) -> FoundAccount:
    metadata = item["metadata"]
    return FoundAccount(metadata["namespace"], metadata["name"], pull_secret_names(item.get("imagePullSecrets")))


def found_pod(item: Mapping[str, t.Any]) -> FoundPod | None:
    """None for a Pod that lacks no image."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    images = {
        one["name"]: one.get("image") or ""
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for one in spec.get(kind) or ()
    }
    stuck = []
    for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for one in status.get(kind) or ():
            waiting = (one.get("state") or {}).get("waiting") or {}
            reason = waiting.get("reason") or ""
            if is_stuck(reason):
                # the status may name an image by a digest, or by nothing at all
                image = images.get(one["name"]) or one.get("image") or ""
                stuck.append(StuckContainer(one["name"], image, reason, waiting.get("message") or ""))
    if not stuck:
        return None
    account = spec.get("serviceAccountName") or "default"
    return FoundPod(
        metadata["namespace"], metadata["name"], account, pull_secret_names(spec.get("imagePullSecrets")), tuple(stuck)
    )


def is_stuck(reason: str) -> bool:
    """Whether a waiting container's reason is about its image. Where Secrets cannot be read, it is the error's own text."""
    return reason in _REASONS or " " in reason


def pull_secret_names(references: t.Any) -> tuple[str, ...]:
    """Of a list of imagePullSecrets; the kubelet passes over a reference without a name."""
    return tuple(dict.fromkeys(one["name"] for one in references or () if one.get("name")))


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
