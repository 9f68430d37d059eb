# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task page by modules: Pods that cannot pull come up once the Secret is there and the ServiceAccount is linked."""

from __future__ import annotations

import json
from typing import Any

from ansible_run import Ansible
from cluster_access import Access, wait_until
from lab import Lab


def pod(name: str, namespace: str, image: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": image}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 0, **spec},
    }


def state_of(access: Access, namespace: str, name: str) -> str:
    """Running, or why it waits."""
    status = json.loads(access.kubectl("get", "pod", "-n", namespace, name, "-o", "json"))["status"]
    waiting = [one["state"]["waiting"]["reason"] for one in status.get("containerStatuses", []) if "waiting" in one["state"]]
    return waiting[0] if waiting else status["phase"]


def cannot_pull(access: Access, namespace: str, name: str) -> bool:
    return state_of(access, namespace, name) in ("ErrImagePull", "ImagePullBackOff")


def test_a_pod_that_names_the_secret_and_one_that_leans_on_its_account(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    image, host = lab.images["basic"], lab.registry("basic").host
    named, linked = f"{prefix}-named", f"{prefix}-linked"
    c1.make_namespaces([named, linked])
    c1.wait_for_accounts([named, linked])
    c1.apply(pod("app", named, image, imagePullSecrets=[{"name": "regcred"}]), pod("early", linked, image))
    wait_until(lambda: cannot_pull(c1, named, "app"), 60, "a failed pull of the Pod that names the Secret")
    wait_until(lambda: cannot_pull(c1, linked, "early"), 60, "a failed pull of the Pod with no Secret at all")

    options = {**c1.connection, "namespaces": [f"{prefix}-*"]}
    credential = {"registry": host, "username": "puller", "password": lab.users["puller"]}
    run = ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**options, "name": "regcred", "registries": [credential]}},
            {"pullpass.registry.pull_secret_link": {**options, "secrets": ["regcred"]}},
        ]
    )
    assert run.exit_code == 0, run.output
    c1.apply(pod("late", linked, image))

    wait_until(lambda: state_of(c1, linked, "late") == "Running", 60, "the Pod of the linked ServiceAccount running")
    wait_until(lambda: state_of(c1, named, "app") == "Running", 90, "the Pod that names the Secret running")
    # it was admitted before its ServiceAccount was linked: no Secret can help it any more
    assert cannot_pull(c1, linked, "early")
    c1.kubectl("delete", "namespace", named, linked, "--wait=false")
