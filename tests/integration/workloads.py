# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workloads that nobody will run, tasks that link them, and what was written to them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ansible_run import Run
from cluster_access import Access, Audit

PLURALS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "ReplicationController": "replicationcontrollers",
    "CronJob": "cronjobs",
    "Job": "jobs",
    "Pod": "pods",
}
TEMPLATES = [kind for kind in PLURALS if kind not in ("Job", "Pod")]
OTHERS = ["zeta", "default-dockercfg-x2x4z", "alpha"]
PARENTS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1"}


def manifest(kind: str, namespace: str, *secrets: str, name: str = "shop", **metadata: Any) -> dict[str, Any]:
    """One workload whose Pods nobody will run."""
    labels = {"app": f"{name}-{kind.lower()}"}
    pod: dict[str, Any] = {"containers": [{"name": "c", "image": "registry.example.com/shop:1"}]}
    if secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec: dict[str, Any] = {"template": template}
    if kind == "Pod":
        spec = pod
    elif kind in ("Job", "CronJob"):
        pod["restartPolicy"] = "Never"
        if kind == "CronJob":
            spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}
    else:
        spec["selector"] = labels if kind == "ReplicationController" else {"matchLabels": labels}
    version = PARENTS.get(kind, "batch/v1" if kind in ("Job", "CronJob") else "v1")
    about = {"name": name, "namespace": namespace, **metadata}
    return {"apiVersion": version, "kind": kind, "metadata": about, "spec": spec}


def create(access: Access, *manifests: dict[str, Any]) -> None:
    """As "kubectl create" does, which leaves no last-applied-configuration behind."""
    items = {"apiVersion": "v1", "kind": "List", "items": manifests}
    access.kubectl("create", "-f", "-", stdin=json.dumps(items))


def found(access: Access, kind: str, namespace: str, name: str = "shop") -> Any:
    return json.loads(access.kubectl("get", PLURALS[kind], "-n", namespace, name, "-o", "json"))


def template_of(item: Any) -> Any:
    spec = item["spec"]["jobTemplate"]["spec"] if item["kind"] == "CronJob" else item["spec"]
    return spec["template"]


def pull_secrets(access: Access, kind: str, namespace: str, name: str = "shop") -> list[str]:
    entries = template_of(found(access, kind, namespace, name))["spec"].get("imagePullSecrets", [])
    return [entry["name"] for entry in entries]


def replica_sets(access: Access, namespace: str) -> list[Any]:
    """Of the Deployments, the newest revision last."""
    items = json.loads(access.kubectl("get", "replicasets", "-n", namespace, "-o", "json"))["items"]
    owned = [item for item in items if item["metadata"].get("ownerReferences")]
    return sorted(owned, key=lambda item: int(item["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))


def link(access: Access, namespace: str, *workloads: dict[str, str], **options: Any) -> dict[str, Any]:
    given = {**access.connection, "secrets": ["regcred"], "namespaces": [namespace], **options}
    if workloads:
        given["workloads"] = list(workloads)
    return {"pullpass.registry.pull_secret_link": given}


def answer(run: Run) -> dict[str, Any]:
    return run.of("pull_secret_link")


def actions(run: Run) -> dict[tuple[str, str], str]:
    return {(row["kind"], row["name"]): row["action"] for row in answer(run)["links"]}


def rolled_out(access: Access, namespace: str) -> bool:
    """Whether the controller has seen the last change, so that no ReplicaSet is still to come."""
    item = found(access, "Deployment", namespace)
    return bool(item["status"].get("observedGeneration") == item["metadata"]["generation"])


def writes(audit: Audit, namespace: str) -> list[dict[str, Any]]:
    """Only those of this test, should another one run on the same cluster."""
    return [event for event in audit.writes() if event["objectRef"].get("namespace") == namespace]


def patches(audit: Audit, namespace: str) -> Counter[str]:
    """Those that the server took: a controller that writes the status meanwhile makes a conflict, and no second rollout."""
    taken = [event for event in writes(audit, namespace) if event["responseStatus"]["code"] == 200]
    return Counter(f"{event['resource']}/{event['objectRef']['name']}" for event in taken)


def requests_of(audit: Audit, namespace: str) -> list[dict[str, Any]]:
    user = f"system:serviceaccount:{namespace}:deputy"
    return [event for event in audit.requests() if event["user"]["username"] == user]


def status_of(event: dict[str, Any]) -> int:
    return int(event["responseStatus"]["code"])


def deputy(access: Access, prefix: str, verbs: str, places: Iterable[str], *, everywhere: bool = False) -> dict[str, Any]:
    """Connects as an account that has these verbs on Deployments, and no other right."""
    access.kubectl("create", "serviceaccount", "-n", prefix, "deputy")
    access.kubectl("create", "clusterrole", f"{prefix}-w", f"--verb={verbs}", "--resource=deployments")
    who = (f"--clusterrole={prefix}-w", f"--serviceaccount={prefix}:deputy")
    if everywhere:
        access.kubectl("create", "clusterrolebinding", f"{prefix}-w", *who)
    for place in places:
        access.kubectl("create", "rolebinding", "-n", place, "w", *who)
    return {"kubeconfig": None, "context": None, **access.connection_as(access.token_of(prefix, "deputy"))}
