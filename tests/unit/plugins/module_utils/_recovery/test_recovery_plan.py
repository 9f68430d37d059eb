# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_recovery/plan and owners: what to do about a stuck Pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.causes import cause
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.pod_secrets import PodSecrets
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import StuckContainer
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import Owner, RecoveryAction, StuckPod
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.owners import (
    OwnerSnapshot,
    ParentSnapshot,
    PodTemplate,
    Successor,
    owner_snapshot,
    parent_snapshot,
    successor_of,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.plan import (
    BARE_PODS,
    JOBS,
    Decision,
    RecoveryPolicy,
    SecretsView,
    decide_alone,
    decide_with_successor,
)

EVICT, REPLACE_POD, REPLACE_JOB = RecoveryAction.EVICT, RecoveryAction.REPLACE_POD, RecoveryAction.REPLACE_JOB
LEFT, RECOVERING = RecoveryAction.LEFT, RecoveryAction.RECOVERING
IMAGE, OTHER_IMAGE = "reg.io/team/app:1.0", "other.io/team/app:1.0"
BACK_OFF = f'Back-off pulling image "{IMAGE}"'
REFUSED = BACK_OFF + ": ErrImagePull: failed to resolve reference: unexpected status code [manifests 1.0]: 401 Unauthorized"
OWNER = Owner("ReplicaSet", "web-1", "owner-uid")
ALL = RecoveryPolicy(True, (BARE_PODS, JOBS))
NONE = RecoveryPolicy(False, ())
# a token with an "exp" in the past
EXPIRED = f"x.{base64.b64encode(json.dumps({'exp': 1}).encode()).decode()}.x"
# name of a Secret -> registry and password, "!" for one that cannot be read
STORED: dict[str, tuple[str, str]] = {
    "good": ("reg.io", "word"),
    "same": ("reg.io", "word"),
    "renewed": ("reg.io", "new-word"),
    "other": ("other.io", "word"),
    "broken": ("reg.io", "!"),
    "spent": ("reg.io", EXPIRED),
}
# when each of them was last written; the kubelet spoke at REPORTED
REPORTED, LONG_AGO, JUST_NOW = "2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T11:58:00Z"


def container(image: str = IMAGE, message: str = REFUSED, reason: str = "ImagePullBackOff", name: str = "app") -> StuckContainer:
    return StuckContainer(name, image, reason, message)


def pod(*secrets: str, stuck: tuple[StuckContainer, ...] = (container(),), **rest: Any) -> StuckPod:
    made = StuckPod(
        namespace="team-a",
        name="web-1-x",
        account="default",
        pull_secrets=secrets,
        stuck=stuck,
        seen=Seen("pod-uid", "7"),
        phase="Pending",
        owner=OWNER,
        mirror=False,
        running=(),
        ephemeral=(),
        labels={},
        revision="",
        status_time=REPORTED,
        failures=0,
        finished_at={},
        crash_looping=(),
    )
    return replace(made, **rest)


def secrets_of(names: tuple[str, ...], linked: tuple[str, ...] = (), unknown: str = "") -> PodSecrets:
    made = []
    for name in names:
        if name in STORED:
            host, password = STORED[name]
            auth = "?" if password == "!" else base64.b64encode(f"bot:{password}".encode()).decode()
            data = json.dumps({"auths": {host: {"auth": auth}}}).encode()
            made.append(PullSecret(name, "kubernetes.io/dockerconfigjson", {".dockerconfigjson": data}))
    missing = tuple(name for name in names if name not in STORED)
    return PodSecrets(kubelet_keyring(made), missing, unknown=unknown, linked=linked)


def view(linked: tuple[str, ...] = (), changed: str = JUST_NOW, unknown: str = "") -> SecretsView:
    """``linked`` is the list of the ServiceAccount."""

    def of_template(_pod: StuckPod, template: PodTemplate) -> PodSecrets:
        return secrets_of(template.pull_secrets or linked, linked)

    return SecretsView(lambda one: secrets_of(one.pull_secrets, linked, unknown), of_template, lambda _pod, _match: changed)


def owner(*names: str, image: str = IMAGE, **rest: Any) -> OwnerSnapshot:
    template = PodTemplate("default", names, {"app": image})
    return replace(OwnerSnapshot(OWNER, template, False, 2, None), **rest)


def decision(
    one: StuckPod, seen: SecretsView, found: OwnerSnapshot | None = None, parent: ParentSnapshot | None = None
) -> Decision:
    first = decide_alone(one, seen)
    return first if first is not None else decide_with_successor(one, successor_of(one, found or owner(), parent), seen)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ImagePullBackOff", "code = NotFound desc = reg.io/team/app:1.0: not found"),
        ("ErrImagePull", "unexpected status code 429 Too Many Requests"),
        ("ErrImagePull", "x509: certificate signed by unknown authority"),
        ("ErrImagePull", "dial tcp: lookup reg.io: no such host"),
        ("ErrImagePull", "connection refused"),
        ("ErrImagePull", "something that nobody knows"),
        ("InvalidImageName", ""),
        ("ErrImageNeverPull", ""),
        ("SignatureValidationFailed", ""),
        ("ImageInspectError", ""),
        ("RegistryUnavailable", REFUSED),
    ],
)
def test_a_failure_that_is_not_about_credentials_is_left_whatever_the_secrets_hold(kind: str, message: str) -> None:
    one = pod(stuck=(container(message=message, reason=kind),))
    for seen in (view(), view(("good",))):
        assert decision(one, seen).action == LEFT


def test_one_such_container_decides_and_is_reported() -> None:
    bad = container(message="x509: unknown authority", name="side")
    found = decision(pod(stuck=(container(), bad)), view(("good",)))
    assert (found.action, found.container) == (LEFT, bad)


@pytest.mark.parametrize("message", [REFUSED, BACK_OFF, BACK_OFF + ": ErrImagePull: pull QPS exceeded"])
@pytest.mark.parametrize(
    ("names", "linked", "action"),
    [
        (["good"], [], RECOVERING),
        (["gone", "good"], [], RECOVERING),
        (["other", "good"], ["other"], RECOVERING),
        ([], ["good"], EVICT),
        (["other"], ["good"], LEFT),  # its template has the same list
        ([], ["gone"], LEFT),
        ([], ["other"], LEFT),
        ([], ["broken", "good"], LEFT),
        ([], ["spent"], LEFT),
        ([], [], LEFT),
    ],
)
def test_secrets_that_hold_a_credential_now_decide(message: str, names: list[str], linked: list[str], action: str) -> None:
    one = pod(*names, stuck=(container(message=message),))
    assert decision(one, view(tuple(linked)), owner(*names)).action == action


def test_without_a_refusal_no_credential_counts_as_refused() -> None:
    assert decision(pod("good", stuck=(container(message=BACK_OFF),)), view(changed=LONG_AGO)).action == RECOVERING


def test_a_successor_with_an_unreadable_secret_does_not_help() -> None:
    assert "write broken again" in decision(pod(), view(("broken", "good"))).message


def test_an_unreadable_secret_blocks_all_others_until_it_is_fixed() -> None:
    stuck = (container(message="", reason="unable to parse auth field, must be formatted as base64(username:password)"),)
    assert decision(pod("good", "broken", stuck=stuck), view(), owner("good", "broken")).action == LEFT
    assert decision(pod("good", stuck=stuck), view()).action == RECOVERING
    assert decision(pod("broken", stuck=stuck), view(), owner("good")).action == EVICT


@pytest.mark.parametrize(
    ("changed", "template", "action"),
    [
        (JUST_NOW, ["good"], RECOVERING),  # it may have been corrected since
        ("", ["good"], RECOVERING),  # nobody knows
        (LONG_AGO, ["good"], LEFT),
        (LONG_AGO, ["same"], LEFT),
        (LONG_AGO, ["renewed"], EVICT),
        (LONG_AGO, ["good", "renewed"], EVICT),
        ("2026-01-01T11:54:31Z", ["good"], RECOVERING),
        ("2026-01-01T11:54:29Z", ["good"], LEFT),
    ],
)
def test_a_credential_that_is_refused_for_certain_is_no_hope(changed: str, template: list[str], action: str) -> None:
    found = decision(pod("good"), view(changed=changed), owner(*template))
    assert found.action == action
    if action == LEFT:
        assert found.message == "its successor would have no credential but the rejected one"


def test_secrets_that_may_not_be_read_decide_nothing() -> None:
    found = decision(pod(), view(("good",), unknown="no right to get secrets"))
    assert (found.action, "no right to get secrets" in found.message) == (LEFT, True)


def test_two_registries_one_without_a_credential_names_the_missing_one() -> None:
    both = (container(), container(OTHER_IMAGE, name="side"))
    found = decision(pod(stuck=both), view(("good",)))
    assert found.action == LEFT
    assert found.container.image == OTHER_IMAGE
    assert "no credential for registry other.io, now or for a successor: add one to Secret good" in found.message
    assert decision(pod(stuck=both), view(("good", "other"))).action == EVICT
    assert decision(pod("good", "other", stuck=both), view()).action == RECOVERING
    half = decision(pod("good", stuck=both), view(), owner("good", "other"))
    assert (half.action, half.container.image) == (EVICT, OTHER_IMAGE)


def test_a_pull_that_the_kubelet_holds_back_is_the_cause_unless_a_secret_is_wrong() -> None:
    held = container(message=BACK_OFF + ": ErrImagePull: pull QPS exceeded")
    assert cause(pod("good", stuck=(held,)), held, secrets_of(("good",))).startswith("held back: the kubelet has not tried yet")
    assert cause(pod("gone", stuck=(held,)), held, secrets_of(("gone",))).startswith("missing Secret: gone")


def test_a_pod_that_would_lose_something_is_left() -> None:
    seen = view(("good",))
    assert "container side is running" in decision(pod(running=("side",)), seen).message
    assert decision(pod(running=("side",), phase="Running"), seen).action == EVICT
    assert "static Pod" in decision(pod(mirror=True), seen).message
    debugged = pod(ephemeral=("app",), phase="Running", running=("main",))
    assert "only an ephemeral container for debugging" in decision(debugged, seen).message
    both = pod(ephemeral=("shell",), stuck=(container(message="not found", name="shell"), container()))
    assert decision(both, seen).action == EVICT


def item(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "uid": "owner-uid", **metadata}, "spec": spec, "status": status or {}, "kind": kind}


def template(*names: str, image: str = IMAGE) -> dict[str, Any]:
    references = [{"name": name} for name in names]
    return {"spec": {"containers": [{"name": "app", "image": image}], "imagePullSecrets": references}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "ReplicaSet web-1 no longer exists"),
        ("no right to get replicasets", "is not known: no right to get replicasets"),
        (owner(terminating=True), "is being deleted"),
        (owner(replicas=0), "is scaled to 0"),
        (owner(owner=Owner("ReplicaSet", "web-1", "another")), "no longer exists"),
    ],
)
def test_an_owner_that_would_make_no_other_pod(found: OwnerSnapshot | str | None, words: str) -> None:
    would = successor_of(pod(), found, None)
    assert words in would.obstacle
    assert decide_with_successor(pod(), would, view(("good",))).action == LEFT


def test_an_old_revision_of_a_stateful_set_is_evicted_for_the_new_template() -> None:
    status = {"updateRevision": "web-new"}
    spec: dict[str, Any] = {"replicas": 1, "template": template("good")}
    stuck = pod("gone", name="web-3", revision="web-old", owner=Owner("StatefulSet", "web-1", "owner-uid"))
    found = owner_snapshot("StatefulSet", item("StatefulSet", spec, status))
    assert found.ordered
    assert decision(stuck, view(), found).action == EVICT
    held = {**spec, "updateStrategy": {"rollingUpdate": {"partition": 4}}, "podManagementPolicy": "Parallel"}
    held_back = owner_snapshot("StatefulSet", item("StatefulSet", held, status))
    assert not held_back.ordered
    assert "keeps it at an old revision (partition 4)" in decision(stuck, view(), held_back).message
    assert decision(replace(stuck, name="web-4"), view(), held_back).action == EVICT
    assert decision(replace(stuck, revision="web-new"), view(), held_back).action == EVICT
    from_seven = owner_snapshot("StatefulSet", item("StatefulSet", {**held, "ordinals": {"start": 7}}, status))
    assert decision(replace(stuck, name="web-10"), view(), from_seven).action == LEFT
    assert decision(replace(stuck, name="web-11"), view(), from_seven).action == EVICT


def test_a_template_with_another_image_is_judged_by_that() -> None:
    moved = owner_snapshot("DaemonSet", item("DaemonSet", {"template": template(image=OTHER_IMAGE)}))
    assert "registry other.io" in decision(pod(), view(("good",)), moved).message
    assert decision(pod(), view(("other",)), moved).action == EVICT


@pytest.mark.parametrize(
    ("paused", "names", "action", "words"),
    [
        (False, ["good"], RECOVERING, "replaces its Pods itself"),
        (True, ["good"], LEFT, "is paused: resume it"),
        (False, ["other"], LEFT, "no credential for registry reg.io"),
    ],
)
def test_a_deployment_with_a_better_template_does_it_itself(paused: bool, names: list[str], action: str, words: str) -> None:
    above = parent_snapshot("Deployment", item("Deployment", {"template": template(*names), "paused": paused}))
    found = decision(pod("gone"), view(), owner("gone"), above)
    assert found.action == action
    assert words in found.message


def test_the_job_of_a_cron_job_with_a_better_template_is_named() -> None:
    spec = {"jobTemplate": {"spec": {"template": template("good")}}}
    above = parent_snapshot("CronJob", item("CronJob", spec, name="nightly"))
    found = decision(pod("gone", owner=Owner("Job", "nightly-1", "owner-uid")), view(), owner("gone"), above)
    assert found.action == LEFT
    assert found.message == "CronJob nightly has a better template for its next run: delete Job nightly-1"


def apply(policy: RecoveryPolicy, one: StuckPod, action: str, would: Successor, peers: int = 1) -> Decision:
    return policy.apply(Decision(action, one.stuck[0], ""), one, would, peers)


def test_nothing_is_done_without_permission() -> None:
    assert apply(ALL, pod(), EVICT, Successor(owner().template, owner=owner())).action == EVICT
    assert "set evict" in apply(NONE, pod(), EVICT, Successor(owner().template, owner=owner())).message
    bare = pod(owner=None)
    assert apply(ALL, bare, REPLACE_POD, Successor(owner().template)).action == REPLACE_POD
    assert "put bare_pods into replace" in apply(NONE, bare, REPLACE_POD, Successor(owner().template)).message
    assert apply(NONE, pod(), RECOVERING, Successor(obstacle="x")).action == RECOVERING


def job(parent: Owner | None = None, **spec: Any) -> OwnerSnapshot:
    owned: dict[str, Any] = (
        {"ownerReferences": [{"controller": True, "kind": parent.kind, "name": parent.name, "uid": "u"}]} if parent else {}
    )
    return owner_snapshot("Job", item("Job", {"template": template("good"), **spec}, None, **owned))


@pytest.mark.parametrize(
    ("policy", "limit", "peers", "action"),
    [
        (ALL, 6, 1, EVICT),
        (ALL, 6, 6, EVICT),
        (ALL, 6, 7, REPLACE_JOB),
        (ALL, 0, 1, REPLACE_JOB),
        (RecoveryPolicy(True, ()), 0, 1, LEFT),
        (RecoveryPolicy(False, (JOBS,)), 6, 1, REPLACE_JOB),
        (NONE, 6, 1, LEFT),
    ],
)
def test_a_pod_of_a_job_is_evicted_only_where_the_job_tolerates_the_failure(
    policy: RecoveryPolicy, limit: int, peers: int, action: str
) -> None:
    found = job(backoffLimit=limit)
    assert apply(policy, pod(), EVICT, Successor(found.template, owner=found), peers).action == action


def test_the_job_of_a_cron_job_is_never_recreated_and_named_where_it_blocks() -> None:
    cron = Owner("CronJob", "nightly", "u")
    found = job(cron, backoffLimit=0)
    above = parent_snapshot(
        "CronJob", item("CronJob", {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {}}}, name="nightly")
    )
    left = apply(ALL, pod(), EVICT, Successor(found.template, owner=found, parent=above))
    assert left.action == LEFT
    assert "Job web-1 blocks every later run of CronJob nightly (concurrencyPolicy Forbid)" in left.message
    allowed = replace(above, forbids_concurrency=False)
    assert "blocks" not in apply(ALL, pod(), EVICT, Successor(found.template, owner=found, parent=allowed)).message
    free = job(cron, backoffLimit=6)
    assert apply(ALL, pod(), EVICT, Successor(free.template, owner=free, parent=above)).action == EVICT


def test_the_job_of_another_controller_is_left_to_that() -> None:
    found = job(Owner("Workflow", "flow", "u"), backoffLimit=0)
    left = apply(ALL, pod(), EVICT, Successor(found.template, owner=found))
    assert left.action == LEFT
    assert left.message.endswith("Job web-1 belongs to Workflow flow: let that recreate it")


def test_a_running_container_of_a_job_is_not_lost_in_any_phase() -> None:
    one = pod(running=("side",), phase="Running")
    found = decision(one, view(), job())
    assert (found.action, "container side is running" in found.message) == (LEFT, True)
    assert decision(one, view(("good",))).action == EVICT
    assert decision(replace(one, running=()), view(), job()).action == EVICT


def test_a_job_that_is_over_or_in_other_hands_is_left() -> None:
    ended = replace(job(), job=replace(job().job, finished=True))  # type: ignore[type-var]
    foreign = job(managedBy="example.com/queue")
    assert "it has finished" in apply(ALL, pod(), EVICT, Successor(ended.template, owner=ended)).message
    assert "example.com/queue runs it" in apply(ALL, pod(), EVICT, Successor(foreign.template, owner=foreign)).message
