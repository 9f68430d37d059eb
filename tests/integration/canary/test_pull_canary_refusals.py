# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_canary where no pull comes about: admission, quota, rights, nodes that are not fit, no room, check mode."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from canaries import by_namespace, canaries, canary, only, ready, restricted, rewriting, right, task, writes_to

from ansible_run import Ansible
from cluster_access import Access, wait_until
from lab import Lab

IMAGE = "registry.example.com/team/app:1.0"


def test_each_refusal_is_told_in_its_own_words_and_stops_no_other(c2: Access, ansible: Ansible, prefix: str) -> None:
    full, wants, open_ = names = [f"{prefix}-{name}" for name in ("full", "wants", "open")]
    ready(c2, *names)
    for name, hard in ((full, {"pods": "0"}), (wants, {"limits.cpu": "1"})):
        quota = {"metadata": {"name": "small"}, "spec": {"hard": hard}}
        c2.core.create_namespaced_resource_quota(name, quota)
        key = next(iter(hard)).replace(".", "\\.")
        c2.kubectl("wait", "-n", name, "quota/small", f"--for=jsonpath={{.status.hard.{key}}}", "--timeout=30s")

    only_requests = {"requests": {"cpu": 0.01}}
    result = canary(ansible, c2.connection, [*names, f"{prefix}-nowhere"], IMAGE, timeout=2, resources=only_requests, fails=True)

    messages = {name: row["message"] for name, row in by_namespace(result).items()}
    assert "exceeded quota: small" in messages[full]
    assert "Raise the quota" in messages[full]
    assert messages[wants].startswith("a quota of the namespace demands resources")
    assert "must specify limits.cpu for: canary" in messages[wants]
    assert messages[open_] == "not decided within 2 s: unschedulable: no scheduler has looked at the Pod."
    assert "create it first" in messages[f"{prefix}-nowhere"]
    assert result["summary"]["failed"] == len(names) + 1
    assert canaries(c2, *names) == []


def test_podsecurity_refuses_only_what_something_else_made_of_the_pod(c2: Access, ansible: Ansible, prefix: str) -> None:
    ready(c2, prefix)
    with rewriting(c2, prefix, "/spec/hostNetwork", True):
        c2.kubectl("label", "namespace", prefix, "pod-security.kubernetes.io/enforce=restricted")
        row = only(canary(ansible, c2.connection, [prefix], IMAGE, fails=True))

    assert row["message"].startswith("PodSecurity of the namespace refuses the Pod")
    assert "host namespaces" in row["message"]
    assert row["seconds"] is None


def test_pull_secrets_that_the_cluster_replaces_leave_nothing_to_prove(c2: Access, ansible: Ansible, prefix: str) -> None:
    ready(c2, prefix)
    with rewriting(c2, prefix, "/spec/imagePullSecrets", [{"name": "robbed"}]):
        row = only(canary(ansible, c2.connection, [prefix], IMAGE, secrets=["regcred"], fails=True))
        checked = canary(ansible, c2.connection, [prefix], IMAGE, "--check", secrets=["regcred"])

    assert (row["action"], row["pulled"]) == ("failed", None)
    assert "changed the pull secrets of the Pod to robbed, so a pull would prove nothing about regcred" in row["message"]
    assert "changed the pull secrets of the Pod to robbed" in only(checked)["message"]
    assert canaries(c2, prefix) == []


def test_a_service_account_and_a_limit_range_are_named(c2: Access, ansible: Ansible, prefix: str) -> None:
    ready(c2, prefix)
    restricted(c2, prefix)

    account = only(canary(ansible, c2.connection, [prefix], IMAGE, service_account="nobody", fails=True))
    small = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}}
    limits = only(canary(ansible, c2.connection, [prefix], IMAGE, resources=small, fails=True))
    checked = canary(ansible, c2.connection, [prefix], IMAGE, "--check", service_account="nobody")

    assert account["message"].startswith("its ServiceAccount does not exist")
    assert limits["message"].startswith("a LimitRange of the namespace does not allow its resources")
    assert "minimum cpu usage per Container is 50m" in limits["message"]
    assert only(checked)["message"] == "the ServiceAccount does not exist (yet)"


def test_check_mode_asks_the_server_and_creates_nothing(c2: Access, ansible: Ansible, prefix: str) -> None:
    names = [prefix, f"{prefix}-full"]
    ready(c2, *names)
    restricted(c2, prefix)
    restricted(c2, f"{prefix}-full", pods=0)
    audit = c2.audit()

    result = canary(ansible, c2.connection, [*names, f"{prefix}-new"], IMAGE, "--check", fails=True)

    rows = by_namespace(result)
    assert (rows[prefix]["action"], rows[prefix]["pulled"]) == ("unproven", None)
    assert "not proven" in rows[prefix]["message"]
    assert "exceeded quota" in rows[f"{prefix}-full"]["message"]
    assert rows[f"{prefix}-new"]["action"] == "skipped"
    writes = writes_to(audit, names)
    assert {event["verb"] for event in writes} == {"create", "delete"}
    for event in writes:  # the dry run of a delete is in its body; it asks for a Pod that is not there
        assert "dryRun=All" in event["requestURI"] or event["responseStatus"]["code"] == 404
    assert canaries(c2, *names) == []


def test_a_cluster_without_room_is_told_by_its_scheduler(c1: Access, node: str, ansible: Ansible, prefix: str) -> None:
    ready(c1, prefix)
    huge = {"requests": {"cpu": "1000"}, "limits": {"cpu": "1000"}}

    row = only(canary(ansible, c1.connection, [prefix], IMAGE, resources=huge, timeout=3, fails=True))

    assert (row["action"], row["node"]) == ("failed", None)
    assert "unschedulable. The scheduler says: 0/1 nodes are available: 1 Insufficient cpu" in row["message"]
    assert 3 <= row["seconds"] < 60, "not the time-out of the option, which is 120 by default"
    assert canaries(c1, prefix) == []


def may(access: Access, namespace: str, name: str, *verbs: str) -> dict[str, Any]:
    """Connection of a ServiceAccount that may do this to Pods of its namespace, and nothing else."""
    access.kubectl("create", "serviceaccount", "-n", namespace, name)
    access.kubectl("create", "role", name, "-n", namespace, f"--verb={','.join(verbs)}", "--resource=pods")
    access.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", f"--serviceaccount={namespace}:{name}")
    return access.connection_as(access.token_of(namespace, name))


def test_too_few_rights_are_told_before_anything_is_created(c2: Access, ansible: Ansible, prefix: str) -> None:
    ready(c2, prefix)
    audit = c2.audit()
    blind = may(c2, prefix, "blind", "create", "delete")
    keeps = may(c2, prefix, "keeps", "create", "list")
    reads = may(c2, prefix, "reads", "list", "delete")

    assert "no right to list pods" in only(canary(ansible, blind, [prefix], IMAGE, timeout=2, fails=True))["message"]
    assert "no right to delete pods" in only(canary(ansible, keeps, [prefix], IMAGE, timeout=2, fails=True))["message"]
    assert [event for event in writes_to(audit, [prefix]) if event["verb"] == "create"] == []
    assert "no right to create pods" in only(canary(ansible, reads, [prefix], IMAGE, timeout=2, fails=True))["message"]
    checked = only(canary(ansible, reads, [prefix], IMAGE, "--check"))
    assert checked["action"] == "unproven"
    assert checked["message"].startswith("not checked by the server: no right to create pods")
    run = ansible.tasks([task(reads, [prefix], IMAGE, nodes="all")])
    assert run.exit_code == 2
    assert "no right to list nodes" in run.of("pull_canary")["msg"]
    assert "summary" not in run.of("pull_canary")


def test_the_least_rights_are_enough(lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str) -> None:
    ready(c1, prefix)
    c1.apply(right(lab, prefix))
    least = may(c1, prefix, "least", "create", "list", "delete")

    row = only(canary(ansible, least, [prefix], lab.images["basic"], secrets=["regcred"]))

    assert (row["pulled"], row["node"]) == (True, node)
    assert canaries(c1, prefix) == []


def beat(access: Access, nodes: list[str], over: threading.Event) -> None:
    """A node whose kubelet has not been heard of for 50 seconds is no longer ready."""
    while not over.wait(10):
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in nodes:
            condition = {"type": "Ready", "status": "True", "lastHeartbeatTime": now}
            access.core.patch_node_status(name, {"status": {"conditions": [condition]}})


@pytest.fixture
def fake_nodes(c3: Access, prefix: str) -> Iterator[dict[str, str]]:
    """Nodes without a kubelet: two that look ready, and others that are not fit each for a reason of its own."""
    kinds: dict[str, dict[str, Any]] = {
        "ready": {},
        "second": {},
        "late": {"status": "Unknown"},
        "cordoned": {"unschedulable": True},
        "windows": {"labels": {"kubernetes.io/os": "windows"}},
        "virtual": {"labels": {"type": "virtual-kubelet"}},
        "tainted": {"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]},
    }
    names = {kind: f"{prefix}-{kind}" for kind in kinds}
    for kind, spec in kinds.items():
        labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64", "test": prefix, **spec.pop("labels", {})}
        status = {
            "conditions": [{"type": "Ready", "status": spec.pop("status", "True"), "reason": "x", "message": "no word of it"}],
            "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "10"},
            "capacity": {"cpu": "4", "memory": "4Gi", "pods": "10"},
        }
        c3.core.create_node({"metadata": {"name": names[kind], "labels": labels}, "spec": spec})
        c3.core.patch_node_status(names[kind], {"status": status})

    fit = [names["ready"], names["second"]]

    def untainted() -> bool:
        return not any(c3.core.read_node(name).spec.taints for name in fit)

    over = threading.Event()
    beating = threading.Thread(target=beat, args=(c3, fit, over))
    beating.start()
    try:
        wait_until(untainted, 60, "nodes that look ready")
        yield names
    finally:
        over.set()
        beating.join()
        for name in names.values():
            c3.core.delete_node(name)


def test_nodes_that_are_not_fit_are_skipped_by_name_and_a_quota_is_waited_for(
    c3: Access, ansible: Ansible, prefix: str, fake_nodes: dict[str, str]
) -> None:
    ready(c3, prefix)
    restricted(c3, prefix, pods=1)

    result = canary(ansible, c3.connection, [prefix], IMAGE, nodes=f"test={prefix}", timeout=2, fails=True)

    rows = {row["node"]: row for row in result["nodes"]}
    reasons = {
        "late": "the node is NotReady: no word of it",
        "cordoned": "the node is cordoned",
        "windows": "the node runs windows",
        "virtual": "the node is virtual",
        "tainted": "the node has taint dedicated=db:NoSchedule",
    }
    for kind, reason in reasons.items():
        row = rows[fake_nodes[kind]]
        assert (row["namespace"], row["action"], row["pulled"]) == (None, "skipped", None)
        assert row["message"].startswith(reason)
    # one Pod at a time, and each has had its own
    for kind in ("ready", "second"):
        row = rows[fake_nodes[kind]]
        assert (row["namespace"], row["action"], row["pulled"]) == (prefix, "failed", None)
        assert row["message"].startswith("not decided within 2 s: ")
    assert result["summary"] == {"pulled": 0, "not_pulled": 0, "unproven": 0, "skipped": 5, "failed": 2}
    assert canaries(c3, prefix) == []


def test_a_selector_that_matches_no_node_and_one_that_only_skips(
    c3: Access, ansible: Ansible, prefix: str, fake_nodes: dict[str, str]
) -> None:
    ready(c3, prefix)

    none = ansible.tasks([task(c3.connection, [prefix], IMAGE, nodes="worker-1")]).of("pull_canary")
    broken = ansible.tasks([task(c3.connection, [prefix], IMAGE, nodes="a in b")]).of("pull_canary")
    skips = canary(
        ansible, c3.connection, [prefix], IMAGE, nodes=f"kubernetes.io/os=windows,test={prefix}", fails=True, results="changed"
    )

    assert "no node matches 'worker-1'" in none["msg"]
    assert "kubernetes.io/hostname=" in none["msg"]
    assert "'a in b' as a label selector" in broken["msg"]
    assert skips["summary"]["failed"] == 1
    assert "every node was skipped, so nothing is proven" in json.dumps(skips["nodes"])
