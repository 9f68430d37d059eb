# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Text of a server, a helper or a library, for a message: secrets are masked first, then the text is cut.

A text that is cut before it is masked can end within a secret, and half of a base64 text still decodes. Secrets are found in
any letter case, with the escapes of JSON, Python, URLs and HTML, split over lines or a list, as hexadecimal, and in base64
at each alignment, nested and cut.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import typing as t

from .._text import shown
from .redact_index import Index, View, hits, skeleton, squeezed, views

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


MASK = "********"
WITHHELD = "(not shown: the text may contain a secret)"
_MOST_READ = 65536
_TAIL = 1024
_MOST_NESTED = 3
_LEAST_CODED = 8
_PRINTABLE = re.compile(rb"[\t\n\r -~]{8,}")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_BASE64_OR_PADDING = _BASE64 | {"="}
_STANDARD = str.maketrans("-_", "+/")
_lock = threading.Lock()
_index = Index()
Span = tuple[int, int]


class _Withheld(Exception):
    pass


def remember_secrets(values: Iterable[str | bytes]) -> None:
    """Mask ``values`` in each later foreign_text of this process. Empty values are ignored."""
    _remember([value if isinstance(value, str) else value.decode("utf-8", "replace") for value in values], nested=True)


def remember_body(body: t.Any) -> None:
    """Remember the values of a Secret as sent to the API server: data, and each value of the documents in it."""
    if isinstance(body, dict):
        for part in ("data", "stringData"):
            _remember(_leaves(body.get(part)), nested=False)
        _remember(_leaves((body.get("metadata") or {}).get("annotations"), documents_only=True), nested=False)


def _remember(values: Iterable[str], nested: bool) -> None:
    with _lock:
        for value in values:
            if value.strip():
                _index.add(value, nested)


def foreign_text(text: str, limit: int = 200) -> str:
    """``text`` on one line of at most ``limit`` characters, with every remembered secret replaced by MASK."""
    most = max(_MOST_READ, 4 * limit)
    if len(text) > most:
        text = text[:most]
    if not _index:
        return shown(text, limit)
    try:
        spans = list(_merged(_secret_spans(text, 0)))
    except _Withheld:
        return shown(WITHHELD, limit)
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], MASK]
        done = end
    parts.append(text[done : most - _TAIL] if len(text) == most else text[done:])
    return shown("".join(parts), limit)


def _secret_spans(text: str, depth: int) -> Iterator[Span]:
    """The places of secrets in a text. Raises _Withheld for a secret that is too short to be masked."""
    seen = list(views(text))
    for view in seen:
        for start, end in _spans_of(view):
            yield view.starts[start], view.ends[end - 1]
    for view in {len(one.text): one for one in (seen[0], seen[-1])}.values() if depth < _MOST_NESTED else ():
        for start, end in _decoded_spans(view.text, depth):
            yield view.starts[start], view.ends[end - 1]


def _spans_of(view: View) -> Iterator[Span]:
    letters, places = skeleton(view.text)
    for start, end in _merged(hits(_index.plain, letters)):
        yield _with_signs(view.text, places[start], places[end - 1] + 1)
    coded = ((places[start], places[end - 1] + 1) for start, end in _merged(hits(_index.coded, letters)))
    yield from _tokens(view.text, coded)
    if _index.exact or _index.short:
        yield from _exact_spans(view.text)


def _exact_spans(text: str) -> Iterator[Span]:
    tight = squeezed(text)
    if any(one in tight or one in text for one in _index.short):
        raise _Withheld
    for one in _index.exact:
        if one in tight or one in text:
            start = text.find(one)
            # with blanks inside, its place is unknown
            yield (0, len(text)) if start < 0 else (start, start + len(one))
            while start >= 0:
                start = text.find(one, start + 1)
                if start >= 0:
                    yield start, start + len(one)


def _decoded_spans(text: str, depth: int) -> Iterator[Span]:
    """The places of a text whose base64 characters, as one run, decode to a text with a secret."""
    places = [at for at, char in enumerate(text) if char in _BASE64]
    run = "".join([text[at] for at in places]).translate(_STANDARD)
    for offset in range(4):
        if len(run) - offset < _LEAST_CODED:
            break
        decoded = base64.b64decode(run[offset:] + "A" * (-(len(run) - offset) % 4))
        found = _merged((*_few_spans(decoded), *_printable_spans(decoded, depth)))
        last = len(places) - 1
        coded = (
            (places[min(offset + start * 4 // 3, last)], places[min(offset + (end * 4 - 1) // 3, last)] + 1)
            for start, end in found
        )
        yield from _tokens(text, coded)


def _printable_spans(decoded: bytes, depth: int) -> Iterator[Span]:
    """Text that was not encoded decodes to noise, and noise has no long printable parts."""
    for part in _PRINTABLE.finditer(decoded):
        for start, end in _secret_spans(part[0].decode("ascii"), depth + 1):
            yield part.start() + start, part.start() + end


def _few_spans(decoded: bytes) -> Iterator[Span]:
    for one in _index.few:
        start = decoded.find(one)
        if start >= 0 and one.decode("utf-8", "replace") in _index.short:
            raise _Withheld
        while start >= 0:
            yield start, start + len(one)
            start = decoded.find(one, start + 1)


def _tokens(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Each of these spans (in order) with the adjacent characters that may belong to the same base64."""
    done = 0
    for start, end in spans:
        if end <= done:
            continue
        while start > done and text[start - 1] in _BASE64_OR_PADDING:
            start -= 1
        while end < len(text) and text[end] in _BASE64_OR_PADDING:
            end += 1
        done = end
        yield start, end


def _with_signs(text: str, start: int, end: int) -> Span:
    """With the signs around it, if a secret begins or ends with signs."""
    if _index.edges:
        while start and not (text[start - 1].isalnum() or text[start - 1].isspace()):
            start -= 1
        while end < len(text) and not (text[end].isalnum() or text[end].isspace()):
            end += 1
    return start, end


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """In order, and spans that touch as one."""
    start, end = 0, 0
    for first, last in sorted(spans):
        if first > end:
            if end > start:
                yield start, end
            start = first
        end = max(end, last)
    if end > start:
        yield start, end


def _leaves(value: t.Any, documents_only: bool = False) -> Iterator[str]:
    """The texts of a value, of the base64 and of the JSON in it, without names and user names, which messages need."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in ("username", "email"):
                yield from _leaves(inner, documents_only)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, documents_only)
    elif isinstance(value, str):
        yield from () if documents_only else (value,)
        for document in (value, _decoded(value)):
            if document.lstrip()[:1] in ("{", "["):
                yield from _document_leaves(document)


def _document_leaves(document: str) -> Iterator[str]:
    try:
        yield from _leaves(json.loads(document))
    except (ValueError, RecursionError):
        yield document


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return ""
