# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_text: what strangers wrote is fit for a message."""

from __future__ import annotations

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown
from hypothesis import example, given
from hypothesis import strategies as st

ANYTHING = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\x0b\x0c\x1c\x85\u2028\u2029\x1b")))


@example("a\u2028b\u2029c", 200)
@example("a\x85b\x1cc", 200)
@given(ANYTHING, st.integers(min_value=1, max_value=300))
def test_whatever_a_stranger_wrote_fits_one_line_of_limited_length(text: str, limit: int) -> None:
    result = shown(text, limit)
    assert len(result) <= limit
    assert len(result.splitlines()) <= 1


@given(st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn"])))
def test_no_control_or_format_character_passes(text: str) -> None:
    assert set(shown(text)) <= {"?", " ", "…"}


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\nb", "a b", id="line break"),
        pytest.param("\x1b[31mred", "?[31mred", id="terminal escape"),
        pytest.param("\u202egnp.exe", "?gnp.exe", id="right-to-left override"),
        pytest.param("\ud800", "?", id="lone surrogate"),
        pytest.param("  much   room ", "much room", id="blanks"),
        pytest.param("größe", "größe", id="letters of other languages"),
        pytest.param("{{7*7}}<img>", "{{7*7}}<img>", id="markup is data"),
    ],
)
def test_what_shown_makes_of(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_what_is_cut_says_so() -> None:
    assert shown("x" * 201) == "x" * 199 + "…"
    assert shown("x" * 200) == "x" * 200


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param(["a"], "a", id="one"),
        pytest.param(["a", "b", "c"], "a, b, c", id="as many as fit"),
        pytest.param(["a", "b", "c", "d", "e"], "a, b, c and 2 more", id="more than fit"),
        pytest.param(["a\nb"], "a b", id="made fit for one line"),
    ],
)
def test_a_list_names_the_first_and_counts_the_rest(names: list[str], expected: str) -> None:
    assert listed(names, 3) == expected
