# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Characters in user names and passwords that nobody sees and everybody sends. Pure."""

from __future__ import annotations

import json
import typing as t
import unicodedata

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    " ": "a blank",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_MOST = 3


def invisible_words(text: str) -> str:
    """``begins with a byte order mark (U+FEFF) and ends with a blank (U+0020)``; empty where all can be seen.

    A blank between other characters can be seen. Of the visible characters nothing is told.
    """
    return " and ".join(list(_findings(text))[:_MOST])


def quoted(text: str, limit: int = 120) -> str:
    """The text in quotes, what cannot be seen in it as ``\\u`` escapes."""
    written = "".join(char if _is_visible(char) or char == " " else json.dumps(char)[1:-1] for char in text)
    return f'"{written if len(written) <= limit else written[: limit - 1] + "…"}"'


def _findings(text: str) -> Iterator[str]:
    if not text:
        return
    if not _is_visible(text[0]):
        yield f"begins with {_named(text[0])}"
    inner = dict.fromkeys(char for char in text[1:-1] if char != " " and not _is_visible(char))
    yield from (f"holds {_named(char)}" for char in inner)
    if len(text) > 1 and not _is_visible(text[-1]):
        yield f"ends with {_named(text[-1])}"


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"


def _named(char: str) -> str:
    return f"{_NAMES.get(char, 'an invisible character')} (U+{ord(char):04X})"
