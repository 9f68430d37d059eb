# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a registry asks for: the challenges of WWW-Authenticate (RFC 9110 section 11.6.1). Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SEPARATORS = re.compile(r"[\s,]*")
_BLANKS = re.compile(r"\s*")
_EQUALS = re.compile(r"\s*=\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# a value without quotes, generously: realms are URLs, and not every registry quotes them
_BARE = re.compile(r"[^\s,\"]+")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))")
# Nobody has more to say in a header
_LONGEST = 16384


@dataclass(frozen=True)
class Challenge:
    """``scheme`` and the names of ``parameters`` are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all WWW-Authenticate headers, in their order.

    A comma separates challenges as well as their parameters: what is followed by ``=`` is a parameter. Of a parameter that
    comes twice the first counts. What cannot be read ends its header; what stood before it counts.
    """
    return [challenge for header in headers for challenge in _parse(header[:_LONGEST])]


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    position = _skip(_SEPARATORS, header, 0)
    while position < len(header):
        word = _TOKEN.match(header, position)
        if word is None:
            break
        equals = _EQUALS.match(header, word.end())
        if equals is None:
            parameters = {}
            found.append(Challenge(word[0].lower(), parameters))
            position = _skip(_TOKEN68, header, _skip(_BLANKS, header, word.end()))
        else:
            value, position = _value(header, equals.end())
            if value is None or not found:
                break
            parameters.setdefault(word[0].lower(), value)
        position = _skip(_SEPARATORS, header, position)
    return found


def _value(header: str, position: int) -> tuple[str | None, int]:
    """A parameter's value and where it ends; None for a quote that is not closed."""
    if header.startswith('"', position):
        quoted = _QUOTED.match(header, position)
        return (None, position) if quoted is None else (_ESCAPE.sub(r"\1", quoted[1]), quoted.end())
    bare = _BARE.match(header, position)
    return ("", position) if bare is None else (bare[0], bare.end())


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()
