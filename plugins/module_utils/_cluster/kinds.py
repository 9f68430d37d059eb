# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The kinds of objects: where the API server keeps each, and which fields this collection reads."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from .._errors import FailureKind, RequestError
from .._text import shown
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Mapping


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
# kind -> its plural in the API
WORKLOAD_RESOURCES = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "ReplicationController": "replicationcontrollers",
    "CronJob": "cronjobs",
    "Job": "jobs",
    "Pod": "pods",
}


PULL_SECRETS_FIELD = "imagePullSecrets"


def pull_secret_names(holder: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The imagePullSecrets of a ServiceAccount or Pod spec, in their order; an entry without a name is an empty text."""
    return tuple(reference.get("name") or "" for reference in holder.get(PULL_SECRETS_FIELD) or ())


def used_pull_secrets(holder: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The same as the kubelet uses them: without repeats and without entries that have no name."""
    return tuple(dict.fromkeys(filter(None, pull_secret_names(holder))))


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
        raise RequestError(f"{what} does not exist: no object can have this name", FailureKind.NOT_FOUND, 404)
    return quote(name, safe="")


TEXT, NUMBER, FLAG, OBJECT, ANY = "text", "a number", "true or false", "a mapping", "anything"
# a mapping of texts, and one whose pull credentials are in base64
TEXTS, ENCODED = "a mapping of texts", "a mapping of base64 texts"


@dataclass(frozen=True)
class Fields:
    """A mapping: the type of each field that is read. Other fields are not looked at."""

    types: Mapping[str, Shape]
    required: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Each:
    """A list, all of whose entries have one type."""

    entry: Shape


Shape = t.Union[str, Fields, Each]
_OWNER = Fields({"apiVersion": TEXT, "kind": TEXT, "name": TEXT, "uid": TEXT, "controller": FLAG})
_WRITER = Fields(
    {
        "manager": TEXT,
        "operation": TEXT,
        "time": TEXT,
        "subresource": TEXT,
        "fieldsV1": Fields({"f:status": OBJECT, "f:metadata": OBJECT, "f:spec": OBJECT}),
    }
)
METADATA = Fields(
    {
        "name": TEXT,
        "namespace": TEXT,
        "uid": TEXT,
        "resourceVersion": TEXT,
        "creationTimestamp": TEXT,
        "deletionTimestamp": TEXT,
        "labels": TEXTS,
        "annotations": TEXTS,
        "finalizers": Each(TEXT),
        "ownerReferences": Each(_OWNER),
        "managedFields": Each(_WRITER),
    },
    ("name", "uid", "resourceVersion"),
)
_CONDITIONS = Each(Fields({"type": TEXT, "status": TEXT, "reason": TEXT, "message": TEXT}))
_SELECTOR = Fields(
    {"matchLabels": TEXTS, "matchExpressions": Each(Fields({"key": TEXT, "operator": TEXT, "values": Each(TEXT)}))}
)
_REFERENCES = Each(Fields({"name": TEXT}))
_CONTAINERS = Each(Fields({"name": TEXT, "image": TEXT, "imagePullPolicy": TEXT}, ("name",)))
_POD_FIELDS: dict[str, Shape] = {
    "serviceAccountName": TEXT,
    "nodeName": TEXT,
    "imagePullSecrets": _REFERENCES,
    "initContainers": _CONTAINERS,
    "containers": _CONTAINERS,
    "ephemeralContainers": _CONTAINERS,
    "volumes": Each(Fields({"name": TEXT}, ("name",))),
}
_STATE = Fields(
    {
        "waiting": Fields({"reason": TEXT, "message": TEXT}),
        "running": OBJECT,
        "terminated": Fields({"reason": TEXT, "message": TEXT, "finishedAt": TEXT, "exitCode": NUMBER}),
    }
)
_STATUSES = Each(
    Fields(
        {
            "name": TEXT,
            "image": TEXT,
            "imageID": TEXT,
            "containerID": TEXT,
            "restartCount": NUMBER,
            "state": _STATE,
            "lastState": _STATE,
        },
        ("name",),
    )
)
_POD = Fields(
    {
        "metadata": METADATA,
        "spec": Fields(_POD_FIELDS),
        "status": Fields(
            {
                "phase": TEXT,
                "reason": TEXT,
                "message": TEXT,
                "conditions": _CONDITIONS,
                "initContainerStatuses": _STATUSES,
                "containerStatuses": _STATUSES,
                "ephemeralContainerStatuses": _STATUSES,
            }
        ),
    },
    ("metadata", "spec"),
)
_TEMPLATE = Fields({"metadata": Fields({"labels": TEXTS, "annotations": TEXTS}), "spec": Fields(_POD_FIELDS)})
_RULES = Each(
    Fields(
        {
            "action": TEXT,
            "onPodConditions": Each(Fields({"type": TEXT, "status": TEXT})),
            "onExitCodes": Fields({"operator": TEXT, "values": Each(NUMBER)}),
        }
    )
)
_WORKLOAD_SPEC: dict[str, Shape] = {
    "template": _TEMPLATE,
    "selector": _SELECTOR,
    "replicas": NUMBER,
    "paused": FLAG,
    "suspend": FLAG,
    "podManagementPolicy": TEXT,
    "updateStrategy": Fields({"type": TEXT, "rollingUpdate": Fields({"partition": NUMBER})}),
    "ordinals": Fields({"start": NUMBER}),
    "backoffLimit": NUMBER,
    "backoffLimitPerIndex": NUMBER,
    "managedBy": TEXT,
    "manualSelector": FLAG,
    "podFailurePolicy": Fields({"rules": _RULES}),
}
_WORKLOAD_STATUS = Fields(
    {"updateRevision": TEXT, "replicas": NUMBER, "failed": NUMBER, "succeeded": NUMBER, "conditions": _CONDITIONS}
)


def _object(types: Mapping[str, Shape]) -> Fields:
    return Fields({"metadata": METADATA, **types}, ("metadata",))


def _workload(spec: Mapping[str, Shape]) -> Fields:
    return Fields({"metadata": METADATA, "spec": Fields(spec), "status": _WORKLOAD_STATUS}, ("metadata", "spec"))


# all that is asked of a list of metadata
PARTIAL = _object({})
# a list as a table, whose rows hold the metadata
TABLE = Fields(
    {
        "columnDefinitions": Each(Fields({"name": TEXT})),
        "rows": Each(Fields({"cells": Each(ANY), "object": Fields({"metadata": OBJECT}, ("metadata",))}, ("cells", "object"))),
    }
)
# plural name of a resource -> its object
SHAPES: Mapping[str, Fields] = {
    "secrets": _object({"type": TEXT, "immutable": FLAG, "data": ENCODED}),
    "serviceaccounts": _object({"imagePullSecrets": _REFERENCES}),
    "pods": _POD,
    "namespaces": PARTIAL,
    "nodes": _object(
        {
            "spec": Fields({"taints": Each(Fields({"key": TEXT, "value": TEXT, "effect": TEXT})), "unschedulable": FLAG}),
            "status": Fields({"conditions": _CONDITIONS, "nodeInfo": Fields({"operatingSystem": TEXT})}),
        }
    ),
    "events": _object(
        {
            "reason": TEXT,
            "message": TEXT,
            "type": TEXT,
            "lastTimestamp": TEXT,
            "eventTime": TEXT,
            "involvedObject": Fields({"uid": TEXT, "fieldPath": TEXT}),
        }
    ),
    "poddisruptionbudgets": _object(
        {
            "spec": Fields({"selector": _SELECTOR}),
            "status": Fields(
                {
                    "currentHealthy": NUMBER,
                    "desiredHealthy": NUMBER,
                    "expectedPods": NUMBER,
                    "conditions": _CONDITIONS,
                }
            ),
        }
    ),
    "cronjobs": _workload(
        {
            **_WORKLOAD_SPEC,
            "concurrencyPolicy": TEXT,
            "jobTemplate": Fields({"spec": Fields({"template": _TEMPLATE})}),
        }
    ),
    "replicationcontrollers": _workload({**_WORKLOAD_SPEC, "selector": TEXTS}),
    **{resource: _workload(_WORKLOAD_SPEC) for resource in ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs")},
}
