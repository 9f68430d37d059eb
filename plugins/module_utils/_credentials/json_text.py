# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads JSON as Go's encoding/json does, with the place of each value in the text.

The kubelet and docker read documents with encoding/json. It differs from Python's json: it rejects NaN and a byte order mark,
sees all repeated members, replaces invalid UTF-8 and lone surrogates by U+FFFD, and allows 10,000 levels of nesting.

A tenant can write a document of 1 MiB with very short members: each of most members costs one match of a pattern.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    # takes kind, text and start of a token, and returns the state after it
    _State = Callable[[str, str, int], t.Any]

_DEEPEST = 10_000
_REPLACEMENT = "\ufffd"
_BLANK = r"[ \t\r\n]*"
_STRING = r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*)*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_LITERAL = r"true|false|null"
_SPACE = re.compile(_BLANK)
_TOKEN = re.compile(rf"{_BLANK}(?:(?P<mark>[{{}}\[\],:])|(?P<string>{_STRING})|(?P<number>{_NUMBER})|(?P<literal>{_LITERAL}))")
# a member with a scalar or an empty container as value, and the mark after it
_VALUE = rf"(?:{_STRING}|{_NUMBER}|{_LITERAL}|{{{_BLANK}}}|\[{_BLANK}\])"
_MEMBER = re.compile(rf"{_BLANK}({_STRING}){_BLANK}:{_BLANK}({_VALUE}){_BLANK}([,}}])")
# items of an array, each with its comma; they are not kept
_ITEMS = re.compile(rf"(?:{_BLANK}{_VALUE}{_BLANK},){{1,500}}")
_KINDS = {'"': "string", "{": "object", "[": "array", "t": "true", "f": "false", "n": "null"}
# encoding/json compares names of members without regard to case; of other letters only these two fold to one of a to z
_FOLD = {0x17F: "s", 0x212A: "k", **{code: chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}}
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """The text is not JSON. The message contains the place and nothing of the text."""

    def __init__(self, reason: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        super().__init__(f"{reason} at line {line}, column {column}")


class Node(t.NamedTuple):
    """A value. ``kind`` is object, array, string, number, true, false or null; its text is ``text[start:end]``.

    ``members`` are those of an object, in order, with repeated ones; items of an array are not kept. If the value belongs to a
    member, the name of the member begins at ``name_start``.
    """

    kind: str
    start: int
    end: int
    string: str = ""
    members: tuple[tuple[str, Node], ...] = ()
    name_start: int = 0


def go_text(document: bytes) -> str:
    """The text of a document. Each byte that is not UTF-8 becomes one U+FFFD, as in a string that Go reads."""
    return _SURROGATE.sub(_REPLACEMENT, document.decode("utf-8", "surrogateescape"))


def fields(node: Node, names: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """The members that encoding/json reads into these fields, in order, with the names of the fields."""
    for key, value in node.members:
        folded = key.translate(_FOLD)
        if folded in names:
            yield folded, value


def parse(text: str) -> Node:
    """Raises JsonError."""
    return _Parser(text).parse()


@dataclass
class _Open:
    """An object or array before its end."""

    kind: str
    start: int
    members: list[tuple[str, Node]]
    name: str = ""
    name_start: int = 0


class _Parser:
    """A state machine with its own stack, because Python's stack ends at about a thousand levels."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._stack: list[_Open] = []
        self._result: Node | None = None
        self._replaces = _SURROGATE.search(text) is not None

    def parse(self) -> Node:
        state: _State = self._value
        while self._result is None:
            state = state(*self._next())
        end = self._skip_space()
        if end < len(self._text):
            raise JsonError("more text after the end", self._text, end)
        return self._result

    def _skip_space(self) -> int:
        match = _SPACE.match(self._text, self._position)
        return match.end() if match else self._position

    def _next(self) -> tuple[str, str, int]:
        """Kind, text and start of the next token."""
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            start = self._skip_space()
            reason = "unexpected end" if start == len(self._text) else "unexpected character"
            raise JsonError(reason, self._text, start)
        kind = match.lastgroup or ""
        self._position = match.end()
        return kind, match[kind], match.start(kind)

    def _value(self, kind: str, token: str, start: int) -> _State:
        if kind != "mark":
            return self._done(self._scalar(kind, token, start))
        if token not in "{[" or len(self._stack) == _DEEPEST:
            raise JsonError("unexpected character" if token not in "{[" else "nested too deeply", self._text, start)
        self._stack.append(_Open("object" if token == "{" else "array", start, []))
        return self._take_members(self._first_name) if token == "{" else self._take_items(self._first_item)

    def _take_members(self, otherwise: _State) -> _State:
        """Read all members from here that match the pattern. The state after them, ``otherwise`` if there are none."""
        text, members, state, position = self._text, self._stack[-1].members, otherwise, self._position
        while len(self._stack) < _DEEPEST:
            match = _MEMBER.match(text, position)
            if match is None:
                break
            name, token, end = match.groups()
            kind = _KINDS.get(token[0], "number")
            string = self._string(token) if kind == "string" else ""
            node = Node(kind, match.start(2), match.end(2), string, (), match.start(1))
            members.append((self._string(name), node))
            position = match.end()
            if end == "}":
                self._position = position
                return self._close()
            state = self._name
        self._position = position
        return state

    def _take_items(self, otherwise: _State) -> _State:
        """The same for an array."""
        state = otherwise
        while len(self._stack) < _DEEPEST:
            match = _ITEMS.match(self._text, self._position)
            if match is None:
                break
            self._position, state = match.end(), self._value
        return state

    def _scalar(self, kind: str, token: str, start: int) -> Node:
        if kind == "string":
            return Node("string", start, self._position, self._string(token))
        return Node(token if kind == "literal" else kind, start, self._position)

    def _first_name(self, kind: str, token: str, start: int) -> _State:
        return self._close() if token == "}" else self._name(kind, token, start)

    def _first_item(self, kind: str, token: str, start: int) -> _State:
        return self._close() if token == "]" else self._value(kind, token, start)

    def _name(self, kind: str, token: str, start: int) -> _State:
        if kind != "string":
            raise JsonError("expected a name in quotes", self._text, start)
        self._stack[-1].name, self._stack[-1].name_start = self._string(token), start
        return self._colon

    def _colon(self, kind: str, token: str, start: int) -> _State:
        if token != ":":
            raise JsonError("expected a colon", self._text, start)
        return self._value

    def _comma(self, kind: str, token: str, start: int) -> _State:
        is_object = self._stack[-1].kind == "object"
        if token == ",":
            return self._take_members(self._name) if is_object else self._take_items(self._value)
        if token == ("}" if is_object else "]"):
            return self._close()
        raise JsonError("expected a comma or the end", self._text, start)

    def _close(self) -> _State:
        ended = self._stack.pop()
        return self._done(Node(ended.kind, ended.start, self._position, "", tuple(ended.members)))

    def _done(self, node: Node) -> _State:
        if not self._stack:
            self._result = node
        elif self._stack[-1].kind == "object":
            parent = self._stack[-1]
            parent.members.append((parent.name, node._replace(name_start=parent.name_start)))
        return self._comma

    def _string(self, token: str) -> str:
        if "\\" in token:
            return _SURROGATE.sub(_REPLACEMENT, json.loads(token))
        return _SURROGATE.sub(_REPLACEMENT, token[1:-1]) if self._replaces else token[1:-1]
