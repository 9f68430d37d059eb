# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of a JSON text: in its own layout, and with every other byte kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.json_edit import (
    COMPACT,
    Layout,
    Renamed,
    Within,
    edited,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.json_text import Node, parse
from hypothesis import given
from hypothesis import strategies as st

TABS = '{\n\t"auths": {\n\t\t"b": {\n\t\t\t"auth": "x"\n\t\t}\n\t},\n\t"other": 1\n}'

SET = [
    pytest.param("", ("auths", "a"), {}, '{\n\t"auths": {\n\t\t"a": {}\n\t}\n}', id="blank"),
    pytest.param("null", ("k",), "v", '{\n\t"k": "v"\n}', id="null alone"),
    pytest.param(
        "{}", ("auths", "a"), {"auth": "y"}, '{\n\t"auths": {\n\t\t"a": {\n\t\t\t"auth": "y"\n\t\t}\n\t}\n}', id="empty"
    ),
    pytest.param(
        TABS,
        ("auths", "a"),
        {"auth": "y"},
        TABS.replace('\n\t\t"b"', '\n\t\t"a": {\n\t\t\t"auth": "y"\n\t\t},\n\t\t"b"'),
        id="in order, before",
    ),
    pytest.param(
        TABS,
        ("auths", "c"),
        {"auth": "y"},
        TABS.replace('"x"\n\t\t}', '"x"\n\t\t},\n\t\t"c": {\n\t\t\t"auth": "y"\n\t\t}'),
        id="in order, behind",
    ),
    pytest.param('{"auths":{"z":{},"a":{}}}', ("auths", "b"), {}, '{"auths":{"z":{},"a":{},"b":{}}}', id="no order: last"),
    pytest.param('{"auths": {"a": {}}, "x": 1}', ("auths", "b"), {}, '{"auths": {"a": {}, "b": {}}, "x": 1}', id="blanks"),
    pytest.param('{"x": 1}', ("auths", "a"), {"auth": "y"}, '{"auths": {"a": {"auth": "y"}}, "x": 1}', id="auths first"),
    pytest.param('{"x": 1}', ("credHelpers", "a"), "y", '{"x": 1, "credHelpers": {"a": "y"}}', id="others last"),
    pytest.param('{"Auths": {}}', ("auths", "a"), {}, '{"Auths": {"a": {}}}', id="letters of the first name"),
    pytest.param('{"auths": {"A": {}}}', ("auths", "a"), {}, '{"auths": {"A": {}, "a": {}}}', id="letters of a key"),
    pytest.param('{"auths": null}', ("auths", "a"), {}, '{"auths": {"a": {}}}', id="null"),
    pytest.param('{\r\n  "x": 1\r\n}', ("auths",), {}, '{\r\n  "auths": {},\r\n  "x": 1\r\n}', id="CRLF"),
    pytest.param(
        '{\n    "auths": {}\n}',
        ("auths", "a"),
        {"auth": "y"},
        '{\n    "auths": {\n        "a": {\n            "auth": "y"\n        }\n    }\n}',
        id="four blanks",
    ),
    pytest.param('{"auths": {"a": {"auth": "x"}}}', ("auths", "a", "auth"), "y", '{"auths": {"a": {"auth": "y"}}}', id="value"),
    pytest.param('{"x": 1}', ("k",), "<&>\u2028", '{"x": 1, "k": "\\u003c\\u0026\\u003e\\u2028"}', id="escapes as Go"),
]
REMOVED = [
    pytest.param('{"auths": {"a": 1, "b": 2, "c": 3}}', "a", '{"auths": {"b": 2, "c": 3}}', id="first"),
    pytest.param('{"auths": {"a": 1, "b": 2, "c": 3}}', "b", '{"auths": {"a": 1, "c": 3}}', id="middle"),
    pytest.param('{"auths": {"a": 1, "b": 2, "c": 3}}', "c", '{"auths": {"a": 1, "b": 2}}', id="last"),
    pytest.param('{"auths": {"a": 1}}', "a", '{"auths": {}}', id="only"),
    pytest.param(TABS, "b", '{\n\t"auths": {},\n\t"other": 1\n}', id="only one of several lines"),
    pytest.param('{"auths": {"a": 1}}', "b", '{"auths": {"a": 1}}', id="not there"),
    pytest.param('{"x": 1}', "b", '{"x": 1}', id="no auths"),
]

COMPACTLY = [
    pytest.param(TABS, {"auths": Within({"c": {"d": "e"}})}, TABS.replace("}\n\t}", '},"c":{"d":"e"}\n\t}'), id="new entry"),
    pytest.param(
        '{"auths": {"b": 1, "d": 2, "b": 3}}',
        {"auths": Within({"e": {}, "b": {"f": "g"}, "c": {}, "d": None})},
        '{"auths": {"b": {"f":"g"},"e":{},"c":{}}}',
        id="several at once, one of them repeated",
    ),
    pytest.param(
        '{"auths": {"b": 1, "a" : 2}}',
        {"auths": Within({"b": Renamed("z", {}), "c": Renamed("y", "v")})},
        '{"auths": {"z":{}, "a" : 2,"y":"v"}}',
        id="renamed",
    ),
    pytest.param("null", {"auths": Within({"a": {}})}, '{"auths":{"a":{}}}', id="null alone"),
    pytest.param('{"auths": null}', {"auths": Within({"a": None})}, '{"auths": null}', id="nothing to remove"),
    pytest.param('{"x": "\udcff", "A": 1}', {"a": None}, '{"x": "\udcff"}', id="a byte that is not UTF-8"),
]

names = st.text(max_size=3)
trees: st.SearchStrategy[Any] = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(names, inner, max_size=3),
    ),
    max_size=4,
)


def edit(text: str, edits: dict[str, Any], layout: Layout | None = None) -> str:
    return edited(text, parse(text) if text else Node("null", 0, 0), edits, layout)


def set_member(text: str, path: tuple[str, ...], value: Any) -> str:
    for name in path[:0:-1]:
        value = Within({name: value})
    return edit(text, {path[0]: value})


@pytest.mark.parametrize(("text", "path", "value", "expected"), SET)
def test_set(text: str, path: tuple[str, ...], value: Any, expected: str) -> None:
    assert set_member(text, path, value) == expected
    assert set_member(expected, path, value) == expected


@pytest.mark.parametrize(("text", "key", "expected"), REMOVED)
def test_removed(text: str, key: str, expected: str) -> None:
    assert set_member(text, ("auths", key), None) == expected


@pytest.mark.parametrize(("text", "edits", "expected"), COMPACTLY)
def test_in_a_layout_of_the_caller(text: str, edits: dict[str, Any], expected: str) -> None:
    assert edit(text, edits, COMPACT) == expected


@given(trees, st.dictionaries(names, trees, max_size=3), names, st.sampled_from([None, 0, 2, "\t"]))
def test_every_edit_changes_what_it_should_and_nothing_else(
    document: dict[str, Any], auths: dict[str, Any], key: str, indent: int | str | None
) -> None:
    document = {name: value for name, value in document.items() if name.lower() != "auths"}
    document["auths"] = auths
    text = json.dumps(document, indent=indent, ensure_ascii=False)

    after = set_member(text, ("auths", key), {"auth": "new"})

    assert json.loads(after) == {**document, "auths": {**auths, key: {"auth": "new"}}}
    without = {name: value for name, value in auths.items() if name != key}
    assert json.loads(set_member(after, ("auths", key), None)) == {**document, "auths": without}
    if key not in auths:
        assert set_member(after, ("auths", key), None).replace("\n\t", "\n").split() == text.replace("\n\t", "\n").split()
