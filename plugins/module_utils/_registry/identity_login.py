# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Identity tokens (refresh tokens): asked for and tried as docker does (docker/cli: internal/registry, moby: registry/auth)."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from .bearer import token_in, token_url
from .connection import NoAnswer
from .origin import parse_address, registry_host
from .verdict import Decided, trouble

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._credentials.credential import Login, StoredLogin
    from .client import Registries
    from .server import Server


_CLIENT = "docker"
# what a file of logins, a form and a helper can all hold
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")


@dataclass(frozen=True)
class _TokenServer:
    """``parameters`` are those of the challenge that names it; its realm is one that may get a credential."""

    server: Server
    parameters: Mapping[str, str]


def has_token_server(registries: Registries, login: Login) -> bool:
    """Whether there is one that could hand out an identity token."""
    return _token_server(registries, login) is not None


def with_identity_token(registries: Registries, login: Login, stored: StoredLogin) -> Login:
    """What docker would store for a login that the registry accepts: with an identity token where it hands out one.

    What is ``stored`` already stays, a token as long as it is good, so that a second login makes no change.
    """
    if not stored.token and (stored.username, stored.password) == (login.username, login.password):
        return login
    found = _token_server(registries, login)
    if found is None:
        return login
    # a helper does not tell whose token it keeps
    ours = stored.token and stored.username in ("", login.username)
    kept = _still_good(found, stored.token) if ours else ""
    return replace(login, token=kept or _handed_out(found, login))


def _token_server(registries: Registries, login: Login) -> _TokenServer | None:
    try:
        server = registries.server(registry_host(login.registry))
        challenge = server.challenge()
    except Decided:
        return None
    if challenge is None or challenge.scheme != "bearer":
        return None
    return _TokenServer(server, challenge.parameters)


def _handed_out(found: _TokenServer, login: Login) -> str:
    """The identity token for a login that the registry accepts, empty where there is none."""
    asked = urlencode({"account": login.username, "client_id": _CLIENT, "offline_token": "true"})
    realm = str(parse_address(found.parameters["realm"]))
    realm += f"{'&' if '?' in realm else '?'}{asked}"
    try:
        answer = found.server.ask_for_token(token_url({**found.parameters, "realm": realm}, ()), f"Basic {login.entry['auth']}")
    except Decided:
        return ""
    return _refresh_token(answer.body) if answer.status == 200 else ""


def _still_good(found: _TokenServer, token: str) -> str:
    """The identity token, or the one that the token server gives in its place; empty where it is refused.

    A token server that is down, limits requests or redirects (a refresh token goes nowhere else) refuses nothing.
    """
    if not _TOKEN.fullmatch(token):
        return ""
    service = found.parameters.get("service")
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT,
        "refresh_token": token,
        **({"service": service} if service else {}),
    }
    try:
        answer = found.server.exchange.send("POST", found.parameters["realm"], follow=False, form=urlencode(form).encode("ascii"))
    except NoAnswer:
        return token
    if trouble(found.server.name, answer) is not None:
        return token
    try:
        token_in(answer.body)
    except ValueError:
        return ""
    return (_refresh_token(answer.body) or token) if answer.status == 200 else ""


def _refresh_token(body: bytes) -> str:
    try:
        token = json.loads(body)["refresh_token"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return token if isinstance(token, str) and _TOKEN.fullmatch(token) else ""
