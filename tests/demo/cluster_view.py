# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo's own look at the cluster: it makes the teams' namespaces and Pods, and shows what became of them."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes

from .ground import DemoError, Ground

LABEL = {"pullpass.registry/demo": "true"}
SELECTOR = "pullpass.registry/demo=true"
NAMESPACES = ("demo-apple", "demo-banana", "demo-cherry")
GLOB = "demo-*"
SECRET = "regcred"
WRITES = ("create", "update", "patch", "delete")


@dataclass
class ClusterView:
    """``core`` and ``apps`` are the kubernetes client's APIs."""

    core: Any
    apps: Any

    @classmethod
    def of(cls, ground: Ground) -> ClusterView:
        try:
            client = kubernetes.config.new_client_from_config(ground.kubeconfig, ground.context, persist_config=False)
            kubernetes.client.VersionApi(client).get_code()
        except Exception as error:
            raise DemoError(f"the cluster of {ground.kubeconfig} does not answer: {error}") from None
        return cls(kubernetes.client.CoreV1Api(client), kubernetes.client.AppsV1Api(client))

    def make_namespaces(self) -> None:
        """Those of an earlier run go first. Waits for the ServiceAccounts of the new ones as well."""
        there = {item.metadata.name: item.metadata.labels or {} for item in self.core.list_namespace().items}
        for name in NAMESPACES:
            if LABEL.items() - there.get(name, LABEL).items():
                raise DemoError(f"namespace {name} exists already and is not the demo's; remove it or use another cluster")
        if self.remove():
            self._wait_for(120, "an end of the namespaces of an earlier demo", lambda: not self._namespaces())
        for name in NAMESPACES:
            self.core.create_namespace({"metadata": {"name": name, "labels": LABEL}})
        self._wait_for(30, "the ServiceAccounts of the new namespaces", self._accounts_are_there)

    def make_pods(self, image: str) -> None:
        """apple: a Pod that names the Secret. banana and cherry: Deployments that lean on their ServiceAccount."""
        container = {
            "name": "app",
            "image": image,
            "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
        }
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        naming = {"metadata": {"name": "app"}, "spec": {**spec, "imagePullSecrets": [{"name": SECRET}]}}
        labels = {"app": "app"}
        leaning = {
            "metadata": {"name": "app"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }
        self._create(self.core.create_namespaced_pod, NAMESPACES[0], naming)
        for namespace in NAMESPACES[1:]:
            self._create(self.apps.create_namespaced_deployment, namespace, leaning)

    def pods(self) -> dict[tuple[str, str], str]:
        """Namespace and name of each Pod -> Running, or why it waits."""
        states = {}
        for namespace in NAMESPACES:
            for pod in self.core.list_namespaced_pod(namespace).items:
                waiting = [one.state.waiting.reason for one in pod.status.container_statuses or [] if one.state.waiting]
                states[namespace, pod.metadata.name] = waiting[0] if waiting else pod.status.phase
        return states

    def wait_for_pods(self, states: tuple[str, ...], seconds: float) -> None:
        def settled() -> bool:
            found = self.pods()
            return len(found) == len(NAMESPACES) and all(state in states for state in found.values())

        self._wait_for(seconds, f"every Pod {' or '.join(states)}", settled)

    def registries(self, namespace: str) -> list[str]:
        """The registries in the Secret, read back out of it."""
        secret = self.core.read_namespaced_secret(SECRET, namespace)
        return list(json.loads(base64.b64decode(secret.data[".dockerconfigjson"]))["auths"])

    def pull_secrets(self, namespace: str) -> list[str]:
        account = self.core.read_namespaced_service_account("default", namespace)
        return [reference.name for reference in account.image_pull_secrets or []]

    def remove(self) -> list[str]:
        names = self._namespaces()
        for name in names:
            self.core.delete_namespace(name)
        return names

    def _namespaces(self) -> list[str]:
        return [item.metadata.name for item in self.core.list_namespace(label_selector=SELECTOR).items]

    def _accounts_are_there(self) -> bool:
        found = self.core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
        return set(NAMESPACES) <= {item.metadata.namespace for item in found}

    def _create(self, create: Any, namespace: str, body: dict[str, Any]) -> None:
        try:
            create(namespace, body)
        except kubernetes.client.ApiException as error:
            if error.status != 409:
                raise

    def _wait_for(self, seconds: float, what: str, condition: Any) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise DemoError(f"after {seconds:.0f} s there is still not {what}. The Pods: {self.pods()}")
            time.sleep(0.5)


def requests_in(audit_log: Path, start: int) -> tuple[int, int]:
    """Requests of the collection's modules since the log had ``start`` bytes, as the server counted them: all, and writes."""
    with audit_log.open() as file:
        file.seek(start)
        events = [json.loads(line) for line in file]
    ours = [event for event in events if event.get("userAgent", "").startswith("pullpass.registry")]
    return len(ours), sum(event["verb"] in WRITES for event in ours)
