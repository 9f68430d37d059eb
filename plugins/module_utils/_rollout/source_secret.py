# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Credentials out of a pull secret that is in the cluster already."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import (
    credentials_from_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.json_text import go_text
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import KEY, TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential

LEGACY_TYPE = "kubernetes.io/dockercfg"
LEGACY_KEY = ".dockercfg"


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
    if item.get("type") == TYPE and data.get(KEY):
        return go_text(base64.b64decode(data[KEY]))
    if item.get("type") == LEGACY_TYPE and data.get(LEGACY_KEY):
        return f'{{"auths": {go_text(base64.b64decode(data[LEGACY_KEY]))}}}'
    raise InputError(
        f"{where} has type {shown(str(item.get('type')))} and no pull credentials. Expected type {TYPE} with key {KEY}."
    )
