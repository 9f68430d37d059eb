# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Text that a server, a helper or a library wrote, made fit for a message: secrets are masked first, then it is cut.

A text that is cut before it is masked can end within a secret, and half of a base64 text still decodes.
"""

from __future__ import annotations

import base64
import html
import json
import threading
import typing as t
from urllib.parse import quote, quote_plus

from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "********"

_lock = threading.Lock()
_forms: set[str] = set()


def remember_secrets(values: Iterable[str | bytes]) -> None:
    """Mask ``values`` in each later foreign_text of this process. Empty values are passed over."""
    found = {form for value in values if value for form in _forms_of(value)}
    with _lock:
        _forms.update(found)


def foreign_text(text: str, limit: int = 200) -> str:
    """``text`` on one line of at most ``limit`` characters, with every remembered secret replaced by MASK."""
    with _lock:
        forms = sorted(_forms, key=len, reverse=True)
    for form in forms:
        text = text.replace(form, MASK)
    return shown(text, limit)


def _forms_of(value: str | bytes) -> Iterator[str]:
    """The ways in which a text may repeat the value."""
    raw = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    text = raw.decode("utf-8", "surrogateescape")
    yield text
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], repr(raw)[2:-1])
    if isinstance(value, str) and text.isprintable():
        yield from (quote(text, safe=""), quote_plus(text), quote(text), html.escape(text), html.escape(text, quote=False))
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """At each of the three alignments within a longer text, without the characters that its neighbours decide."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode("ascii")
        start = -(-before * 8 // 6)
        end = len(encoded.rstrip("=")) - (1 if (before + len(raw)) % 3 else 0)
        part = encoded[start:end]
        if len(part) > 3:
            yield from (part, part.replace("+", "-").replace("/", "_"))
