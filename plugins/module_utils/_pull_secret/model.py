# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A pull secret: the desired one, the stored one, and the annotations that record where its credentials come from."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field
from datetime import timedelta

from .._cluster.objects import Objects, Seen
from .._cluster.ownership import EXPIRES, OWNER_LABEL, REVISION, manager
from .._credentials.credential import expiry, timestamp
from .._credentials.docker_config import credentials_from_document
from .._credentials.dockerconfigjson import LEGACY_SECRET_KEY, LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE
from .._credentials.json_text import go_text
from .._credentials.registry_key import comparison_key
from .._errors import InputError, RequestError
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._cluster.api import Api
    from .._credentials.credential import Credential
    from .._credentials.dockerconfigjson import Entry


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


def notes(
    wanted: WantedSecret, kept: Mapping[str, Entry], written: t.Collection[str], before: Mapping[str, str]
) -> dict[str, str]:
    """The annotations that the Secret shall have of us.

    ``kept`` are the entries that stay as they are, ``written`` the registries whose credential is put there, ``before`` the
    annotations so far.
    """
    ends = [expiry(one.username, one.password) for one in wanted.credentials if one.registry in written]
    ends += [expiry(entry.username, entry.password) for entry in kept.values()]
    known = [moment for moment in ends if moment is not None]
    revisions = dict(wanted.revisions)
    if not wanted.purge:
        others = read_revisions(before.get(REVISION, ""))
        revisions = {**{key: value for key, value in others.items() if key not in written}, **revisions}
    found = {}
    if known:
        found[EXPIRES] = timestamp(min(known))
    if revisions:
        found[REVISION] = _revision_text(revisions)
    return found


def notes_without(registries: t.Collection[str], left: Mapping[str, Entry], before: Mapping[str, str]) -> dict[str, str | None]:
    """What changes in our annotations when the entries of these registries go and ``left`` stay; None for one that goes."""
    known = [moment for moment in (expiry(one.username, one.password) for one in left.values()) if moment is not None]
    revisions = {key: value for key, value in read_revisions(before.get(REVISION, "")).items() if key not in registries}
    after = {EXPIRES: timestamp(min(known)) if known else None, REVISION: _revision_text(revisions) or None}
    return {key: value for key, value in after.items() if before.get(key) != value}


def _revision_text(revisions: Mapping[str, str]) -> str:
    return " ".join(f"{registry}={revision}" for registry, revision in sorted(revisions.items()))


def read_revisions(text: str) -> dict[str, str]:
    """Registry -> revision, out of the annotation."""
    return dict(pair for pair in (word.partition("=")[::2] for word in text.split()) if all(pair))


def kept_entries(wanted: WantedSecret, entries: Mapping[str, Entry], written: t.Collection[str]) -> dict[str, Entry]:
    """The entries of a document that are still the same after ``written`` has been put there."""
    ours = {comparison_key(one.registry): one.registry for one in wanted.credentials}
    kept = {}
    for key, entry in entries.items():
        registry = ours.get(comparison_key(key))
        if (registry is None and not wanted.purge) or (registry is not None and registry not in written):
            kept[key] = entry
    return kept


def credentials_from_secret(api: Api, namespace: str, name: str, only: t.Sequence[str] | None = None) -> list[Credential]:
    """The credentials of the Secret, all of them or those of the registries in ``only``.

    Raises InputError for one that is missing, of another type, or of no use.

    A helper that its document names is never run: the document may be a tenant's, and the identity would be ours.
    """
    where = f"from_secret {shown(namespace)}/{shown(name)}"
    try:
        item = Objects(api, "secrets", dry_run=True).get(namespace, name)
    except RequestError as error:
        raise InputError(f"{where} cannot be read: {error}") from None
    if item is None:
        raise InputError(f"{where} does not exist on {api.identity['server']}. Create it first, or correct its name.")
    return credentials_from_document(where, _document(where, item), only)


def _document(where: str, item: t.Mapping[str, t.Any]) -> str:
    data = item.get("data") or {}
    if item.get("type") == PULL_SECRET_TYPE and data.get(PULL_SECRET_KEY):
        return go_text(base64.b64decode(data[PULL_SECRET_KEY]))
    if item.get("type") == LEGACY_SECRET_TYPE and data.get(LEGACY_SECRET_KEY):
        return f'{{"auths": {go_text(base64.b64decode(data[LEGACY_SECRET_KEY]))}}}'
    raise InputError(
        f"{where} has type {shown(str(item.get('type')))} and no pull credentials. Expected type "
        f"{PULL_SECRET_TYPE} with key {PULL_SECRET_KEY}."
    )
