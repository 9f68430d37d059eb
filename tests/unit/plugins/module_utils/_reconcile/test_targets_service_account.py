# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_reconcile/targets: the imagePullSecrets of one ServiceAccount -> one change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import LAST_APPLIED, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import (
    Change,
    DesiredLinks,
    StoredServiceAccount,
    Write,
    service_account_change,
    stored_service_account,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.lists(st.sampled_from(["a", "b", "c", "default-dockercfg-x7k2p"]), max_size=5)
UNIQUE = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True)


def account(*secrets: str, **metadata: Any) -> StoredServiceAccount:
    item: dict[str, Any] = {
        "metadata": {"namespace": "team-a", "name": "default", "uid": "1", "resourceVersion": "7", **metadata}
    }
    if secrets:
        item["imagePullSecrets"] = [{"name": name} for name in secrets]
    return stored_service_account(item)


def plan(*secrets: str, present: bool = True, force: bool = False) -> Callable[[StoredServiceAccount | None], Change]:
    return partial(service_account_change, DesiredLinks(secrets, present, force))


def after(change: Change, before: StoredServiceAccount) -> list[str]:
    """The list once the change is done."""
    if change.write is None:
        return list(before.pull_secrets)
    assert (change.write.verb, change.write.seen) == ("patch", Seen("1", "7"))
    assert list(change.write.body) == ["imagePullSecrets"]
    written = change.write.body["imagePullSecrets"]
    assert written != [], "a list without entries is taken away"
    return [reference["name"] for reference in written or ()]


@pytest.mark.parametrize(
    ("there", "wanted", "expected", "message"),
    [
        pytest.param([], ["regcred"], ["regcred"], "added: regcred", id="first entry"),
        pytest.param(["z", "a"], ["regcred"], ["z", "a", "regcred"], "added: regcred", id="others stay in their order"),
        pytest.param(["b"], ["c", "b", "a"], ["b", "c", "a"], "added: c, a", id="only what is missing, in its order"),
        pytest.param(["z", "z"], ["a"], ["z", "z", "a"], "added: a", id="entries twice of others stay"),
    ],
)
def test_linking_appends(there: list[str], wanted: list[str], expected: list[str], message: str) -> None:
    change = plan(*wanted)(account(*there))
    assert (change.action, change.message) == ("linked", message)
    assert after(change, account(*there)) == expected
    assert (change.before, change.after) == ({"imagePullSecrets": there}, {"imagePullSecrets": expected})


@pytest.mark.parametrize(
    ("there", "wanted", "expected", "message"),
    [
        pytest.param(["regcred"], ["regcred"], [], "removed: regcred", id="last entry"),
        pytest.param(["z", "regcred", "a"], ["regcred"], ["z", "a"], "removed: regcred", id="others stay in their order"),
        pytest.param(["b", "a"], ["a", "gone"], ["b"], "removed: a", id="only what was there is named"),
        pytest.param(["a", "b", "a"], ["a"], ["b"], "removed: a", id="an entry twice goes twice"),
    ],
)
def test_unlinking_takes_out(there: list[str], wanted: list[str], expected: list[str], message: str) -> None:
    change = plan(*wanted, present=False)(account(*there))
    assert (change.action, change.message) == ("unlinked", message)
    assert after(change, account(*there)) == expected


@given(NAMES, UNIQUE, st.booleans())
def test_one_step_is_enough_and_loses_nothing_of_others(there: list[str], wanted: list[str], present: bool) -> None:
    change = plan(*wanted, present=present)(account(*there))
    result = after(change, account(*there))
    assert set(wanted) <= set(result) if present else not set(wanted) & set(result)
    assert [name for name in result if name not in wanted] == [name for name in there if name not in wanted]
    if present:
        assert result[: len(there)] == there
    assert plan(*wanted, present=present)(account(*result)) == Change("unchanged")
    assert (change.action == "unchanged") is (result == there)


def applied(manager: str, operation: str = "Apply", field: str = "f:imagePullSecrets") -> dict[str, Any]:
    return {"managedFields": [{"manager": manager, "operation": operation, "fieldsV1": {"f:metadata": {}, field: {}}}]}


def last_applied(text: str) -> dict[str, Any]:
    return {"annotations": {LAST_APPLIED: text}}


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        pytest.param(applied("argocd-controller"), "'argocd-controller' (server-side apply)", id="server-side apply"),
        pytest.param(applied("x\x1b\ny"), "'x? y' (server-side apply)", id="name with control characters"),
        pytest.param(last_applied('{"imagePullSecrets": []}'), "last-applied-configuration", id="kubectl apply"),
    ],
)
def test_a_list_that_another_owns_is_contested_unless_forced(metadata: dict[str, Any], owner: str) -> None:
    for present in (True, False):
        change = plan("b", present=present)(account(*(() if present else ("b",)), **metadata))
        assert (change.action, change.write) == ("contested", None)
        assert owner in change.message
        assert "or set force" in change.message
        forced = plan("b", present=present, force=True)(account("a", *(() if present else ("b",)), **metadata))
        assert forced.action == ("linked" if present else "unlinked")
        assert forced.write is not None


def test_nothing_is_contested_where_nothing_has_to_change() -> None:
    assert plan("a")(account("a", **applied("argocd"))) == Change("unchanged")
    assert plan("a", present=False)(account("b", **applied("argocd"))) == Change("unchanged")


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="nobody"),
        pytest.param(applied("kubectl-patch", "Update"), id="somebody who patched"),
        pytest.param(applied("argocd", field="f:secrets"), id="another field"),
        pytest.param(applied("pullpass.registry"), id="ourselves"),
        pytest.param({"managedFields": [{"manager": "x", "operation": "Apply"}]}, id="no fields reported"),
        pytest.param(last_applied('{"secrets": []}'), id="applied without the list"),
        pytest.param(last_applied("no JSON"), id="annotation that cannot be read"),
        pytest.param(last_applied("[]"), id="annotation that is no object"),
        pytest.param(last_applied("[" * 200_000), id="annotation nested without end"),
    ],
)
def test_a_list_that_nobody_else_owns_is_written(metadata: dict[str, Any]) -> None:
    assert plan("b")(account(**metadata)).action == "linked"


def test_a_service_account_that_is_missing_is_awaited_for_a_link_and_nothing_for_a_removal() -> None:
    change = plan("a")(None)
    assert (change.action, change.transient, change.write) == ("failed", True, None)
    assert change.message == "the ServiceAccount does not exist; create it first, or correct its name"
    assert plan("a", present=False)(None) == Change("unchanged")


def test_the_write_holds_the_list_alone() -> None:
    change = plan("b")(account("a"))
    assert change.write == Write("patch", {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}, Seen("1", "7"))
    assert "'b'" not in repr(change.write)
