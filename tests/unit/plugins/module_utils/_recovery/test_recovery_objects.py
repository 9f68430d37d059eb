# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_recovery/owners, manifest and model: what Jobs, bare Pods and budgets allow."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.manifest import (
    original_manifest,
    pod_manifest,
    pod_replacement_obstacle,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import (
    budget_snapshot,
    permanent_block,
    selector_matches,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.owners import (
    eviction_obstacle,
    job_manifest,
    job_replacement_obstacle,
    job_snapshot,
)

UID = "0000-job"
DISRUPTED = [{"type": "DisruptionTarget", "status": "True"}]
GENERATED = {
    "batch.kubernetes.io/controller-uid": UID,
    "controller-uid": UID,
    "job-name": "work",
    "batch.kubernetes.io/job-name": "work",
}


def job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "work",
            "namespace": "team-a",
            "uid": UID,
            "resourceVersion": "7",
            "labels": {"team": "a", **GENERATED},
            "annotations": {"note": "kept", "batch.kubernetes.io/job-tracking": ""},
            "managedFields": [{}],
        },
        "spec": {
            "backoffLimit": 6,
            "suspend": False,
            "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": UID}},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": {"team": "a", **GENERATED}, "annotations": {"x": "y"}},
                "spec": {"containers": [{"name": "app", "image": "x"}], "restartPolicy": "Never"},
            },
            **spec,
        },
        "status": status or {},
    }


def rules(*rules_: dict[str, Any]) -> dict[str, Any]:
    return {"podFailurePolicy": {"rules": list(rules_)}}


@pytest.mark.parametrize(
    ("spec", "failed", "pods", "index_failures", "affordable"),
    [
        ({}, 0, 1, 0, True),
        ({}, 5, 1, 0, True),
        ({}, 6, 1, 0, False),
        ({}, 4, 3, 0, False),
        ({"backoffLimit": 0}, 0, 1, 0, False),
        ({"backoffLimit": None}, 0, 6, 0, True),
        ({"backoffLimit": None}, 0, 7, 0, False),
        ({"backoffLimit": None, "backoffLimitPerIndex": 1}, 90, 50, 0, True),
        ({"backoffLimit": None, "backoffLimitPerIndex": 1}, 0, 1, 1, False),
        (rules({"action": "Ignore", "onPodConditions": DISRUPTED}) | {"backoffLimit": 0}, 0, 9, 0, True),
        (rules({"action": "Count", "onPodConditions": DISRUPTED}) | {"backoffLimit": 0}, 0, 1, 0, False),
        (rules({"action": "FailJob", "onPodConditions": DISRUPTED}), 0, 1, 0, False),
        (rules({"action": "FailIndex", "onPodConditions": [{"type": "DisruptionTarget"}]}), 0, 1, 0, False),
        (rules({"action": "FailJob", "onPodConditions": [{"type": "Other", "status": "True"}]}), 0, 1, 0, True),
        (rules({"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "False"}]}), 0, 1, 0, True),
        (rules({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}), 0, 1, 0, True),
        (rules({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42, 137]}}), 0, 1, 0, False),
        (rules({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [42]}}), 0, 1, 0, False),
        (rules({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [137]}}), 0, 1, 0, True),
        (rules({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [137]}}) | {"backoffLimit": 0}, 0, 1, 0, False),
        (rules({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [137]}}), 0, 1, 0, True),
        (
            rules(
                {"action": "Ignore", "onPodConditions": DISRUPTED},
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [137]}},
            ),
            6,
            1,
            0,
            True,
        ),
        (
            rules(
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [137]}},
                {"action": "Ignore", "onPodConditions": DISRUPTED},
            ),
            0,
            1,
            0,
            False,
        ),
        (
            rules(
                {"action": "Count", "onExitCodes": {"operator": "In", "values": [137]}},
                {"action": "Ignore", "onPodConditions": DISRUPTED},
            )
            | {"backoffLimit": 0},
            0,
            1,
            0,
            False,
        ),
    ],
)
def test_what_an_eviction_costs_a_job(
    spec: dict[str, Any], failed: int, pods: int, index_failures: int, affordable: bool
) -> None:
    why = eviction_obstacle(job_snapshot(job({"failed": failed}, **spec)), pods, index_failures)
    assert (why == "") is affordable, why


def a_pod(phase: str = "Pending", **state: Any) -> dict[str, Any]:
    return {"status": {"phase": phase, "containerStatuses": [{"name": "app", **state}]}}


WAITS: dict[str, Any] = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}


@pytest.mark.parametrize(
    ("change", "pods", "words"),
    [
        ({}, [a_pod(**WAITS)], ""),
        ({}, [], ""),
        ({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}, [], "has finished"),
        ({"status": {"conditions": [{"type": "Failed", "status": "False"}]}}, [], ""),
        ({"finalizers": ["foregroundDeletion"]}, [], "finalizers (foregroundDeletion)"),
        ({"ownerReferences": [{"kind": "CronJob", "name": "nightly"}]}, [], "belongs to CronJob nightly"),
        ({}, [a_pod(state={"running": {}})], "has run already"),
        ({}, [a_pod(**WAITS), a_pod("Failed", state={"terminated": {}})], "has run already"),
        ({}, [a_pod(**WAITS, lastState={"terminated": {}})], "has run already"),
        ({}, [a_pod(**WAITS, restartCount=1)], "has run already"),
        ({"status": {"failed": 1}}, [a_pod(**WAITS)], "1 Pod of the Job is deleted"),
        ({"status": {"failed": 1}}, [a_pod(**WAITS), a_pod("Failed")], ""),
        ({"spec": {"managedBy": "example.com/queue"}}, [], "example.com/queue runs the Job"),
        ({"spec": {"managedBy": "kubernetes.io/job-controller"}}, [], ""),
    ],
)
def test_which_jobs_may_be_recreated(change: dict[str, Any], pods: list[dict[str, Any]], words: str) -> None:
    item = job(change.get("status"), **change.get("spec", {}))
    item["metadata"].update({name: value for name, value in change.items() if name not in ("status", "spec")})
    why = job_replacement_obstacle(item, job_snapshot(item), pods)
    assert words in why
    assert bool(words) is bool(why)


def test_a_job_without_what_ties_it_to_its_old_uid() -> None:
    item = job({"active": 1}, suspend=True)
    before = copy.deepcopy(item)
    made = job_manifest(item)
    assert item == before
    assert UID not in json.dumps(made)
    assert made["metadata"] == {"name": "work", "namespace": "team-a", "labels": {"team": "a"}, "annotations": {"note": "kept"}}
    assert made["spec"]["template"]["metadata"] == {"labels": {"team": "a"}, "annotations": {"x": "y"}}
    assert made["spec"]["template"]["spec"] == item["spec"]["template"]["spec"]
    assert made["spec"]["suspend"] is True
    assert "selector" not in made["spec"]
    assert "status" not in made
    manual = job(manualSelector=True)
    assert job_manifest(manual)["spec"]["selector"] == manual["spec"]["selector"]
    assert job_manifest(manual)["metadata"]["labels"] == manual["metadata"]["labels"]


def bare(**spec: Any) -> dict[str, Any]:
    """As kube-apiserver 1.37 returns a Pod that kubectl create sent, with the ServiceAccount's part in it."""
    token = "kube-api-access-9zxtr"
    app = {
        "name": "app",
        "image": "reg.io/app",
        "env": [{"name": "A", "value": "b"}],
        "ports": [{"containerPort": 80, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "1"}},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": token, "mountPath": "/token"}],
    }
    owned_app: dict[str, Any] = {
        ".": {},
        "f:name": {},
        "f:image": {},
        "f:env": {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}},
        "f:volumeMounts": {'k:{"mountPath":"/v"}': {".": {}, "f:name": {}, "f:mountPath": {}}},
    }
    volume: dict[str, Any] = {".": {}, "f:name": {}, "f:emptyDir": {}}
    sent = {
        "f:metadata": {"f:annotations": {".": {}, "f:note": {}}},
        "f:spec": {
            "f:containers": {'k:{"name":"app"}': owned_app},
            "f:restartPolicy": {},
            "f:volumes": {'k:{"name":"v"}': volume},
        },
    }
    status = {"f:metadata": {"f:annotations": {"f:cni": {}}}, "f:status": {"f:phase": {}}}
    return {
        "metadata": {
            "name": "bare",
            "namespace": "team-a",
            "uid": "u",
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"late": "x"},
            "annotations": {"note": "kept", "cni": "10.0.0.1", "added": "by admission"},
            "managedFields": [
                {"manager": "kubectl-create", "operation": "Update", "fieldsV1": sent},
                {"manager": "kubectl-label", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:late": {}}}}},
                {"manager": "multus", "subresource": "status", "fieldsV1": status},
            ],
        },
        "spec": {
            "containers": [app],
            "imagePullSecrets": [{"name": "from-account"}],
            "nodeName": "node-1",
            "priority": 0,
            "restartPolicy": "Always",
            "serviceAccountName": "default",
            "tolerations": [{"key": "node.kubernetes.io/not-ready"}],
            "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}, {"name": token, "projected": {}}],
            **spec,
        },
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", **WAITS}]},
    }


def test_a_bare_pod_as_it_was_sent() -> None:
    item = bare()
    before = copy.deepcopy(item)
    assert pod_manifest(item) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": "team-a", "labels": {"late": "x"}, "annotations": {"note": "kept"}},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "reg.io/app",
                    "env": [{"name": "A", "value": "b"}],
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                }
            ],
            "restartPolicy": "Always",
            "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
        },
    }
    assert item == before


def test_what_is_put_back_is_the_pod_as_it_was_but_for_its_node() -> None:
    item = bare()
    back = original_manifest(item)
    assert back["spec"] == {name: value for name, value in item["spec"].items() if name != "nodeName"}
    assert back["metadata"]["annotations"] == item["metadata"]["annotations"]
    assert back["metadata"].keys() == {"name", "namespace", "labels", "annotations"}
    item["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:nodeName"] = {}
    assert original_manifest(item)["spec"]["nodeName"] == pod_manifest(item)["spec"]["nodeName"] == "node-1"


def test_a_list_of_its_own_stays_and_one_of_the_account_does_not() -> None:
    item = bare(imagePullSecrets=[{"name": "own"}, {"name": "x"}])
    item["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:imagePullSecrets"] = {'k:{"name":"own"}': {}}
    assert pod_manifest(item)["spec"]["imagePullSecrets"] == [{"name": "own"}]
    assert "imagePullSecrets" not in pod_manifest(bare())["spec"]


def test_a_large_pod_of_a_tenant_takes_linear_time() -> None:
    """Each entry was compared with each key of managedFields, which was read as JSON each time."""
    names = [f"V{number}" for number in range(5000)]
    item = bare()
    item["spec"]["containers"][0]["env"] = [{"name": name, "value": "x"} for name in names]
    owned: dict[str, Any] = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, "f:value": {}} for name in names}
    item["metadata"]["managedFields"].append({"fieldsV1": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:env": owned}}}}})
    item["metadata"]["managedFields"] += [
        {"manager": str(number), "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{number}": {}}}}} for number in range(5000)
    ]
    began = time.process_time()
    assert len(pod_manifest(item)["spec"]["containers"][0]["env"]) == 5000
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "tree", [5, ["x"], {"k:{": {}}, {"k:[1]": {}}, {"k:5": {}}, {"v:": {}}, {"f:x": 5}, {"k:{}": {}}], ids=str
)
def test_fields_that_a_server_has_not_written_so_name_nothing(tree: Any) -> None:
    item = bare()
    item["metadata"]["managedFields"].append({"fieldsV1": {"f:spec": {"f:containers": tree, "f:tolerations": tree}}})
    assert pod_manifest(item)["spec"]["containers"][0]["image"] == "reg.io/app"


# all that is left of a Pod whose managedFields somebody has reset, and then edited its image
EDITED: dict[str, Any] = {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}}
SIDE = {"name": "mesh", "image": "mesh:1"}


@pytest.mark.parametrize(
    ("metadata", "spec", "words"),
    [
        ({}, {}, ""),
        ({"finalizers": ["example.com/kept"]}, {}, "finalizers (example.com/kept)"),
        ({"ownerReferences": [{"kind": "ConfigMap", "name": "x"}]}, {}, "ConfigMap x owns it"),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, {}, "static Pod"),
        ({}, {"ephemeralContainers": [SIDE]}, "ephemeral containers"),
        ({}, {"containers": [*bare()["spec"]["containers"], SIDE]}, "added container mesh"),
        ({}, {"initContainers": [{"name": "kube-api-access-x"}]}, "added init container kube-api-access-x"),
        ({}, {"initContainers": [SIDE]}, "added init container mesh"),
        ({}, {"volumes": [*bare()["spec"]["volumes"], {"name": "aws-iam-token"}]}, "added volume aws-iam-token"),
        ({"managedFields": []}, {}, "managedFields are missing"),
        ({"managedFields": [{"fieldsV1": {"f:metadata": {}}}]}, {}, "managedFields are missing"),
        ({"managedFields": [{"fieldsV1": EDITED}]}, {}, "managedFields are missing or incomplete"),
    ],
)
def test_which_bare_pods_may_be_recreated(metadata: dict[str, Any], spec: dict[str, Any], words: str) -> None:
    item = bare(**spec)
    item["metadata"].update(metadata)
    why = pod_replacement_obstacle(item)
    assert words in why
    assert bool(words) is bool(why)


@pytest.mark.parametrize("kind", ["initContainerStatuses", "containerStatuses"])
@pytest.mark.parametrize(
    "state",
    [{"state": {"running": {}}}, {"state": {"terminated": {}}}, {**WAITS, "restartCount": 2}, {"lastState": {"terminated": {}}}],
)
def test_a_pod_one_of_whose_containers_ever_started_is_left(kind: str, state: dict[str, Any]) -> None:
    item = bare()
    item["status"][kind] = [{"name": "app", **state}]
    assert "has run already" in pod_replacement_obstacle(item)


def budget(name: str = "web", healthy: int = 0, desired: int = 2, expected: int = 3, **more: Any) -> Any:
    status = {"currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected, **more}
    return budget_snapshot({"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": "web"}}}, "status": status})


WEB, OTHER = {"app": "web"}, {"app": "other"}
FAILING = [{"type": "DisruptionAllowed", "reason": "SyncFailed", "message": "no scale"}]


@pytest.mark.parametrize(
    ("budgets", "stuck", "words"),
    [
        ([budget()], [WEB, WEB, WEB], "demands 2 healthy Pods and has 0 of 3, of which 3"),
        ([budget(healthy=1)], [WEB, WEB], "never allows the eviction"),
        ([budget(healthy=1)], [WEB], ""),  # the third one starts
        ([budget(healthy=1)], [WEB, OTHER], ""),
        ([budget(healthy=2, desired=3)], [WEB], "never allows the eviction"),
        ([budget(healthy=2, desired=3, expected=4)], [WEB], ""),
        ([budget(), budget("second")], [WEB], "more than one PodDisruptionBudget selects it (web, second)"),
        ([budget(conditions=FAILING)], [], "cannot be evaluated: no scale"),
        ([], [WEB], ""),
        ([budget(desired=0)], [WEB, WEB, WEB], "demands 1 healthy Pods and has 0 of 3, of which 3"),
        ([budget(desired=0)], [WEB, WEB], ""),
    ],
)
def test_a_budget_never_lets_go_where_the_stuck_pods_are_what_it_lacks(budgets: list[Any], stuck: list[Any], words: str) -> None:
    why = permanent_block(budgets, WEB, stuck)
    assert words in why
    assert bool(words) is bool(why)
    assert permanent_block(budgets, OTHER, stuck) == ""


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "x": "y"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Strange"}]}, False),
    ],
)
def test_label_selectors_as_the_server_reads_them(selector: Any, chosen: bool) -> None:
    assert selector_matches(selector, WEB) is chosen


def test_a_budget_with_a_long_list_of_values_takes_no_time_for_each_pod() -> None:
    values = [str(number) for number in range(100000)]
    selector = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": values}]}
    item = {"metadata": {"name": "b"}, "spec": {"selector": selector}, "status": {"expectedPods": 9, "desiredHealthy": 1}}
    found = budget_snapshot(item)
    began = time.process_time()
    assert permanent_block([found], {"app": "x"}, [{"app": f"x{number}"} for number in range(2000)]).startswith(
        "PodDisruptionBudget b"
    )
    assert time.process_time() - began < 1
