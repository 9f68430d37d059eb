# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Members of a JSON text set and removed, every other byte of which stays as it was."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from .dockerconfigjson import GO_ESCAPES
from .json_text import parse
from .kubelet_document import fields

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .json_text import Node

    Value = t.Union[str, Mapping[str, t.Any]]


@dataclass(frozen=True)
class _Layout:
    """``newline`` is empty where all stands on one line; then ``blank`` comes after each comma. ``colon``: blanks after one."""

    newline: str = "\n"
    unit: str = "\t"
    colon: str = " "
    blank: str = " "


def set_member(text: str, path: Sequence[str], value: Value) -> str:
    """The text with ``value`` at ``path``; objects on the way that are missing, or null, are made.

    The first name of a path is compared as encoding/json does, without regard to case. A new member goes where the order of
    its neighbours has it, or to the end; in the outermost object ``auths`` goes first, as docker has it.
    """
    root = parse(text)
    layout = _layout(text, root)
    node = root
    for depth, name in enumerate(path):
        found = _member(node, name, folded=depth == 0)
        rest = path[depth + 1 :]
        if found is None:
            return _inserted(text, node, name, _nested(rest, value), layout, outermost=depth == 0)
        if not rest or found.kind == "null":
            written = _written(_nested(rest, value), _indent(text, found), layout)
            return text[: found.start] + written + text[found.end :]
        node = found
    return text


def remove_member(text: str, path: Sequence[str]) -> str:
    """The text without the member at ``path``; unchanged where there is none."""
    node = parse(text)
    for depth, name in enumerate(path[:-1]):
        found = _member(node, name, folded=depth == 0)
        if found is None:
            return text
        node = found
    target = _member(node, path[-1], folded=len(path) == 1)
    return text if target is None else _removed(text, node, target)


def _removed(text: str, node: Node, target: Node) -> str:
    values = [value for _name, value in node.members]
    index = values.index(target)
    if len(values) == 1:
        begin, end = node.start + 1, node.end - 1
    elif index == 0:
        begin, end = target.name_start, values[1].name_start
    else:
        begin, end = values[index - 1].end, target.end
    return text[:begin] + text[end:]


def _member(node: Node, name: str, folded: bool) -> Node | None:
    if folded:
        return next((value for _field, value in fields(node, (name.lower(),))), None)
    return dict(node.members).get(name)


def _nested(names: Sequence[str], value: Value) -> Value:
    for name in reversed(names):
        value = {name: value}
    return value


def _layout(text: str, root: Node) -> _Layout:
    """As the outermost object has it; docker's own for an empty one."""
    if not root.members:
        return _Layout()
    first = root.members[0][1]
    lead = text[root.start + 1 : first.name_start]
    before = text[first.name_start : first.start]
    colon = before[len(before.rstrip()) :]
    if "\n" in lead:
        return _Layout("\r\n" if "\r\n" in lead else "\n", lead.rpartition("\n")[2], colon)
    between = text[first.end : root.members[1][1].name_start].partition(",")[2] if len(root.members) > 1 else colon
    return _Layout("", "", colon, between)


def _inserted(text: str, node: Node, name: str, value: Value, layout: _Layout, outermost: bool) -> str:
    if not node.members:
        outer = "" if outermost else _indent(text, node)
        member = _named(name, value, outer + layout.unit, layout)
        around = (layout.newline + outer + layout.unit, layout.newline + outer) if layout.newline else ("", "")
        return text[: node.start] + "{" + around[0] + member + around[1] + "}" + text[node.end :]
    lead = text[node.start + 1 : node.members[0][1].name_start]
    indent = lead.rpartition("\n")[2] if "\n" in lead else ""
    gap = (layout.newline or "\n") + indent if "\n" in lead else layout.blank
    member = _named(name, value, indent, layout)
    index = _position([key for key, _value in node.members], name, outermost)
    if index == 0:
        start = node.members[0][1].name_start
        return text[:start] + member + "," + gap + text[start:]
    end = node.members[index - 1][1].end
    return text[:end] + "," + gap + member + text[end:]


def _position(keys: Sequence[str], name: str, outermost: bool) -> int:
    if outermost:
        return 0 if name == "auths" else len(keys)
    if list(keys) != sorted(keys):
        return len(keys)
    return sum(key < name for key in keys)


def _indent(text: str, node: Node) -> str:
    """The white space before the name of the member that ``node`` is the value of, if it begins its line."""
    before = text[text.rfind("\n", 0, node.name_start) + 1 : node.name_start]
    return "" if before.strip() else before


def _named(name: str, value: Value, indent: str, layout: _Layout) -> str:
    return f"{_quoted(name)}:{layout.colon}{_written(value, indent, layout)}"


def _written(value: Value, indent: str, layout: _Layout) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if not value:
        return "{}"
    inner = indent + layout.unit
    members = [_named(name, one, inner, layout) for name, one in value.items()]
    if not layout.newline:
        return "{" + f",{layout.blank}".join(members) + "}"
    gap = layout.newline + inner
    return "{" + gap + f",{gap}".join(members) + layout.newline + indent + "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(GO_ESCAPES)
