# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""JSON as Go's encoding/json takes it, with the place of each value in the text.

The kubelet and docker read documents with encoding/json, which differs from Python's json: no NaN, no byte order mark, members
twice are both seen, invalid UTF-8 and lone surrogates become U+FFFD, and 10,000 levels of nesting are allowed.

A document may be a stranger's and 1 MiB of the shortest members: most of them are taken by one match of a pattern each.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable

    _Step = Callable[[str, str, int], t.Any]

_DEEPEST = 10_000
_REPLACEMENT = "\ufffd"
_BLANK = r"[ \t\r\n]*"
_STRING = r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*)*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_LITERAL = r"true|false|null"
_SPACE = re.compile(_BLANK)
_TOKEN = re.compile(rf"{_BLANK}(?:(?P<mark>[{{}}\[\],:])|(?P<string>{_STRING})|(?P<number>{_NUMBER})|(?P<literal>{_LITERAL}))")
# a member whose value is no container, or an empty one, and what comes after it
_VALUE = rf"(?:{_STRING}|{_NUMBER}|{_LITERAL}|{{{_BLANK}}}|\[{_BLANK}\])"
_MEMBER = re.compile(rf"{_BLANK}({_STRING}){_BLANK}:{_BLANK}({_VALUE}){_BLANK}([,}}])")
# items of an array, of which nothing is kept, each with its comma
_ITEMS = re.compile(rf"(?:{_BLANK}{_VALUE}{_BLANK},){{1,500}}")
_KINDS = {'"': "string", "{": "object", "[": "array", "t": "true", "f": "false", "n": "null"}
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """The text is no JSON. The message holds a place and nothing of the text."""

    def __init__(self, reason: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        super().__init__(f"{reason} at line {line}, column {column}")


class Node(t.NamedTuple):
    """A value. ``kind`` is object, array, string, number, true, false or null; the text is ``text[start:end]``.

    ``members`` are those of an object, in order, repeats included; what an array holds is not kept. The member that the
    value belongs to begins, with its name, at ``name_start``.
    """

    kind: str
    start: int
    end: int
    string: str = ""
    members: tuple[tuple[str, Node], ...] = ()
    name_start: int = 0


def go_text(document: bytes) -> str:
    """The text of a document; each byte that is no UTF-8 becomes one U+FFFD, as it would in a string that Go reads."""
    return _SURROGATE.sub(_REPLACEMENT, document.decode("utf-8", "surrogateescape"))


def parse(text: str) -> Node:
    """The value of a text. Raises JsonError."""
    return _Parser(text).parse()


@dataclass
class _Open:
    """An object or array whose end has not come yet."""

    kind: str
    start: int
    members: list[tuple[str, Node]]
    name: str = ""
    name_start: int = 0


class _Parser:
    """A loop and a stack of its own, since Python's would end at a thousand levels."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._stack: list[_Open] = []
        self._result: Node | None = None
        self._replaces = _SURROGATE.search(text) is not None

    def parse(self) -> Node:
        step: _Step = self._value
        while self._result is None:
            step = step(*self._next())
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

    def _value(self, kind: str, token: str, start: int) -> _Step:
        if kind != "mark":
            return self._done(self._scalar(kind, token, start))
        if token not in "{[" or len(self._stack) == _DEEPEST:
            raise JsonError("unexpected character" if token not in "{[" else "nested too deeply", self._text, start)
        self._stack.append(_Open("object" if token == "{" else "array", start, []))
        return self._take_members(self._first_name) if token == "{" else self._take_items(self._first_item)

    def _take_members(self, otherwise: _Step) -> _Step:
        """All members from here on that one match of a pattern takes. The step after them, ``otherwise`` if there are none."""
        text, members, step, position = self._text, self._stack[-1].members, otherwise, self._position
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
            step = self._name
        self._position = position
        return step

    def _take_items(self, otherwise: _Step) -> _Step:
        """The same for an array."""
        step = otherwise
        while len(self._stack) < _DEEPEST:
            match = _ITEMS.match(self._text, self._position)
            if match is None:
                break
            self._position, step = match.end(), self._value
        return step

    def _scalar(self, kind: str, token: str, start: int) -> Node:
        if kind == "string":
            return Node("string", start, self._position, self._string(token))
        return Node(token if kind == "literal" else kind, start, self._position)

    def _first_name(self, kind: str, token: str, start: int) -> _Step:
        return self._close() if token == "}" else self._name(kind, token, start)

    def _first_item(self, kind: str, token: str, start: int) -> _Step:
        return self._close() if token == "]" else self._value(kind, token, start)

    def _name(self, kind: str, token: str, start: int) -> _Step:
        if kind != "string":
            raise JsonError("expected a name in quotes", self._text, start)
        self._stack[-1].name, self._stack[-1].name_start = self._string(token), start
        return self._colon

    def _colon(self, kind: str, token: str, start: int) -> _Step:
        if token != ":":
            raise JsonError("expected a colon", self._text, start)
        return self._value

    def _comma(self, kind: str, token: str, start: int) -> _Step:
        is_object = self._stack[-1].kind == "object"
        if token == ",":
            return self._take_members(self._name) if is_object else self._take_items(self._value)
        if token == ("}" if is_object else "]"):
            return self._close()
        raise JsonError("expected a comma or the end", self._text, start)

    def _close(self) -> _Step:
        ended = self._stack.pop()
        return self._done(Node(ended.kind, ended.start, self._position, "", tuple(ended.members)))

    def _done(self, node: Node) -> _Step:
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
