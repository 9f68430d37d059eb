# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whole lists in pages: a list is complete or it is none, and only what is needed of each item is kept."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.answers import (
    checked_items,
    kept,
    malformed,
    place_of,
)
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import EXPIRED, MALFORMED, Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.resources import resource_path
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, RequestError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500
_STARTS = 3
# For all pages together; a list of a million objects takes some minutes
_SECONDS = 1800.0

Item = t.TypeVar("Item")
# namespace (None: not known), name (may be empty) and what is wrong, for one malformed item of a list
Spoiled = t.Callable[[t.Optional[str], str, RequestError], None]


def list_all(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
    namespace: str | None = None,
    spoiled: Spoiled | None = None,
) -> list[Item]:
    """``keep(item)`` for all items of a resource (its plural name), in one namespace or in all.

    ``selectors`` may hold fieldSelector and labelSelector. When the continue token has expired (410), the list starts
    again, twice. A malformed item is left out and handed to ``spoiled``; without that it is an error of the whole list.
    Raises RequestError or ClusterError.
    """
    read = _Reader(api, Request("list", resource, namespace), keep, spoiled or _raise)
    for _start in range(_STARTS):
        try:
            return read.pages(selectors or {}, accept)
        except RequestError as error:
            if error.kind != EXPIRED:
                raise
    raise ClusterError(
        f"the list of {resource} changed faster than it could be read ({_STARTS} starts ended by 410 Gone). Try again later."
    )


class _Reader(t.Generic[Item]):
    def __init__(self, api: Api, request: Request, keep: Callable[[dict[str, t.Any]], Item], spoiled: Spoiled) -> None:
        self._api = api
        self._request = request
        self._keep = keep
        self._spoiled = spoiled

    def pages(self, selectors: Mapping[str, str], accept: str) -> list[Item]:
        path = resource_path(self._request.resource, self._request.namespace)
        found: list[Item] = []
        query: dict[str, str | int] = {"limit": PAGE, **selectors}
        give_up = time.monotonic() + _SECONDS
        while True:
            page = self._api.send(self._request, path, query, accept=accept)
            found += self._items(page)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            if not isinstance(token, str) or token == query.get("continue"):
                raise malformed(f"the list of {self._request.resource} does not continue")
            if time.monotonic() > give_up:
                raise malformed(f"the list of {self._request.resource} has not ended after {_SECONDS / 60:.0f} minutes")
            query["continue"] = token

    def _items(self, page: dict[str, t.Any]) -> list[Item]:
        resource, namespace = self._request.resource, self._request.namespace
        found: list[Item] = []
        for item in checked_items(page, resource):
            try:
                found.append(kept(item, page, resource, namespace, self._keep))
            except RequestError as error:
                if error.kind != MALFORMED:
                    raise
                self._spoiled(*place_of(item, namespace), error)
        return found


def _raise(_namespace: str | None, _name: str, error: RequestError) -> None:
    raise error
