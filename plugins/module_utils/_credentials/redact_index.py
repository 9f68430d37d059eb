# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An index of known secrets: a text is compared with all of them at once. Pure.

JSON, Python's repr, URLs, HTML, a line break and a list change signs and blanks in different ways. Letters and digits stay.

The index contains pieces of 8 letters and digits of a secret (16 for a long secret, all characters of a short one), so that a
part of a secret is found as well: the server may have cut its text. The time is linear in the text, and does not depend on the
number of secrets.
"""

from __future__ import annotations

import base64
import html
import json
import re
import typing as t
from urllib.parse import quote

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


Pieces = dict[int, set[str]]
_MOST_PASSES = 6
# masking so short a secret would hide parts of many words, so the whole text is withheld
SHORT = 4
_LEAST, _PIECE, _LONG_PIECE, _LONG = 5, 8, 16, 64
_MOST_PLAIN = 16384
_MOST_TWICE = 256
_EDGE, _DISTANCE = 128, 32
# base64 of so few bytes has too few fixed characters to find them in a text: the text is decoded instead
_FEW_BYTES = 7
_ESCAPE = re.compile(
    r"(?:\\u[0-9A-Fa-f]{4})+|\\U[0-9A-Fa-f]{8}|(?:\\x[0-9A-Fa-f]{2})+|\\[\\/\"'abfnrtv]|(?:%[0-9A-Fa-f]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
)
_LETTERS = re.compile(r"[^\W_]+")
_CONTROL = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))


class View(t.NamedTuple):
    """``text`` is made from a source; character ``i`` comes from ``source[starts[i]:ends[i]]``."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def views(text: str) -> Iterator[View]:
    """The text itself, and its text after each pass that resolves escapes."""
    view = View(text, range(len(text)), range(1, len(text) + 1))
    yield view
    for _pass in range(_MOST_PASSES):
        resolved = _resolved(view)
        if resolved is None:
            return
        view = resolved
        yield view


def skeleton(text: str) -> tuple[str, list[int]]:
    """The letters and digits of a text in lower case, and the position of each."""
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
        unescaped = _unescaped(found[0])
        if unescaped is None:
            continue
        first, last = found.span()
        parts += [view.text[done:first], unescaped]
        starts += [*view.starts[done:first], *[view.starts[first]] * len(unescaped)]
        ends += [*view.ends[done:first], *[view.ends[last - 1]] * len(unescaped)]
        done = last
    if not parts:
        return None
    parts.append(view.text[done:])
    starts += view.starts[done:]
    ends += view.ends[done:]
    return View("".join(parts), starts, ends)


def _unescaped(escape: str) -> str | None:
    """The characters of an escape; null for text that is not an escape."""
    if escape[0] == "&":
        unescaped = html.unescape(escape)
        return None if unescaped == escape else unescaped
    if escape[0] == "%" or escape[1] == "x":
        raw = bytes.fromhex(escape.replace("%", "").replace("\\x", ""))
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if escape[1] == "u":
        unescaped = json.loads(f'"{escape}"')
        return str(unescaped)
    if escape[1] == "U":
        return chr(min(int(escape[2:], 16), 0x10FFFF))
    return _CONTROL.get(escape[1], escape[1])


class Index:
    """``plain`` pieces are those of secrets; ``coded`` ones those of an encoding, of which the adjacent text is also hidden.

    ``exact``: secrets that are mostly signs, ``short``: those of at most 4 characters, ``few``: the bytes of small ones.
    ``edges``: some secret begins or ends with a sign.
    """

    def __init__(self) -> None:
        self.plain: Pieces = {}
        self.coded: Pieces = {}
        self.exact: set[str] = set()
        self.short: set[str] = set()
        self.few: set[bytes] = set()
        self.edges = False
        self._known: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, text: str, nested: bool) -> None:
        """``nested``: its base64 may be in base64 whose letter case is lost."""
        if text in self._known:
            return
        self._known.add(text)
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) <= _FEW_BYTES:
            self.few.add(raw)
        for view in views(text):
            self._add_plain(view.text, len(text) <= SHORT)
        for form in _codings(text, raw, nested and len(raw) <= _MOST_TWICE):
            _add_pieces(self.coded, skeleton(form)[0], 2 * _EDGE)

    def _add_plain(self, text: str, short: bool) -> None:
        letters = skeleton(text)[0]
        if short:
            self.short.add(squeezed(text) or text)
        elif len(letters) < _LEAST:
            self.exact.add(squeezed(text) or text)
        else:
            _add_pieces(self.plain if len(letters) <= _MOST_PLAIN else self.coded, letters, _MOST_PLAIN)
            self.edges = self.edges or not (text[0].isalnum() and text[-1].isalnum())


def squeezed(text: str) -> str:
    """Without blanks: a URL has ``+`` or ``%20`` instead, a message has blanks instead of line breaks."""
    return "".join(text.replace("+", " ").split())


def hits(pieces: Pieces, letters: str) -> Iterator[tuple[int, int]]:
    """The places of pieces in a skeleton."""
    for size, known in pieces.items():
        for start in [at for at in range(len(letters) - size + 1) if letters[at : at + size] in known]:
            yield start, start + size


def _add_pieces(pieces: Pieces, letters: str, dense: int) -> None:
    """All pieces of a text up to ``dense`` characters; of a longer one those at both ends, and some between."""
    size = min(_PIECE if len(letters) <= _LONG else _LONG_PIECE, len(letters))
    if size < _LEAST:
        return
    last = len(letters) - size
    known = pieces.setdefault(size, set())
    places: t.Iterable[int] = range(last + 1)
    if last > dense:
        places = (*range(_EDGE), *range(_EDGE, last - _EDGE, _DISTANCE), *range(last - _EDGE, last + 1))
    known.update(letters[at : at + size] for at in places)


def _codings(text: str, raw: bytes, nested: bool) -> Iterator[str]:
    """Hexadecimal, the numbers of the bytes, and base64: of the text, of what JSON and URLs make of it, and of its base64."""
    if len(text) <= SHORT:
        return
    if nested:
        yield raw.hex()
        yield "".join(map(str, raw))
    escaped = json.dumps(text)[1:-1]
    go = json.dumps(text, ensure_ascii=False)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    forms = {raw, escaped.encode(), go.encode("utf-8", "surrogatepass"), quote(raw, safe="").encode()}
    for form in forms:
        for encoded in _base64(form):
            yield encoded
            for variant in {encoded, encoded.replace("+", "-").replace("/", "_")} if nested else ():
                yield from _base64(variant.encode())


def _base64(raw: bytes) -> Iterator[str]:
    """At each of the three alignments within a longer text, without the characters that its neighbours decide."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode("ascii")
        start = -(-before * 8 // 6)
        end = len(encoded.rstrip("=")) - (1 if (before + len(raw)) % 3 else 0)
        yield encoded[start:end]
