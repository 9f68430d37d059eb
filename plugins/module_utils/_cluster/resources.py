# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where the API server keeps each kind of object."""

from __future__ import annotations

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


def resource_path(resource: str, namespace: str | None = None, name: str | None = None) -> str:
    """Path of a collection (in one namespace or in all), or of one object of it."""
    group = _GROUPS.get(resource)
    parts = [f"/apis/{group}" if group else "/api/v1"]
    if namespace:
        parts += ["namespaces", namespace]
    parts.append(resource)
    if name:
        parts.append(name)
    return "/".join(parts)
