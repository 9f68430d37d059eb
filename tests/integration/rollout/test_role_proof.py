# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role from a wrong credential to Pods that run: tested on a node, written, linked, stuck Pods got going, proved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stuck_pods import create, named, pod_spec, pull_secret, workload

from ansible_run import Ansible, Run
from cluster_access import Access, wait_until
from lab import Lab

SECONDS = 120


@pytest.fixture
def cluster(lab: Lab, c1: Access, node: str, prefix: str) -> dict[str, Any]:
    """Variables of an inventory host that stands for the cluster with the node, and one namespace of it."""
    c1.make_namespaces([prefix])
    c1.wait_for_accounts([prefix])
    registry = lab.registry("basic")
    return {
        "cluster_pull_access_kubeconfig": str(c1.cluster.kubeconfig),
        "cluster_pull_access_namespaces": [prefix],
        "cluster_pull_access_registry_ca_cert": str(lab.ca),
        "pullpass_registries": [{"registry": registry.host, "username": "puller", "password": lab.users["puller"]}],
    }


def rollout(ansible: Ansible, cluster: dict[str, Any], **variables: Any) -> Run:
    reported = {f"cluster_pull_access_{name}": value for name, value in variables.items()}
    return ansible.playbook("pullpass.registry.rollout", {"clusters": {"hosts": {"one": {**cluster, **reported}}}})


def phases(access: Access, namespace: str, selector: str) -> list[str]:
    pods = access.core.list_namespaced_pod(namespace, label_selector=selector).items
    return [pod.status.phase for pod in pods if pod.metadata.deletion_timestamp is None]


def stuck(access: Access, namespace: str, name: str) -> bool:
    pods = access.core.list_namespaced_pod(namespace, label_selector=f"app={name}").items
    waiting = [status.state.waiting for pod in pods for status in pod.status.container_statuses or ()]
    return bool(waiting) and all(one is not None and one.reason in ("ErrImagePull", "ImagePullBackOff") for one in waiting)


def test_pods_that_were_there_before_run_in_the_end_and_a_second_run_writes_nothing(
    lab: Lab, c1: Access, cluster: dict[str, Any], ansible: Ansible, prefix: str
) -> None:
    image = lab.images["basic"]
    other = pull_secret(prefix, "other", {"registry.example.com": ("a", "b")})
    create(
        c1,
        other,
        workload("Deployment", prefix, "plain", pod_spec(image)),
        workload("Deployment", prefix, "own-list", pod_spec(image, secrets=("other",))),
    )
    for name in ("plain", "own-list"):
        wait_until(lambda name=name: stuck(c1, prefix, name), SECONDS, f"{name} stuck")  # type: ignore[misc]

    reported = rollout(ansible, cluster, workloads=[{"kind": "Deployment", "name": "own-*"}])
    assert reported.exit_code == 0, reported.output
    assert "stuck" in reported.output
    assert f"{prefix}/plain" in reported.output
    assert "admitted before its ServiceAccount was linked" in reported.output

    wanted = {"workloads": [{"kind": "Deployment", "name": "own-*"}], "recover_pods": "evict"}
    run = rollout(ansible, cluster, **wanted, canary_image=image)

    assert run.exit_code == 0, run.output
    assert {row["action"] for row in run.of("pull_recovery")["pods"]} == {"evicted"}
    assert run.of("pull_canary")["summary"]["pulled"] == 1
    for name in ("plain", "own-list"):
        wait_until(lambda name=name: phases(c1, prefix, f"app={name}") == ["Running"], SECONDS, f"{name} running")  # type: ignore[misc]
    audit = c1.audit()
    again = rollout(ansible, cluster, **wanted)
    assert again.exit_code == 0
    assert again.recap["one"]["changed"] == 0
    assert [event["requestURI"] for event in audit.writes() if prefix in event["requestURI"]] == []


def test_the_node_tests_a_credential_that_goes_again(
    lab: Lab, c1: Access, cluster: dict[str, Any], ansible: Ansible, prefix: str
) -> None:
    wanted = {"verify": "node", "images": [lab.images["basic"]], "verify_namespace": prefix}
    wrong = [{**cluster["pullpass_registries"][0], "password": "wrong"}]

    bad = rollout(ansible, {**cluster, "pullpass_registries": wrong}, **wanted)

    assert bad.exit_code == 2
    assert "401 Unauthorized" in bad.output
    assert c1.core.list_namespaced_secret(prefix).items == []
    good = rollout(ansible, cluster, **wanted)
    assert good.exit_code == 0, good.output
    assert [secret.metadata.name for secret in c1.core.list_namespaced_secret(prefix).items] == ["regcred"]
    assert good.recap["one"]["changed"] == 2
    assert rollout(ansible, cluster, **wanted).recap["one"]["changed"] == 0
    assert c1.core.list_namespaced_pod(prefix).items == []


def test_a_canary_that_cannot_pull_fails_the_role_with_what_the_kubelet_says(
    lab: Lab, c1: Access, cluster: dict[str, Any], ansible: Ansible, prefix: str
) -> None:
    run = rollout(ansible, cluster, canary_image=f"{lab.images['basic']}-not-there", recover_pods="none")

    assert run.exit_code == 2
    assert "Canary: " in run.output
    assert "not found" in run.output
    # what came before it is done all the same
    assert c1.pull_secrets(prefix) == ["regcred"]


def test_single_parts_by_their_entry_points(lab: Lab, c1: Access, cluster: dict[str, Any], ansible: Ansible, prefix: str) -> None:
    create(c1, named("Pod", prefix, "bare", pod_spec(lab.images["basic"])))
    wait_until(lambda: stuck(c1, prefix, "bare"), SECONDS, "the Pod stuck")
    parts = ["recovery", "canary"]
    tasks = [
        {"ansible.builtin.include_role": {"name": "pullpass.registry.cluster_pull_access", "tasks_from": part}, "vars": vars_}
        for part, vars_ in zip(
            parts,
            (
                {**cluster, "cluster_pull_access_recover_pods": "report"},
                {**cluster, "cluster_pull_access_canary_image": lab.images["basic"], "cluster_pull_access_timeout": 30},
            ),
            strict=True,
        )
    ]

    run = ansible.tasks(tasks)

    assert run.exit_code == 2, "the canary has no credential"
    (row,) = run.of("pull_recovery")["pods"]
    assert (row["pod"], row["action"]) == ("bare", "left")
    assert run.of("pull_canary")["nodes"][0]["pulled"] is False
    assert "pullpass.registry.pull_secret" not in json.dumps([line["action"] for line in run.results])
