# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manifests of workloads and Secrets, and calls of pull_recovery, for the tests of it."""

from __future__ import annotations

import base64
import json
from typing import Any

from verify_modules import result_of

from ansible_run import Ansible
from cluster_access import Access, Audit

NOW = "2026-01-01T00:00:00Z"
CONFIG = "kubernetes.io/dockerconfigjson"
APPS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1"}


def named(kind: str, namespace: str, name: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    group = APPS.get(kind, "policy/v1" if kind == "PodDisruptionBudget" else "v1")
    whole = {"name": name, "namespace": namespace, "labels": {"app": name}, **metadata}
    return {"apiVersion": group, "kind": kind, "metadata": whole, "spec": spec}


def pod_spec(*images: str, secrets: tuple[str, ...] = (), init: str = "", **rest: Any) -> dict[str, Any]:
    """A container a, b, ... for each image; ``init`` is the image of one that goes on beside them."""
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "abc"[number], "image": image} for number, image in enumerate(images)],
        **rest,
    }
    if secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if init:
        spec["initContainers"] = [{"name": "init", "image": init, "restartPolicy": "Always"}]
    return spec


def workload(kind: str, namespace: str, name: str, spec: dict[str, Any], replicas: int = 1, **rest: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    selector = {"matchLabels": {"app": name}}
    of_kind: dict[str, Any] = {"selector": selector, "template": template, **rest}
    if kind in ("Deployment", "StatefulSet"):
        of_kind["replicas"] = replicas
    if kind == "StatefulSet":
        of_kind["serviceName"] = name
    return named(kind, namespace, name, of_kind)


def job_spec(spec: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"template": {"spec": {"restartPolicy": "Never", **spec}}, **rest}


def pull_secret(namespace: str, name: str, credentials: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """``credentials``: registry -> user name and password."""
    auths = {
        host: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()} for host, (user, password) in credentials.items()
    }
    data = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": CONFIG, "data": {".dockerconfigjson": data}}


def create(access: Access, *manifests: dict[str, Any]) -> None:
    access.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))


def link(access: Access, namespace: str, *names: str, account: str = "default") -> None:
    body = {"imagePullSecrets": [{"name": name} for name in names]}
    access.core.patch_namespaced_service_account(account, namespace, body)


def recovery(access: Access, namespaces: list[str], **options: Any) -> dict[str, Any]:
    given = {**access.connection, "namespaces": namespaces, "results": "all", **options}
    return {"pullpass.registry.pull_recovery": {name: value for name, value in given.items() if value is not None}}


def recover(
    ansible: Ansible, access: Access, namespaces: list[str], *arguments: str, fails: bool = False, **options: Any
) -> dict[str, Any]:
    """The result of the module; what it says is printed for whoever reads the log of a failed test."""
    result = result_of(ansible, recovery(access, namespaces, **options), *arguments, fails=fails)
    print(json.dumps(result, indent=1))
    return result


def items(access: Access, kind: str, namespace: str, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(access.kubectl("get", kind, "-n", namespace, "-o", "json", *arguments))["items"]
    return found


def waiting(pod: dict[str, Any]) -> list[str]:
    """What its kubelet tells of each container that waits."""
    return [
        one["state"]["waiting"].get("message", "")
        for kind in ("initContainerStatuses", "containerStatuses")
        for one in pod["status"].get(kind, [])
        if "waiting" in one["state"]
    ]


def by_app(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by what their Pods' names begin with: name of the workload, up to its first hyphen."""
    return {row["pod"].partition("-")[0]: row for row in rows}


def phases(access: Access, namespace: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in items(access, "pods", namespace):
        found.setdefault(pod["metadata"]["name"].partition("-")[0], set()).add(pod["status"]["phase"])
    return found


def writes_in(audit: Audit, namespaces: list[str]) -> list[dict[str, Any]]:
    """Other tests may write to the same cluster at the same time."""
    return [event for event in audit.writes() if (event.get("objectRef") or {}).get("namespace") in namespaces]


def set_status(access: Access, pod: dict[str, Any], reason: str = "", phase: str = "Pending", message: str = "") -> None:
    """What a node would write: every container waits for ``reason``, or runs if there is none."""
    images = {one["name"]: one["image"] for one in pod["spec"]["containers"]}
    denied = (
        "failed to pull and unpack image: failed to resolve reference: unexpected status code [manifests 1]: 401 Unauthorized"
    )
    state = {"waiting": {"reason": reason, "message": message or denied}} if reason else {"running": {"startedAt": NOW}}
    statuses = [
        {"name": name, "image": image, "imageID": "", "ready": not reason, "restartCount": 0, "state": state}
        for name, image in images.items()
    ]
    ready = {"type": "Ready", "status": "False" if reason else "True"}
    body = {"status": {"phase": phase if reason else "Running", "conditions": [ready], "containerStatuses": statuses}}
    access.core.patch_namespaced_pod_status(pod["metadata"]["name"], pod["metadata"]["namespace"], body)
