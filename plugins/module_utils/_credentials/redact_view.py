# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A text without its escapes, and only its letters and digits, each with its place in the text. Pure.

JSON, Python's repr, URLs, HTML, a line break and a list differ in what they do to signs and blanks. Letters and digits stay.
"""

from __future__ import annotations

import html
import json
import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_PASSES = 6
_ESCAPE = re.compile(
    r"(?:\\u[0-9A-Fa-f]{4})+|\\U[0-9A-Fa-f]{8}|(?:\\x[0-9A-Fa-f]{2})+|\\[\\/\"'abfnrtv]|(?:%[0-9A-Fa-f]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_LETTERS = re.compile(r"[^\W_]+")
_CONTROL = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))


class View(t.NamedTuple):
    """``text`` as it was made from a source; character ``i`` comes from ``source[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def views(text: str) -> Iterator[View]:
    """The text itself, and what is left each time its escapes are resolved."""
    view = View(text, range(len(text)), range(1, len(text) + 1))
    yield view
    for _pass in range(_MOST_PASSES):
        resolved = _resolved(view)
        if resolved is None:
            return
        view = resolved
        yield view


def skeleton(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text in lower case, and where each of them stands."""
    parts: list[str] = []
    places: list[int] = []
    for found in _LETTERS.finditer(text):
        lower = found[0].lower()
        if len(lower) != len(found[0]):  # some letters have two in lower case
            lower = "".join(char.lower()[0] for char in found[0])
        parts.append(lower)
        places.extend(range(found.start(), found.end()))
    return "".join(parts), places


def _resolved(view: View) -> View | None:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for found in _ESCAPE.finditer(view.text):
        meant = _meaning(found[0])
        if meant is None:
            continue
        first, last = found.span()
        parts += [view.text[done:first], meant]
        starts += [*view.starts[done:first], *[view.starts[first]] * len(meant)]
        ends += [*view.ends[done:first], *[view.ends[last - 1]] * len(meant)]
        done = last
    if not parts:
        return None
    parts.append(view.text[done:])
    starts += view.starts[done:]
    ends += view.ends[done:]
    return View("".join(parts), starts, ends)


def _meaning(escape: str) -> str | None:
    """What an escape stands for; None for one that is none."""
    if escape[0] == "&":
        meant = html.unescape(escape)
        return None if meant == escape else meant
    if escape[0] == "%" or escape[1] == "x":
        raw = bytes.fromhex(escape.replace("%", "").replace("\\x", ""))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if escape[1] == "u":
        meant = json.loads(f'"{escape}"')
        return str(meant)
    if escape[1] == "U":
        return chr(min(int(escape[2:], 16), 0x10FFFF))
    return _CONTROL.get(escape[1], escape[1])
