# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The pull secrets that a Pod of a namespace has: one that is there, one that its ServiceAccount would make, or named ones."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass

from .._cluster.objects import Objects
from .._concurrency import for_each
from .._credentials.keyring import PullSecret
from .._errors import InputError, RequestError
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._cluster.api import Api


@dataclass(frozen=True)
class PodSecrets:
    """``secrets`` in the order of the Pod's imagePullSecrets; ``missing`` are those that do not exist."""

    secrets: Sequence[PullSecret]
    missing: Sequence[str]


def secrets_of_pod(api: Api, namespace: str, pod: str, workers: int) -> PodSecrets:
    """Of a Pod that is there: what was admitted counts, not what its ServiceAccount has now. Raises InputError."""
    item = _get(api, "pods", namespace, pod)
    return secrets_named(api, namespace, _names(item["spec"]), workers)


def secrets_of_account(api: Api, namespace: str, account: str, workers: int) -> PodSecrets:
    """Of a Pod that names none itself and is created now with this ServiceAccount. Raises InputError."""
    item = _get(api, "serviceaccounts", namespace, account)
    return secrets_named(api, namespace, _names(item), workers)


def secrets_named(api: Api, namespace: str, names: Sequence[str], workers: int) -> PodSecrets:
    """Raises InputError for a Secret that may not be read."""

    def read(name: str) -> Mapping[str, t.Any] | None:
        try:
            return Objects(api, "secrets", dry_run=True).get(namespace, name)
        except RequestError as error:
            raise InputError(f"Secret {shown(namespace)}/{shown(name)} cannot be read: {error}") from None

    found = dict(zip(names, for_each(names, read, workers)))
    secrets = [_pull_secret(name, item) for name, item in found.items() if item is not None]
    return PodSecrets(secrets, [name for name, item in found.items() if item is None])


def _get(api: Api, resource: str, namespace: str, name: str) -> Mapping[str, t.Any]:
    what = f"{resource} {shown(namespace)}/{shown(name)}"
    try:
        item = Objects(api, resource, dry_run=True).get(namespace, name)
    except RequestError as error:
        raise InputError(f"{what} cannot be read: {error}") from None
    if item is None:
        raise InputError(f"{what} does not exist on {api.identity['server']}. Correct the name.")
    return item


def _names(holder: Mapping[str, t.Any]) -> list[str]:
    """The kubelet passes over a reference without a name."""
    return list(dict.fromkeys(one["name"] for one in holder.get("imagePullSecrets") or () if one.get("name")))


def _pull_secret(name: str, item: Mapping[str, t.Any]) -> PullSecret:
    data = {key: base64.b64decode(value or "") for key, value in (item.get("data") or {}).items() if key.startswith(".docker")}
    return PullSecret(name, item.get("type") or "", data)
