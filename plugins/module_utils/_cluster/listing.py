# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whole lists in pages: a list is complete or it is none, and only what is needed of each item is kept."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import EXPIRED, Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.resources import resource_path
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, RequestError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
PAGE = 500
_STARTS = 3

Item = t.TypeVar("Item")


def list_all(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
    namespace: str | None = None,
) -> list[Item]:
    """``keep(item)`` for all items of a resource (its plural name), in one namespace or in all.

    ``selectors`` may hold fieldSelector and labelSelector. When the continue token has expired (410), the list starts
    again, twice. Raises RequestError or ClusterError.
    """
    for _start in range(_STARTS):
        try:
            return _pages(api, Request("list", resource, namespace), keep, selectors or {}, accept)
        except RequestError as error:
            if error.kind != EXPIRED:
                raise
    raise ClusterError(
        f"the list of {resource} changed faster than it could be read ({_STARTS} starts ended by 410 Gone). Try again later."
    )


def _pages(
    api: Api, request: Request, keep: Callable[[dict[str, t.Any]], Item], selectors: Mapping[str, str], accept: str
) -> list[Item]:
    path = resource_path(request.resource, request.namespace)
    kept: list[Item] = []
    query: dict[str, str | int] = {"limit": PAGE, **selectors}
    while True:
        page = api.send(request, path, query, accept=accept)
        kept += [keep(item) for item in page.get("items") or []]
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return kept
        query["continue"] = token
