# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_links/model, plan: the imagePullSecrets of one workload or Pod, and who manages it -> one change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import WORKLOADS
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import LAST_APPLIED, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import UNCHANGEABLE, StoredWorkload, stored_workload
from ansible_collections.pullpass.registry.plugins.module_utils._links.plan import workload_change
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.report import ReportForm
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import (
    FAILED_ACTIONS,
    Change,
    DesiredLinks,
    Write,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.lists(st.sampled_from(["a", "b", "c", "default-dockercfg-x7k2p", ""]), max_size=5)
UNIQUE = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True)
TEMPLATES = [kind for kind in WORKLOADS if kind not in UNCHANGEABLE]
ROLLING = ["Deployment", "StatefulSet", "DaemonSet"]


def workload(
    kind: str,
    *secrets: str,
    metadata: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
) -> StoredWorkload:
    pod_spec: dict[str, Any] = {"containers": [], **(pod or {})}
    if secrets:
        pod_spec["imagePullSecrets"] = [{"name": name} for name in secrets]
    if kind == "Pod":
        inside = pod_spec
    elif kind == "CronJob":
        inside = {"jobTemplate": {"spec": {"template": {"spec": pod_spec}}}}
    else:
        inside = {"template": {"spec": pod_spec}}
    return stored_workload(
        kind,
        {
            "metadata": {"namespace": "team-a", "name": "shop", "uid": "1", "resourceVersion": "7", **(metadata or {})},
            "spec": {**inside, **(spec or {})},
            "status": status or {},
        },
    )


def plan(*secrets: str, present: bool = True, force: bool = False) -> Callable[[StoredWorkload | None], Change]:
    return partial(workload_change, DesiredLinks(secrets, present, force))


def written(change: Change, kind: str) -> Any:
    """The value of the list in the patch, which holds nothing else."""
    assert change.write is not None
    assert (change.write.verb, change.write.seen) == ("patch", Seen("1", "7"))
    path = ["spec", "template", "spec"]
    body: Any = change.write.body
    for key in [*(["spec", "jobTemplate"] if kind == "CronJob" else []), *path]:
        assert list(body) == [key]
        body = body[key]
    assert list(body) == ["imagePullSecrets"]
    return body["imagePullSecrets"]


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_is_extended_at_its_end_and_cut_by_ours_alone(kind: str) -> None:
    linked = plan("regcred", "b")(workload(kind, "b", "z"))
    assert linked.action == "linked"
    assert linked.message.partition("; ")[0] == "added: regcred"
    assert written(linked, kind) == [{"name": "b"}, {"name": "z"}, {"name": "regcred"}]
    assert (linked.before, linked.after) == ({"imagePullSecrets": ["b", "z"]}, {"imagePullSecrets": ["b", "z", "regcred"]})

    unlinked = plan("regcred", "gone", present=False)(workload(kind, "z", "regcred", "a"))
    assert (unlinked.action, unlinked.message.partition("; ")[0]) == ("unlinked", "removed: regcred")
    assert written(unlinked, kind) == [{"name": "z"}, {"name": "a"}]


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_last_entry_takes_the_list_away_with_it(kind: str) -> None:
    assert written(plan("regcred", present=False)(workload(kind, "regcred")), kind) is None


@given(NAMES, UNIQUE, st.booleans(), st.sampled_from(TEMPLATES))
def test_one_step_is_enough_and_loses_nothing_of_others(there: list[str], wanted: list[str], present: bool, kind: str) -> None:
    change = plan(*wanted, present=present)(workload(kind, *there))
    result = there if change.write is None else [one["name"] for one in written(change, kind) or ()]
    assert set(wanted) <= set(result) if present else not set(wanted) & set(result)
    assert [name for name in result if name not in wanted] == [name for name in there if name not in wanted]
    assert plan(*wanted, present=present)(workload(kind, *result)) == Change("unchanged")
    assert (change.action == "unchanged") is (result == there)


CONTROLLER = {"ownerReferences": [{"kind": "ConfigMap", "name": "x"}, {"kind": "Deployment", "name": "web", "controller": True}]}


@pytest.mark.parametrize("kind", list(WORKLOADS))
@pytest.mark.parametrize("force", [False, True])
def test_what_a_controller_makes_is_never_written(kind: str, force: bool) -> None:
    made = workload(kind, metadata=CONTROLLER, spec={"replicas": 1}, pod={"serviceAccountName": "builder"})
    change = plan("regcred", force=force)(made)
    assert (change.action, change.write) == ("owned", None)
    assert "Deployment web creates it" in change.message
    assert "or link ServiceAccount builder" in change.message
    hidden = plan("regcred", force=force)(workload(kind, "own", metadata=CONTROLLER, spec={"replicas": 1}))
    assert hidden.action == "owned"
    assert "ServiceAccount" not in hidden.message, "its own list hides that of the ServiceAccount"
    removal = plan("own", present=False, force=force)(workload(kind, "own", metadata=CONTROLLER, spec={"replicas": 1}))
    assert (removal.action, removal.write) == ("owned", None)
    assert "unlink that" in removal.message


def test_an_owner_that_is_no_controller_does_not_count() -> None:
    references = {"ownerReferences": [{"kind": "ConfigMap", "name": "x", "uid": "1"}]}
    assert plan("regcred")(workload("Deployment", metadata=references)).action == "linked"


@pytest.mark.parametrize(("kind", "as_what"), [("Job", "replace: [jobs]"), ("Pod", "replace: [bare_pods]")])
def test_a_list_that_is_fixed_needs_a_replacement(kind: str, as_what: str) -> None:
    for force in (False, True):
        change = plan("regcred", force=force)(workload(kind, "own"))
        assert (change.action, change.write) == ("needs_replacement", None)
        assert "pull_recovery" in change.message
        assert as_what in change.message
        removal = plan("own", present=False, force=force)(workload(kind, "own"))
        assert (removal.action, removal.write) == ("needs_replacement", None)
        assert f"until the {kind} is deleted" in removal.message
    assert plan("own")(workload(kind, "own")) == Change("unchanged")


def managed(manager: str, fields: dict[str, Any], operation: str = "Apply") -> dict[str, Any]:
    return {"managedFields": [{"manager": manager, "operation": operation, "fieldsV1": fields}]}


OF_TEMPLATE: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:imagePullSecrets": {'k:{"name":"own"}': {}}}}}}
OF_TEMPLATE_BUT_THE_LIST: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}
OF_CRON_JOB = {"f:spec": {"f:jobTemplate": OF_TEMPLATE}}
APPLIED = '{"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "own"}]}}}}'
APPLIED_WITHOUT = '{"spec": {"template": {"spec": {"containers": []}}}}'

OWNERS = [
    pytest.param("Deployment", {"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm", id="Helm label"),
    pytest.param("StatefulSet", {"annotations": {"meta.helm.sh/release-name": "web"}}, "Helm", id="Helm annotation"),
    pytest.param("DaemonSet", {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD", id="Argo CD annotation"),
    pytest.param("CronJob", {"labels": {"argocd.argoproj.io/instance": "x"}}, "Argo CD", id="Argo CD label"),
    pytest.param("ReplicaSet", {"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux", id="Flux kustomization"),
    pytest.param("Deployment", {"labels": {"helm.toolkit.fluxcd.io/name": "x"}}, "Flux", id="Flux Helm release"),
    pytest.param("Deployment", managed("ops", OF_TEMPLATE), "'ops' (server-side apply)", id="server-side apply"),
    pytest.param("CronJob", managed("o\x1bs", OF_CRON_JOB), "'o?s' (server-side apply)", id="server-side apply of a CronJob"),
    pytest.param("Deployment", {"annotations": {LAST_APPLIED: APPLIED}}, "last-applied-configuration", id="kubectl apply"),
]


@pytest.mark.parametrize(("kind", "metadata", "owner"), OWNERS)
def test_what_another_keeps_is_contested_unless_forced(kind: str, metadata: dict[str, Any], owner: str) -> None:
    change = plan("regcred")(workload(kind, "own", metadata=metadata))
    assert (change.action, change.write) == ("contested", None)
    assert owner in change.message
    assert "or set force" in change.message
    assert "ServiceAccount" not in change.message
    assert plan("regcred", force=True)(workload(kind, "own", metadata=metadata)).action == "linked"
    removal = plan("own", present=False)(workload(kind, "own", metadata=metadata))
    assert (removal.action, removal.write) == ("contested", None)
    assert "remove it there" in removal.message
    assert plan("own", present=False, force=True)(workload(kind, "own", metadata=metadata)).action == "unlinked"
    assert plan("own")(workload(kind, "own", metadata=metadata)) == Change("unchanged")
    assert plan("regcred", present=False)(workload(kind, "own", metadata=metadata)) == Change("unchanged")


def test_where_the_template_has_no_list_the_service_account_is_another_way() -> None:
    helm = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
    change = plan("regcred")(workload("Deployment", metadata=helm, pod={"serviceAccountName": "x\ny"}))
    assert "or link ServiceAccount x y, or set force" in change.message


@pytest.mark.parametrize(
    ("kind", "metadata"),
    [
        pytest.param("Deployment", {}, id="nobody"),
        pytest.param("Deployment", managed("kubectl-edit", OF_TEMPLATE, "Update"), id="somebody who edited"),
        pytest.param("Deployment", managed("pullpass.registry", OF_TEMPLATE), id="ourselves"),
        pytest.param("Deployment", managed("ops", OF_TEMPLATE_BUT_THE_LIST), id="other fields"),
        pytest.param("CronJob", managed("ops", OF_TEMPLATE), id="another path"),
        pytest.param("Deployment", managed("ops", {"f:spec": "odd"}), id="fields that cannot be read"),
        pytest.param("Deployment", {"annotations": {LAST_APPLIED: APPLIED_WITHOUT}}, id="kubectl apply without the list"),
        pytest.param("Deployment", {"labels": {"app.kubernetes.io/instance": "x"}}, id="a label that everybody sets"),
    ],
)
def test_what_nobody_else_keeps_is_written(kind: str, metadata: dict[str, Any]) -> None:
    assert plan("regcred")(workload(kind, "own", metadata=metadata)).action == "linked"


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "status"),
    [
        ("Job", {}, {}, {"conditions": [{"type": "Complete", "status": "True"}]}),
        ("Job", {}, {}, {"conditions": [{"type": "Suspended", "status": "True"}, {"type": "Failed", "status": "True"}]}),
        ("Pod", {}, {}, {"phase": "Succeeded"}),
        ("Pod", {}, {}, {"phase": "Failed"}),
        ("Deployment", {"deletionTimestamp": "2030-01-01T00:00:00Z"}, {}, {}),
        ("ReplicaSet", CONTROLLER, {"replicas": 0}, {"replicas": 0}),
    ],
    ids=["complete", "failed", "succeeded", "failed Pod", "being deleted", "old revision"],
)
def test_an_obsolete_workload_is_unchanged(
    kind: str, metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]
) -> None:
    stored = workload(kind, metadata=metadata, spec=spec, status=status)
    assert stored.obsolete
    assert plan("regcred")(stored) == Change("unchanged")


@pytest.mark.parametrize(
    ("kind", "metadata", "spec", "status"),
    [
        ("Job", {}, {}, {"conditions": [{"type": "Complete", "status": "False"}, {"type": "Suspended", "status": "True"}]}),
        ("Pod", {}, {}, {"phase": "Pending"}),
        ("Pod", {}, {}, {}),
        ("ReplicaSet", {}, {"replicas": 0}, {"replicas": 0}),
        ("ReplicaSet", CONTROLLER, {"replicas": 0}, {"replicas": 1}),
        ("Deployment", {}, {"replicas": 0}, {}),
    ],
    ids=["going on", "pending", "new", "its own, scaled down", "scaling down", "Deployment scaled down"],
)
def test_a_workload_whose_list_has_an_effect_is_not_obsolete(
    kind: str, metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any]
) -> None:
    assert not workload(kind, metadata=metadata, spec=spec, status=status).obsolete


@pytest.mark.parametrize(
    ("kind", "spec", "effect"),
    [
        *[(kind, {}, "") for kind in ROLLING],
        ("Deployment", {"paused": True}, "; paused: takes effect when the rollout is resumed"),
        ("CronJob", {}, "; takes effect with the next Job"),
        ("CronJob", {"suspend": True}, "; suspended: takes effect with the next Job after it is resumed"),
        ("ReplicaSet", {}, "; existing Pods keep the old list until they are recreated"),
        ("ReplicationController", {}, "; existing Pods keep the old list until they are recreated"),
        ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "; OnDelete: existing Pods keep the old list"),
        ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "; OnDelete: existing Pods keep the old list"),
        ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "; partition 2: Pods with a lower ordinal"),
        ("StatefulSet", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}, ""),
    ],
)
def test_the_message_says_when_a_change_takes_effect(kind: str, spec: dict[str, Any], effect: str) -> None:
    message = plan("regcred")(workload(kind, spec=spec)).message
    assert message.startswith(f"added: regcred{effect}")
    assert effect or message == "added: regcred"


def test_one_that_has_gone_is_skipped() -> None:
    for present in (True, False):
        assert plan("a", present=present)(None) == Change("skipped", "it was deleted in the meantime")


def test_owned_and_to_be_replaced_are_shown_and_fail_nothing() -> None:
    assert not {"owned", "needs_replacement"} & {*FAILED_ACTIONS, *ReportForm("links", ()).quiet}


def test_a_template_without_an_account_uses_default() -> None:
    assert workload("Deployment").account == "default"
    assert workload("CronJob", pod={"serviceAccountName": "builder"}).account == "builder"


def test_the_write_hides_its_body() -> None:
    change = plan("regcred")(workload("Deployment"))
    body = {"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "regcred"}]}}}}
    assert change.write == Write("patch", body, Seen("1", "7"))
    assert "regcred" not in repr(change.write)
