# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Identity tokens (refresh tokens), requested and tested as docker does (docker/cli: internal/registry, moby: registry/auth)."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from .connection import NoResponse
from .origin import parse_address, registry_host
from .server import token_in, token_url
from .verdict import CheckEnded, inconclusive

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._credentials.credential import Login, StoredLogin
    from .client import Registries
    from .server import Server


_CLIENT_ID = "docker"
# text that a file of logins, a form and a helper can all hold
_IDENTITY_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")


@dataclass(frozen=True)
class _TokenServer:
    """``parameters`` are those of the challenge, whose realm may get a credential."""

    server: Server
    parameters: Mapping[str, str]


def has_token_server(registries: Registries, login: Login) -> bool:
    """Whether the registry has a token server, which could issue an identity token."""
    return _token_server(registries, login) is not None


def with_identity_token(registries: Registries, login: Login, stored: StoredLogin) -> Login:
    """What docker would store for an accepted login: with an identity token where the token server issues one.

    The ``stored`` login stays, and its token as long as it is valid, so that a second login makes no change.
    """
    if not stored.token and (stored.username, stored.password) == (login.username, login.password):
        return login
    token_server = _token_server(registries, login)
    if token_server is None:
        return login
    # a helper does not record who owns a token
    same_user = stored.token and stored.username in ("", login.username)
    valid = _valid_token(token_server, stored.token) if same_user else ""
    return replace(login, token=valid or _new_token(token_server, login))


def _token_server(registries: Registries, login: Login) -> _TokenServer | None:
    try:
        server = registries.server(registry_host(login.registry))
        challenge = server.challenge()
    except CheckEnded:
        return None
    if challenge is None or challenge.scheme != "bearer":
        return None
    return _TokenServer(server, challenge.parameters)


def _new_token(token_server: _TokenServer, login: Login) -> str:
    """The identity token that the token server issues for an accepted login; empty where it issues no token."""
    query = urlencode({"account": login.username, "client_id": _CLIENT_ID, "offline_token": "true"})
    realm = str(parse_address(token_server.parameters["realm"]))
    realm += f"{'&' if '?' in realm else '?'}{query}"
    try:
        url = token_url({**token_server.parameters, "realm": realm}, ())
        response = token_server.server.send_token_request(url, f"Basic {login.entry['auth']}")
    except CheckEnded:
        return ""
    return _refresh_token(response.body) if response.status == 200 else ""


def _valid_token(token_server: _TokenServer, token: str) -> str:
    """The identity token, or the one that the token server returns in its place; empty where it refuses the token.

    It stays where the token server is down, limits requests, or redirects (a refresh token is sent nowhere else).
    """
    if not _IDENTITY_TOKEN.fullmatch(token):
        return ""
    service = token_server.parameters.get("service")
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT_ID,
        "refresh_token": token,
        **({"service": service} if service else {}),
    }
    try:
        body = urlencode(form).encode("ascii")
        response = token_server.server.client.send("POST", token_server.parameters["realm"], follow=False, form=body)
    except NoResponse:
        return token
    if inconclusive(token_server.server.name, response) is not None:
        return token
    try:
        token_in(response.body)
    except ValueError:
        return ""
    return (_refresh_token(response.body) or token) if response.status == 200 else ""


def _refresh_token(body: bytes) -> str:
    try:
        token = json.loads(body)["refresh_token"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return token if isinstance(token, str) and _IDENTITY_TOKEN.fullmatch(token) else ""
