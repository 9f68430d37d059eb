# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_recovery on the real node: every kind of stuck Pod at once, one run that helps, and one that writes nothing.

Each Pod waits for its kubelet, so all are made together and the tests look at the one run.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from stuck_pods import (
    by_app,
    create,
    items,
    job_spec,
    link,
    named,
    phases,
    pod_spec,
    pull_secret,
    recover,
    waiting,
    workload,
    writes_in,
)

from ansible_run import Ansible
from cluster_access import Access, wait_until
from lab import Lab

NEW, OLD, LATE = "regcred", "old", "late"
# what is in the first namespace: app -> what becomes of it in the first run
EXPECTED = {
    "web": "evicted",
    "db": "evicted",
    "rolled": "evicted",
    "agent": "evicted",
    "sidecar": "evicted",
    "retried": "evicted",
    "nightly": "evicted",
    "once": "left",
    "forbid": "left",
    "bare": "left",
    "named": "recovering",
    "nothing": "left",
    "limited": "left",
    "tls": "left",
    "two": "left",
    "half": "left",
}
BUDGETS = {"stays": "blocked", "goes": "evicted"}


@contextmanager
def serving(address: str, status: int, certificate: Path | None = None) -> Iterator[str]:
    """A registry that answers everything with one status; gives its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = _answer

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer((address, 0), Handler) as server:
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield f"{address}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def own_certificate(folder: Path, address: str) -> Path:
    """A certificate that nobody trusts, with its key."""
    both, key = folder / "both.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=stranger", "-addext", f"subjectAltName=IP:{address}", "-keyout", str(key), "-out", str(both)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    both.write_text(both.read_text() + key.read_text())
    return both


def workloads(namespace: str, lab: Lab, limited: str, untrusted: str) -> list[dict[str, Any]]:
    basic, bearer, host = lab.images["basic"], lab.images["bearer"], lab.registry("basic").host
    spec = pod_spec(basic)
    forbid = {"schedule": "0 0 1 1 *", "concurrencyPolicy": "Forbid"}
    half = pod_spec(basic, bearer, serviceAccountName="half")
    volumes = [{"name": "cache", "emptyDir": {}}]
    bare = pod_spec(basic, volumes=volumes)
    bare["containers"][0].update(
        env=[{"name": "COLOUR", "value": "blue"}], volumeMounts=[{"name": "cache", "mountPath": "/cache"}]
    )
    return [
        workload("Deployment", namespace, "web", spec, replicas=5),
        workload("StatefulSet", namespace, "db", spec, replicas=2),
        workload("StatefulSet", namespace, "rolled", pod_spec(basic, secrets=("gone",))),
        workload("DaemonSet", namespace, "agent", spec),
        workload("Deployment", namespace, "sidecar", pod_spec(basic, init=basic)),
        named("Job", namespace, "retried", job_spec(spec)),
        named("Job", namespace, "once", job_spec(spec, backoffLimit=0)),
        named("CronJob", namespace, "nightly", {**forbid, "jobTemplate": {"spec": job_spec(spec)}}),
        named("CronJob", namespace, "forbid", {**forbid, "jobTemplate": {"spec": job_spec(spec, backoffLimit=0)}}),
        named("Pod", namespace, "bare", bare, annotations={"note": "kept"}),
        workload("Deployment", namespace, "named", pod_spec(basic, secrets=(LATE,))),
        workload("Deployment", namespace, "nothing", pod_spec(f"{host}/team/nothing:1", secrets=("right",))),
        workload("Deployment", namespace, "limited", pod_spec(f"{limited}/team/app:1")),
        workload("Deployment", namespace, "tls", pod_spec(f"{untrusted}/team/app:1")),
        workload("Deployment", namespace, "two", pod_spec(basic, bearer)),
        workload("Deployment", namespace, "half", half),
        workload("Deployment", namespace, "fine", pod_spec(basic, secrets=("right",))),
    ]


def running_ones(namespace: str, image: str) -> list[dict[str, Any]]:
    """Deployments whose container soon fails its probe, so that its image is pulled again."""
    spec = pod_spec(image)
    probe = {"exec": {"command": ["/app"]}, "initialDelaySeconds": 6, "periodSeconds": 1, "failureThreshold": 1}
    spec["containers"][0].update(imagePullPolicy="Always", livenessProbe=probe)
    budgets: dict[str, dict[str, Any]] = {
        "stays": {"maxUnavailable": 0},
        "goes": {"maxUnavailable": 0, "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    }
    made = [workload("Deployment", namespace, name, spec) for name in budgets]
    for name, budget in budgets.items():
        selector = {"selector": {"matchLabels": {"app": name}}}
        made.append(named("PodDisruptionBudget", namespace, name, {**selector, **budget}))
    return made


@dataclass
class Scene:
    """What the one run found and did. ``before`` and ``after`` hold each Pod of the first namespace as it was."""

    namespace: str
    ran_before: str
    result: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    writes: list[dict[str, Any]]
    checked: dict[str, Any]
    checked_writes: list[dict[str, Any]]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return by_app([row for row in self.result["pods"] if row["namespace"] == self.namespace])

    def uids(self, app: str, pods: dict[str, Any]) -> set[str]:
        return {pod["metadata"]["uid"] for name, pod in pods.items() if name.partition("-")[0] == app}


@pytest.fixture(scope="module")
def scene(lab: Lab, c1: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    if lab.cluster("c1").node is None:
        pytest.skip(f"needs a node: {lab.node_reason}")
    folder = tmp_path_factory.mktemp("recovery")
    namespace = f"t{folder.stat().st_ino:x}-recovery"
    ran_before = f"{namespace}-ran"
    names = [namespace, ran_before]
    address = c1.core.list_node().items[0].status.addresses[0].address
    try:
        with serving("127.0.0.1", 429) as limited, serving(address, 200, own_certificate(folder, address)) as untrusted:
            make(lab, c1, names, workloads(namespace, lab, limited, untrusted))
            yield look(lab, c1, Ansible(folder), names)
    finally:
        c1.kubectl("delete", "namespace", *names, "--wait=false", "--ignore-not-found")


def make(lab: Lab, c1: Access, names: list[str], manifests: list[dict[str, Any]]) -> None:
    """Everything is created and stuck, then Secrets and links come."""
    namespace, ran_before = names
    host, right = lab.registry("basic").host, ("puller", lab.users["puller"])
    c1.make_namespaces(names)
    c1.wait_for_accounts(names)
    create(
        c1,
        pull_secret(ran_before, OLD, {host: right}),
        pull_secret(namespace, "right", {host: right}),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "half", "namespace": namespace}},
    )
    link(c1, ran_before, OLD)
    link(c1, namespace, "right", account="half")
    create(c1, *running_ones(ran_before, lab.images["basic"]), *manifests)
    for name in ("nightly", "forbid"):
        c1.kubectl("create", "job", "-n", namespace, f"{name}-1", f"--from=cronjob/{name}")
    wait_until(lambda: phases(c1, ran_before) == {name: {"Running"} for name in BUDGETS}, 60, "Pods that ran once")
    c1.kubectl("delete", "secret", "-n", ran_before, OLD)
    seen: set[str] = set()

    def all_stuck() -> bool:
        """Each was once. The kubelet tells of a container that ran before as if it had crashed, most of the time."""
        for pod in (pod for one in names for pod in items(c1, "pods", one)):
            lacking = [reported for reported in waiting(pod) if "failed to pull" in reported]
            if len(lacking) == (2 if pod["metadata"]["name"].startswith("two") else 1):
                seen.add(pod["metadata"]["name"])
        return len(seen) == len(EXPECTED) + 4 + len(BUDGETS)

    wait_until(all_stuck, 120, "all Pods stuck on a pull")
    create(c1, *(pull_secret(one, NEW, {host: right}) for one in names))
    link(c1, ran_before, NEW)
    link(c1, namespace, NEW)
    template = {"spec": {"template": {"spec": {"imagePullSecrets": [{"name": NEW}]}}}}
    c1.kubectl("patch", "statefulset", "-n", namespace, "rolled", "--type=merge", "-p", json.dumps(template))
    create(c1, pull_secret(namespace, "other", {lab.registry("bearer").host: right}))
    link(c1, namespace, "right", "other", account="half")


def look(lab: Lab, c1: Access, ansible: Ansible, names: list[str]) -> Scene:
    def pods() -> dict[str, Any]:
        return {pod["metadata"]["name"]: pod for pod in items(c1, "pods", names[0])}

    before, audit = pods(), c1.audit()
    create(c1, pull_secret(names[0], LATE, {lab.registry("basic").host: ("puller", lab.users["puller"])}))
    checked = recover(ansible, c1, names, "--check", "--diff")
    checked_writes = [event for event in writes_in(audit, names) if "dryRun=All" not in event["requestURI"]]
    assert {name: pod["metadata"]["uid"] for name, pod in before.items()} == {
        name: pod["metadata"]["uid"] for name, pod in pods().items()
    }
    audit = c1.audit()
    result = recover(ansible, c1, names, timeout=330)
    return Scene(names[0], names[1], result, before, pods(), writes_in(audit, names), checked, checked_writes)


def test_each_pod_gets_what_helps_it_and_check_mode_foretells_it(scene: Scene) -> None:
    # its kubelet may have tried again before the module looked
    early = {} if "named" in scene.rows else {"named": "recovering"}
    actions = {app: row["action"] for app, row in scene.rows.items()}
    assert {**actions, **early} == EXPECTED
    budgets = by_app([row for row in scene.result["pods"] if row["namespace"] == scene.ran_before])
    assert {app: row["action"] for app, row in budgets.items()} == BUDGETS
    announced = {row["pod"]: row["action"] for row in scene.checked["pods"] if row["action"] != "recovering"}
    assert announced == {row["pod"]: row["action"] for row in scene.result["pods"] if row["action"] != "recovering"}
    assert scene.checked["changed"] is True
    assert scene.checked_writes == []
    assert f"{scene.namespace}/bare" not in json.dumps(scene.checked["diff"])
    assert f"{scene.namespace}/db-0" in scene.checked["diff"][0]["before"]


def test_what_was_evicted_runs_and_so_does_what_started_by_itself(scene: Scene) -> None:
    for row in scene.result["pods"]:
        if row["action"] in ("evicted", "recovering"):
            assert row["runs"] is True, row
    for app in ("web", "db", "rolled", "agent", "sidecar", "retried", "nightly", "named"):
        assert scene.uids(app, scene.after), app
        running = [pod["status"]["phase"] for name, pod in scene.after.items() if name.partition("-")[0] == app]
        assert set(running) <= {"Running", "Failed"}, (app, running)
        assert "Running" in running


def test_only_what_had_to_go_is_gone(scene: Scene) -> None:
    for app in {*EXPECTED, "fine"}:
        kept = scene.uids(app, scene.before) <= scene.uids(app, scene.after)
        assert kept is (EXPECTED.get(app) != "evicted"), app
    touched = {event["objectRef"]["name"].partition("-")[0] for event in scene.writes}
    assert touched == {app for app, action in {**EXPECTED, **BUDGETS}.items() if action in ("evicted", "blocked")}
    assert {event["objectRef"].get("subresource") for event in scene.writes} == {"eviction"}


def test_what_is_left_says_why(scene: Scene, lab: Lab) -> None:
    rows = scene.rows
    assert rows["nothing"]["cause"].startswith("image not found")
    assert rows["limited"]["cause"].startswith("rate limited")
    assert rows["tls"]["cause"].startswith("TLS")
    assert {rows[app]["message"] for app in ("nothing", "limited", "tls")} == {"not a credential problem: fix the reported cause"}
    assert f"no credential for registry {lab.registry('bearer').host}" in rows["two"]["message"]
    assert "its container a is running" in rows["half"]["message"]
    assert "backoffLimit 0" in rows["once"]["message"]
    assert "put jobs into replace" in rows["once"]["message"]
    assert "Job forbid-1 blocks every later run of CronJob forbid" in rows["forbid"]["message"]
    assert "put bare_pods into replace" in rows["bare"]["message"]
    blocked = next(row for row in scene.result["pods"] if row["action"] == "blocked")
    assert "PodDisruptionBudget stays demands 1 healthy Pods" in blocked["message"]
    assert "AlwaysAllow" in scene.result["msg"]


def test_a_job_without_retries_is_not_killed_by_us(scene: Scene, c1: Access) -> None:
    for name in ("once", "forbid-1"):
        job = json.loads(c1.kubectl("get", "job", "-n", scene.namespace, name, "-o", "json"))
        assert not job["status"].get("conditions"), name
        assert not job["status"].get("failed"), name


def test_a_second_run_writes_nothing(scene: Scene, c1: Access, ansible: Ansible) -> None:
    audit = c1.audit()

    again = recover(ansible, c1, [scene.namespace], wait=False)

    assert again["changed"] is False
    assert {app: row["action"] for app, row in by_app(again["pods"]).items()} == {
        app: "left" for app, action in EXPECTED.items() if action == "left"
    }
    assert writes_in(audit, [scene.namespace]) == []


def test_bare_pods_and_jobs_are_made_anew_on_demand(scene: Scene, c1: Access, ansible: Ansible) -> None:
    before = {pod["metadata"]["name"]: pod for pod in items(c1, "pods", scene.namespace)}["bare"]
    job = json.loads(c1.kubectl("get", "job", "-n", scene.namespace, "once", "-o", "json"))

    done = recover(
        ansible, c1, [scene.namespace], pods=["bare", "once-*", "forbid-*"], replace=["bare_pods", "jobs"], timeout=120
    )

    rows = by_app(done["pods"])
    assert {app: (row["action"], row["runs"]) for app, row in rows.items()} == {
        "bare": ("replaced", True),
        "once": ("replaced", True),
        "forbid": ("left", None),
    }
    after = {pod["metadata"]["name"]: pod for pod in items(c1, "pods", scene.namespace)}["bare"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"]["imagePullSecrets"] == [{"name": NEW}]
    for part in ("labels", "annotations"):
        assert after["metadata"][part] == before["metadata"][part]
    own = [volume for volume in before["spec"]["volumes"] if volume["name"] == "cache"]
    tokens = [volume for volume in after["spec"]["volumes"] if volume["name"].startswith("kube-api-access-")]
    assert [volume for volume in after["spec"]["volumes"] if volume not in tokens] == own
    assert len(tokens) == 1
    assert len(after["spec"]["containers"][0]["volumeMounts"]) == 2
    made = json.loads(c1.kubectl("get", "job", "-n", scene.namespace, "once", "-o", "json"))
    assert made["metadata"]["uid"] != job["metadata"]["uid"]
    assert made["spec"]["backoffLimit"] == 0
    assert made["status"].get("active") == 1
