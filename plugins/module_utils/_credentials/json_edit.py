# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Sets and removes members of a JSON text. Every other byte stays as it is."""

from __future__ import annotations

import bisect
import json
import typing as t
from dataclasses import dataclass, field

from .json_text import fields

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .json_text import Node

    Value = t.Union[str, Mapping[str, t.Any]]
    # null removes the member
    Edit = t.Union[Value, "Within", "Renamed", None]


# encoding/json escapes these for HTML and JavaScript, json.dumps does not
_GO_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


class Layout(t.NamedTuple):
    """White space of new members. ``newline`` is empty for a text on one line.

    ``unit`` is one step of indentation, ``colon`` follows a colon, ``comma`` follows a comma on one line. ``in_order``: whether a
    new member goes to its place in the order of the names, if they have one. Otherwise it goes to the end.
    """

    newline: str = ""
    unit: str = ""
    colon: str = ""
    comma: str = ""
    in_order: bool = False


COMPACT = Layout()
_AS_DOCKER = Layout("\n", "\t", " ", " ", True)


@dataclass(frozen=True)
class Within:
    """Edits of the members of an object. A missing object, or a null, is replaced by one if a member of it is set."""

    edits: Mapping[str, Edit] = field(repr=False)


@dataclass(frozen=True)
class Renamed:
    """The member gets this name and value, and keeps its place."""

    name: str
    value: Value = field(repr=False)


def edited(text: str, root: Node, edits: Mapping[str, Edit], layout: Layout | None = None) -> str:
    """The text after ``edits`` (name of a member -> Edit). ``root`` is its value, an object or a null.

    Without a ``layout`` new members look like those of the outermost object. In the outermost object, names are compared without
    regard to case, as encoding/json does, and a new ``auths`` goes first, as in docker's file.
    """
    editor = _Editor(text, layout or _layout_of(text, root))
    return text[: root.start] + editor.object(root, edits, "", outermost=True) + text[root.end :]


def json_of(value: Value, layout: Layout = COMPACT, indent: str = "") -> str:
    """The value as encoding/json writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).translate(_GO_ESCAPES)
    if not value:
        return "{}"
    inner = indent + layout.unit
    gap = layout.newline + inner if layout.newline else ""
    members = [f"{json_of(name)}:{layout.colon}{json_of(one, layout, inner)}" for name, one in value.items()]
    return "{" + gap + f",{gap or layout.comma}".join(members) + (layout.newline + indent if layout.newline else "") + "}"


def _layout_of(text: str, root: Node) -> Layout:
    if not root.members:
        return _AS_DOCKER
    first = root.members[0][1]
    before = text[root.start + 1 : first.name_start]
    name = text[first.name_start : first.start]
    colon = name[len(name.rstrip()) :]
    if "\n" in before:
        return Layout("\r\n" if "\r\n" in before else "\n", before.rpartition("\n")[2], colon, " ", True)
    between = text[first.end : root.members[1][1].name_start].partition(",")[2] if len(root.members) > 1 else colon
    return Layout("", "", colon, between, True)


@dataclass(frozen=True)
class _Member:
    """``separator`` is the comma before the member, with its white space."""

    name: str
    text: str = field(repr=False)
    separator: str


@dataclass(frozen=True)
class _Editor:
    text: str = field(repr=False)
    layout: Layout

    def object(self, node: Node, edits: Mapping[str, Edit], indent: str, outermost: bool = False) -> str:
        """The new text of the object. Its own line has this ``indent``."""
        head, tail = self._frame(node, indent)
        inner = head.rpartition("\n")[2] if "\n" in head else ""
        gap = self.layout.newline + inner if self.layout.newline and "\n" in head else self.layout.comma
        members, missing = self._members(node, edits, inner, "," + gap, outermost)
        names = [one.name for one in members]
        has_order = self.layout.in_order and not outermost and names == sorted(names)
        for name, value in _set_members(missing).items():
            written = self._written(name, value, inner)
            place = bisect.bisect(names, name) if has_order else 0 if outermost and name == "auths" else len(names)
            names.insert(place, name)
            members.insert(place, _Member(name, written, "," + gap))
        if not members:
            return "{}" if node.members else self.text[node.start : node.end]
        rest = "".join(one.separator + one.text for one in members[1:])
        return "{" + head + members[0].text + rest + tail + "}"

    def _members(
        self, node: Node, edits: Mapping[str, Edit], indent: str, gap: str, outermost: bool
    ) -> tuple[list[_Member], dict[str, Edit]]:
        """The members that the object has after the edits, and the edits of members that it does not have."""
        named = {name.lower(): name for name in edits}
        found = fields(node, list(named)) if outermost else ((name, value) for name, value in node.members if name in edits)
        # by their places, since names can be repeated
        edited_at = {value.name_start: named[name] if outermost else name for name, value in found}
        missing, members = dict(edits), []
        for index, (name, value) in enumerate(node.members):
            separator = self.text[node.members[index - 1][1].end : value.name_start] if index else gap
            written = self.text[value.name_start : value.end]
            if value.name_start in edited_at:
                # the first of repeated members is set, the others are removed
                written = self._member(value, missing.pop(edited_at[value.name_start], None), indent)
            if written:
                members.append(_Member(name, written, separator))
        return members, missing

    def _member(self, node: Node, edit: Edit, indent: str) -> str:
        """Name and value of the member after the edit; empty if the edit removes it."""
        if edit is None:
            return ""
        if isinstance(edit, Renamed):
            return self._written(edit.name, edit.value, indent)
        value = self.object(node, edit.edits, indent) if isinstance(edit, Within) else json_of(edit, self.layout, indent)
        return self.text[node.name_start : node.start] + value

    def _written(self, name: str, value: Value, indent: str) -> str:
        return f"{json_of(name)}:{self.layout.colon}{json_of(value, self.layout, indent)}"

    def _frame(self, node: Node, indent: str) -> tuple[str, str]:
        """The white space before the first member and after the last."""
        if node.members:
            first, last = node.members[0][1], node.members[-1][1]
            return self.text[node.start + 1 : first.name_start], self.text[last.end : node.end - 1]
        newline = self.layout.newline
        return (newline + indent + self.layout.unit, newline + indent) if newline else ("", "")


def _set_members(edits: Mapping[str, Edit]) -> dict[str, Value]:
    """The members that the edits set in an object without members."""
    found: dict[str, Value] = {}
    for name, edit in edits.items():
        if isinstance(edit, Within):
            inner = _set_members(edit.edits)
            found.update({name: inner} if inner else {})
        elif isinstance(edit, Renamed):
            found[edit.name] = edit.value
        elif edit is not None:
            found[name] = edit
    return found
