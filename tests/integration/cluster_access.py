# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A test's own look at a cluster of the lab: with the real kubectl, the kubernetes client and the audit log."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kubernetes

from lab import Cluster

WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass
class Access:
    """Admin access to one cluster."""

    cluster: Cluster
    kubectl_program: Path
    ca: Path
    core: Any = field(init=False)
    rbac: Any = field(init=False)

    def __post_init__(self) -> None:
        client = kubernetes.config.new_client_from_config(str(self.cluster.kubeconfig))
        self.core = kubernetes.client.CoreV1Api(client)
        self.rbac = kubernetes.client.RbacAuthorizationV1Api(client)

    @property
    def connection(self) -> dict[str, Any]:
        """Options that connect a module of ours to this cluster."""
        return {"kubeconfig": str(self.cluster.kubeconfig), "context": self.cluster.name}

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(self.kubectl_program), "--kubeconfig", str(self.cluster.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def make_namespaces(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self.core.create_namespace({"metadata": {"name": name}}), names))

    def wait_for_accounts(self, names: Iterable[str]) -> None:
        wanted = set(names)

        def all_there() -> bool:
            found = self.core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
            return wanted <= {item.metadata.namespace for item in found}

        wait_until(all_there, 60, f"a default ServiceAccount in each of {len(wanted)} namespaces")

    def secret(self, namespace: str, name: str = "regcred") -> dict[str, Any] | None:
        found = json.loads(
            self.kubectl("get", "secrets", "-n", namespace, "--field-selector", f"metadata.name={name}", "-o", "json")
        )
        return found["items"][0] if found["items"] else None

    def document(self, namespace: str, name: str = "regcred") -> Any:
        secret = self.secret(namespace, name)
        assert secret, f"no Secret {name} in {namespace}"
        return json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))

    def pull_secrets(self, namespace: str, account: str = "default") -> list[str]:
        found = json.loads(self.kubectl("get", "serviceaccount", "-n", namespace, account, "-o", "json"))
        return [entry["name"] for entry in found.get("imagePullSecrets", [])]

    def versions(self) -> dict[tuple[str, str, str], tuple[str, str]]:
        """Every Secret and ServiceAccount -> its uid and resourceVersion."""
        found = json.loads(self.kubectl("get", "secrets,serviceaccounts", "-A", "-o", "json"))["items"]
        return {
            (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]): (
                item["metadata"]["uid"],
                item["metadata"]["resourceVersion"],
            )
            for item in found
        }

    def audit(self) -> Audit:
        return Audit(self.cluster.audit_log)

    def connection_as(self, token: str) -> dict[str, Any]:
        """The same with the rights of a token only."""
        return {"host": self.cluster.server, "api_key": token, "ca_cert": str(self.ca)}

    def token_of(self, namespace: str, account: str) -> str:
        """A token of a ServiceAccount, to act with its rights only."""
        return self.kubectl("create", "token", "-n", namespace, account).strip()


class Audit:
    """What the API server noted since this was made. ``user_agent`` tells who asked: our modules send none of kubectl's."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._start = log.stat().st_size

    def requests(self) -> list[dict[str, Any]]:
        """Requests of our modules, oldest first."""
        with self._log.open() as file:
            file.seek(self._start)
            # the last line may be one that is just being written
            events = [json.loads(line) for line in file if line.endswith("\n")]
        return [
            {**event, "resource": (event.get("objectRef") or {}).get("resource")}
            for event in events
            if event["stage"] == "ResponseComplete" and event.get("userAgent", "").startswith("pullpass.registry")
        ]

    def writes(self) -> list[dict[str, Any]]:
        return [event for event in self.requests() if event["verb"] in WRITES]


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Returns when the condition holds; fails after so many seconds. Only for what the cluster itself does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s there is still not {what}"
        time.sleep(0.2)
