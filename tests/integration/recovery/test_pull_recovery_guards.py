# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What holds an eviction back, on a cluster whose node is played by the test: other writers, budgets, rights, numbers."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from documented_rights import documented_rules
from meddler import Answer, Asked, meddler
from stuck_pods import (
    create,
    items,
    link,
    named,
    pod_spec,
    pull_secret,
    recover,
    recovery,
    set_status,
    workload,
    writes_in,
)

from ansible_run import Ansible, finished
from cluster_access import Access, wait_until

IMAGE = "registry.example.com/team/app:1"
BACK_OFF, TRIED = "ImagePullBackOff", "ErrImagePull"
FLEET, APPS, NAMESPACES, STUCK = 1000, 10, 5, 12


def pods_of(access: Access, namespace: str, count: int, app: str = "") -> list[dict[str, Any]]:
    """Waits for so many Pods to be there."""
    arguments = ["-l", f"app={app}"] if app else []
    wait_until(lambda: len(items(access, "pods", namespace, *arguments)) == count, 60, f"{count} Pods in {namespace}")
    return items(access, "pods", namespace, *arguments)


def stuck_deployment(access: Access, namespace: str, replicas: int = 1, phase: str = "Pending") -> list[dict[str, Any]]:
    """Its Pods were admitted before the link, and are stuck."""
    access.make_namespaces([namespace])
    access.wait_for_accounts([namespace])
    create(access, workload("Deployment", namespace, "web", pod_spec(IMAGE), replicas=replicas))
    pods = pods_of(access, namespace, replicas)
    for pod in pods:
        set_status(access, pod, BACK_OFF, phase)
    give_credential(access, namespace)
    return pods


def give_credential(access: Access, namespace: str) -> None:
    create(access, pull_secret(namespace, "regcred", {"registry.example.com": ("bot", "word")}))
    link(access, namespace, "regcred")


def uids(access: Access, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in items(access, "pods", namespace)}


def is_eviction(asked: Asked) -> bool:
    return asked.method == "POST" and "/eviction" in asked.path


@contextmanager
def node(access: Access, namespace: str, reason: str = "", message: str = "") -> Iterator[list[str]]:
    """Starts every new Pod, or has it fail for ``reason``; gives the names in their order."""
    over, started, known = threading.Event(), list[str](), uids(access, namespace)

    def work() -> None:
        while not over.wait(0.2):
            for pod in items(access, "pods", namespace):
                if pod["metadata"]["uid"] not in known and "deletionTimestamp" not in pod["metadata"]:
                    known.add(pod["metadata"]["uid"])
                    set_status(access, pod, reason, message=message)
                    started.append(pod["metadata"]["name"])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield started
    finally:
        over.set()
        thread.join()


@pytest.fixture
def crowd(c2: Access, prefix: str) -> Iterator[list[str]]:
    """Namespaces with all the Pods in them, which do not stay for other tests to list."""
    names = [f"{prefix}-{number}" for number in range(NAMESPACES)]
    c2.make_namespaces(names)
    c2.wait_for_accounts(names)
    try:
        for number in range(APPS):
            spec = pod_spec(IMAGE)
            create(c2, workload("Deployment", names[number % NAMESPACES], f"app{number}", spec, replicas=FLEET // APPS))
        pods = [pod for name in names for pod in pods_of(c2, name, FLEET // NAMESPACES)]
        ill = [pod["metadata"]["uid"] for pod in pods if pod["metadata"]["labels"]["app"] in ("app0", "app1")][: STUCK * 2 : 2]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda pod: set_status(c2, pod, BACK_OFF if pod["metadata"]["uid"] in ill else ""), pods))
        for name in names:
            give_credential(c2, name)
        yield names
    finally:
        c2.kubectl("delete", "namespace", *names, "--wait=false")


def test_a_thousand_pods_cost_one_list_in_pages(c2: Access, ansible: Ansible, prefix: str, crowd: list[str]) -> None:
    audit, start = c2.audit(), time.monotonic()

    reported = recover(ansible, c2, [f"{prefix}-*"], evict=False, wait=False)

    seconds = time.monotonic() - start
    asked = Counter((event["verb"], event["resource"]) for event in audit.requests())
    print(f"{FLEET} Pods, {STUCK} of them stuck: {seconds:.1f} s with ansible-playbook, requests {dict(asked)}")
    assert reported["summary"] == {"recovering": 0, "evicted": 0, "replaced": 0, "left": STUCK, "blocked": 0, "failed": 0}
    assert {row["message"] for row in reported["pods"]} == {"it has to be recreated: set evict to have it evicted"}
    # pages of 500 of whatever else is in this cluster, and then only what the few owners of stuck Pods lead to
    owners = len({row["owner"] for row in reported["pods"]})
    assert reported["api_requests"] <= 6 + FLEET // 500 + 3 * owners, asked
    gets = [event for event in audit.requests() if event["verb"] == "get" and event["resource"] == "pods"]
    assert [event for event in gets if event["objectRef"]["namespace"] in crowd] == []


def test_a_pod_that_got_well_between_plan_and_eviction_is_never_touched(c2: Access, ansible: Ansible, prefix: str) -> None:
    (pod,) = stuck_deployment(c2, prefix)
    evictions = []

    def before(asked: Asked) -> Answer | None:
        if is_eviction(asked):
            evictions.append(asked)
            set_status(c2, pod)
        return None

    with meddler(c2, before) as connection:
        reported = recover(ansible, c2, [prefix], **connection, wait=False)

    (row,) = reported["pods"]
    assert (row["action"], reported["changed"]) == ("recovering", False)
    assert "recovered meanwhile" in row["message"]
    assert len(evictions) == 1
    assert uids(c2, prefix) == {pod["metadata"]["uid"]}


def test_a_kubelet_that_writes_meanwhile_is_no_reason_to_give_up_and_throttling_is_waited_out(
    c2: Access, ansible: Ansible, prefix: str
) -> None:
    (pod,) = stuck_deployment(c2, prefix)
    evictions = []

    def before(asked: Asked) -> Answer | None:
        if not is_eviction(asked):
            return None
        evictions.append(asked)
        if len(evictions) == 1:
            set_status(c2, pod, TRIED)
        return (429, b'{"kind": "Status", "message": "slow down"}') if len(evictions) == 2 else None

    with meddler(c2, before) as connection:
        reported = recover(ansible, c2, [prefix], **connection, wait=False)

    assert reported["summary"]["evicted"] == 1
    assert len(evictions) == 3
    assert pod["metadata"]["uid"] not in uids(c2, prefix)


def test_a_few_at_a_time_and_the_next_only_once_these_run(c2: Access, ansible: Ansible, prefix: str) -> None:
    pods = stuck_deployment(c2, prefix, 8)
    evicted: list[Asked] = []
    looks: list[str] = []
    most = 0

    def before(asked: Asked) -> Answer | None:
        nonlocal most
        if asked.method == "GET" and "/pods?" in asked.path and evicted:
            looks.append(asked.path)
        if is_eviction(asked):
            evicted.append(asked)
            most = max(most, len(evicted) - len(started))
        return None

    with node(c2, prefix) as started, meddler(c2, before) as connection:
        reported = recover(ansible, c2, [prefix], **connection, timeout=60)

    assert reported["summary"]["evicted"] == len(pods)
    assert {row["runs"] for row in reported["pods"]} == {True}
    assert most <= 3
    # the namespace may be large
    assert looks
    assert [path for path in looks if "labelSelector=app%3Dweb%2Cpod-template-hash" not in path] == []
    assert not {pod["metadata"]["uid"] for pod in pods} & uids(c2, prefix)


def test_once_a_successor_fails_the_rest_is_left(c2: Access, ansible: Ansible, prefix: str) -> None:
    pods = stuck_deployment(c2, prefix, 6)

    with node(c2, prefix, TRIED, "x509: certificate signed by unknown authority"):
        reported = recover(ansible, c2, [prefix], timeout=60)

    assert (reported["summary"]["evicted"], reported["summary"]["left"]) == (3, 3)
    assert all(row["runs"] is False for row in reported["pods"] if row["action"] == "evicted")
    assert all("had no effect" in row["message"] for row in reported["pods"] if row["action"] == "left")
    assert len({pod["metadata"]["uid"] for pod in pods} & uids(c2, prefix)) == 3


def test_a_job_that_loses_pods_by_itself_meanwhile_is_spared(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    template = {"template": {"spec": {"restartPolicy": "Never", **pod_spec(IMAGE)}}}
    create(c2, named("Job", prefix, "work", {**template, "backoffLimit": 6, "parallelism": 5, "completions": 5}))
    first, *rest = pods_of(c2, prefix, 5)
    set_status(c2, first)
    for pod in rest:
        set_status(c2, pod, BACK_OFF)
    give_credential(c2, prefix)
    evicted: list[Asked] = []

    def failures() -> int:
        (found,) = items(c2, "jobs", prefix)
        return int(found["status"].get("failed", 0))

    def before(asked: Asked) -> Answer | None:
        if is_eviction(asked):
            evicted.append(asked)
        elif len(evicted) == 3 and asked.path.endswith("/jobs/work"):
            set_status(c2, first, "Error", "Failed")
            wait_until(lambda: failures() == 4, 60, "a Job that has counted its failed Pods")
        return None

    with meddler(c2, before) as connection:
        reported = recover(ansible, c2, [prefix], **connection, wait=False)

    assert (reported["summary"]["evicted"], reported["summary"]["left"]) == (3, 1)
    (left,) = (row for row in reported["pods"] if row["action"] == "left")
    assert "other Pods of it have failed meanwhile" in left["message"]


def budget(access: Access, namespace: str, **spec: Any) -> None:
    create(access, named("PodDisruptionBudget", namespace, "web", {"selector": {"matchLabels": {"app": "web"}}, **spec}))

    def is_counted() -> bool:
        (found,) = items(access, "poddisruptionbudgets", namespace)
        status = found.get("status", {})
        return bool(status.get("expectedPods")) and status.get("observedGeneration") == found["metadata"]["generation"]

    wait_until(is_counted, 30, "a counted budget")


def test_a_budget_that_is_only_busy_is_waited_for(c2: Access, ansible: Ansible, prefix: str) -> None:
    pods = stuck_deployment(c2, prefix, 3, "Running")
    starting, well, ill = pods
    set_status(c2, well)
    set_status(c2, starting, "ContainerCreating", "Running")
    budget(c2, prefix, minAvailable=2)

    at_once = recover(ansible, c2, [prefix], wait=False)
    playbook = ansible.play([recovery(c2, [prefix], timeout=60)])
    process, results = ansible.start(playbook, {"all": {"hosts": {"localhost": {}}}})
    audit = c2.audit()
    wait_until(lambda: len(writes_in(audit, [prefix])) >= 1, 60, "a try to evict")
    with node(c2, prefix):
        set_status(c2, starting)
        reported = finished(process, process.communicate(timeout=90)[0], results).of("pull_recovery")

    (row,) = at_once["pods"]
    assert row["action"] == "blocked"
    assert "run this again" in row["message"]
    (row,) = reported["pods"]
    assert (row["pod"], row["action"], row["runs"]) == (ill["metadata"]["name"], "evicted", True)


@pytest.mark.parametrize(("most", "wanted"), [(1, 2), ("100%", 1)])
def test_a_budget_that_never_lets_go_is_told_at_once(
    c2: Access, ansible: Ansible, prefix: str, most: int | str, wanted: int
) -> None:
    pods = stuck_deployment(c2, prefix, 3, "Running")
    budget(c2, prefix, maxUnavailable=most)
    start = time.monotonic()

    reported = recover(ansible, c2, [prefix], timeout=300)

    assert time.monotonic() - start < 200
    assert reported["summary"]["blocked"] == 3
    assert f"demands {wanted} healthy Pods and has 0 of 3" in reported["msg"]
    assert uids(c2, prefix) == {pod["metadata"]["uid"] for pod in pods}

    c2.kubectl("create", "poddisruptionbudget", "second", "-n", prefix, "--selector=app=web", "--min-available=1")
    doubled = recover(ansible, c2, [prefix], wait=False)
    assert "more than one PodDisruptionBudget" in doubled["msg"]
    assert doubled["summary"]["blocked"] == 3


def reader(access: Access, namespace: str, name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """A connection with just these rights in the namespace."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name, "namespace": namespace}}
    create(access, {**role, "rules": rules})
    access.kubectl("create", "serviceaccount", "-n", namespace, name)
    access.kubectl("create", "rolebinding", name, "-n", namespace, f"--role={name}", f"--serviceaccount={namespace}:{name}")
    return {"kubeconfig": None, "context": None, **access.connection_as(access.token_of(namespace, name))}


EVICTION = ["pods/eviction"]
LOOKING = [
    rule
    for rule in documented_rules("pullpass", "pullpass-recovery-report", "pullpass-recovery-evict")
    if rule["resources"] != EVICTION
]
EVICTING = [rule for rule in documented_rules("pullpass-recovery-evict") if rule["resources"] == EVICTION]
REPLACING = documented_rules("pullpass-recovery-replace")


def test_rights_that_are_missing_and_those_that_are_enough(c2: Access, ansible: Ansible, prefix: str) -> None:
    (pod,) = stuck_deployment(c2, prefix)
    looking = reader(c2, prefix, "looking", LOOKING)
    evicting = reader(c2, prefix, "evicting", LOOKING + EVICTING)
    blind = reader(c2, prefix, "blind", [rule for rule in LOOKING if "secrets" not in rule["resources"]])

    checked = recover(ansible, c2, [prefix], "--check", **looking)
    failed = recover(ansible, c2, [prefix], fails=True, **looking)
    unknown = recover(ansible, c2, [prefix], wait=False, **blind)
    assert uids(c2, prefix) == {pod["metadata"]["uid"]}
    with node(c2, prefix):
        done = recover(ansible, c2, [prefix], timeout=60, **evicting)

    (row,) = checked["pods"]
    assert row["action"] == "evicted"
    assert "not checked by the server: no right to create pods/eviction" in row["message"]
    assert f"no right to create pods/eviction {pod['metadata']['name']}" in failed["msg"]
    assert (failed["summary"]["failed"], failed["changed"]) == (1, False)
    (row,) = unknown["pods"]
    assert row["action"] == "left"
    assert "no right to get secrets regcred" in row["message"]
    assert (done["summary"]["evicted"], done["pods"][0]["runs"]) == (1, True)


def test_a_namespace_whose_pods_may_not_be_listed_does_not_stop_the_others(c2: Access, ansible: Ansible, prefix: str) -> None:
    (pod,) = stuck_deployment(c2, f"{prefix}-a")
    c2.make_namespaces([f"{prefix}-b"])
    connection = reader(c2, f"{prefix}-a", "evicting", LOOKING + EVICTING)

    reported = recover(ansible, c2, [f"{prefix}-a", f"{prefix}-b"], fails=True, wait=False, **connection)

    assert {row["namespace"]: row["action"] for row in reported["pods"]} == {f"{prefix}-a": "evicted", f"{prefix}-b": "failed"}
    assert "no right to list pods" in reported["msg"]
    assert pod["metadata"]["uid"] not in uids(c2, f"{prefix}-a")


def job(namespace: str, name: str) -> dict[str, Any]:
    spec = {"restartPolicy": "Never", **pod_spec(IMAGE)}
    annotated = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "kept"}}, "spec": spec}
    return named("Job", namespace, name, {"template": annotated, "backoffLimit": 0, "parallelism": 2, "completions": 2})


def test_bare_pods_and_jobs_with_the_least_rights(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, named("Pod", prefix, "bare", pod_spec(IMAGE)), job(prefix, "work"), job(prefix, "ran"))
    pods = {pod["metadata"]["name"].partition("-")[0]: pod for pod in pods_of(c2, prefix, 5)}
    for pod in items(c2, "pods", prefix):
        set_status(c2, pod, BACK_OFF)
    first = next(pod for pod in items(c2, "pods", prefix) if pod["metadata"]["name"].startswith("ran"))
    set_status(c2, first)
    give_credential(c2, prefix)
    connection = reader(c2, prefix, "replacing", LOOKING + REPLACING)
    before = {one["metadata"]["name"]: one for one in items(c2, "jobs", prefix)}

    both = ["bare_pods", "jobs"]
    checked = recover(ansible, c2, [prefix], "--check", replace=both, **connection)
    assert {pod["metadata"]["uid"] for pod in pods.values()} <= uids(c2, prefix)
    reported = recover(ansible, c2, [prefix], replace=both, wait=False, **connection)

    assert checked["summary"] == reported["summary"]
    assert reported["summary"] == {"recovering": 0, "evicted": 0, "replaced": 3, "left": 1, "blocked": 0, "failed": 0}
    left = next(row for row in reported["pods"] if row["action"] == "left")
    assert "a Pod of the Job has run already" in left["message"]
    after = {one["metadata"]["name"]: one for one in items(c2, "jobs", prefix)}
    assert after["ran"]["metadata"]["uid"] == before["ran"]["metadata"]["uid"]
    assert after["work"]["metadata"]["uid"] != before["work"]["metadata"]["uid"]
    for part in ("labels", "annotations"):
        wanted = {key: value for key, value in before["work"]["metadata"].get(part, {}).items() if "job" not in key}
        assert {key: value for key, value in after["work"]["metadata"].get(part, {}).items() if "job" not in key} == wanted
    template = after["work"]["spec"]["template"]["metadata"]
    assert (template["labels"]["team"], template["annotations"]) == ("a", {"note": "kept"})
    assert template["labels"]["batch.kubernetes.io/controller-uid"] == after["work"]["metadata"]["uid"]

    def successors() -> list[dict[str, Any]]:
        return [
            pod
            for pod in items(c2, "pods", prefix)
            if pod["metadata"].get("ownerReferences", [{}])[0].get("uid") == after["work"]["metadata"]["uid"]
        ]

    wait_until(lambda: len(successors()) == 2, 30, "two Pods of the new Job")
    assert all(pod["spec"]["imagePullSecrets"] == [{"name": "regcred"}] for pod in successors())


SIDECAR = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingAdmissionPolicy",
    "spec": {
        "matchConstraints": {
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
        },
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [
            {
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {
                    "expression": 'Object{spec: Object.spec{containers: [Object.spec.containers{name: "mesh", image: "mesh:1"}]}}'
                },
            }
        ],
    },
}


@contextmanager
def mesh(access: Access, namespace: str) -> Iterator[None]:
    """A real admission policy gives every new Pod of the namespace a sidecar."""
    named_so = {"metadata": {"name": namespace}}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "apiVersion": SIDECAR["apiVersion"],
        "kind": "MutatingAdmissionPolicyBinding",
        **named_so,
        "spec": {"policyName": namespace, "matchResources": {"namespaceSelector": selector}},
    }
    create(access, {**SIDECAR, **named_so}, binding)
    try:
        yield
    finally:
        for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
            access.kubectl("delete", kind, namespace)


def test_bare_pods_that_would_not_come_back_as_they_were_are_left(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    owner = c2.core.create_namespaced_config_map(prefix, {"metadata": {"name": "owner"}})
    mirror = pod_spec(IMAGE, nodeName="nowhere", automountServiceAccountToken=False)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}
    create(
        c2,
        named("Pod", prefix, "finalized", pod_spec(IMAGE), finalizers=["example.com/kept"]),
        named("Pod", prefix, "owned", pod_spec(IMAGE), ownerReferences=[reference]),
        named("Pod", prefix, "mirror", mirror, annotations={"kubernetes.io/config.mirror": "x"}),
        named("Pod", prefix, "debugged", pod_spec(IMAGE)),
        named("Pod", prefix, "plain", pod_spec(IMAGE)),
    )
    debugger = {"spec": {"ephemeralContainers": [{"name": "shell", "image": "busybox"}]}}
    c2.core.patch_namespaced_pod_ephemeralcontainers("debugged", prefix, debugger)

    def meshed() -> bool:
        """The server needs a moment until a new policy counts."""
        c2.kubectl("delete", "pod", "-n", prefix, "meshed", "--ignore-not-found", "--force")
        create(c2, named("Pod", prefix, "meshed", pod_spec(IMAGE)))
        found = c2.core.read_namespaced_pod("meshed", prefix)
        return len(found.spec.containers) == 2

    with mesh(c2, prefix):
        wait_until(meshed, 60, "a sidecar in a new Pod")
    for pod in items(c2, "pods", prefix):
        set_status(c2, pod, BACK_OFF)
    give_credential(c2, prefix)
    before = uids(c2, prefix)

    reported = recover(ansible, c2, [prefix], replace=["bare_pods"], wait=False)

    reasons = {row["pod"]: row["message"] for row in reported["pods"] if row["action"] == "left"}
    assert {name: text.partition(": ")[2][:24] for name, text in reasons.items()} == {
        "finalized": "it has finalizers (examp",
        "owned": "ConfigMap owner owns it,",
        "mirror": "change its file on the n",
        "debugged": "it has ephemeral contain",
        "meshed": "an admission controller ",
    }
    assert "container mesh" in reasons["meshed"]
    assert reported["summary"]["replaced"] == 1
    assert len(before & uids(c2, prefix)) == len(reasons)
    c2.core.patch_namespaced_pod("finalized", prefix, {"metadata": {"finalizers": None}})


def test_namespaces_that_are_missing_fail_but_for_check_mode(c2: Access, ansible: Ansible, prefix: str) -> None:
    stuck_deployment(c2, prefix)
    names = [prefix, f"{prefix}-x"]

    checked = recover(ansible, c2, names, "--check", evict=False)
    failed = recover(ansible, c2, names, fails=True, wait=False)

    assert checked["summary"]["left"] == 2
    assert f"{prefix}-x: failed: the namespace does not exist" in failed["msg"]
    assert (failed["summary"]["evicted"], failed["summary"]["failed"]) == (1, 1)


def test_pods_of_a_namespace_that_is_being_deleted_do_not_count(c2: Access, ansible: Ansible, prefix: str) -> None:
    """Before, each run reported for `1 left`, with a row that had no Pod."""
    names = [prefix, f"{prefix}-leaving"]
    stuck_deployment(c2, names[1])
    c2.make_namespaces(names[:1])
    kept = {"metadata": {"name": "kept", "namespace": names[1], "finalizers": ["example.com/kept"]}}
    c2.core.create_namespaced_config_map(names[1], kept)
    c2.core.delete_namespace(names[1])

    tasks = [
        recovery(c2, names, wait=False, results=results, evict=evict, replace=["bare_pods", "jobs"])
        for results in ("changed", "all")
        for evict in (True, False)
    ]
    audits = [{"pullpass.registry.pull_secret_info": {**c2.connection, "namespaces": names}}]
    answers = [event["result"] for event in ansible.tasks([*tasks, *audits]).results]
    c2.core.patch_namespaced_config_map("kept", names[1], {"metadata": {"finalizers": None}})

    for reported in answers[:-1]:
        assert (reported["summary"]["left"], reported["summary"]["skipped"]) == (0, 1)
        assert reported["msg"] == "no Pod is stuck on a pull"
    assert [row["action"] for reported in answers[:2] for row in reported["pods"]] == []
    assert [(row["namespace"], row["action"]) for reported in answers[2:4] for row in reported["pods"]] == [
        (names[1], "skipped")
    ] * 2
    leaving = next(row for row in answers[-1]["namespaces"] if row["namespace"] == names[1])
    assert leaving["problems"] == ["note: the namespace is being deleted and was not read"]
    assert leaving["stuck_pods"] == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_pod_that_cannot_be_made_anew_is_put_back_or_saved(
    c2: Access, ansible: Ansible, prefix: str, times: int, tmp_path: Any
) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    spec = pod_spec(IMAGE)
    spec["containers"][0]["env"] = [{"name": "COLOUR", "value": "blue"}]
    create(c2, named("Pod", prefix, "bare", spec, annotations={"note": "kept"}))
    (pod,) = items(c2, "pods", prefix)
    set_status(c2, pod, BACK_OFF)
    give_credential(c2, prefix)
    creates = []

    def before(asked: Asked) -> Answer | None:
        if asked.method != "POST" or asked.is_dry_run:
            return None
        creates.append(asked)
        message = 'pods "bare" is forbidden: not here'
        answer = json.dumps({"kind": "Status", "code": 403, "reason": "Forbidden", "message": message}).encode()
        return (403, answer) if len(creates) <= times else None

    with meddler(c2, before) as connection:
        task = recovery(c2, [prefix], replace=["bare_pods"], wait=False, **connection)
        run = ansible.tasks([task], environment={"TMPDIR": str(tmp_path)})

    reported = run.of("pull_recovery")
    (row,) = reported["pods"]
    assert (run.exit_code, row["action"]) == (2, "failed")
    assert "not here" in row["message"]
    saved = list(tmp_path.glob("pullpass-pod-*.json"))
    if times == 1:
        (back,) = items(c2, "pods", prefix)
        assert "the old one is restored" in row["message"]
        assert back["metadata"]["annotations"] == {"note": "kept"}
        assert (back["spec"]["containers"], saved) == (pod["spec"]["containers"], [])
        assert "imagePullSecrets" not in back["spec"] or back["spec"]["imagePullSecrets"] == [{"name": "regcred"}]
    else:
        (path,) = saved
        assert items(c2, "pods", prefix) == []
        assert (path.stat().st_mode & 0o777, str(path) in row["message"]) == (0o600, True)
        assert "passwords included" in row["message"]
        c2.kubectl("create", "-f", str(path))
        (back,) = items(c2, "pods", prefix)
        assert back["spec"]["containers"][0]["env"] == [{"name": "COLOUR", "value": "blue"}]
