# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers that are not the object or list that was asked for: an error of the row that they are about, never of the run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._audit.model import AuditQuery
from ansible_collections.pullpass.registry.plugins.module_utils._audit.run import audit
from ansible_collections.pullpass.registry.plugins.module_utils._canary.cluster import CanaryCluster
from ansible_collections.pullpass.registry.plugins.module_utils._canary.model import Canary, admitted_pod, node_snapshot
from ansible_collections.pullpass.registry.plugins.module_utils._canary.verdict import pod_event, pull_status
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.answers import checked_object
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import RESOURCES, WORKLOADS
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import (
    Chosen,
    Namespace,
    choose_namespaces,
    wanted_namespaces,
)
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, list_all
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import (
    SecretReader,
    account_snapshot,
    stuck_pod_snapshot,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import FailureKind, PullpassError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import stored_workload
from ansible_collections.pullpass.registry.plugins.module_utils._links.run import LinkRequest, link_accounts
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import DesiredSecret, stored_secret
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.run import PullSecretRequest, distribute
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import (
    DesiredLinks,
    stored_service_account,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.follow import pod_state
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import (
    budget_snapshot,
    permanent_block,
    suspected_pod,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.owners import owner_snapshot, parent_snapshot
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.plan import RecoveryPolicy
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.run import RecoveryOptions, recover
from recording_api_server import RecordingServer, recording_server

Json = dict[str, Any]
PLACES = ("team-a", "team-b", "team-c")
CHOSEN = Chosen(tuple(Namespace(one) for one in PLACES), (), True)
NOTHING: Json = {}
# what takes the place of a value, of a whole item, and of a whole answer
VALUES: list[Any] = [None, 5, -1.5, True, "x", "../x", [], [None], [5], [[]], {}, {"name": 5}, {"x": None}, {"x": ["y"]}]
ITEMS: list[Any] = [None, 5, "x", [], {}, {"metadata": None}, {"metadata": []}, {"metadata": {}}, {"metadata": {"name": "x"}}]
ANSWERS: list[Any] = [
    *(b"", b"ok", b"[]", b"null", b"5", b"\xff\xfe", b"<html>"),
    {"kind": "Status", "status": "Success"},
    {"major": "1", "minor": "37"},
    {"kind": "Table", "rows": []},
    {"kind": "PodList", "items": None, "metadata": {}},
    {"kind": "SecretList", "items": {}, "metadata": {}},
    {"kind": "SecretList", "items": [None], "metadata": {}},
    {"kind": "SecretList", "items": [], "metadata": []},
    {"kind": ["SecretList"], "items": []},
]


def meta(name: str, namespace: str | None = "team-a") -> Json:
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "o", "controller": True}]
    writer = {"manager": "m", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:status": {}, "f:data": {}}}
    return {
        **({"namespace": namespace} if namespace else {}),
        "name": name,
        "uid": "u",
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"a": "b"},
        "annotations": {"a": "b"},
        "finalizers": ["x/y"],
        "ownerReferences": owners,
        "managedFields": [writer],
    }


POD_SPEC = {
    "serviceAccountName": "default",
    "nodeName": "n",
    "imagePullSecrets": [{"name": "regcred"}],
    "initContainers": [{"name": "init", "image": "reg.io/init"}],
    "containers": [{"name": "canary", "image": "reg.io/app", "imagePullPolicy": "Always"}],
    "volumes": [{"name": "data"}],
}
STATUSES = [
    {
        "name": "canary",
        "image": "reg.io/app",
        "imageID": "",
        "restartCount": 1,
        "state": {"waiting": {"reason": "ErrImagePull", "message": "401"}},
        "lastState": {"terminated": {"reason": "Error", "finishedAt": "2026-01-01T00:00:00Z", "exitCode": 1}},
    }
]
CONDITIONS = [{"type": "Ready", "status": "True", "reason": "x", "message": "y"}]
SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}
WORKLOAD = {
    "metadata": meta("web"),
    "spec": {
        "replicas": 1,
        "selector": SELECTOR,
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}},
        "ordinals": {"start": 0},
        "jobTemplate": {"spec": {"template": {"spec": POD_SPEC}}},
        "backoffLimit": 6,
        "suspend": False,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [137]}}]},
    },
    "status": {"updateRevision": "1", "replicas": 1, "failed": 0, "succeeded": 0, "conditions": CONDITIONS},
}
SAMPLES: dict[str, Json] = {
    "secrets": {
        "metadata": meta("regcred"),
        "type": "kubernetes.io/dockerconfigjson",
        "immutable": False,
        "data": {".dockerconfigjson": "e30=", "x": "eA=="},
    },
    "serviceaccounts": {"metadata": meta("default"), "imagePullSecrets": [{"name": "regcred"}]},
    "pods": {
        "metadata": meta("web"),
        "spec": POD_SPEC,
        "status": {"phase": "Pending", "conditions": CONDITIONS, "containerStatuses": STATUSES, "message": "m", "reason": "r"},
    },
    "namespaces": {"metadata": meta("team-a", None)},
    "nodes": {
        "metadata": meta("n", None),
        "spec": {"taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}], "unschedulable": False},
        "status": {"conditions": CONDITIONS, "nodeInfo": {"operatingSystem": "linux"}},
    },
    "events": {
        "metadata": meta("web.1"),
        "reason": "Failed",
        "message": "m",
        "type": "Warning",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "involvedObject": {"uid": "u", "fieldPath": "spec.containers{canary}"},
    },
    "poddisruptionbudgets": {
        "metadata": meta("web"),
        "spec": {"selector": SELECTOR},
        "status": {"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, "conditions": CONDITIONS},
    },
    "replicationcontrollers": {**WORKLOAD, "spec": {**WORKLOAD["spec"], "selector": {"a": "b"}}},
    **{name: WORKLOAD for name in ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs")},
}


def workload_readers(resource: str) -> list[Callable[[Json], Any]]:
    kind = RESOURCES[resource].kind
    return [partial(stored_workload, kind), partial(owner_snapshot, kind), partial(parent_snapshot, kind)]


READERS: dict[str, list[Callable[[Json], Any]]] = {
    "secrets": [stored_secret, SecretReader()],
    "serviceaccounts": [stored_service_account, account_snapshot],
    "pods": [stuck_pod_snapshot, suspected_pod, pod_state, admitted_pod, pull_status, partial(stored_workload, "Pod")],
    "nodes": [node_snapshot],
    "events": [pod_event],
    "poddisruptionbudgets": [lambda item: permanent_block([budget_snapshot(item)], {"a": "b"}, [{"a": "b"}])],
    **{resource: workload_readers(resource) for resource in (row.plural for row in WORKLOADS.values()) if resource != "pods"},
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of each value within a sample, but for the sample itself."""
    if path:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, within in pairs:
        yield from paths(within, (*path, key))


def spoilt(sample: Json, path: tuple[Any, ...], value: Any) -> Json:
    item = copy.deepcopy(sample)
    place: Any = item
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = copy.deepcopy(value)
    return item


@pytest.mark.parametrize("resource", sorted(SAMPLES))
def test_a_value_of_a_wrong_type_is_refused_or_harmless_to_all_that_read_the_object(resource: str) -> None:
    refused: list[FailureKind] = []
    accepted = 0
    namespace = SAMPLES[resource]["metadata"].get("namespace")
    sample = {"kind": RESOURCES[resource].kind, **SAMPLES[resource]}
    assert checked_object(copy.deepcopy(sample), resource, namespace)
    for path in paths(sample):
        for value in VALUES:
            item = spoilt(sample, path, value)
            try:
                checked = checked_object(item, resource, namespace)
            except RequestError as error:
                refused.append(error.kind)
                continue
            accepted += 1
            for read in READERS.get(resource, ()):
                repr(read(checked))
    assert set(refused) == {FailureKind.MALFORMED}
    assert len(refused) > 50
    assert accepted > 50


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as recorded:
        for resource in ("secrets", "serviceaccounts", "pods"):
            items = [copy.deepcopy(SAMPLES[resource]) for _place in PLACES]
            for place, item in zip(PLACES, items, strict=True):
                item["metadata"]["namespace"] = place
            recorded.objects[resource] = items
        recorded.objects["events"] = recorded.objects["replicasets"] = []
        yield recorded


def audited(server: RecordingServer) -> dict[str, Json]:
    query = AuditQuery(None, None, ["reg.io/app"], True, datetime(2026, 11, 24, tzinfo=timezone.utc))
    answer = audit(server.api(), CHOSEN, query, 4, False)
    return {row["namespace"]: row for row in answer["namespaces"]}


def recovered(server: RecordingServer) -> dict[str, Any]:
    options = RecoveryOptions(["*"], RecoveryPolicy(evict=True, replace=()), 0.0)
    rows: dict[str, list[str]] = {}
    for outcome in recover(server.api(), CHOSEN, options, 4, True):
        rows.setdefault(outcome.namespace, []).append(f"{outcome.action} {outcome.message}")
    return rows


def linked(server: RecordingServer) -> dict[str, Any]:
    request = LinkRequest(DesiredLinks(("regcred",), present=True, force=False), ["default"])
    outcomes = link_accounts(server.api(), CHOSEN, request, 4, check_mode=True)
    return {one.namespace: (one.change.action, one.change.message) for one in outcomes}


def stored(server: RecordingServer) -> dict[str, Any]:
    wanted = DesiredSecret("regcred", "default", adopt=False, credentials=[Credential("reg.io", "bot", "word")])
    outcomes = distribute(server.api(), CHOSEN, PullSecretRequest(PullSecretPlan(wanted)), 4, check_mode=True)
    return {one.namespace: (one.change.action, one.change.message) for one in outcomes}


RUNS: dict[str, Callable[[RecordingServer], dict[str, Any]]] = {
    "secrets": stored,
    "serviceaccounts": linked,
    "pods": recovered,
}


@pytest.mark.parametrize("resource", sorted(RUNS))
@pytest.mark.parametrize("named", [True, False], ids=["named", "nameless"])
def test_a_malformed_item_is_an_error_of_its_namespace_alone(server: RecordingServer, resource: str, named: bool) -> None:
    run = RUNS[resource]
    good, audited_before = run(server), audited(server)
    wrong: list[Any] = [5, [], {}, {"name": 5}]
    for value in wrong:
        if named:
            spoiled: Any = spoilt(server.objects[resource][1], ("metadata", "labels"), [value])
        else:
            spoiled = {"metadata": {"namespace": "team-b", "labels": {}, "name": value}}

        def answer(_method: str, path: str, _body: Any, spoiled: Any = spoiled) -> Any:
            if resource not in path:
                return None
            items = server.objects[resource]
            if "/namespaces/team-b/" in path and path.partition("?")[0].endswith(("/regcred", "/default", "/web")):
                return {"kind": RESOURCES[resource].kind, **spoiled}
            if "/namespaces/" in path:
                return {"kind": f"{RESOURCES[resource].kind}List", "items": [spoiled]} if "team-b" in path else None
            return {"kind": f"{RESOURCES[resource].kind}List", "items": [items[0], spoiled, items[2]]}

        server.override = answer
        rows, reported = run(server), audited(server)
        server.override = lambda *_asked: None
        assert {name: rows[name] for name in ("team-a", "team-c")} == {name: good[name] for name in ("team-a", "team-c")}
        assert "malformed" in str(rows["team-b"]) or "name that no" in str(rows["team-b"]), (value, rows["team-b"])
        assert reported["team-a"] == audited_before["team-a"]
        assert reported["team-c"] == audited_before["team-c"]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_that_is_no_list_is_asked_for_by_namespace_and_an_error_there(server: RecordingServer, answer: Any) -> None:
    api = server.api()
    list_all(api, "secrets", stored_secret)
    server.override = lambda _method, path, _body: answer if "secrets" in path and "team-b" in path else None
    with pytest.raises(PullpassError):
        Objects(api, "secrets", dry_run=False).get("team-b", "regcred")
    with pytest.raises(PullpassError):
        list_all(api, "secrets", stored_secret, namespace="team-b")

    def without_whole(_method: str, path: str, _body: Any) -> Any:
        return answer if path.startswith("/api/v1/secrets") or "team-b/secrets" in path else None

    good = stored(server)
    server.override = without_whole
    rows = stored(server)
    assert rows["team-a"] == good["team-a"]
    assert rows["team-c"] == good["team-c"]
    assert rows["team-b"][0] == "failed"


@pytest.mark.parametrize("item", ITEMS, ids=range(len(ITEMS)))
def test_an_item_without_a_place_makes_the_run_ask_namespace_by_namespace(server: RecordingServer, item: Any) -> None:
    good = {name: run(server) for name, run in RUNS.items()}

    def answer(_method: str, path: str, _body: Any) -> Any:
        resource = path.partition("?")[0].rpartition("/")[2]
        if resource not in RUNS or "/namespaces/" in path:
            return None
        return {"kind": f"{RESOURCES[resource].kind}List", "items": [*server.objects[resource], item]}

    server.override = answer
    assert {name: run(server) for name, run in RUNS.items()} == good


TABLES: list[Any] = [
    *ANSWERS[7:],
    {"kind": "Table", "rows": [{}]},
    {"kind": "Table", "rows": [{"cells": [], "object": None}]},
    {"kind": "Table", "rows": [{"cells": None, "object": {"metadata": {}}}]},
    {"kind": "Table", "columnDefinitions": [5]},
    {"kind": "Table", "rows": [{"cells": [], "object": {"metadata": {**meta("web"), "namespace": "../x"}}}]},
    {"kind": "Table", "rows": [{"cells": [], "object": {"metadata": {**meta("web"), "annotations": ["x"]}}}]},
    {"kind": "Table", "columnDefinitions": [{"name": "Age"}], "rows": [{"cells": [], "object": {"metadata": meta("web")}}]},
]


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_a_table_that_is_none_bars_its_namespaces_and_ends_no_run(server: RecordingServer, table: Any) -> None:
    canary = Canary("reg.io/app", "default", [], None, 20, run="run")
    server.override = lambda _method, path, _body: table if "labelSelector" in path else None
    cluster = CanaryCluster(server.api(), canary, whole=True, workers=2, check_mode=False)
    found, refused = cluster.leftovers(list(PLACES))
    assert found == []
    assert set(refused) <= set(PLACES)


def test_a_list_that_never_ends_is_an_error(server: RecordingServer) -> None:
    server.override = lambda *_asked: {"kind": "SecretList", "items": [], "metadata": {"continue": "same"}}
    with pytest.raises(RequestError, match="does not continue"):
        list_all(server.api(), "secrets", stored_secret)
    server.override = lambda *_asked: {"kind": "SecretList", "items": [], "metadata": {"continue": {"a": 1}}}
    with pytest.raises(RequestError, match="does not continue"):
        list_all(server.api(), "secrets", stored_secret)


def test_another_object_than_the_one_that_was_asked_for_is_none(server: RecordingServer) -> None:
    other = {"kind": "Secret", **copy.deepcopy(SAMPLES["secrets"])}
    for name, value in (("name", "payroll"), ("namespace", "victim"), ("name", "../x"), ("namespace", None)):
        server.override = lambda *_asked, name=name, value=value: {**other, "metadata": {**other["metadata"], name: value}}
        with pytest.raises(RequestError) as caught:
            Objects(server.api(), "secrets", dry_run=False).get("team-a", "regcred")
        assert caught.value.kind == FailureKind.MALFORMED


@pytest.mark.parametrize("item", ITEMS, ids=range(len(ITEMS)))
def test_namespaces_that_have_no_name_are_a_clean_error(server: RecordingServer, item: Any) -> None:
    server.override = lambda *_asked: {"kind": "NamespaceList", "items": [item]}
    if item == {"metadata": {"name": "x"}}:
        item["metadata"].update(uid=5)
    with pytest.raises(RequestError):
        choose_namespaces(server.api(), wanted_namespaces(["*"], None, None), 4)
