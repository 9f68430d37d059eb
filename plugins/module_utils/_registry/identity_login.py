# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Identity tokens (refresh tokens): asked for and tried as docker does (docker/cli: internal/registry, moby: registry/auth)."""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import replace
from urllib.parse import urlencode, urlsplit, urlunsplit

from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import registry_host
from ansible_collections.pullpass.registry.plugins.module_utils._registry.no_answer import NoAnswer
from ansible_collections.pullpass.registry.plugins.module_utils._registry.token import token_url
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Decided

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._host.login_document import Login, StoredLogin
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.challenge import Challenge
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.registries import Registries
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import Server

_CLIENT = "docker"


def has_token_server(registries: Registries, login: Login) -> bool:
    """Whether there is one that could hand out an identity token."""
    return _challenge(registries.server(registry_host(login.registry))) is not None


def with_identity_token(registries: Registries, login: Login, stored: StoredLogin) -> Login:
    """What docker would store for a login that the registry accepts: with an identity token where it hands out one.

    What is ``stored`` already stays, a token as long as it is good, so that a second login makes no change.
    """
    if not stored.token and (stored.username, stored.password) == (login.username, login.password):
        return login
    host = registry_host(login.registry)
    # a helper does not tell whose token it keeps
    if stored.token and stored.username in ("", login.username) and token_is_good(registries, host, stored.token):
        return replace(login, token=stored.token)
    return replace(login, token=identity_token(registries, host, (login.username, login.password)))


def identity_token(registries: Registries, host: str, login: tuple[str, str]) -> str:
    """The identity token for a login that the registry accepts, or an empty text where it hands out none."""
    server = registries.server(host)
    challenge = _challenge(server)
    if challenge is None:
        return ""
    parts = urlsplit(challenge.parameters["realm"])
    asked = urlencode({"account": login[0], "client_id": _CLIENT, "offline_token": "true"})
    realm = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, asked)))))
    basic = "Basic " + base64.b64encode(":".join(login).encode()).decode("ascii")
    try:
        answer = server.ask_for_token(token_url({**challenge.parameters, "realm": realm}, ()), basic)
    except Decided:
        return ""
    return _refresh_token(answer.body) if answer.status == 200 else ""


def token_is_good(registries: Registries, host: str, token: str) -> bool:
    """False where the token server refuses the identity token, or where there is none; True where that is not known."""
    server = registries.server(host)
    challenge = _challenge(server)
    if challenge is None:
        return False
    service = challenge.parameters.get("service")
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT,
        "refresh_token": token,
        **({"service": service} if service else {}),
    }
    try:
        answer = server.exchange.send("POST", challenge.parameters["realm"], follow=False, form=urlencode(form).encode("ascii"))
    except NoAnswer:
        return True
    return answer.status not in (400, 401, 403)


def _challenge(server: Server) -> Challenge | None:
    try:
        challenge = server.challenge()
    except Decided:
        return None
    return challenge if challenge is not None and challenge.scheme == "bearer" else None


def _refresh_token(body: bytes) -> str:
    try:
        token = json.loads(body)["refresh_token"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return token if isinstance(token, str) else ""
