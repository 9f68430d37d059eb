# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where the API server keeps each kind of object."""

from __future__ import annotations

from urllib.parse import quote

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.names import is_name
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import NOT_FOUND
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

# plural name of a resource -> its kind
KINDS = {
    "cronjobs": "CronJob",
    "daemonsets": "DaemonSet",
    "deployments": "Deployment",
    "events": "Event",
    "jobs": "Job",
    "namespaces": "Namespace",
    "nodes": "Node",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "replicationcontrollers": "ReplicationController",
    "secrets": "Secret",
    "serviceaccounts": "ServiceAccount",
    "statefulsets": "StatefulSet",
}
# kinds without a namespace
CLUSTER_WIDE = ("namespaces", "nodes")
# plural name of a resource -> its API group and version; all others are of the core group
_GROUPS = {
    "deployments": "apps/v1",
    "statefulsets": "apps/v1",
    "daemonsets": "apps/v1",
    "replicasets": "apps/v1",
    "jobs": "batch/v1",
    "cronjobs": "batch/v1",
    "poddisruptionbudgets": "policy/v1",
}


def resource_path(resource: str, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
    """Path of a collection (in one namespace or in all), or of one object of it.

    Raises RequestError (NOT_FOUND) for a name that no object can have: the HTTP client would resolve ``..`` in it.
    """
    group = _GROUPS.get(resource)
    parts = [f"/apis/{group}" if group else "/api/v1"]
    if namespace is not None:
        parts += ["namespaces", _segment("namespaces", namespace)]
    parts.append(quote(resource, safe=""))
    if name is not None:
        parts.append(_segment(resource, name))
    if subresource is not None:
        parts.append(quote(subresource, safe=""))
    return "/".join(parts)


def _segment(resource: str, name: str) -> str:
    if not is_name(resource, name):
        what = f"{KINDS.get(resource, resource)} '{shown(str(name), 80)}'"
        raise RequestError(f"{what} does not exist: no object can have this name", NOT_FOUND, 404)
    return quote(name, safe="")
