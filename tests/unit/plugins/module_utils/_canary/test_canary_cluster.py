# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_canary/cluster: requests that are answered late, or not at all, by an API server that a test plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._canary.cluster import CanaryCluster
from ansible_collections.pullpass.registry.plugins.module_utils._canary.model import Canary, CanaryTarget
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, FailureKind, RequestError

CANARY = Canary("registry.example.com/app", "default", [], None, 20, run="run")
TARGET = CanaryTarget("team-a", "pullpass-canary-run-1")
MADE: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {"name": TARGET.name, "namespace": "team-a", "uid": "u", "resourceVersion": "2"},
    "spec": {"containers": []},
}
BROKEN = RequestError("the connection broke", FailureKind.UNCERTAIN, 0)
OVERTAKEN = RequestError("the object has been modified", FailureKind.CONFLICT, 409)


class Answers:
    """Gives one answer after the other, raises those that are errors, and notes what was asked."""

    def __init__(self, *answers: Exception | Mapping[str, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []

    def send(self, request: Request, _path: str, query: Any = None, body: Any = None, accept: str = JSON) -> Any:
        self.asked.append((request.verb, (query or {}).get("labelSelector", "")))
        self.bodies.append(body)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.time, "sleep", lambda _seconds: None)


def cluster(answers: Answers) -> CanaryCluster:
    return CanaryCluster(cast(Api, answers), CANARY, whole=False, workers=1, check_mode=False)


def test_a_pod_with_an_unanswered_creation_is_found_by_its_run() -> None:
    answers = Answers(BROKEN, {"kind": "PodList", "items": [MADE]})
    assert cluster(answers).create(TARGET) == MADE
    assert answers.asked == [("create", ""), ("list", "pullpass.registry/canary=run")]


def test_one_that_is_not_there_is_created_again_and_given_up_in_the_end() -> None:
    none: Mapping[str, Any] = {"kind": "PodList", "items": []}
    answers = Answers(BROKEN, none, BROKEN, none, BROKEN, none)
    with pytest.raises(RequestError, match="the connection broke"):
        cluster(answers).create(TARGET)


def test_it_is_uncertain_whether_a_pod_exists_where_pods_cannot_be_listed() -> None:
    """Whoever takes it for one that was refused would leave it behind."""
    throttled = RequestError("throttling", FailureKind.THROTTLED, 429)
    with pytest.raises(RequestError, match="it is not known whether the Pod was created: throttling") as raised:
        cluster(Answers(BROKEN, throttled)).create(TARGET)
    assert raised.value.kind == FailureKind.UNCERTAIN


@pytest.mark.parametrize("error", [RequestError("no right", FailureKind.FORBIDDEN, 403), ClusterError("gone")])
def test_events_that_cannot_be_read_are_none(error: Exception) -> None:
    assert cluster(Answers(error)).events("team-a", "u") == []


def test_a_pod_is_removed_in_the_version_that_it_has_by_now() -> None:
    answers = Answers(OVERTAKEN, {"kind": "PodList", "items": [MADE]}, {})
    assert cluster(answers).remove("team-a", TARGET.name, Seen("u", "1")) == ""
    guards = [body["preconditions"] for body in answers.bodies if body]
    assert guards == [{"uid": "u", "resourceVersion": "1"}, {"uid": "u", "resourceVersion": "2"}]


def test_another_pod_of_that_name_is_left_alone() -> None:
    answers = Answers(OVERTAKEN, {"kind": "PodList", "items": [{**MADE, "metadata": {**MADE["metadata"], "uid": "another"}}]})
    assert cluster(answers).remove("team-a", TARGET.name, Seen("u", "1")) == ""
    assert [verb for verb, _label in answers.asked] == ["delete", "list"]


def test_the_obstacle_to_a_removal_is_returned() -> None:
    gone = RequestError("x", FailureKind.NOT_FOUND, 404)
    assert cluster(Answers(gone)).remove("team-a", TARGET.name, Seen("u", "1")) == ""
    refused = RequestError("no right to delete it", FailureKind.FORBIDDEN, 403)
    assert cluster(Answers(refused)).remove("team-a", TARGET.name, Seen("u", "1")) == "no right to delete it"
    assert cluster(Answers(ClusterError("gone"))).remove("team-a", TARGET.name, Seen("u", "1")) == "gone"


def test_a_pod_that_cannot_be_looked_for_after_a_conflict_is_not_removed() -> None:
    gone = RequestError("the namespace is not found", FailureKind.NOT_FOUND, 404)
    assert cluster(Answers(OVERTAKEN, gone)).remove("team-a", TARGET.name, Seen("u", "1")) == "the namespace is not found"


def test_a_pod_that_fits_a_limit_range_is_created_again_with_its_resources() -> None:
    limit = "pods is forbidden: minimum memory usage per Container is 64Mi, but request is 16Mi"
    refused = RequestError(limit, FailureKind.REFUSED, 403, detail=limit)
    none: Mapping[str, Any] = {"kind": "PodList", "items": []}
    answers = Answers(refused, BROKEN, none, MADE)
    assert cluster(answers).create(TARGET) == MADE
    first, *fitting = [body["spec"]["containers"][0]["resources"] for body in answers.bodies if body]
    assert fitting[0] == fitting[1] != first
