# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether two hosts of an inventory can mean the same namespace."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.plugin_utils._namespace_overlap import Choice, Overlap, overlap
from hypothesis import given
from hypothesis import strategies as st


def choice(*names: str, selectors: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Choice:
    return Choice(names, selectors, exclude)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (choice("team-a"), choice("team-a"), Overlap.CERTAIN),
        (choice("team-a"), choice("team-b"), Overlap.EMPTY),
        (choice("team-a"), choice("*"), Overlap.CERTAIN),
        (choice("team-a"), choice("*", exclude=("team-*",)), Overlap.EMPTY),
        (choice("team-a", exclude=("team-a",)), choice("*"), Overlap.EMPTY),
        (choice("team-*"), choice("*-prod"), Overlap.CERTAIN),
        (choice("team-a*"), choice("team-b*"), Overlap.EMPTY),
        (choice("team-?"), choice("team-ab"), Overlap.EMPTY),
        (choice("team-[ab]"), choice("team-?"), Overlap.CERTAIN),
        (choice("team-*"), choice("*", exclude=("team-*",)), Overlap.EMPTY),
        (choice("team-a*"), choice("*", exclude=("team-*",)), Overlap.EMPTY),
        (choice("*"), choice("kube-system"), Overlap.EMPTY),
        (choice("kube-system"), choice("kube-system"), Overlap.CERTAIN),
        (choice("*"), choice("*", exclude=("team-a",)), Overlap.CERTAIN),
        (choice(selectors=("team=a",)), choice(selectors=("team=a",)), Overlap.CERTAIN),
        (choice(selectors=("team=a",)), choice(selectors=("team=b",)), Overlap.POSSIBLE),
        (choice(selectors=("team=a",)), choice("*"), Overlap.CERTAIN),
        (choice("x", selectors=("team=a",)), choice("y", selectors=("team=a",)), Overlap.EMPTY),
    ],
)
def test_overlap(left: Choice, right: Choice, expected: Overlap) -> None:
    assert overlap(left, right) == overlap(right, left) == expected


PATTERNS = st.lists(st.text(alphabet="ab*?", min_size=1, max_size=4), max_size=2).map(tuple)


@given(st.text(alphabet="ab", min_size=1, max_size=5), PATTERNS, PATTERNS, PATTERNS, PATTERNS)
def test_a_namespace_that_both_choose_is_never_overseen(name: str, one: Any, other: Any, out: Any, out_too: Any) -> None:
    def chosen(names: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
        return any(fnmatch.fnmatchcase(name, each) for each in names) and not any(
            fnmatch.fnmatchcase(name, each) for each in exclude
        )

    if chosen(one, out) and chosen(other, out_too):
        assert overlap(Choice(one, (), out), Choice(other, (), out_too)) == Overlap.CERTAIN
