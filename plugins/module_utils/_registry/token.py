# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Registry tokens (distribution spec auth/token): how one is asked for, and what it grants. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import parse_qsl, urlencode

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lifetime import jwt_claims
from ansible_collections.pullpass.registry.plugins.module_utils._registry.web_address import parse_address

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
