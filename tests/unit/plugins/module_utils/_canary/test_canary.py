# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_canary/run*: the Pod that is sent, nodes it may go to, what its status says, refusals, leftovers, the result. Pure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._canary.cluster import limit_range_resources, refusal_message
from ansible_collections.pullpass.registry.plugins.module_utils._canary.model import (
    SMALL,
    VIRTUAL,
    AdmittedPod,
    Canary,
    CanaryAction,
    CanaryTarget,
    admitted_pod,
    leftovers,
    manifest,
    node_snapshot,
)
from ansible_collections.pullpass.registry.plugins.module_utils._canary.report import (
    CanaryOutcome,
    canary_result,
    decided_outcome,
    dry_run_outcome,
    proof,
    proof_obstacle,
    refused_outcome,
    sorted_outcomes,
)
from ansible_collections.pullpass.registry.plugins.module_utils._canary.verdict import (
    PodEvent,
    PullStatus,
    deleted_pod_status,
    pod_event,
    pull_status,
    status_at_timeout,
)
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request, refusal
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, FailureKind, InputError, RequestError
from ansible_collections.pullpass.registry.plugins.modules import pull_canary

IMAGE = "registry.example.com/team/app:1.0"
DENIED = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": 401 Unauthorized'
CANARY = Canary(IMAGE, "default", ["regcred"], None, 20, run="0123456789")
ANYWHERE = CanaryTarget("team-a", "pullpass-canary-0123456789-1")
PINNED = CanaryTarget("team-a", "pullpass-canary-0123456789-2", "worker-1")


def request_error(message: str, kind: FailureKind = FailureKind.REFUSED, status: int = 403) -> RequestError:
    return RequestError(message, kind, status, detail=message)


# the Pod


def test_the_pod_satisfies_podsecurity_restricted_and_openshift_and_pulls_always() -> None:
    pod = manifest(CANARY, PINNED, SMALL)
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["imagePullPolicy"] == "Always"
    assert container["resources"]["requests"] == container["resources"]["limits"] == {"cpu": "10m", "memory": "16Mi"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["restartPolicy"] == "Never"
    assert pod["spec"]["terminationGracePeriodSeconds"] == 0
    assert pod["spec"]["imagePullSecrets"] == [{"name": "regcred"}]
    assert "tolerations" not in pod["spec"]


def test_the_pod_has_its_run_and_its_deadline() -> None:
    pod = manifest(CANARY, ANYWHERE, SMALL)

    assert pod["metadata"]["labels"]["pullpass.registry/canary"] == "0123456789"
    assert pod["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pullpass.registry"
    assert pod["metadata"]["annotations"]["pullpass.registry/canary-deadline"] == "50"
    assert pod["spec"]["activeDeadlineSeconds"] == 50


def test_without_secrets_the_list_of_the_service_account_is_left_to_the_server() -> None:
    without = Canary(IMAGE, "builder", [], None, 20, run="0123456789")
    assert "imagePullSecrets" not in manifest(without, ANYWHERE, SMALL)["spec"]


def test_a_node_is_pinned_by_its_name_and_else_linux_is_asked_for() -> None:
    def terms(target: CanaryTarget) -> Any:
        affinity = manifest(CANARY, target, SMALL)["spec"]["affinity"]["nodeAffinity"]
        (only,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        return only

    assert terms(PINNED) == {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["worker-1"]}]}
    linux, *real = terms(ANYWHERE)["matchExpressions"]
    assert linux == {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
    assert {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet", "kwok"]} in real
    # the API takes no values beside this operator
    assert {"key": "virtual-kubelet.io/provider", "operator": "DoesNotExist", "values": []} in real
    assert {one["key"] for one in real} == set(VIRTUAL)


# nodes


def node(ready: str | None = "True", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    conditions = [] if ready is None else [{"type": "Ready", "status": ready, "message": "kubelet stopped\nposting"}]
    return {
        "metadata": {"name": "worker-1", "labels": {"kubernetes.io/os": "linux", **(labels or {})}},
        "spec": spec,
        "status": {"conditions": conditions},
    }


def taint(key: str, effect: str, **rest: str) -> dict[str, Any]:
    return {"taints": [{"key": key, "effect": effect, **rest}]}


@pytest.mark.parametrize(
    ("item", "unfit"),
    [
        (node(), ""),
        (node(**taint("maintenance", "PreferNoSchedule")), ""),
        (node(labels={"type": "compute"}), ""),
        (node("Unknown"), "is NotReady: kubelet stopped posting"),
        (node("False"), "is NotReady"),
        (node(None), "is NotReady: its kubelet has reported nothing"),
        (node(unschedulable=True), "is cordoned"),
        (node(labels={"kubernetes.io/os": "windows"}), "runs windows"),
        (node(labels={"type": "virtual-kubelet"}), "is virtual (type=virtual-kubelet)"),
        (node(labels={"type": "kwok"}), "is virtual (type=kwok)"),
        (node(**taint("virtual-kubelet.io/provider", "NoSchedule", value="azure")), "is virtual"),
        (node(labels={"eks.amazonaws.com/compute-type": "fargate"}), "is virtual"),
        (node(**taint("dedicated", "NoSchedule", value="db")), "has taint dedicated=db:NoSchedule"),
        (node(**taint("gone", "NoExecute")), "has taint gone:NoExecute"),
    ],
)
def test_a_node_is_fit_or_skipped_with_the_reason(item: dict[str, Any], unfit: str) -> None:
    found = node_snapshot(item)
    assert found.unfit.startswith(unfit)
    assert bool(found.unfit) is bool(unfit)


def test_a_node_that_is_being_deleted_or_runs_windows_by_its_own_word_is_skipped() -> None:
    leaving = node()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert node_snapshot(leaving).unfit == "is being deleted"
    unlabelled = node()
    unlabelled["metadata"]["labels"] = {}
    unlabelled["status"]["nodeInfo"] = {"operatingSystem": "windows"}
    assert node_snapshot(unlabelled).unfit.startswith("runs windows")


# the status of a status


def pod(
    state: dict[str, Any] | None = None, phase: str = "Pending", node_name: str | None = "worker-1", **rest: Any
) -> dict[str, Any]:
    status: dict[str, Any] = {"phase": phase, **rest.pop("status", {})}
    if state is not None:
        status["containerStatuses"] = [{"name": "sidecar", "imageID": "x"}, {"name": "canary", "state": state, **rest}]
    spec: dict[str, Any] = {"containers": [{"name": "canary", "image": IMAGE}]}
    if node_name:
        spec["nodeName"] = node_name
    return {"metadata": {"name": "pod"}, "spec": spec, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def event(reason: str, message: str, warning: bool = True, ours: bool = True, when: str = "2026-01-01T00:00:00Z") -> PodEvent:
    return PodEvent(reason, message, warning, ours, when)


PULLED = event("Pulled", f'Successfully pulled image "{IMAGE}" in 1s', warning=False)
START_ERROR = {"terminated": {"reason": "StartError", "exitCode": 128}}


@pytest.mark.parametrize(
    "item",
    [
        pod(START_ERROR, "Failed", imageID="registry.example.com/team/app@sha256:1", containerID="containerd://1"),
        pod(START_ERROR, "Failed", imageID="", containerID="containerd://1"),
        pod({"running": {}}, "Running", containerID="cri-o://1"),
        pod(waiting("ContainerCreating"), imageID="registry.example.com/team/app@sha256:1"),
        *(
            pod(waiting(reason, "x"), imageID="")
            for reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
        ),
    ],
)
def test_a_container_that_got_past_the_pull_has_its_image(item: dict[str, Any]) -> None:
    assert pull_status(item) == PullStatus(CanaryAction.PULLED)


def test_the_end_of_a_pod_is_no_proof_and_its_events_are_asked() -> None:
    # what the kubelet writes when the deadline passes, whether the image came or not
    unknown = {"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}}
    ended = pod(unknown, "Failed", imageID="", containerID="containerd://1", status={"reason": "DeadlineExceeded"})

    assert pull_status(ended).action == CanaryAction.FAILED
    assert pull_status(ended).needs_events
    assert "DeadlineExceeded" in pull_status(ended).message
    assert pull_status(ended, [PULLED]).action == CanaryAction.PULLED
    assert not pull_status(ended, [event("Evicted", "the node is full")]).needs_events


def test_what_runs_by_the_word_of_no_runtime_is_no_proof() -> None:
    assert pull_status(pod({"running": {"startedAt": "x"}}, "Running")).action is None


def test_another_container_proves_nothing() -> None:
    beside = event("Pulled", 'Successfully pulled image "mesh/proxy"', warning=False, ours=False)
    assert pull_status(pod(waiting("ContainerCreating")), [beside]).action is None
    there_already = event("Pulled", f'Container image "{IMAGE}" already present on machine', warning=False)
    assert pull_status(pod(waiting("ContainerCreating")), [there_already]).action is None


def test_events_are_distinguished_by_their_container() -> None:
    item = {"reason": "Pulled", "message": "x", "type": "Normal", "metadata": {}, "lastTimestamp": "t"}
    assert pod_event({**item, "involvedObject": {"fieldPath": "spec.containers{canary}"}}).ours
    assert not pod_event({**item, "involvedObject": {"fieldPath": "spec.initContainers{canary}"}}).ours
    assert not pod_event(item).ours


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("InvalidImageName", "cannot parse", "the image's name is not valid. "),
        ("SignatureValidationFailed", "no signature", "SignatureValidationFailed. "),
        ("unable to parse auth field", "", "a pull secret of the Pod cannot be read"),
    ],
)
def test_a_certain_cause_decides_at_once_in_the_kubelets_words(reason: str, message: str, words: str) -> None:
    status = pull_status(pod(waiting(reason, message)))
    assert status.action == CanaryAction.NOT_PULLED
    assert status.message.startswith(words)
    assert f"The kubelet says: {(message or reason)[:20]}"[:30] in status.message


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("ErrImagePull", DENIED, "denied: "),
        ("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: {DENIED}', "denied: "),
        ("ErrImagePull", f'"{IMAGE}": not found', "not found: "),
        ("ErrImagePull", "unexpected status: 429 Too Many Requests", "rate limited: "),
    ],
)
def test_an_answer_of_the_registry_is_the_last_word_once_the_kubelet_had_the_secrets(
    reason: str, message: str, words: str
) -> None:
    without = pod(waiting(reason, message))
    named = pod(waiting(reason, message))
    named["spec"]["imagePullSecrets"] = [{"name": "regcred"}]
    sent = event("Failed", f'Failed to pull image "{IMAGE}": {message}')
    lacking = event("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (regcred); x", ours=False)

    for status in (pull_status(without), pull_status(named, [sent])):
        assert status.action == CanaryAction.NOT_PULLED
        assert status.message.startswith(words)
        assert message[-20:] in status.message
    # it may have pulled without, because it had no Secret yet: the next try tells
    for status in (pull_status(named), pull_status(named, [lacking]), pull_status(named, [sent, lacking])):
        assert (status.action, status.retry_seconds) == (None, 20)
    assert pull_status(named).needs_events
    late = status_at_timeout(pull_status(named, [sent, lacking]), 20)
    assert late.action == CanaryAction.NOT_PULLED
    assert late.message.startswith(words)
    assert "could not get pull secret regcred: create it" in late.message


@pytest.mark.parametrize(
    "message",
    [
        "dial tcp 192.0.2.1:443: connect: connection refused",
        "x509: certificate signed by unknown authority",
        "lookup registry.example.com on 192.0.2.53:53: no such host",
        "unexpected status from HEAD request: 503 Service Unavailable",
        "something that nobody has heard of",
    ],
)
def test_what_may_pass_is_waited_for_and_has_failed_at_the_time_out(message: str) -> None:
    status = pull_status(pod(waiting("ErrImagePull", message)))
    assert status.action is None
    assert not status.needs_events
    late = status_at_timeout(status, 20)
    assert late.action == CanaryAction.NOT_PULLED
    assert late.message.startswith("still failing after 20 s. ")
    assert message in late.message


def test_a_pull_that_is_only_held_back_has_not_failed() -> None:
    held = pull_status(pod(waiting("ErrImagePull", "pull QPS exceeded")))
    assert (held.action, held.failing) == (None, False)
    assert status_at_timeout(held, 20).action == CanaryAction.FAILED


def test_a_back_off_without_a_cause_is_looked_up_in_the_events() -> None:
    bare = pod(waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
    old = event("Failed", f'Failed to pull image "{IMAGE}": connection refused', when="2026-01-01T00:00:00Z")
    new = event("Failed", f'Failed to pull image "{IMAGE}": {DENIED}', when="2026-01-01T00:00:09Z")

    assert (pull_status(bare).action, pull_status(bare).needs_events) == (None, True)
    assert pull_status(bare, [new, old]).action == CanaryAction.NOT_PULLED
    assert "401 Unauthorized" in pull_status(bare, [new, old]).message


@pytest.mark.parametrize(
    "message",
    [
        f'failed to pull and unpack image "{IMAGE}": no match for platform in manifest: not found',
        'choosing image instance: no image found in image index for architecture "arm64", variant "v8", OS "linux"',
    ],
)
def test_an_image_for_other_machines_is_no_failure_of_a_credential(message: str) -> None:
    status = pull_status(pod(waiting("ErrImagePull", message)))
    assert (status.action, status.other_platform) == (CanaryAction.NOT_PULLED, True)
    skipped = decided_outcome(CANARY, PINNED, ASKED, "worker-1", status, 1.0)
    assert (skipped.action, skipped.node) == ("skipped", "worker-1")
    chosen = decided_outcome(CANARY, ANYWHERE, ASKED, "worker-1", status, 1.0)
    assert chosen.action == "not_pulled"
    assert "kubernetes.io/arch=amd64" in chosen.message


def test_the_message_at_the_timeout_has_the_state_of_the_pod() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}
    unscheduled = pull_status(pod(node_name=None, status={"conditions": [condition]}))
    creating = pull_status(pod(waiting("ContainerCreating")), [event("FailedCreatePodSandBox", "no network", ours=False)])

    assert status_at_timeout(unscheduled, 20).action == CanaryAction.FAILED
    assert "unschedulable. The scheduler says: 0/3 nodes are available" in status_at_timeout(unscheduled, 20).message
    assert "The last warning is FailedCreatePodSandBox: no network" in status_at_timeout(creating, 20).message
    assert "no scheduler has looked" in pull_status(pod(node_name=None)).message
    assert status_at_timeout(PullStatus(CanaryAction.PULLED), 20) == PullStatus(CanaryAction.PULLED)


def test_init_containers_that_were_put_in_are_named() -> None:
    item = pod(waiting("PodInitializing"))
    item["spec"]["initContainers"] = [{"name": "mesh-init"}]
    assert "mesh-init" in pull_status(item).message


def test_a_deleted_pod_is_decided() -> None:
    going = pod(waiting("ContainerCreating"))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pull_status(going, [PULLED]).action == CanaryAction.PULLED
    assert pull_status(going).action == CanaryAction.FAILED
    assert deleted_pod_status([]).action == CanaryAction.FAILED
    assert deleted_pod_status([PULLED]).action == CanaryAction.PULLED


# what was admitted

ASKED = AdmittedPod(IMAGE, "Always", "default", ("regcred",), CANARY.run)


def test_a_pod_that_was_admitted_as_it_was_sent_proves_its_image() -> None:
    item = manifest(CANARY, PINNED, SMALL)
    assert admitted_pod(item) == ASKED
    assert proof_obstacle(CANARY, ASKED) == ""
    assert proof(CANARY, ASKED) == "a Pod of ServiceAccount default with pull secret regcred can pull it"
    assert not decided_outcome(CANARY, PINNED, ASKED, "worker-1", PullStatus(CanaryAction.PULLED), 1.0).notable


def test_of_several_secrets_it_is_not_known_which_did_it() -> None:
    two = Canary(IMAGE, "default", ["a", "b"], None, 20, run="0")
    assert "it is not known which of them was used" in proof(two, AdmittedPod(IMAGE, "Always", "default", ("a", "b"), "0"))
    none = Canary(IMAGE, "default", [], None, 20, run="0")
    assert "without a pull secret" in proof(none, AdmittedPod(IMAGE, "Always", "default", (), "0"))


@pytest.mark.parametrize(
    ("admitted", "words"),
    [
        (
            AdmittedPod("mirror.example.com/app:1", "Always", "default", ("regcred",), CANARY.run),
            "the image to mirror.example.com/app:1",
        ),
        (AdmittedPod(IMAGE, "Always", "default", ("other", "regcred"), CANARY.run), "its pull secrets to other, regcred"),
        (AdmittedPod(IMAGE, "Always", "robot", ("regcred",), CANARY.run), "its ServiceAccount to robot"),
    ],
)
def test_changes_by_admission_are_reported(admitted: AdmittedPod, words: str) -> None:
    result = decided_outcome(CANARY, PINNED, admitted, "worker-1", PullStatus(CanaryAction.PULLED), 1.0)
    assert (result.action, result.notable) == ("pulled", True)
    assert words in result.message
    assert words in decided_outcome(CANARY, PINNED, admitted, "worker-1", PullStatus(CanaryAction.NOT_PULLED, "x"), 1.0).message
    assert words in dry_run_outcome(CANARY, PINNED, admitted).message


def test_secrets_of_the_service_account_are_no_change() -> None:
    none = Canary(IMAGE, "default", [], None, 20, run="0")
    assert "changed" not in proof(none, ASKED)


def test_another_pull_policy_or_node_proves_nothing() -> None:
    never_asks = AdmittedPod(IMAGE, "IfNotPresent", "default", ("regcred",), CANARY.run)
    assert "from Always to IfNotPresent" in proof_obstacle(CANARY, never_asks)
    checked = dry_run_outcome(CANARY, PINNED, never_asks)
    assert "from Always to IfNotPresent" in checked.message
    assert checked.notable
    elsewhere = decided_outcome(CANARY, PINNED, ASKED, "worker-2", PullStatus(CanaryAction.PULLED), 1.0)
    assert (elsewhere.action, elsewhere.node) == ("failed", "worker-1")
    assert "worker-2" in elsewhere.message


def test_a_pod_without_its_secrets_or_its_label_proves_nothing() -> None:
    rewritten = AdmittedPod(IMAGE, "Always", "default", ("other",), CANARY.run)
    assert "changed the pull secrets of the Pod to other, so a pull would prove nothing about regcred" in proof_obstacle(
        CANARY, rewritten
    )
    unlabelled = AdmittedPod(IMAGE, "Always", "default", ("regcred",), "")
    assert "label pullpass.registry/canary" in proof_obstacle(CANARY, unlabelled)


# refusals

LIMITS = (
    'an admission policy refused it: pods "x" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, '
    "maximum memory usage per Container is 8Mi, but limit is 16Mi, minimum ephemeral-storage usage per Pod is 1.5Gi.  No "
    "request is specified]"
)


def test_a_limit_range_is_obeyed_by_what_it_says() -> None:
    amounts = {"cpu": "50m", "memory": "8Mi", "ephemeral-storage": "1.5Gi"}
    assert limit_range_resources(SMALL, request_error(LIMITS)) == {"requests": amounts, "limits": amounts}
    assert limit_range_resources({"requests": amounts, "limits": amounts}, request_error(LIMITS)) is None
    assert limit_range_resources(SMALL, request_error('pods "x" is forbidden: violates PodSecurity')) is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (LIMITS, "a LimitRange of the namespace"),
        ('pods "x" is forbidden: failed quota: q: must specify limits.cpu for: canary', "a quota of the namespace demands"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": host namespaces', "PodSecurity of the namespace"),
        ('admission webhook "v.example.com" denied the request: no', "admission webhook 'v.example.com' refuses the Pod"),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", "admission policy 'p' refuses the Pod"),
        ('error looking up service account team-a/nope: serviceaccount "nope" not found', "its ServiceAccount does not exist"),
        ("unable to validate against any security context constraint: []", "none of the SecurityContextConstraints"),
        ('failed calling webhook "m.example.com": connection refused', "an admission webhook of the cluster fails"),
    ],
)
def test_each_refusal_has_its_own_sentence_and_the_servers_words(message: str, words: str) -> None:
    body = json.dumps({"kind": "Status", "reason": "Forbidden", "message": message}).encode()
    error = refusal(Request("create", "pods", "team-a"), "https://api.example.com", 403, body)
    assert isinstance(error, RequestError)
    sentence = refusal_message(error)
    assert sentence.startswith(words)
    assert message[:40] in sentence


def test_a_full_quota_and_a_deleted_namespace() -> None:
    full = refused_outcome(
        ANYWHERE, request_error("the quota of the namespace forbids it: exceeded quota: q", FailureKind.QUOTA), False
    )
    assert full.action == "failed"
    assert "Raise the quota" in full.message
    assert refused_outcome(ANYWHERE, request_error("is being deleted", FailureKind.TERMINATING), False).action == "skipped"
    assert refused_outcome(ANYWHERE, request_error("x", FailureKind.NOT_FOUND, 404), False).action == "failed"
    assert refused_outcome(ANYWHERE, ClusterError("gone"), False).message == "gone"


def test_check_mode_skips_what_an_earlier_task_may_create() -> None:
    assert refused_outcome(ANYWHERE, request_error("no right", FailureKind.FORBIDDEN), True).action == "unproven"
    assert refused_outcome(ANYWHERE, request_error("no right", FailureKind.FORBIDDEN), False).action == "failed"
    assert refused_outcome(ANYWHERE, request_error("x", FailureKind.NOT_FOUND, 404), True).action == "skipped"
    account = request_error("error looking up service account team-a/new: not found")
    assert refused_outcome(ANYWHERE, account, True).action == "skipped"
    assert refused_outcome(ANYWHERE, account, False).action == "failed"


# leftovers


def table(age: str, lifetime: str | None = "50", **labels: str) -> dict[str, Any]:
    metadata = {
        "namespace": "team-a",
        "name": "pullpass-canary-x-1",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"pullpass.registry/canary": "x", "app.kubernetes.io/managed-by": "pullpass.registry", **labels},
        "annotations": {} if lifetime is None else {"pullpass.registry/canary-deadline": lifetime},
    }
    return {
        "columnDefinitions": [{"name": "Name"}, {"name": "Age"}],
        "rows": [{"cells": ["pullpass-canary-x-1", age], "object": {"metadata": metadata}}],
    }


@pytest.mark.parametrize("age", ["51s", "119s", "2m", "9m59s", "2h", "7h59m", "3d4h", "400d", "2y30d"])
def test_a_pod_that_is_older_than_its_run_may_need_it_is_a_leftover(age: str) -> None:
    (found,) = leftovers(table(age))
    assert (found.name, found.seen.uid, found.seen.resource_version) == ("pullpass-canary-x-1", "u", "7")


@pytest.mark.parametrize("age", ["0s", "50s", "<invalid>", "<unknown>", "", "51", "-51s", "51s ago"])
def test_a_pod_that_its_run_may_still_need_is_not(age: str) -> None:
    assert leftovers(table(age)) == []


@pytest.mark.parametrize("lifetime", [None, "", "-1", "1e1", "9999999", "٥"])
def test_a_pod_without_a_readable_deadline_is_not_touched(lifetime: str | None) -> None:
    assert leftovers(table("3d", lifetime)) == []


def test_a_pod_that_another_tool_manages_or_without_our_label_is_not_touched() -> None:
    assert leftovers(table("3d", **{"app.kubernetes.io/managed-by": "Helm"})) == []
    bare = table("3d")
    del bare["rows"][0]["object"]["metadata"]["labels"]["pullpass.registry/canary"]
    assert leftovers(bare) == []


def test_a_table_without_ages_has_no_leftovers() -> None:
    without = table("3d")
    without["columnDefinitions"][1]["name"] = "Old"
    assert leftovers(without) == []


# the result

ATTEMPTS = [
    CanaryOutcome("team-b", "worker-1", "not_pulled", "denied\x1b[31m", 2.04),
    CanaryOutcome(None, "worker-9", "skipped", "the node is cordoned"),
    CanaryOutcome("team-a", "worker-1", "pulled", "can pull it", 1.26),
    CanaryOutcome("team-c", None, "failed", "the namespace does not exist"),
]


def test_the_result_has_a_row_a_count_and_a_reason_for_each() -> None:
    result = canary_result(IMAGE, sorted_outcomes(ATTEMPTS), show_all=True)

    assert (result["changed"], result["failed"]) == (False, True)
    assert [(row["namespace"], row["node"], row["pulled"], row["seconds"]) for row in result["nodes"]] == [
        (None, "worker-9", None, None),
        ("team-a", "worker-1", True, 1.3),
        ("team-b", "worker-1", False, 2.0),
        ("team-c", None, None, None),
    ]
    assert result["summary"] == {"pulled": 1, "not_pulled": 1, "unproven": 0, "skipped": 1, "failed": 1}
    assert result["msg"].startswith(f"{IMAGE}: 1 pulled, 1 not_pulled, 1 skipped, 1 failed. ")
    assert "team-b/worker-1: denied?[31m; team-c: the namespace does not exist" in result["msg"]


def test_the_short_result_leaves_out_what_pulled_unless_something_changed_it() -> None:
    rewritten = CanaryOutcome("team-d", "worker-1", "pulled", "rewritten", 1.0, notable=True)
    result = canary_result(IMAGE, [*ATTEMPTS, rewritten], show_all=False)
    assert [row["namespace"] for row in result["nodes"]] == ["team-b", None, "team-c", "team-d"]
    assert result["summary"]["pulled"] == 2


def test_the_message_has_ten_failures_at_most() -> None:
    many = [CanaryOutcome(f"n{number:02}", None, "failed", "x") for number in range(12)]
    message = canary_result(IMAGE, many, show_all=True)["msg"]
    assert message.endswith("n08, n09 and 2 more: x")
    assert "n10" not in message
    assert canary_result(IMAGE, [], show_all=True)["msg"] == f"{IMAGE}: nothing is selected"


# the options

OPTIONS = {"image": IMAGE, "service_account": "default", "secrets": ["regcred"], "nodes": "one", "timeout": 120}


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("image", "Team/App", "image 'Team/App'"),
        ("secrets", ["Reg_Cred"], "secrets 'Reg_Cred' is not a valid object name"),
        ("service_account", "", "service_account '' is not a valid object name"),
        ("nodes", " ", "nodes is empty"),
        ("timeout", 0, "timeout is 0"),
        ("timeout", 3601, "timeout is 3601"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(option: str, value: Any, words: str) -> None:
    pull_canary.check_options(OPTIONS)
    with pytest.raises(InputError, match=words):
        pull_canary.check_options({**OPTIONS, option: value})


def test_amounts_are_texts_to_the_api_and_nothing_else_is_taken() -> None:
    assert pull_canary.resources_option(None) is None
    assert pull_canary.resources_option({"requests": None, "limits": {}}) is None
    assert pull_canary.resources_option({"requests": {"cpu": 1}, "limits": None}) == {"requests": {"cpu": "1"}}
    for amount in ("10m", "1.5Gi", 0.01, 1e-05, ".5", "1E3", "100n"):
        assert pull_canary.resources_option({"limits": {"cpu": amount}}) == {"limits": {"cpu": str(amount)}}
    for wrong in (True, ["1"], None, "lots", "", "10 m", "-1", "1mi", float("nan")):
        with pytest.raises(InputError, match=r"resources.limits: '.*' is not an amount of 'cpu'. Give one such as 10m"):
            pull_canary.resources_option({"limits": {"cpu": wrong}})
