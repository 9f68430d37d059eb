# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Challenges of registries and their tokens (distribution spec auth/token). Pure."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from .._credentials.credential import jwt_claims
from .origin import parse_address

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_CHALLENGE_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
        word = _CHALLENGE_TOKEN.match(header, position)
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


# what may stand in a header
_TOKEN = re.compile(r"[\x21-\x7e]+")


def token_url(parameters: Mapping[str, str], scopes: Sequence[str]) -> str:
    """The URL that hands out a token for ``scopes``: the challenge's realm with its own query, its service and these scopes.

    Of the challenge's own scope only what names no repository is kept (``aws``, for one): in the answer to /v2/ some
    registries give an example there.
    """
    realm = parse_address(parameters["realm"])
    path, _mark, written = realm.target.partition("?")
    query = parse_qsl(written, keep_blank_values=True)
    if parameters.get("service"):
        query.append(("service", parameters["service"]))
    own = [scope for scope in parameters.get("scope", "").split() if not scope.startswith(("repository:", "registry:"))]
    query += [("scope", scope) for scope in dict.fromkeys([*scopes, *own])]
    return f"{realm.origin}{path}?{urlencode(query)}" if query else f"{realm.origin}{path}"


def pull_scope(repository: str, *more: str) -> str:
    return f"repository:{repository}:{','.join(('pull', *more))}"


def scope_repository(scope: str) -> str:
    """The repository that a scope is for, empty where it is for something else."""
    kind, _colon, rest = scope.partition(":")
    return rest.rpartition(":")[0] if kind.partition("(")[0] == "repository" else ""


def token_in(body: bytes) -> str:
    """The token in an answer; ValueError, whose message says what is there instead."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(answer, dict):
        raise ValueError("no JSON object")
    token = answer.get("access_token") or answer.get("token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ValueError("no token")
    return token


def granted(token: str, repository: str) -> frozenset[str] | None:
    """The actions on a repository that a token says it grants; None for a token that does not say."""
    access = jwt_claims(token).get("access")
    if not isinstance(access, list):
        return None
    grants = [
        one for one in access if isinstance(one, dict) and one.get("type") == "repository" and one.get("name") == repository
    ]
    lists = [one.get("actions") for one in grants]
    return frozenset(str(action) for actions in lists if isinstance(actions, list) for action in actions)
