# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_canary/watch: Pods sent, watched and taken away, on a small cluster in memory that loses, refuses and breaks off."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._canary import watch as room
from ansible_collections.pullpass.registry.plugins.module_utils._canary.cluster import CanaryCluster
from ansible_collections.pullpass.registry.plugins.module_utils._canary.model import SMALL, Canary, CanaryTarget, manifest
from ansible_collections.pullpass.registry.plugins.module_utils._canary.run import CanaryRun
from ansible_collections.pullpass.registry.plugins.module_utils._canary.verdict import PodEvent
from ansible_collections.pullpass.registry.plugins.module_utils._canary.watch import CanaryWatch, Interrupted, SignalGuard
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, FailureKind, RequestError

CANARY = Canary("registry.example.com/app", "default", [], None, 20, run="run")
STUCK = {"waiting": {"reason": "ErrImagePull", "message": "connection refused"}}
THROUGH = {"waiting": {"reason": "CreateContainerConfigError"}}

NOT_TRIED = "not tried, because the cluster stopped answering"

Hook = Callable[["Cluster", str], None]


def nothing(_cluster: Cluster, _name: str) -> None:
    pass


class Cluster:
    """Pods by name. ``looks`` counts; a hook runs before each request of its kind, and may raise."""

    def __init__(self, state: dict[str, Any], most: int | None = None) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.state = state
        self.most = most
        self.made: list[str] = []
        self.most_at_once = 0
        self.on_create: Hook = nothing
        self.on_look: Hook = nothing
        self.on_remove: Hook = nothing
        self.lose_answers = False
        self.kind = FailureKind.UNCERTAIN
        self.labels: dict[str, str] | None = None
        self.stays = ""
        self.secrets: list[dict[str, str]] = []
        self.told_events: list[PodEvent] = []
        self._lock = threading.Lock()
        self._versions = itertools.count(1)

    def create(self, target: CanaryTarget) -> dict[str, Any]:
        self.on_create(self, target.name)
        with self._lock:
            if self.most is not None and len(self.pods) >= self.most:
                raise RequestError("exceeded quota", FailureKind.QUOTA, 403)
            pod = manifest(CANARY, target, SMALL)
            pod["metadata"].update(namespace=target.namespace, uid=target.name, resourceVersion=str(next(self._versions)))
            pod["spec"].update(nodeName="worker-1", imagePullSecrets=self.secrets)
            pod["status"] = {"phase": "Pending", "containerStatuses": [{"name": "canary", "state": self.state}]}
            if self.labels is not None:
                pod["metadata"]["labels"] = self.labels
            self.pods[target.name] = pod
            self.made.append(target.name)
            self.most_at_once = max(self.most_at_once, len(self.pods))
        if self.lose_answers:
            raise RequestError("the connection broke", self.kind, 0)
        return pod

    def list_pods(self, namespaces: Sequence[str]) -> tuple[dict[str, Any], dict[str, RequestError]]:
        self.on_look(self, "")
        with self._lock:
            return {name: pod for name, pod in self.pods.items() if pod["metadata"]["namespace"] in namespaces}, {}

    def events(self, _namespace: str, _uid: str) -> list[PodEvent]:
        return self.told_events

    def remove(self, _namespace: str, name: str, seen: Seen) -> str:
        self.on_remove(self, name)
        if self.stays:
            return self.stays
        with self._lock:
            assert self.pods[name]["metadata"]["uid"] == seen.uid
            del self.pods[name]
        return ""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time that passes only by pauses."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(room.time, "sleep", sleep)
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    return now


def targets(number: int, namespace: str = "team-a") -> list[CanaryTarget]:
    return [CanaryTarget(namespace, f"pod-{index}", "worker-1") for index in range(number)]


def ran(cluster: Cluster, places: Sequence[CanaryTarget], workers: int = 4) -> tuple[list[str], CanaryWatch]:
    run = CanaryWatch(cast(CanaryCluster, cluster), CANARY, workers)
    return [result.action for result in run.run(places)], run


def test_every_pod_is_judged_and_taken_away() -> None:
    cluster = Cluster(THROUGH)
    looks: list[str] = []
    cluster.on_look = lambda _cluster, name: looks.append(name)
    actions, run = ran(cluster, targets(7))
    assert actions == ["pulled"] * 7
    assert len(looks) == 1
    assert cluster.pods == {}
    assert run.not_removed == []


@pytest.mark.parametrize("labels", [{}, {"pullpass.registry/canary": "another"}])
def test_a_pod_that_lost_its_label_is_removed_at_once_because_no_list_finds_it(labels: dict[str, str]) -> None:
    cluster = Cluster(THROUGH)
    cluster.labels = labels
    actions, run = ran(cluster, targets(3))
    assert actions == ["failed"] * 3
    assert all("label pullpass.registry/canary" in result.message for result in run._outcomes)
    assert (cluster.pods, run.not_removed) == ({}, [])


def test_an_answer_that_is_no_pod_leaves_none_behind() -> None:
    """It may have been created all the same."""
    cluster = Cluster(THROUGH)
    cluster.lose_answers, cluster.kind = True, FailureKind.MALFORMED
    actions, run = ran(cluster, targets(2))
    assert actions == ["failed"] * 2
    assert (cluster.pods, run.not_removed) == ({}, [])


def test_no_more_than_a_hundred_are_there_at_a_time() -> None:
    cluster = Cluster(THROUGH)
    actions, _run = ran(cluster, targets(230))
    assert actions == ["pulled"] * 230
    assert cluster.most_at_once == 100


def test_a_pod_that_never_changes_ends_at_the_timeout_and_is_listed_ever_less_often(clock: list[float]) -> None:
    cluster = Cluster(STUCK)
    looks: list[float] = []
    cluster.on_look = lambda _cluster, _name: looks.append(clock[0])
    actions, _run = ran(cluster, targets(1))
    assert actions == ["not_pulled"]
    assert 20 < looks[-1] < 23
    assert looks[0] == 0.5
    assert len(looks) < 20


def test_a_denial_without_the_secrets_is_given_a_second_try(clock: list[float]) -> None:
    denied = {"waiting": {"reason": "ErrImagePull", "message": "401 Unauthorized"}}
    cluster = Cluster(denied)
    cluster.secrets = [{"name": "regcred"}]
    run = CanaryWatch(cast(CanaryCluster, cluster), replace(CANARY, timeout=100), 1)
    assert [result.action for result in run.run(targets(1))] == ["not_pulled"]
    assert 20 < clock[0] < 23

    cluster.told_events = [PodEvent("Failed", "Failed to pull image: 401 Unauthorized", True, True, "")]
    clock[0] = 0.0
    run = CanaryWatch(cast(CanaryCluster, cluster), replace(CANARY, timeout=100), 1)
    assert [result.action for result in run.run(targets(1))] == ["not_pulled"]
    assert clock[0] == 0.5


def test_a_quota_that_others_of_the_run_fill_is_waited_for(clock: list[float]) -> None:
    cluster = Cluster(THROUGH, most=2)
    asked: list[str] = []
    cluster.on_create = lambda _cluster, name: asked.append(name)
    actions, _run = ran(cluster, targets(40))
    assert actions == ["pulled"] * 40
    assert cluster.most_at_once == 2
    # not all of them again and again
    assert len(asked) < 40 * 5
    # as many as have gone come next, two at each look
    assert clock[0] < 15


def test_a_quota_that_is_full_by_others_refuses_at_once(clock: list[float]) -> None:
    actions, _run = ran(Cluster(THROUGH, most=0), targets(3))
    assert actions == ["failed"] * 3
    assert clock[0] == 0.0


def test_a_quota_that_is_counted_late_is_given_a_while(clock: list[float]) -> None:
    cluster = Cluster(THROUGH, most=1)
    freed: list[float] = []

    def late(_cluster: Cluster, _name: str) -> None:
        if freed and clock[0] < freed[-1] + 5:
            raise RequestError("exceeded quota", FailureKind.QUOTA, 403)

    cluster.on_create = late
    cluster.on_remove = lambda _cluster, _name: freed.append(clock[0])
    assert ran(cluster, targets(3), workers=1)[0] == ["pulled"] * 3


def test_a_quota_that_the_pod_of_a_dead_run_filled_is_given_the_same_while(clock: list[float]) -> None:
    cluster = Cluster(THROUGH, most=1)

    def late(_cluster: Cluster, _name: str) -> None:
        if clock[0] < 5:
            raise RequestError("exceeded quota", FailureKind.QUOTA, 403)

    cluster.on_create = late
    run = CanaryWatch(cast(CanaryCluster, cluster), CANARY, 1, freed={"team-a": 0.0})
    assert [result.action for result in run.run(targets(1))] == ["pulled"]
    assert 5 <= clock[0] < 15


def test_a_quota_that_others_take_in_the_meantime_is_not_waited_for_without_end(clock: list[float]) -> None:
    cluster = Cluster(THROUGH, most=1)
    cluster.on_remove = lambda cluster, _name: setattr(cluster, "most", 0)
    assert ran(cluster, targets(3), workers=1)[0] == ["pulled", "failed", "failed"]
    assert 15 <= clock[0] < 20


def test_a_pod_with_an_unanswered_creation_is_removed() -> None:
    cluster = Cluster(THROUGH)
    cluster.lose_answers = True
    actions, run = ran(cluster, targets(2))
    assert actions == ["failed", "failed"]
    assert len(cluster.made) == 2
    assert cluster.pods == {}
    assert run.not_removed == []


def test_a_pod_that_vanishes_is_reported() -> None:
    cluster = Cluster(STUCK)

    def take(cluster: Cluster, _name: str) -> None:
        cluster.pods.pop("pod-1", None)

    def already_gone(cluster: Cluster, name: str) -> None:
        cluster.pods.setdefault(name, {"metadata": {"uid": name}})

    cluster.on_look, cluster.on_remove = take, already_gone
    run = CanaryWatch(cast(CanaryCluster, cluster), CANARY, 1)
    messages = [result.message for result in run.run(targets(2))]
    assert "somebody else removed the Pod" in messages[0]
    assert "connection refused" in messages[1]


def test_a_cluster_that_stops_answering_ends_the_run_and_remaining_pods_are_reported() -> None:
    cluster = Cluster(STUCK)

    def gone(_cluster: Cluster, _name: str) -> None:
        raise ClusterError("the server is gone")

    cluster.on_look = gone
    cluster.stays = "the server is gone"
    tried: list[str] = []
    cluster.on_remove = lambda _cluster, name: tried.append(name)
    run = CanaryWatch(cast(CanaryCluster, cluster), CANARY, 2)
    messages = [result.message for result in run.run(targets(120))]
    assert messages == ["the Pod cannot be watched: the server is gone"] * 100 + [NOT_TRIED] * 20
    # a hundred removals would each wait for it
    assert tried == []
    assert len(cluster.made) == 100
    assert run.not_removed == ["team-a: the server is gone"]


def test_a_cluster_that_answers_again_in_the_end_keeps_no_pod() -> None:
    cluster = Cluster(STUCK)
    looks: list[str] = []

    def away_once(_cluster: Cluster, _name: str) -> None:
        looks.append("")
        if len(looks) == 1:
            raise ClusterError("the server is gone")

    cluster.on_look = away_once
    actions, run = ran(cluster, targets(3))
    assert actions == ["failed"] * 3
    assert len(cluster.made) == 3
    assert cluster.pods == {}
    assert run.not_removed == []


def test_a_warning_names_the_pods_that_an_interrupted_run_leaves() -> None:
    cluster = Cluster(STUCK)
    cluster.stays = "no right to delete it"
    cluster.on_look = lambda _cluster, _name: os.kill(os.getpid(), signal.SIGTERM)
    warnings: list[str] = []
    run = CanaryRun(cast(Api, None), Chosen((), (), False), CANARY, "one", 1, check_mode=False, warn=warnings.append)
    with pytest.raises(Interrupted, match="except those that a warning names"):
        run.watch(cast(CanaryCluster, cluster), targets(1))
    (warning,) = warnings
    assert "A run after 50 s tries again to remove them: team-a/pod-0: no right to delete it" in warning


def test_a_pod_that_cannot_be_removed_is_tried_again_and_reported_one_time() -> None:
    cluster = Cluster(THROUGH)
    cluster.stays = "no right to delete it"
    tried: list[str] = []
    cluster.on_remove = lambda _cluster, name: tried.append(name)
    actions, run = ran(cluster, targets(1))
    assert actions == ["pulled"]
    assert tried == ["pod-0", "pod-0"]
    assert run.not_removed == ["team-a/pod-0: no right to delete it"]


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Who runs the tests may ignore some, as nohup and a shell's background jobs do."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_run_removes_its_pods_first(number: signal.Signals) -> None:
    cluster = Cluster(STUCK)
    signals = iter([number, number])

    def ring(_cluster: Cluster, _name: str) -> None:
        if threading.current_thread() is threading.main_thread():
            for one in signals:
                os.kill(os.getpid(), one)
                break

    cluster.on_look = ring
    cluster.on_remove = ring
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=number.name):
        ran(cluster, targets(3), workers=1)
    assert cluster.pods == {}
    assert signal.getsignal(number) is before


def test_a_signal_while_pods_are_created_leaves_none_of_them() -> None:
    cluster = Cluster(STUCK)

    def ring(cluster: Cluster, name: str) -> None:
        if name == "pod-2":
            os.kill(os.getpid(), signal.SIGTERM)

    cluster.on_create = ring
    with pytest.raises(Interrupted):
        ran(cluster, targets(30), workers=8)
    assert cluster.made
    assert cluster.pods == {}


def test_a_signal_while_pods_are_taken_away_does_not_break_that_off() -> None:
    cluster = Cluster(THROUGH)
    cluster.lose_answers = True
    cluster.on_remove = lambda _cluster, _name: os.kill(os.getpid(), signal.SIGTERM)
    assert ran(cluster, targets(3), workers=1)[0] == ["failed"] * 3
    assert cluster.pods == {}


def test_only_the_first_signal_is_heard_and_none_after_the_work() -> None:
    with SignalGuard() as guard:
        with pytest.raises(Interrupted, match="SIGTERM"), guard.interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_before_the_work_interrupts_at_its_beginning() -> None:
    begun = False
    with SignalGuard() as guard:
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted, match="SIGHUP"), guard.interruptible():
            begun = True
    assert not begun


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with SignalGuard() as guard, guard.interruptible():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def enter() -> None:
        with SignalGuard():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
