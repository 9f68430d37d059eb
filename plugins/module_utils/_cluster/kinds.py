# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One table of the kinds of objects: where the API server has each, which fields are read, where its Pod spec is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote

from .._errors import FailureKind, RequestError
from .._text import shown
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Mapping


TEXT, NUMBER, FLAG, OBJECT, ANY = "text", "a number", "true or false", "a mapping", "anything"
# a mapping of texts, and one whose pull credentials are in base64
TEXT_MAP, BASE64_MAP = "a mapping of texts", "a mapping of base64 texts"


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
        "labels": TEXT_MAP,
        "annotations": TEXT_MAP,
        "finalizers": Each(TEXT),
        "ownerReferences": Each(_OWNER),
        "managedFields": Each(_WRITER),
    },
    ("name", "uid", "resourceVersion"),
)
_CONDITIONS = Each(Fields({"type": TEXT, "status": TEXT, "reason": TEXT, "message": TEXT}))
_SELECTOR = Fields(
    {"matchLabels": TEXT_MAP, "matchExpressions": Each(Fields({"key": TEXT, "operator": TEXT, "values": Each(TEXT)}))}
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
_TEMPLATE = Fields({"metadata": Fields({"labels": TEXT_MAP, "annotations": TEXT_MAP}), "spec": Fields(_POD_FIELDS)})
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


def _workload(more: Mapping[str, Shape] | None = None) -> Fields:
    spec = Fields({**_WORKLOAD_SPEC, **(more or {})})
    return Fields({"metadata": METADATA, "spec": spec, "status": _WORKLOAD_STATUS}, ("metadata", "spec"))


# all that is asked of a list of metadata
METADATA_FIELDS = _object({})
# a list as a table, whose rows hold the metadata
TABLE_FIELDS = Fields(
    {
        "columnDefinitions": Each(Fields({"name": TEXT})),
        "rows": Each(Fields({"cells": Each(ANY), "object": Fields({"metadata": OBJECT}, ("metadata",))}, ("cells", "object"))),
    }
)
_TEMPLATE_SPEC = ("spec", "template", "spec")


@dataclass(frozen=True)
class Resource:
    """A row of the table of kinds. ``plural`` is its name in paths, ``version`` its API group and version.

    ``fields`` are what is read of an object. ``pod_spec`` is where it has a Pod spec. ``creates`` is the kind that its
    controller creates.
    """

    plural: str
    kind: str
    fields: Fields
    version: str = "v1"
    namespaced: bool = True
    pod_spec: tuple[str, ...] = ()
    creates: str = ""


_ROWS = (
    Resource("deployments", "Deployment", _workload(), "apps/v1", pod_spec=_TEMPLATE_SPEC, creates="ReplicaSet"),
    Resource("statefulsets", "StatefulSet", _workload(), "apps/v1", pod_spec=_TEMPLATE_SPEC, creates="Pod"),
    Resource("daemonsets", "DaemonSet", _workload(), "apps/v1", pod_spec=_TEMPLATE_SPEC, creates="Pod"),
    Resource("replicasets", "ReplicaSet", _workload(), "apps/v1", pod_spec=_TEMPLATE_SPEC, creates="Pod"),
    Resource(
        "replicationcontrollers",
        "ReplicationController",
        _workload({"selector": TEXT_MAP}),
        pod_spec=_TEMPLATE_SPEC,
        creates="Pod",
    ),
    Resource(
        "cronjobs",
        "CronJob",
        _workload({"concurrencyPolicy": TEXT, "jobTemplate": Fields({"spec": Fields({"template": _TEMPLATE})})}),
        "batch/v1",
        pod_spec=("spec", "jobTemplate", *_TEMPLATE_SPEC),
        creates="Job",
    ),
    Resource("jobs", "Job", _workload(), "batch/v1", pod_spec=_TEMPLATE_SPEC, creates="Pod"),
    Resource("pods", "Pod", _POD, pod_spec=("spec",)),
    Resource("secrets", "Secret", _object({"type": TEXT, "immutable": FLAG, "data": BASE64_MAP})),
    Resource("serviceaccounts", "ServiceAccount", _object({"imagePullSecrets": _REFERENCES})),
    Resource("namespaces", "Namespace", METADATA_FIELDS, namespaced=False),
    Resource(
        "nodes",
        "Node",
        _object(
            {
                "spec": Fields({"taints": Each(Fields({"key": TEXT, "value": TEXT, "effect": TEXT})), "unschedulable": FLAG}),
                "status": Fields({"conditions": _CONDITIONS, "nodeInfo": Fields({"operatingSystem": TEXT})}),
            }
        ),
        namespaced=False,
    ),
    Resource(
        "events",
        "Event",
        _object(
            {
                "reason": TEXT,
                "message": TEXT,
                "type": TEXT,
                "lastTimestamp": TEXT,
                "eventTime": TEXT,
                "involvedObject": Fields({"uid": TEXT, "fieldPath": TEXT}),
            }
        ),
    ),
    Resource(
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        _object(
            {
                "spec": Fields({"selector": _SELECTOR}),
                "status": Fields(
                    {"currentHealthy": NUMBER, "desiredHealthy": NUMBER, "expectedPods": NUMBER, "conditions": _CONDITIONS}
                ),
            }
        ),
        "policy/v1",
    ),
)
# plural -> its row
RESOURCES: Mapping[str, Resource] = {row.plural: row for row in _ROWS}
# kind -> its row, for the kinds that have a Pod spec
WORKLOADS: Mapping[str, Resource] = {row.kind: row for row in _ROWS if row.pod_spec}


def resource_path(resource: str, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
    """Path of a collection (in one namespace or in all), or of one object of it.

    Raises RequestError (NOT_FOUND) for a name that no object can have: the HTTP client would resolve ``..`` in it.
    """
    version = RESOURCES[resource].version
    parts = [f"/apis/{version}" if "/" in version else f"/api/{version}"]
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
        what = f"{RESOURCES[resource].kind} '{shown(str(name), 80)}'"
        raise RequestError(f"{what} does not exist: no object can have this name", FailureKind.NOT_FOUND, 404)
    return quote(name, safe="")
