# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that layers often transform, and the forms that they take. Independent of how plugins/ masks them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SECRETS = {
    "plain": "Zq7Kolibri-Vx93",
    "both quotes": "Zq7Drossel'\"Wy4'Tk\"x",
    "odd": "Zq7Amsel\nUv€8%41{{ 7*7 }}$HOME-é",
    "five characters": "zQ7~W",
    "user name": "zq7robin",
    "like base64": "WnE3U3BlcmxpbmcxMjM0",
}


def forms(text: str) -> set[str]:
    """What is looked for. Of base64 only the part that does not depend on what is beside the secret."""
    plain = _escaped(text)
    once = {code for one in plain for code in _base64(one)}
    twice = {code for one in (text, *_base64(text)) for code in _base64(one)}
    found = plain | once | twice | {text.encode().hex()}
    # a longer secret must not show in pieces either
    found |= {piece for start in range(0, len(text) - 8, 4) for piece in _escaped(text[start : start + 9]) if len(text) > 9}
    return {form for form in found if len(form) >= 5}


def _escaped(text: str) -> set[str]:
    return {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(text))[3:-3],
        repr(text)[1:-1],
        repr(text.encode())[2:-1],
        quote(text, safe=""),
        quote(text),
        quote(text, safe="").lower(),
        quote_plus(text),
        html.escape(text),
        html.escape(text, quote=False),
    }


def _base64(text: str) -> Iterator[str]:
    raw = text.encode()
    for before in range(3):
        code = base64.b64encode(b"\0" * before + raw).decode()
        end = len(code.rstrip("=")) - (1 if (before + len(raw)) % 3 else 0)
        part = code[-(-before * 8 // 6) : end]
        yield part
        yield part.replace("+", "-").replace("/", "_")


class Finder:
    """Finds forms of secrets, and of nothing else: ``passed`` texts are taken out first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = {form: secret for secret in secrets for form in forms(secret)}

    def found(self, text: str) -> list[str]:
        """Each place in ``text``, with a little around it."""
        lower = text.lower()
        places = []
        for form, secret in self._forms.items():
            at = text.find(form) if len(form) < 8 else lower.find(form.lower())
            if at >= 0:
                places.append(f"{secret!r} as {form!r}: {text[max(0, at - 120) : at + len(form) + 40]!r}")
        return places
