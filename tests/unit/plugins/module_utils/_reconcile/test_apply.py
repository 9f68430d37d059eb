# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_reconcile/apply: a plan carried out over many objects, on a small store in memory that other writers share."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._concurrency import for_each
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, FailureKind, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.apply import apply
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change, Outcome, TargetObject, Write

Item = Mapping[str, Any]
Interference = Callable[["Store", str], None]
KEEP = Change("unchanged")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.time, "sleep", lambda _seconds: None)


def broken(kind: FailureKind, status: int = 0) -> RequestError:
    return RequestError(f"the server's {kind.value}", kind, status)


class Store:
    """Objects by namespace, with versions. ``before`` and ``after`` run around a write and may raise."""

    def __init__(self, items: Mapping[str, str] | None = None, dry_run: bool = False) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        for namespace, value in (items or {}).items():
            self.put(namespace, value)
        self.resource = "secrets"
        self.dry_run = dry_run
        self.before: Interference = lambda _store, _namespace: None
        self.after: Interference = lambda _store, _namespace: None
        self.calls: list[str] = []
        self._lock = threading.RLock()

    def put(self, namespace: str, value: str) -> None:
        version = self.items.get(namespace, {"version": 0})["version"]
        self.items[namespace] = {"value": value, "version": version + 1}

    def get(self, namespace: str, _name: str) -> Item | None:
        self.calls.append(f"get {namespace}")
        return self.items.get(namespace)

    def create(self, namespace: str, body: Item) -> None:
        with self._writing("create", namespace):
            if namespace in self.items:
                raise broken(FailureKind.CONFLICT, 409)
            self.put(namespace, body["value"])

    def patch(self, namespace: str, _name: str, seen: Seen, body: Item) -> None:
        with self._writing("patch", namespace, seen):
            self.put(namespace, body["value"])

    def delete(self, namespace: str, _name: str, seen: Seen) -> None:
        with self._writing("delete", namespace, seen):
            del self.items[namespace]

    @contextlib.contextmanager
    def _writing(self, verb: str, namespace: str, seen: Seen | None = None) -> Iterator[None]:
        with self._lock:
            self.calls.append(f"{verb} {namespace}")
            self.before(self, namespace)
            if seen and namespace not in self.items:
                raise broken(FailureKind.NOT_FOUND, 404)
            if seen and str(self.items[namespace]["version"]) != seen.resource_version:
                raise broken(FailureKind.CONFLICT, 409)
            yield
            self.after(self, namespace)


def add(item: Item | None) -> Change:
    """Wants an ``x`` at the end of the value, as a link wants its entry in a list."""
    if item is None:
        return Change("created", write=Write("create", {"value": "x"}))
    if item["value"].endswith("x"):
        return KEEP
    return Change("updated", "x is new", Write("patch", {"value": item["value"] + "x"}, Seen("1", str(item["version"]))))


def remove(item: Item | None) -> Change:
    return KEEP if item is None else Change("deleted", write=Write("delete", seen=Seen("1", str(item["version"]))))


def run(
    store: Store, plan: Callable[[Item | None], Change], *namespaces: str, workers: int = 1, read: bool = True
) -> list[Outcome]:
    """With ``read`` the targets hold what a list would have said just before."""
    targets: list[TargetObject[Item]] = [
        TargetObject(one, "o", dict(store.items[one]) if one in store.items else None, listed=True)
        if read
        else TargetObject(one, "o")
        for one in namespaces
    ]
    return apply(targets, cast(Objects, store), lambda item: item, plan, workers)


def actions(outcomes: list[Outcome]) -> list[str]:
    return [outcome.change.action for outcome in outcomes]


def once(interference: Interference) -> Interference:
    """Only at the first write."""
    left = [interference]

    def interfere(store: Store, namespace: str) -> None:
        if left:
            left.pop()(store, namespace)

    return interfere


def raising(error: Exception) -> Interference:
    def interfere(_store: Store, _namespace: str) -> None:
        raise error

    return interfere


def test_each_object_gets_its_change_in_the_order_of_the_targets() -> None:
    store = Store({"b": "y", "c": "x"})
    outcomes = run(store, add, "c", "b", "a")
    assert [(one.namespace, one.name, one.change.action) for one in outcomes] == [
        ("c", "o", "unchanged"),
        ("b", "o", "updated"),
        ("a", "o", "created"),
    ]
    assert {namespace: item["value"] for namespace, item in store.items.items()} == {"a": "x", "b": "yx", "c": "x"}
    assert store.calls == ["patch b", "create a"]


def test_a_listed_object_costs_no_request_and_another_one_read() -> None:
    store = Store({"a": "x", "b": "x"})
    assert actions(run(store, add, "a", "b")) == ["unchanged"] * 2
    assert store.calls == []
    assert actions(run(store, add, "a", "b", read=False)) == ["unchanged"] * 2
    assert store.calls == ["get a", "get b"]


def test_after_a_conflict_it_is_read_and_planned_again_so_that_the_others_write_stays() -> None:
    store = Store({"a": "y"})
    store.before = once(lambda one, namespace: one.put(namespace, "z"))
    assert actions(run(store, add, "a")) == ["updated"]
    assert store.items["a"]["value"] == "zx"
    assert store.calls == ["patch a", "get a", "patch a"]


def test_what_another_writer_has_done_meanwhile_is_unchanged() -> None:
    store = Store({"a": "y"})
    store.before = once(lambda one, namespace: one.put(namespace, "yx"))
    assert actions(run(store, add, "a")) == ["unchanged"]
    store = Store()
    store.before = once(lambda one, namespace: one.put(namespace, "x"))
    assert actions(run(store, add, "a")) == ["unchanged"]


@pytest.mark.parametrize(
    ("plan", "there", "action"),
    [(add, {}, "created"), (add, {"a": "y"}, "updated"), (remove, {"a": "y"}, "deleted")],
    ids=["create", "patch", "delete"],
)
def test_a_write_that_broke_off_and_turns_out_done_counts_as_done(
    plan: Callable[[Item | None], Change], there: dict[str, str], action: str
) -> None:
    store = Store(there)
    store.after = once(raising(broken(FailureKind.UNCERTAIN)))
    assert actions(run(store, plan, "a")) == [action]
    assert len(store.calls) == 2


def test_a_write_that_broke_off_and_was_not_done_is_done() -> None:
    store = Store({"a": "y"})
    store.before = once(raising(broken(FailureKind.UNCERTAIN)))
    assert actions(run(store, add, "a")) == ["updated"]
    assert store.items["a"]["value"] == "yx"


def test_an_object_that_vanished_is_made_again_or_gone_as_wanted() -> None:
    for plan, action in ((add, "created"), (remove, "unchanged")):
        store = Store({"a": "y"})
        store.before = once(lambda one, namespace: one.items.clear())
        assert actions(run(store, plan, "a")) == [action]


def test_a_namespace_that_vanished_fails_and_in_dry_run_is_skipped() -> None:
    for dry_run, action in ((False, "failed"), (True, "skipped")):
        store = Store(dry_run=dry_run)
        store.before = raising(broken(FailureKind.NOT_FOUND, 404))
        (outcome,) = run(store, add, "a")
        assert (outcome.change.action, len(store.calls)) == (action, 1)
        assert "the server's not found" in outcome.change.message


def test_attempts_are_limited_and_the_last_reason_is_reported() -> None:
    store = Store({"a": "y"})
    store.before = lambda one, namespace: one.put(namespace, "y")
    (outcome,) = run(store, add, "a")
    assert outcome.change.action == "failed"
    assert outcome.change.message.startswith("gave up after 12 attempts: the server's conflict")
    assert store.calls.count("patch a") == 12


def test_pauses_between_tries_grow_and_stay_under_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(api.time, "sleep", pauses.append)
    monkeypatch.setattr(api.random, "uniform", lambda _low, high: high)
    store = Store({"a": "y"})
    store.before = lambda one, namespace: one.put(namespace, "y")
    run(store, add, "a")
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.1
    assert pauses[-1] == 1.0


@pytest.mark.parametrize("kind", [FailureKind.QUOTA, FailureKind.REFUSED, FailureKind.FORBIDDEN, FailureKind.THROTTLED])
def test_one_that_is_refused_fails_at_once_with_its_reason_and_does_not_stop_the_others(kind: FailureKind) -> None:
    store = Store()
    store.before = lambda _store, namespace: raising(broken(kind, 403))(_store, namespace) if namespace == "b" else None
    outcomes = run(store, add, "a", "b", "c")
    assert actions(outcomes) == ["created", "failed", "created"]
    assert outcomes[1].change == Change("failed", f"the server's {kind.value}")
    assert store.calls.count("create b") == 1


def test_a_namespace_that_is_being_deleted_is_skipped() -> None:
    store = Store()
    store.before = raising(broken(FailureKind.TERMINATING, 403))
    assert run(store, add, "a")[0].change == Change("skipped", "the server's terminating")


def test_without_the_right_to_write_a_dry_run_tells_the_plan_alone_and_says_so() -> None:
    store = Store({"a": "y"}, dry_run=True)
    store.before = raising(broken(FailureKind.FORBIDDEN, 403))
    patched, created = run(store, add, "a", "b")
    assert (patched.change.action, created.change.action) == ("updated", "created")
    assert patched.change.message == "x is new; not checked by the server: the server's forbidden"
    assert created.change.message == "not checked by the server: the server's forbidden"
    assert patched.change.write is not None


def test_a_dry_run_that_may_not_read_the_changed_object_fails() -> None:
    """Only a forbidden write leaves the plan as the result."""

    class Unreadable(Store):
        def get(self, namespace: str, _name: str) -> Item | None:
            raise broken(FailureKind.FORBIDDEN, 403)

    store = Unreadable({"a": "y"}, dry_run=True)
    store.before = raising(broken(FailureKind.CONFLICT, 409))
    assert actions(run(store, add, "a")) == ["failed"]


def test_a_lost_cluster_ends_the_rest_and_keeps_what_was_done() -> None:
    store = Store({"d": "x"})
    store.before = lambda _store, namespace: raising(ClusterError("unreachable"))(_store, namespace) if namespace == "b" else None
    outcomes = run(store, add, "a", "b", "c", "d")
    assert actions(outcomes) == ["created", "failed", "failed", "unchanged"]
    assert outcomes[1].change.message == "unreachable"
    assert outcomes[2].change.message == "not tried, because the cluster stopped answering"
    assert store.calls == ["create a", "create b"]


def test_a_read_that_fails_is_that_objects_failure() -> None:
    class Unreadable(Store):
        def get(self, namespace: str, name: str) -> Item | None:
            if namespace == "a":
                raise broken(FailureKind.FORBIDDEN, 403)
            return super().get(namespace, name)

    outcomes = run(Unreadable({"b": "x"}, dry_run=True), add, "a", "b", read=False)
    assert actions(outcomes) == ["failed", "unchanged"]
    assert outcomes[0].change.message == "the server's forbidden"


def test_many_at_a_time_give_the_same() -> None:
    namespaces = [f"n{index}" for index in range(100)]
    store = Store(dict.fromkeys(namespaces[::2], "y"))
    outcomes = run(store, add, *namespaces, workers=16)
    assert [one.namespace for one in outcomes] == namespaces
    assert actions(outcomes) == ["updated", "created"] * 50
    assert {item["value"] for item in store.items.values()} == {"x", "yx"}


def test_workers_bound_how_many_run_at_a_time_and_keep_the_order() -> None:
    running: list[int] = []
    most: list[int] = []
    meet = threading.Barrier(3, timeout=20)

    def work(item: int) -> int:
        running.append(item)
        most.append(len(running))
        meet.wait()
        running.remove(item)
        return item * 2

    assert for_each(range(9), work, 3) == [item * 2 for item in range(9)]
    assert max(most) <= 3
