# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evictions and replacements as they are sent, and what is made of the answers, on a Pod in memory that others share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request, refusal
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import RESOURCES
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.replace import (
    ChangedByAdmission,
    SafeReplacement,
    SavedManifest,
    replace_object,
)
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import StuckContainer
from ansible_collections.pullpass.registry.plugins.module_utils._errors import (
    ClusterError,
    FailureKind,
    PullpassError,
    RequestError,
)
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.model import RecoveryAction, StuckPod, stuck_pod
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.plan import Decision
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.writes import Evictor, save_to_file

SEEN = Seen("uid-1", "7")
Answer = Callable[["Server"], Any]


def error(kind: FailureKind, status: int = 0, message: str = "the server's words") -> RequestError:
    return RequestError(f"{message}: {kind.value}", kind, status)


class Server:
    """One Pod. ``answers`` say what each write is answered with, one after the other; then it does as it is reported."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.version = 7
        self.item: dict[str, Any] | None = pod_item("7")
        self.sent: list[tuple[str, str, Mapping[str, Any] | None, Any]] = []

    def send(self, request: Request, path: str, query: Any = None, body: Any = None, **_rest: Any) -> dict[str, Any]:
        self.sent.append((str(request), path, query, body))
        if request.reads:
            if request.verb == "list":
                return {"kind": f"{RESOURCES[request.resource].kind}List", "items": []}
            if self.item is None:
                raise error(FailureKind.NOT_FOUND, 404)
            return {"kind": "Pod", **self.item}
        if self.answers:
            return self.answers.pop(0)(self) or as_made(body)
        return self.obey(request, body)

    def obey(self, request: Request, body: Any) -> dict[str, Any]:
        if request.verb == "create" and request.resource == "pods":
            self.item = as_made(body)
            return self.item
        guard = (body.get("deleteOptions") or body)["preconditions"]
        if self.item is None:
            raise error(FailureKind.NOT_FOUND, 404)
        if self.item["metadata"]["resourceVersion"] != guard.get("resourceVersion", self.item["metadata"]["resourceVersion"]):
            raise error(FailureKind.CONFLICT, 409)
        self.item = None
        return {}

    @property
    def writes(self) -> list[str]:
        return [request.partition(" ")[0] for request, *_rest in self.sent if not request.startswith(("get", "list"))]


def as_made(body: Any) -> dict[str, Any]:
    metadata = {**(body.get("metadata") or {}), "uid": "uid-2", "resourceVersion": "1"}
    return {"kind": "Pod", **body, "metadata": metadata}


def pod_item(version: str, reason: str = "ImagePullBackOff") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "401 Unauthorized"}} if reason else {"running": {}}
    return {
        "metadata": {"name": "web", "namespace": "team-a", "uid": "uid-1", "resourceVersion": version},
        "spec": {"containers": [{"name": "app", "image": "reg.io/app"}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": state}]},
    }


def stuck() -> StuckPod:
    pod = stuck_pod(pod_item("7"))
    assert pod is not None
    return pod


def evictor(server: Server, dry_run: bool = False, action: str = RecoveryAction.EVICT) -> Evictor:
    decision = Decision(action, StuckContainer("app", "reg.io/app", "", ""), "the plan has changed")
    return Evictor(Objects(cast(Api, server), "pods", dry_run), lambda _pod: decision, lambda _namespace: [])


def fails(kind: FailureKind, message: str = "the server's words") -> Answer:
    def answer(_server: Server) -> None:
        raise error(kind, message=message)

    return answer


def changes(server: Server) -> None:
    """A kubelet was faster."""
    server.version += 1
    server.item = pod_item(str(server.version))
    raise error(FailureKind.CONFLICT, 409)


def gets_well(server: Server) -> None:
    server.item = pod_item("8", "")
    raise error(FailureKind.CONFLICT, 409)


def goes(server: Server) -> None:
    server.item = None
    raise error(FailureKind.NOT_FOUND, 404)


def goes_unheard(server: Server) -> None:
    server.item = None
    raise error(FailureKind.UNCERTAIN)


def is_lost(_server: Server) -> None:
    raise ClusterError("the cluster is gone")


@pytest.mark.parametrize("dry_run", [False, True], ids=["for real", "dry run"])
def test_an_eviction_is_guarded_by_uid_and_version_and_its_dry_run_stands_in_the_body_too(dry_run: bool) -> None:
    server = Server()
    Objects(cast(Api, server), "pods", dry_run).evict("team-a", "web", SEEN)
    request, path, query, body = server.sent[0]
    assert request == "create pods/eviction web in namespace team-a"
    assert path == "/api/v1/namespaces/team-a/pods/web/eviction"
    assert query == {"fieldManager": "pullpass.registry", **({"dryRun": "All"} if dry_run else {})}
    assert (body["kind"], body["apiVersion"]) == ("Eviction", "policy/v1")
    assert body["deleteOptions"]["preconditions"] == {"uid": "uid-1", "resourceVersion": "7"}
    assert body["deleteOptions"].get("dryRun") == (["All"] if dry_run else None)


def test_a_delete_says_what_becomes_of_what_it_owns() -> None:
    server = Server()
    Objects(cast(Api, server), "jobs", dry_run=False).delete("team-a", "web", SEEN, "Background")
    assert server.sent[0][3]["propagationPolicy"] == "Background"


def test_a_429_of_a_budget_is_no_throttling_and_never_sent_again_by_itself() -> None:
    causes = [{"reason": "DisruptionBudget", "message": "The disruption budget web needs 2 healthy pods and has 0 currently"}]
    body = {"message": "Cannot evict pod as it would violate the pod's disruption budget.", "details": {"causes": causes}}
    request = Request("create", "pods/eviction", "team-a", "web")
    reported = refusal(request, "https://api", 429, json.dumps(body).encode())
    throttled = refusal(request, "https://api", 429, json.dumps({**body, "details": {"causes": []}}).encode())
    assert isinstance(reported, RequestError)
    assert isinstance(throttled, RequestError)
    assert (reported.kind, reported.pause, throttled.kind) == (FailureKind.BUDGET, None, FailureKind.THROTTLED)
    assert str(reported).endswith("needs 2 healthy pods and has 0 currently")


@pytest.mark.parametrize(
    ("answers", "action", "tries"),
    [
        ([], "evicted", 1),
        ([changes, changes], "evicted", 3),
        ([changes] * 9, "failed", 6),
        ([gets_well], "recovering", 1),
        ([goes], "left", 1),
        ([goes_unheard], "evicted", 1),
        ([fails(FailureKind.UNCERTAIN)], "evicted", 2),
        ([fails(FailureKind.FORBIDDEN)], "failed", 1),
        ([fails(FailureKind.REFUSED)], "failed", 1),
        ([fails(FailureKind.TERMINATING)], "left", 1),
        ([fails(FailureKind.BUDGET)], "blocked", 1),
        ([is_lost], "failed", 1),
    ],
)
def test_the_result_of_an_eviction(answers: list[Answer], action: str, tries: int) -> None:
    server = Server(*answers)
    result = evictor(server)(stuck())
    assert (result.action, result.budget_full) == (action, action == "blocked")
    assert len(server.writes) == tries


def test_a_changed_pod_is_decided_again_before_it_is_evicted() -> None:
    server = Server(changes)
    done = evictor(server, action=RecoveryAction.LEFT)(stuck())
    assert (done.action, done.message, len(server.writes)) == ("left", "the plan has changed", 1)


def test_a_dry_run_without_the_right_reports_the_plan_alone() -> None:
    done = evictor(Server(fails(FailureKind.FORBIDDEN)), dry_run=True)(stuck())
    assert (done.action, "not checked by the server" in done.message) == ("evicted", True)


def test_a_dry_run_that_may_not_read_the_changed_pod_fails() -> None:
    class Unreadable(Server):
        def send(self, request: Request, *rest: Any, **more: Any) -> dict[str, Any]:
            if request.verb == "get":
                raise error(FailureKind.FORBIDDEN, 403)
            return super().send(request, *rest, **more)

    done = evictor(Unreadable(fails(FailureKind.CONFLICT)), dry_run=True)(stuck())
    assert done.action == "failed"


@pytest.mark.parametrize("verb", ["delete", "create"])
def test_the_saved_manifest_stays_where_the_state_cannot_be_read(verb: str) -> None:
    """Even where the answer to that read looks like a conflict."""

    class Unreadable(Server):
        unreadable = False

        def send(self, request: Request, *rest: Any, **more: Any) -> dict[str, Any]:
            if request.verb == "get" and self.unreadable:
                raise error(FailureKind.CONFLICT, 409)
            return super().send(request, *rest, **more)

    def unheard(server: Server) -> None:
        assert isinstance(server, Unreadable)
        server.unreadable = True
        raise error(FailureKind.UNCERTAIN)

    answers = [passes, unheard] if verb == "delete" else [passes, deleted, unheard, fails(FailureKind.CONFLICT)]
    server, files = Unreadable(*answers), list[Any]()
    words = "may be deleted or not" if verb == "delete" else "it is not known whether the new object was created"
    with pytest.raises(RequestError, match=f"{words}.* saved"):
        make_anew(server, files=files)
    assert files == [OLD]
    assert server.writes == ["create", "delete", "create", "create"][: 2 if verb == "delete" else 4]


def test_two_budgets_for_one_pod_block_the_eviction() -> None:
    message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    body = json.dumps({"kind": "Status", "reason": "InternalError", "message": message}).encode()
    answer = refusal(Request("create", "pods/eviction", "team-a", "web"), "https://c1", 500, body)
    assert isinstance(answer, RequestError)
    assert (answer.kind, answer.status) == (FailureKind.BUDGET, 500)


def test_once_the_cluster_is_lost_nothing_more_is_sent() -> None:
    server = Server(is_lost)
    evict = evictor(server)
    evict(stuck())
    done = evict(stuck())
    assert (done.action, "not tried" in done.message, len(server.writes)) == ("failed", True, 1)


NEW = {"metadata": {"name": "web", "namespace": "team-a"}, "spec": {"new": True}}
OLD = {"metadata": {"name": "web", "namespace": "team-a"}, "spec": {"new": False}}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.time, "sleep", lambda _seconds: None)


def make_anew(
    server: Server,
    seconds: float = 60,
    files: list[Any] | None = None,
    differences: Callable[[Mapping[str, Any]], str] | None = None,
) -> Any:
    """``files`` holds what is kept at the moment."""
    kept: list[Any] = [] if files is None else files

    def keep(manifest: Mapping[str, Any]) -> SavedManifest:
        kept.append(manifest)
        return SavedManifest(f"saved {manifest['spec']}", kept.clear)

    replacement = SafeReplacement(seconds, "Background", OLD, keep, differences or (lambda _new: ""))
    return replace_object(Objects(cast(Api, server), "pods", dry_run=False), "team-a", "web", SEEN, NEW, replacement)


def passes(_server: Server) -> None:
    """The dry run."""


def test_an_object_is_created_again_only_after_the_old_one_is_deleted() -> None:
    looks: list[Request] = []

    def goes_slowly(server: Server) -> dict[str, Any]:
        real, server.item = server.item, None
        asked = server.send

        def send(request: Request, *rest: Any, **more: Any) -> dict[str, Any]:
            if request.verb == "get" and len(looks) < 3:
                looks.append(request)
                assert real is not None
                return {"kind": "Pod", **real}
            return asked(request, *rest, **more)

        server.send = send  # type: ignore[method-assign]
        return {}

    server = Server(passes, goes_slowly)
    assert make_anew(server)["metadata"]["uid"] == "uid-2"
    assert len(looks) == 3
    assert server.writes == ["create", "delete", "create"]


def test_an_object_that_is_never_deleted_is_saved() -> None:
    with pytest.raises(RequestError, match=r"was not deleted within 0 seconds.*saved \{'new': False\}"):
        make_anew(Server(passes, passes), seconds=0)


@pytest.mark.parametrize(
    ("answers", "there", "words"),
    [
        ([fails(FailureKind.UNCERTAIN)], True, ""),
        ([fails(FailureKind.REFUSED)], False, "the old one is restored"),
        ([fails(FailureKind.REFUSED), fails(FailureKind.REFUSED)], None, "COULD NOT BE RESTORED: .* saved {'new': False}"),
        ([fails(FailureKind.UNCERTAIN)] * 8, None, "COULD NOT BE RESTORED"),
    ],
)
def test_never_without_one_of_the_two_or_a_file(answers: list[Answer], there: bool | None, words: str) -> None:
    server, files = Server(passes, deleted, *answers), list[Any]()
    if words:
        with pytest.raises(RequestError, match=words):
            make_anew(server, files=files)
    else:
        make_anew(server, files=files)
    assert (server.item["spec"]["new"] if server.item else None) is there
    assert files == ([OLD] if there is None else [])


def deleted(server: Server) -> None:
    server.item = None


def test_a_run_that_is_killed_while_neither_is_there_leaves_a_file() -> None:
    def killed(_server: Server) -> None:
        raise KeyboardInterrupt

    files: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        make_anew(Server(passes, deleted, killed), files=files)
    assert files == [OLD]


def lost(_server: Server) -> None:
    raise error(FailureKind.UNCERTAIN)


def ends_unheard(server: Server) -> None:
    server.item = pod_item("7")
    server.item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    raise error(FailureKind.UNCERTAIN)


def rewrites_unheard(server: Server) -> None:
    server.item = pod_item("8")
    raise error(FailureKind.UNCERTAIN)


@pytest.mark.parametrize(
    ("answers", "writes", "outcome"),
    [
        ([goes_unheard], ["create", "delete", "create"], ""),
        ([lost], ["create", "delete", "delete", "create"], ""),
        ([lost, goes], ["create", "delete", "delete", "create"], ""),
        ([goes], ["create", "delete"], "pods web does not exist"),
        ([changes], ["create", "delete"], "the server's words"),
        ([rewrites_unheard], ["create", "delete"], "has changed"),
        ([ends_unheard], ["create", "delete"], "was not deleted within 0 seconds.* saved"),
        ([lost] * 4, ["create", *["delete"] * 4], "may be deleted or not.* saved"),
        ([lost, is_lost] * 2, ["create", *["delete"] * 4], "may be deleted or not.* saved"),
        ([is_lost], ["create", "delete"], "the cluster is gone"),
    ],
)
def test_a_delete_whose_answer_is_lost_is_followed_up(answers: list[Answer], writes: list[str], outcome: str) -> None:
    server, files = Server(passes, *answers), list[Any]()
    if outcome:
        with pytest.raises(PullpassError, match=outcome):
            make_anew(server, 0, files)
    else:
        assert make_anew(server, 0, files)["metadata"]["uid"] == "uid-2"
    assert server.writes == writes
    assert files == ([OLD] if "saved" in outcome else [])


def test_what_cannot_be_kept_is_not_deleted() -> None:
    def keep(_manifest: Mapping[str, Any]) -> SavedManifest:
        raise error(FailureKind.REFUSED, message="no space")

    server = Server(passes)
    with pytest.raises(RequestError, match="no space"):
        replace_object(
            Objects(cast(Api, server), "pods", dry_run=False),
            "team-a",
            "web",
            SEEN,
            NEW,
            SafeReplacement(60, None, OLD, keep, lambda _new: ""),
        )
    assert server.writes == ["create"]


def test_another_object_of_that_name_is_left_and_reported() -> None:
    def overtaken(server: Server) -> None:
        server.item = pod_item("1")
        server.item["metadata"]["uid"] = "somebody else's"
        raise error(FailureKind.CONFLICT, 409)

    server = Server(passes, deleted, overtaken)
    with pytest.raises(RequestError, match="somebody else has created another of its name.* saved") as caught:
        make_anew(server)
    assert caught.value.kind == FailureKind.REFUSED
    assert server.item is not None
    assert server.item["metadata"]["uid"] == "somebody else's"


def test_a_trial_that_is_refused_deletes_nothing() -> None:
    server = Server(fails(FailureKind.REFUSED))
    with pytest.raises(RequestError, match="dry run"):
        make_anew(server)
    assert server.writes == ["create"]
    assert server.sent[1][3]["metadata"]["name"] == "web-dry-run"


@pytest.mark.parametrize(
    ("unlike", "writes", "words", "there"),
    [
        # the trial, the new one, the old one put back: whether admission makes each of them as the old one was
        ([True], ["create"], "would differ from the old one.*spec.x", "uid-1"),
        (
            [False, True, False],
            ["create", "delete", "create", "delete", "create"],
            "deleted again.*|the old one is restored",
            "uid-2",
        ),
        ([False, True, True], ["create", "delete", "create", "delete", "create", "delete"], "NOT BE RESTORED.* saved", None),
        ([False, False], ["create", "delete", "create"], "", "uid-2"),
    ],
)
def test_what_admission_makes_other_than_the_old_one_does_not_stay(
    unlike: list[bool], writes: list[str], words: str, there: str | None
) -> None:
    server, files, looked = Server(passes), list[Any](), iter(unlike)

    def differences(_new: Mapping[str, Any]) -> str:
        return "spec.x" if next(looked) else ""

    if words:
        with pytest.raises(RequestError, match=words) as caught:
            make_anew(server, files=files, differences=differences)
        assert isinstance(caught.value, ChangedByAdmission) is (len(writes) == 1)
        assert "spec.x" in str(caught.value)
    else:
        make_anew(server, files=files, differences=differences)
    assert server.writes == writes
    assert (server.item["metadata"]["uid"] if server.item else None) == there
    assert files == ([OLD] if there is None else [])
    assert list(looked) == []


def test_what_cannot_be_removed_again_is_said_and_the_old_one_is_saved() -> None:
    server, files = Server(passes, deleted), list[Any]()
    real = server.obey

    def obey(request: Request, body: Any) -> dict[str, Any]:
        if request.verb == "delete":
            raise error(FailureKind.FORBIDDEN, 403)
        return real(request, body)

    server.obey = obey  # type: ignore[method-assign]
    looked = iter([False, True])
    with pytest.raises(RequestError, match="COULD NOT BE DELETED.* saved"):
        make_anew(server, files=files, differences=lambda _new: "spec.x" if next(looked) else "")
    assert files == [OLD]


def test_a_kept_manifest_is_for_its_owner_alone_and_can_be_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    manifest = {"kind": "Pod", **OLD}
    kept = save_to_file(manifest)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == manifest
    assert str(path) in kept.place
    assert "passwords included" in kept.place
    kept.remove()
    assert list(tmp_path.iterdir()) == []
    kept.remove()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(RequestError, match="nothing was deleted"):
        save_to_file(manifest)
