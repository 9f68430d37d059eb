# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is known of secrets, kept so that a text is compared with all of them at once. Pure.

A secret is known by the pieces of 8 characters of its letters and digits (16 for a long one, all of them for a short one), so
that a part of it is found, too: the server may have cut its text. The time is linear in the text, and does not depend on how
many secrets there are.
"""

from __future__ import annotations

import base64
import json
import typing as t
from urllib.parse import quote

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact_view import skeleton, views

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# A secret of so many characters is a part of so many words that a text is unreadable without them: the text is withheld
SHORT = 4
_LEAST, _PIECE, _LONG_PIECE, _LONG = 5, 8, 16, 64
_MOST_PLAIN = 16384
_MOST_TWICE = 256
_EDGE, _DISTANCE = 128, 32
# Of a secret with so few bytes, base64 decides too few characters to find them in a text: the text is decoded instead
_FEW_BYTES = 7

Pieces = dict[int, set[str]]


class Index:
    """``plain`` pieces are those of secrets; ``coded`` ones those of an encoding, of which all that is adjacent is hidden.

    ``exact`` holds secrets that are mostly signs, ``short`` those of at most 4 characters, ``few`` the bytes of small ones.
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
        """``nested``: its base64 may stand in base64 of which the letter case is lost."""
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
    """Without blanks: a URL has ``+`` or ``%20`` for one, a message has blanks for line breaks."""
    return "".join(text.replace("+", " ").split())


def hits(pieces: Pieces, letters: str) -> Iterator[tuple[int, int]]:
    """Where pieces stand in a skeleton."""
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
        for once in _base64(form):
            yield once
            for same in {once, once.replace("+", "-").replace("/", "_")} if nested else ():
                yield from _base64(same.encode())


def _base64(raw: bytes) -> Iterator[str]:
    """At each of the three alignments within a longer text, without the characters that its neighbours decide."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode("ascii")
        start = -(-before * 8 // 6)
        end = len(encoded.rstrip("=")) - (1 if (before + len(raw)) % 3 else 0)
        yield encoded[start:end]
