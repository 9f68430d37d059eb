# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks of pull_canary, namespaces that they run in, and what they leave there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from verify_modules import result_of

from ansible_run import Ansible
from cluster_access import Access, Audit, wait_until
from lab import Lab

LABEL = "pullpass.registry/canary"
UNREACHABLE = "registry.invalid/team/app:1.0"


def secret(namespace: str, name: str, registry: str, username: str, password: str) -> dict[str, Any]:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    document = json.dumps({"auths": {registry: {"auth": auth}}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(document.encode()).decode()},
    }


def right(lab: Lab, namespace: str) -> dict[str, Any]:
    return secret(namespace, "regcred", lab.registry("basic").host, "puller", lab.users["puller"])


def restricted(access: Access, namespace: str, pods: int = 1) -> None:
    """PodSecurity restricted, a quota that counts everything, and a LimitRange above what a canary asks for."""
    access.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    resources = {"requests.cpu": "1", "requests.memory": "1Gi", "limits.cpu": "1", "limits.memory": "1Gi"}
    access.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "small", "namespace": namespace},
            "spec": {"hard": {"pods": str(pods), **resources}},
        },
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "large", "namespace": namespace},
            "spec": {
                "limits": [
                    {"type": "Container", "min": {"cpu": "50m", "memory": "64Mi"}, "maxLimitRequestRatio": {"cpu": "1"}},
                    {"type": "Pod", "min": {"cpu": "60m"}},
                ]
            },
        },
    )
    access.kubectl("wait", "-n", namespace, "quota/small", "--for=jsonpath={.status.hard.pods}", "--timeout=30s")


def task(connection: dict[str, Any], namespaces: list[str], image: str, **options: Any) -> dict[str, Any]:
    return {"pullpass.registry.pull_canary": {**connection, "namespaces": namespaces, "image": image, **options}}


def canary(
    ansible: Ansible,
    connection: dict[str, Any],
    namespaces: list[str],
    image: str,
    *arguments: str,
    fails: bool = False,
    **options: Any,
) -> dict[str, Any]:
    result = result_of(ansible, task(connection, namespaces, image, **options), *arguments, fails=fails)
    print(json.dumps({key: result[key] for key in ("msg", "nodes", "summary") if key in result}, indent=1))
    assert result["changed"] is False
    return result


def only(result: dict[str, Any]) -> dict[str, Any]:
    (row,) = result["nodes"]
    return row


def by_namespace(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["namespace"]: row for row in result["nodes"]}


def canaries(access: Access, *namespaces: str) -> list[Any]:
    return [pod for name in namespaces for pod in access.core.list_namespaced_pod(name, label_selector=LABEL).items]


def writes_to(audit: Audit, namespaces: list[str]) -> list[dict[str, Any]]:
    """Other tests may write to the same cluster at the same time."""
    return [event for event in audit.writes() if event["objectRef"].get("namespace") in namespaces]


def ready(access: Access, *namespaces: str) -> None:
    access.make_namespaces(namespaces)
    access.wait_for_accounts(namespaces)


@contextmanager
def rewriting(access: Access, namespace: str, path: str, value: Any) -> Iterator[None]:
    """A policy that changes every new Pod of the namespace."""
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            },
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {"expression": f"[JSONPatch{{op: 'add', path: '{path}', value: {json.dumps(value)}}}]"},
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace},
    }
    probe = {
        "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "probe", "image": "probe", "imagePullPolicy": "Always"}]},
    }

    def at_work() -> bool:
        made = access.core.api_client.sanitize_for_serialization(
            access.core.create_namespaced_pod(namespace, probe, dry_run="All").spec
        )
        for part in path.split("/")[2:]:
            made = made[int(part) if part.isdigit() else part] if part.isdigit() or part in made else None
            if made is None:
                return False
        return bool(made == value)

    access.apply(policy, binding)
    try:
        wait_until(at_work, 90, "a policy at work")
        yield
    finally:
        access.kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", namespace)
