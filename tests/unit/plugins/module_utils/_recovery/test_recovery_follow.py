# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_recovery/model, survey, follow and report: snapshots, events, followed Pods, batches and the result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.follow import (
    EvictionBatch,
    FollowedPod,
    RecoveryOutcome,
    list_requests,
    pod_state,
    update_followed,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import (
    Owner,
    RecoveryAction,
    StuckPod,
    controller,
    pods_named,
    still_crashed,
    stuck_pod,
    suspected_pod,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.report import (
    recovery_diff,
    recovery_result,
    recovery_warnings,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.survey import apply_events

EVICT, LEFT = RecoveryAction.EVICT, RecoveryAction.LEFT
IMAGE = "reg.io/team/app:1"
REFUSED = "unexpected status code [manifests 1]: 401 Unauthorized"
ENDED, BEFORE, AFTER = "2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z", "2026-01-01T11:00:00Z"
SILENT = f'Back-off pulling image "{IMAGE}"'


def state(reason: str = "", message: str = REFUSED, ended: str = "", name: str = "app", **more: Any) -> dict[str, Any]:
    now = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    last = {"lastState": {"terminated": {"finishedAt": ended}}} if ended else {}
    return {"name": name, "state": now, **last, **more}


def item(
    *states: dict[str, Any], phase: str = "Pending", uid: str = "u1", owner: str | None = "o1", **metadata: Any
) -> dict[str, Any]:
    references = [{"controller": True, "kind": "ReplicaSet", "name": "web", "uid": owner}] if owner else []
    return {
        "metadata": {
            "name": f"web-{uid}",
            "namespace": "team-a",
            "uid": uid,
            "resourceVersion": "7",
            "ownerReferences": references,
            **metadata,
        },
        "spec": {"containers": [{"name": one["name"], "image": IMAGE} for one in states]},
        "status": {"phase": phase, "containerStatuses": list(states)},
    }


def found(*states: dict[str, Any], **rest: Any) -> StuckPod:
    pod = suspected_pod(item(*states, **rest))
    assert pod is not None
    return pod


def test_what_is_kept_of_a_stuck_pod() -> None:
    managed = [
        {"time": BEFORE, "fieldsV1": {"f:status": {"f:containerStatuses": {}}}},
        {"time": AFTER, "fieldsV1": {"f:status": {"f:conditions": {}}}},
    ]
    labels = {"controller-revision-hash": "r1"}
    annotations = {"batch.kubernetes.io/job-index-failure-count": "2", "kubernetes.io/config.mirror": "x"}
    both = (state("ErrImagePull"), state(name="side"))
    pod = found(*both, managedFields=managed, labels=labels, annotations=annotations)
    assert (pod.owner, pod.running, pod.mirror) == (Owner("ReplicaSet", "web", "o1"), ("side",), True)
    assert (pod.revision, pod.failures, pod.status_time, pod.just_tried, pod.uid) == ("r1", 2, BEFORE, True, "u1")
    plain = found(state("ImagePullBackOff"), owner=None)
    assert (plain.owner, plain.mirror, plain.status_time, plain.just_tried) == (None, False, "", False)


@pytest.mark.parametrize(
    ("states", "more"),
    [
        ([state()], {}),
        ([state("ContainerCreating")], {}),
        ([state("CrashLoopBackOff", ended=ENDED)], {}),
        ([state("ErrImagePull")], {"deletionTimestamp": ENDED}),
    ],
)
def test_pods_that_have_their_images_or_are_being_deleted(states: list[dict[str, Any]], more: dict[str, Any]) -> None:
    assert stuck_pod(item(*states, **more)) is None


def test_globs_choose_pods_by_name() -> None:
    stuck = item(state("ErrImagePull"), uid="x")
    assert pods_named(["web-*"])(stuck) is not None
    assert pods_named(["db", "web"])(stuck) is None
    assert pods_named(["db", "web-x"])(stuck) is not None


def test_one_that_waits_as_a_crashed_one_is_stuck_only_if_a_pull_failed_after_its_end() -> None:
    crashed = found(state("CrashLoopBackOff", ended=ENDED), phase="Running")
    assert crashed.stuck == ()
    key = (crashed.uid, IMAGE)
    assert apply_events(crashed, {key: (BEFORE, REFUSED)}).stuck == ()
    assert apply_events(crashed, {}).stuck == ()
    assert apply_events(crashed, {("other", IMAGE): (AFTER, REFUSED)}).stuck == ()
    (stuck,) = apply_events(crashed, {key: (AFTER, REFUSED)}).stuck
    assert (stuck.reason, stuck.message) == ("ImagePullBackOff", REFUSED)


@pytest.mark.parametrize(
    ("message", "kept"),
    [(SILENT, False), (SILENT + ": ErrImagePull: pull QPS exceeded", False), ("x509: unknown authority", True)],
)
def test_events_give_the_reason_that_the_status_lacks(message: str, kept: bool) -> None:
    pod = found(state("ImagePullBackOff", message))
    (stuck,) = apply_events(pod, {(pod.uid, IMAGE): (AFTER, REFUSED)}).stuck
    assert stuck.message == (message if kept else REFUSED)


def test_the_same_end_means_that_it_has_not_run_since() -> None:
    before = found(state("ImagePullBackOff", ended=ENDED), phase="Running")
    waits = item(state("CrashLoopBackOff", ended=ENDED), phase="Running")
    has_run = item(state("CrashLoopBackOff", ended=AFTER), phase="Running")
    now = stuck_pod(waits, before)
    assert now is not None
    assert now.stuck == before.stuck
    assert stuck_pod(has_run, before) is None
    assert stuck_pod(waits) is None
    assert still_crashed(suspected_pod(waits), before)
    assert not still_crashed(suspected_pod(has_run), before)
    assert not still_crashed(None, before)
    endless = item(state("CrashLoopBackOff"), phase="Running")
    assert stuck_pod(endless, found(state("ImagePullBackOff"), phase="Running")) is None


def why(pod: StuckPod) -> str:
    return f"because of {pod.name}"


def after(followed: list[FollowedPod], *items: dict[str, Any], taken: set[str] | None = None) -> list[bool | None]:
    update_followed(followed, [pod_state(one) for one in items], set() if taken is None else taken, why)
    return [one.runs for one in followed]


@pytest.mark.parametrize(
    ("now", "runs", "words"),
    [
        (item(state(), phase="Running", uid="n"), True, "web-n has its images now (phase Running)"),
        (item(phase="Succeeded", uid="n"), True, "has its images now"),
        (item(state("ContainerCreating"), uid="n"), None, "web-n is still Pending"),
        (item(state("ErrImagePull", "x509: stranger"), uid="n"), False, "web-n failed to pull too: because of web-n"),
        (item(state("ErrImagePull"), uid="n"), None, "not tried again yet to pull for web-n"),
        (item(state("ErrImagePull", "pull QPS exceeded"), uid="n"), None, "waits for its kubelet"),
        (item(state(), phase="Running", uid="n", owner="another"), None, ""),
        (item(state(), phase="Running", uid="n", deletionTimestamp=ENDED), None, ""),
    ],
)
def test_the_next_pod_of_an_owner_shows_whether_an_eviction_helped(now: dict[str, Any], runs: bool | None, words: str) -> None:
    one = FollowedPod("team-a", None, "o1")
    assert after([one], now) == [runs]
    assert words in one.message


def test_each_new_pod_stands_for_one_and_those_from_before_for_none() -> None:
    both = [FollowedPod("team-a", None, "o1"), FollowedPod("team-a", None, "o1")]
    old, new, newer = (item(state(), phase="Running", uid=uid) for uid in ("old", "n1", "n2"))
    taken = {"old"}
    assert after(both, old, taken=taken) == [None, None]
    assert after(both, old, new, taken=taken) == [True, None]
    assert after(both[1:], old, new, newer, taken=taken) == [True]


def test_a_successor_that_is_denied_has_failed_only_at_its_second_try() -> None:
    tried, paused = (item(state(reason), uid="n") for reason in ("ErrImagePull", "ImagePullBackOff"))
    one = FollowedPod("team-a", None, "o1")
    assert [after([one], now) for now in (tried, tried, paused, tried)] == [[None], [None], [None], [False]]
    assert "failed to pull too" in one.message
    other, taken = FollowedPod("team-a", None, "o1"), set[str]()
    assert after([other], paused, taken=taken) == [None]
    assert after([other], taken=taken) == [None]
    assert after([other], item(state("ErrImagePull"), uid="m"), taken=taken) == [None]


def test_few_followed_pods_are_listed_by_name_or_label_and_many_by_one_list() -> None:
    named, labelled = ("fieldSelector", "metadata.name=web"), ("labelSelector", "app=web")
    two = [FollowedPod("a", "u1", None, selector=named), FollowedPod("a", None, "o1", selector=labelled)]
    assert list_requests(two) == {"a": [("a", named), ("a", labelled)]}
    assert list_requests([*two, *two, FollowedPod("b", "u", None)]) == {"a": [("a", named), ("a", labelled)], "b": [("b", None)]}
    many = [FollowedPod("a", str(number), None, selector=("fieldSelector", f"metadata.name={number}")) for number in range(4)]
    assert list_requests(many[:3])["a"] != [("a", None)]
    assert list_requests(many) == {"a": [("a", None)]}


def test_a_controller_of_another_group_is_not_taken_for_one_of_kubernetes() -> None:
    def kind(version: str) -> str:
        reference = {"controller": True, "apiVersion": version, "kind": "StatefulSet", "name": "web", "uid": "u"}
        owner = controller({"ownerReferences": [reference]})
        return owner.kind if owner else ""

    assert [kind(one) for one in ("apps/v1", "batch/v1", "v1")] == ["StatefulSet"] * 3
    assert kind("apps.kruise.io/v1beta1") == "StatefulSet.apps.kruise.io"


def test_the_next_pod_follows_a_successor_that_is_deleted() -> None:
    one, taken = FollowedPod("team-a", None, "o1"), set[str]()
    after([one], item(state("ContainerCreating"), uid="n1"), taken=taken)
    assert after([one], taken=taken) == [None]
    assert after([one], item(state(), phase="Running", uid="n2"), taken=taken) == [True]


def test_one_that_is_to_start_by_itself_has_failed_only_once_it_was_tried_again() -> None:
    tried, paused = item(state("ErrImagePull")), item(state("ImagePullBackOff"))
    one = FollowedPod("team-a", "u1", None, stuck_pod(tried))
    assert [after([one], now) for now in (tried, tried, paused, paused, tried)] == [[None], [None], [None], [None], [False]]
    assert "failed to pull again" in one.message
    other = FollowedPod("team-a", "u1", None, stuck_pod(paused), between_tries=True)
    assert after([other], tried) == [False]
    well = FollowedPod("team-a", "u1", None, stuck_pod(paused), between_tries=True)
    assert after([well], item(state(), phase="Running")) == [True]


def test_one_that_ran_before_and_waits_as_a_crashed_one_does_not_run() -> None:
    before = stuck_pod(item(state("ImagePullBackOff", ended=ENDED), phase="Running"))
    one = FollowedPod("team-a", "u1", None, before, between_tries=True)
    assert after([one], item(state("CrashLoopBackOff", ended=ENDED), phase="Running")) == [None]
    assert after([one], item(state("CrashLoopBackOff", ended=AFTER), phase="Running")) == [True]


def test_a_deleted_pod_is_not_followed_any_longer() -> None:
    one = FollowedPod("team-a", "u1", None, stuck_pod(item(state("ErrImagePull"))))
    after([one])
    assert (one.decided, one.runs, one.message) == (True, None, "it no longer exists")


def outcome(action: str, number: int = 0, runs: bool | None = None, waited: bool = False, **rest: Any) -> RecoveryOutcome:
    pod = found(state("ErrImagePull"), uid=f"u{number:03}", **rest)
    followed = FollowedPod("team-a", None, "o1", runs=runs, message="web-n") if waited else None
    return RecoveryOutcome("team-a", pod, action, f"message {number}", "image", "cause", followed=followed)


@pytest.mark.parametrize(
    ("count", "ordered", "most"), [(2, False, 2), (9, False, 3), (40, False, 4), (41, False, 5), (9, True, 1)]
)
def test_how_many_pods_of_an_owner_go_at_a_time(count: int, ordered: bool, most: int) -> None:
    batch = EvictionBatch([outcome(EVICT, number) for number in range(count)], ordered)
    first = batch.next_evictions(retry=True)
    assert len(first) == most
    for one in first:
        one.action, one.followed = "evicted", FollowedPod("team-a", None, "o1")
    assert batch.next_evictions(retry=True) == []
    for one in first:
        assert one.followed is not None
        one.followed.runs = True
    assert len(batch.next_evictions(retry=True)) == min(most, count - most)


def test_one_that_a_budget_holds_comes_last_and_only_where_there_is_another_try() -> None:
    outcomes = [outcome(EVICT, number) for number in range(5)]
    for held in outcomes[:3]:
        held.budget_full = True
    batch = EvictionBatch(outcomes, ordered=False)
    assert batch.next_evictions(retry=False) == outcomes[3:]
    assert batch.next_evictions(retry=True) == [*outcomes[3:], outcomes[0]]


def test_a_failing_successor_stops_the_rest() -> None:
    batch = EvictionBatch(
        [outcome("evicted", waited=True, runs=True), outcome("evicted", 1, waited=True), outcome(EVICT, 2)],
        ordered=False,
    )
    batch.stop_if_failing()
    assert batch.outcomes[2].action == EVICT
    assert batch.outcomes[1].followed is not None
    batch.outcomes[1].followed.runs = False
    batch.stop_if_failing()
    assert [one.action for one in batch.outcomes] == ["evicted", "evicted", LEFT]
    assert "had no effect: web-n" in batch.outcomes[2].message


@pytest.mark.parametrize(
    ("failures", "action"),
    [(2, EVICT), (4, EVICT), (5, LEFT), (None, LEFT)],
)
def test_a_job_that_has_failed_otherwise_meanwhile_loses_no_more_pods_to_us(failures: int | None, action: str) -> None:
    batch = EvictionBatch([outcome("evicted", waited=True), outcome("evicted", 1, waited=True), outcome(EVICT, 2)], ordered=False)
    batch.stop_if_job_failed(2, failures)
    assert [one.action for one in batch.outcomes] == ["evicted", "evicted", action]


def test_which_pods_a_budget_has_to_let_go() -> None:
    assert outcome(EVICT, phase="Running").needs_budget
    assert outcome(LEFT).needs_budget
    assert not outcome(EVICT).needs_budget
    assert not outcome("recovering", phase="Running").needs_budget
    assert not RecoveryOutcome("team-b", None, LEFT, "").needs_budget


def test_rows_counts_and_one_sentence() -> None:
    outcomes = [
        outcome("recovering"),
        outcome("recovering", 1, waited=True, runs=True),
        outcome("recovering", 2, waited=True, runs=False),
        outcome("evicted", 3, waited=True, runs=True),
        outcome("blocked", 4),
        RecoveryOutcome("team-b", None, "failed", "no right"),
    ]
    short, long = recovery_result(outcomes, show_all=False), recovery_result(outcomes, show_all=True)
    assert [(row["pod"], row["runs"]) for row in short["pods"]] == [
        ("web-u002", False),
        ("web-u003", True),
        ("web-u004", None),
        (None, None),
    ]
    assert len(long["pods"]) == len(outcomes)
    assert short["summary"] == {"recovering": 3, "evicted": 1, "replaced": 0, "left": 0, "blocked": 1, "failed": 1}
    assert (short["changed"], short["failed"]) == (True, True)
    assert short["msg"] == (
        "3 recovering, 1 evicted, 1 blocked, 1 failed. team-a/web-u004: blocked: message 4; team-b: failed: no right"
    )
    assert recovery_result(outcomes[4:5], show_all=False)["failed"] is False
    nothing = recovery_result([], show_all=False)
    assert (nothing["changed"], nothing["msg"], nothing["summary"]) == (
        False,
        "no Pod is stuck on a pull",
        dict.fromkeys(RecoveryAction.ALL, 0),
    )


def test_many_failures_are_cut_and_strangers_text_is_data() -> None:
    many = [outcome("failed", number) for number in range(12)]
    many[0].message = "a\x1b[31m\nb"
    reported = recovery_result(many, show_all=False)
    assert reported["msg"].endswith("; and 2 more")
    assert reported["msg"].isprintable()
    assert reported["pods"][0]["message"].isprintable()


def test_warnings_are_about_followed_pods_that_do_not_run() -> None:
    outcomes = [outcome("evicted", 1, waited=True, runs=True), outcome("left", 2), outcome("evicted", 3)]
    assert recovery_warnings(outcomes, 60) == []
    outcomes += [outcome("evicted", 4, waited=True, runs=False), outcome("replaced", 5, waited=True)]
    assert recovery_warnings(outcomes, 60) == [
        "still failing to pull, for the reason in their rows: team-a/web-u004",
        "not running yet after 60 s: team-a/web-u005",
    ]


def test_the_diff_names_deleted_and_recreated_pods() -> None:
    outcomes = [outcome("left"), outcome("evicted", 1), outcome("replaced", 2, owner=None)]
    (entry,) = recovery_diff(outcomes)
    assert entry["before"] == "team-a/web-u001\nteam-a/web-u002\n"
    assert entry["after"] == "team-a/web-u002 (recreated)\n"
    assert recovery_diff(outcomes[:1]) == []
