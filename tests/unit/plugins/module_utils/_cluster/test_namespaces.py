# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/namespaces: which namespaces names, globs, selectors and exclusions choose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import (
    Namespace,
    is_glob,
    select,
    wanted_namespaces,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = ["kube-public", "kube-system", "openshift", "openshift-dns"]
THERE = ["team-b", "team-a", "default", "openshiftless", "kubernetes-dashboard", *SYSTEM]
PLAIN = ["default", "kubernetes-dashboard", "openshiftless", "team-a", "team-b"]
NAMES = st.sampled_from([*THERE, "gone", "*", "team-*", "kube-*", "openshift*", "?ube-system", "[k]ube-system"])


def chosen(
    names: Sequence[str] | None = None, selectors: Sequence[str] | None = None, exclude: Sequence[str] | None = None
) -> list[str]:
    wanted = wanted_namespaces(names, selectors, exclude)
    return [one.name for one in select([Namespace(name) for name in THERE], wanted)]


@pytest.mark.parametrize(
    ("names", "exclude", "expected"),
    [
        pytest.param(["team-a"], None, ["team-a"], id="exact name"),
        pytest.param(["team-b", "team-a", "team-b"], None, ["team-a", "team-b"], id="sorted, each once"),
        pytest.param(["gone"], None, [], id="a name that is not there"),
        pytest.param(["*"], None, PLAIN, id="star is all but the cluster's own"),
        pytest.param(["team-?"], None, ["team-a", "team-b"], id="glob"),
        pytest.param(["team-[!a]"], None, ["team-b"], id="glob with a class"),
        pytest.param(["kube-*"], None, [], id="no glob reaches kube-*"),
        pytest.param(["?ube-system", "openshift*"], None, ["openshiftless"], id="however it is written"),
        pytest.param(["kube-system", "openshift"], None, ["kube-system", "openshift"], id="an exact name reaches them"),
        pytest.param(["*", "openshift-dns"], None, sorted([*PLAIN, "openshift-dns"]), id="beside a glob too"),
        pytest.param(["*"], ["team-*", "default"], ["kubernetes-dashboard", "openshiftless"], id="exclusions"),
        pytest.param(["team-a"], ["team-*"], [], id="exclusions come last, exact names included"),
        pytest.param(["Team-*"], None, [], id="case counts"),
        pytest.param([], None, [], id="an empty list is nothing"),
    ],
)
def test_names_choose(names: list[str], exclude: list[str] | None, expected: list[str]) -> None:
    assert chosen(names, None, exclude) == expected


def test_selectors_alone_choose_all_that_the_server_lists_but_the_clusters_own() -> None:
    assert chosen(None, ["team=x"]) == PLAIN


def test_names_narrow_what_selectors_chose() -> None:
    assert chosen(["team-*"], ["team=x"]) == ["team-a", "team-b"]
    assert chosen(["kube-system"], ["team=x"], ["kube-*"]) == []


@given(st.lists(NAMES), st.lists(NAMES))
def test_the_clusters_own_are_chosen_by_exact_name_only_and_exclusions_always_win(names: list[str], exclude: list[str]) -> None:
    result = chosen(names, None, exclude)
    assert result == sorted(set(result))
    assert {name for name in result if name in SYSTEM} <= set(names)
    assert not set(result) & set(exclude)
    assert result == [name for name in chosen(names) if name in result]


def test_a_namespace_keeps_what_the_list_said_of_it() -> None:
    ending = Namespace("team-a", terminating=True)
    assert select([ending], wanted_namespaces(["team-*"], None, None)) == [ending]


@pytest.mark.parametrize(
    ("names", "selectors", "only_exact", "empty"),
    [
        pytest.param(["a", "b"], None, True, False, id="names"),
        pytest.param(["a", "b-*"], None, False, False, id="a glob among them"),
        pytest.param(["a"], ["x=y"], False, False, id="a selector beside them"),
        pytest.param(None, ["x=y"], False, False, id="selectors"),
        pytest.param([], None, True, True, id="nothing"),
        pytest.param([], ["x=y"], False, True, id="nothing, selectors or not"),
    ],
)
def test_exact_names_and_the_empty_list_are_known(
    names: list[str] | None, selectors: list[str] | None, only_exact: bool, empty: bool
) -> None:
    wanted = wanted_namespaces(names, selectors, None)
    assert (wanted.only_exact, wanted.empty) == (only_exact, empty)


@pytest.mark.parametrize(
    ("names", "selectors", "exclude", "phrases"),
    [
        pytest.param(None, None, None, ("no namespace is chosen", "Give namespaces", "['*'] is all"), id="nothing given"),
        pytest.param(None, None, ["a"], ("exclude_namespaces alone selects nothing",), id="exclusions alone"),
        pytest.param([""], None, None, ("namespaces holds an empty text", "['*'] all"), id="empty name"),
        pytest.param(["a", " "], None, None, ("namespaces holds an empty text",), id="blank name"),
        pytest.param(["*"], None, [""], ("exclude_namespaces holds an empty text",), id="empty exclusion"),
        pytest.param(None, [""], None, ("namespace_selectors holds an empty text", "every namespace"), id="empty selector"),
        pytest.param(["*"], ["x=y", " "], None, ("namespace_selectors holds an empty text",), id="blank selector"),
        pytest.param(
            ["Team"], None, None, ("namespaces holds 'Team'", "is not a valid namespace name", "lower case"), id="upper case"
        ),
        pytest.param(["a.b"], None, None, ("'a.b'", "is not a valid namespace name"), id="dot"),
        pytest.param(["a/../b"], None, None, ("'a/../b'", "is not a valid namespace name"), id="path"),
        pytest.param(["n" * 64], None, None, ("is not a valid namespace name", "at most 63"), id="too long"),
        pytest.param(["a\n"], None, None, ("is not a valid namespace name",), id="line break"),
        pytest.param(["*"], None, ["A b"], ("exclude_namespaces holds 'A b'",), id="exclusion that can be none"),
    ],
)
def test_options_that_choose_nothing_sensible_are_refused(
    names: list[str] | None, selectors: list[str] | None, exclude: list[str] | None, phrases: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        wanted_namespaces(names, selectors, exclude)
    for phrase in phrases:
        assert phrase in str(caught.value)


@pytest.mark.parametrize(("pattern", "glob"), [("a", False), ("*", True), ("a?", True), ("[ab]", True), ("a]", False)])
def test_what_is_a_glob(pattern: str, glob: bool) -> None:
    assert is_glob(pattern) is glob
