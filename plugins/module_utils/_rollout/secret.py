# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A pull secret as it shall be, and as it is."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import OWNER_LABEL, manager

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential

TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"
# kube-apiserver counts the decoded values of a Secret (pkg/apis/core/validation, MaxSecretSize)
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class WantedSecret:
    """A pull secret as it shall be, or (``present`` false) shall not be.

    With ``purge`` it holds these credentials and no others; without, others stay, and ``registries`` are the keys that
    shall be gone when it is not to be present. ``immutable`` None leaves that as it is. A stored token that lives longer
    than ``refresh_before`` is not replaced by a newer one, unless ``still_accepted`` (registry, user name, token) denies it.
    ``undecided`` are the registries of credentials that no registry has confirmed: these replace no usable entry.
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
        terminating="deletionTimestamp" in metadata,
        finalizers=metadata.get("finalizers") or (),
        other_keys=[key for key in item.get("data") or () if key != KEY],
        document=None if encoded is None else base64.b64decode(encoded),
    )
