# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_recovery/plan, recovery_owner and recovery_wish: what is to be done about a stuck Pod."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import Match, PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.causes import PodSecrets, cause
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import StuckContainer
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import Owner, StuckPod
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.owners import (
    FoundOwner,
    Parent,
    Successor,
    Template,
    found_owner,
    found_parent,
    successor,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.plan import (
    BARE_PODS,
    EVICT,
    JOBS,
    LEFT,
    RECOVERING,
    REPLACE_JOB,
    REPLACE_POD,
    Sight,
    Verdict,
    Wish,
    by_itself,
    with_successor,
)

IMAGE, OTHER_IMAGE = "reg.io/team/app:1.0", "other.io/team/app:1.0"
BACK_OFF = f'Back-off pulling image "{IMAGE}"'
REFUSED = BACK_OFF + ": ErrImagePull: failed to resolve reference: unexpected status code [manifests 1.0]: 401 Unauthorized"
OWNER = Owner("ReplicaSet", "web-1", "owner-uid")
ALL = Wish(True, (BARE_PODS, JOBS))
NONE = Wish(False, ())
# name of a Secret -> registry and password, "!" for one that cannot be read
STORED: dict[str, tuple[str, str]] = {
    "good": ("reg.io", "word"),
    "same": ("reg.io", "word"),
    "renewed": ("reg.io", "new-word"),
    "other": ("other.io", "word"),
    "broken": ("reg.io", "!"),
    "spent": ("reg.io", "expired"),
}
# when each of them was last written; the kubelet spoke at TOLD
TOLD, LONG_AGO, JUST_NOW = "2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z", "2026-01-01T11:58:00Z"


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
        started=False,
        debug=(),
        labels={},
        revision="",
        told_at=TOLD,
        failures=0,
        ended={},
        crashed=(),
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
    return PodSecrets(missing, (), kubelet_keyring(made), (), unknown, linked, expired)


def expired(match: Match) -> str:
    return "expired" if match.password == "expired" else ""


def sight(linked: tuple[str, ...] = (), changed: str = JUST_NOW, unknown: str = "") -> Sight:
    """``linked`` is the list of the ServiceAccount."""

    def of_template(_pod: StuckPod, template: Template) -> PodSecrets:
        return secrets_of(template.pull_secrets or linked, linked)

    return Sight(lambda one: secrets_of(one.pull_secrets, linked, unknown), of_template, lambda _pod, _match: changed)


def owner(*names: str, image: str = IMAGE, **rest: Any) -> FoundOwner:
    template = Template("default", names, {"app": image})
    return replace(FoundOwner(OWNER, template, False, 2, None), **rest)


def verdict(one: StuckPod, seen: Sight, found: FoundOwner | None = None, parent: Parent | None = None) -> Verdict:
    first = by_itself(one, seen)
    return first if first is not None else with_successor(one, successor(one, found or owner(), parent), seen)


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
def test_what_no_credential_mends_is_left_whatever_the_secrets_hold(kind: str, message: str) -> None:
    one = pod(stuck=(container(message=message, reason=kind),))
    for seen in (sight(), sight(("good",))):
        assert verdict(one, seen).action == LEFT


def test_one_such_container_is_enough_and_is_the_one_that_is_told() -> None:
    bad = container(message="x509: unknown authority", name="side")
    found = verdict(pod(stuck=(container(), bad)), sight(("good",)))
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
    assert verdict(one, sight(tuple(linked)), owner(*names)).action == action


def test_without_a_refusal_no_credential_counts_as_refused() -> None:
    assert verdict(pod("good", stuck=(container(message=BACK_OFF),)), sight(changed=LONG_AGO)).action == RECOVERING


def test_a_successor_whose_secrets_cannot_be_read_is_no_hope_either() -> None:
    assert "write broken anew" in verdict(pod(), sight(("broken", "good"))).message


def test_an_unreadable_secret_blocks_all_others_until_it_is_mended() -> None:
    stuck = (container(message="", reason="unable to parse auth field, must be formatted as base64(username:password)"),)
    assert verdict(pod("good", "broken", stuck=stuck), sight(), owner("good", "broken")).action == LEFT
    assert verdict(pod("good", stuck=stuck), sight()).action == RECOVERING
    assert verdict(pod("broken", stuck=stuck), sight(), owner("good")).action == EVICT


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
    found = verdict(pod("good"), sight(changed=changed), owner(*template))
    assert found.action == action
    if action == LEFT:
        assert found.message == "its successor would have no other credential than the one that is refused"


def test_secrets_that_may_not_be_read_decide_nothing() -> None:
    found = verdict(pod(), sight(("good",), unknown="no right to get secrets"))
    assert (found.action, "no right to get secrets" in found.message) == (LEFT, True)


def test_two_registries_one_without_a_credential_names_the_missing_one() -> None:
    both = (container(), container(OTHER_IMAGE, name="side"))
    found = verdict(pod(stuck=both), sight(("good",)))
    assert found.action == LEFT
    assert found.container.image == OTHER_IMAGE
    assert "no credential for registry other.io, now or for a successor: add one to Secret good" in found.message
    assert verdict(pod(stuck=both), sight(("good", "other"))).action == EVICT
    assert verdict(pod("good", "other", stuck=both), sight()).action == RECOVERING
    half = verdict(pod("good", stuck=both), sight(), owner("good", "other"))
    assert (half.action, half.container.image) == (EVICT, OTHER_IMAGE)


def test_a_pull_that_the_kubelet_holds_back_is_told_as_that_unless_the_secrets_tell_more() -> None:
    held = container(message=BACK_OFF + ": ErrImagePull: pull QPS exceeded")
    assert cause(pod("good", stuck=(held,)), held, secrets_of(("good",))).startswith("held back: the kubelet did not even try")
    assert cause(pod("gone", stuck=(held,)), held, secrets_of(("gone",))).startswith("missing Secret: gone")


def test_a_pod_that_would_lose_something_is_left() -> None:
    seen = sight(("good",))
    assert "container side runs" in verdict(pod(running=("side",)), seen).message
    assert verdict(pod(running=("side",), phase="Running"), seen).action == EVICT
    assert "static Pod" in verdict(pod(mirror=True), seen).message
    debugged = pod(debug=("app",), phase="Running", running=("main",))
    assert "only a container for debugging" in verdict(debugged, seen).message
    both = pod(debug=("shell",), stuck=(container(message="not found", name="shell"), container()))
    assert verdict(both, seen).action == EVICT


def item(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web-1", "uid": "owner-uid", **metadata}, "spec": spec, "status": status or {}, "kind": kind}


def template(*names: str, image: str = IMAGE) -> dict[str, Any]:
    references = [{"name": name} for name in names]
    return {"spec": {"containers": [{"name": "app", "image": image}], "imagePullSecrets": references}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "ReplicaSet web-1 is not there any more"),
        ("no right to get replicasets", "is not known: no right to get replicasets"),
        (owner(going=True), "is being deleted"),
        (owner(replicas=0), "is scaled to 0"),
        (owner(owner=Owner("ReplicaSet", "web-1", "another")), "is not there any more"),
    ],
)
def test_an_owner_that_would_make_no_other_pod(found: FoundOwner | str | None, words: str) -> None:
    would = successor(pod(), found, None)
    assert words in would.none
    assert with_successor(pod(), would, sight(("good",))).action == LEFT


def test_an_old_revision_of_a_stateful_set_goes_so_that_the_new_template_comes() -> None:
    status = {"updateRevision": "web-new"}
    spec: dict[str, Any] = {"replicas": 1, "template": template("good")}
    stuck = pod("gone", name="web-3", revision="web-old", owner=Owner("StatefulSet", "web-1", "owner-uid"))
    found = found_owner("StatefulSet", item("StatefulSet", spec, status))
    assert found.ordered
    assert verdict(stuck, sight(), found).action == EVICT
    held = {**spec, "updateStrategy": {"rollingUpdate": {"partition": 4}}, "podManagementPolicy": "Parallel"}
    held_back = found_owner("StatefulSet", item("StatefulSet", held, status))
    assert not held_back.ordered
    assert "holds it back at an old revision (partition 4)" in verdict(stuck, sight(), held_back).message
    assert verdict(replace(stuck, name="web-4"), sight(), held_back).action == EVICT
    assert verdict(replace(stuck, revision="web-new"), sight(), held_back).action == EVICT
    from_seven = found_owner("StatefulSet", item("StatefulSet", {**held, "ordinals": {"start": 7}}, status))
    assert verdict(replace(stuck, name="web-10"), sight(), from_seven).action == LEFT
    assert verdict(replace(stuck, name="web-11"), sight(), from_seven).action == EVICT


def test_a_template_with_another_image_is_judged_by_that() -> None:
    moved = found_owner("DaemonSet", item("DaemonSet", {"template": template(image=OTHER_IMAGE)}))
    assert "registry other.io" in verdict(pod(), sight(("good",)), moved).message
    assert verdict(pod(), sight(("other",)), moved).action == EVICT


@pytest.mark.parametrize(
    ("paused", "names", "action", "words"),
    [
        (False, ["good"], RECOVERING, "replaces its Pods itself"),
        (True, ["good"], LEFT, "is paused: resume it"),
        (False, ["other"], LEFT, "no credential for registry reg.io"),
    ],
)
def test_a_deployment_with_a_better_template_does_it_itself(paused: bool, names: list[str], action: str, words: str) -> None:
    above = found_parent("Deployment", item("Deployment", {"template": template(*names), "paused": paused}))
    found = verdict(pod("gone"), sight(), owner("gone"), above)
    assert found.action == action
    assert words in found.message


def test_the_job_of_a_cron_job_with_a_better_template_is_named() -> None:
    spec = {"jobTemplate": {"spec": {"template": template("good")}}}
    above = found_parent("CronJob", item("CronJob", spec, name="nightly"))
    found = verdict(pod("gone", owner=Owner("Job", "nightly-1", "owner-uid")), sight(), owner("gone"), above)
    assert found.action == LEFT
    assert found.message == "CronJob nightly has a better template by now, for its next run: delete Job nightly-1"


def granted(wish: Wish, one: StuckPod, action: str, would: Successor, peers: int = 1) -> Verdict:
    return wish.granted(Verdict(action, one.stuck[0], ""), one, would, peers)


def test_nothing_is_done_that_nobody_asked_for() -> None:
    assert granted(ALL, pod(), EVICT, Successor(owner().template, owner=owner())).action == EVICT
    assert "set evict" in granted(NONE, pod(), EVICT, Successor(owner().template, owner=owner())).message
    bare = pod(owner=None)
    assert granted(ALL, bare, REPLACE_POD, Successor(owner().template)).action == REPLACE_POD
    assert "put bare_pods into replace" in granted(NONE, bare, REPLACE_POD, Successor(owner().template)).message
    assert granted(NONE, pod(), RECOVERING, Successor(none="x")).action == RECOVERING


def job(parent: Owner | None = None, **spec: Any) -> FoundOwner:
    owned: dict[str, Any] = (
        {"ownerReferences": [{"controller": True, "kind": parent.kind, "name": parent.name, "uid": "u"}]} if parent else {}
    )
    return found_owner("Job", item("Job", {"template": template("good"), **spec}, None, **owned))


@pytest.mark.parametrize(
    ("wish", "limit", "peers", "action"),
    [
        (ALL, 6, 1, EVICT),
        (ALL, 6, 6, EVICT),
        (ALL, 6, 7, REPLACE_JOB),
        (ALL, 0, 1, REPLACE_JOB),
        (Wish(True, ()), 0, 1, LEFT),
        (Wish(False, (JOBS,)), 6, 1, REPLACE_JOB),
        (NONE, 6, 1, LEFT),
    ],
)
def test_a_jobs_pod_goes_only_where_the_job_can_afford_it(wish: Wish, limit: int, peers: int, action: str) -> None:
    found = job(backoffLimit=limit)
    assert granted(wish, pod(), EVICT, Successor(found.template, owner=found), peers).action == action


def test_the_job_of_a_cron_job_is_never_made_anew_and_named_where_it_blocks() -> None:
    cron = Owner("CronJob", "nightly", "u")
    found = job(cron, backoffLimit=0)
    above = found_parent("CronJob", item("CronJob", {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": {}}}, name="nightly"))
    left = granted(ALL, pod(), EVICT, Successor(found.template, owner=found, parent=above))
    assert left.action == LEFT
    assert "Job web-1 blocks every later run of CronJob nightly (concurrencyPolicy Forbid)" in left.message
    allowed = replace(above, forbids=False)
    assert "blocks" not in granted(ALL, pod(), EVICT, Successor(found.template, owner=found, parent=allowed)).message
    free = job(cron, backoffLimit=6)
    assert granted(ALL, pod(), EVICT, Successor(free.template, owner=free, parent=above)).action == EVICT


def test_the_job_of_another_controller_is_left_to_that() -> None:
    found = job(Owner("Workflow", "flow", "u"), backoffLimit=0)
    left = granted(ALL, pod(), EVICT, Successor(found.template, owner=found))
    assert left.action == LEFT
    assert left.message.endswith("Job web-1 belongs to Workflow flow: have that make it anew")


def test_a_jobs_container_that_runs_is_not_lost_in_any_phase() -> None:
    one = pod(running=("side",), phase="Running")
    found = verdict(one, sight(), job())
    assert (found.action, "container side runs" in found.message) == (LEFT, True)
    assert verdict(one, sight(("good",))).action == EVICT
    assert verdict(replace(one, running=()), sight(), job()).action == EVICT


def test_a_job_that_is_over_or_in_other_hands_is_left() -> None:
    ended = replace(job(), job=replace(job().job, finished=True))  # type: ignore[type-var]
    foreign = job(managedBy="example.com/queue")
    assert "it has ended" in granted(ALL, pod(), EVICT, Successor(ended.template, owner=ended)).message
    assert "example.com/queue runs it" in granted(ALL, pod(), EVICT, Successor(foreign.template, owner=foreign)).message
