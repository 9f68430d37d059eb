# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers of a registry and of a token server, by the distribution spec, with every part open to change."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from .recording import Answer, Reply, Request, error

DIGEST = f"sha256:{'5a' * 32}"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
Script = Answer | Callable[[Request], Answer]


def login(user: str, password: str) -> str:
    """The value of Authorization with which this user logs in."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def basic(realm: str = "lab") -> str:
    return f'Basic realm="{realm}"'


def jwt(**claims: object) -> str:
    parts = [{"alg": "none"}, claims]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "c2ln"])


@dataclass
class Registry:
    """Takes what ``accepts`` takes as Authorization, and asks for ``challenge`` otherwise; None lets everybody in.

    ``script`` has answers for "METHOD path", "path" or "*", in place of what a registry would say.
    """

    challenge: str | None = None
    accepts: Callable[[str | None], bool] = lambda _authorization: True
    images: Mapping[str, Reply] = field(default_factory=lambda: {"team/app:1.0": manifest()})
    script: Mapping[str, Script] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        for key in (f"{request.method} {request.path}", request.path, "*"):
            if key in self.script:
                return _play(self.script[key], request)
        if self.challenge is not None and not self.accepts(request.authorization):
            return error(401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", self.challenge))
        if request.path == "/v2/":
            return Reply(200, body={})
        repository, _slash, reference = request.path.removeprefix("/v2/").rpartition("/manifests/")
        if f"{repository}:{reference}" in self.images:
            return self.images[f"{repository}:{reference}"]
        known = any(name.startswith(f"{repository}:") for name in self.images)
        return error(404, "MANIFEST_UNKNOWN" if known else "NAME_UNKNOWN", "unknown")


def manifest() -> Reply:
    return Reply(200, (("Content-Type", _MANIFEST), ("Docker-Content-Digest", DIGEST)), {"schemaVersion": 2})


def granting(*allowed: str) -> Callable[[list[str], int], str]:
    """For ``TokenServer.make``: tokens that contain what they grant: the requested scope as far as it is ``allowed``."""

    def make(scopes: list[str], number: int) -> str:
        asked = [scope.split(":") for scope in scopes]
        grants = [
            {"type": kind, "name": name, "actions": [one for one in actions.split(",") if one in allowed]}
            for kind, name, actions in asked
        ]
        return jwt(access=grants, jti=number)

    return make


@dataclass
class TokenServer:
    """Hands out tokens to ``logins`` (values of Authorization), and knows its own; ``make`` forms them of scopes."""

    logins: tuple[str | None, ...]
    make: Callable[[list[str], int], str] = lambda _scopes, number: f"opaque-{number}"
    script: Script | None = None
    issued: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: Request) -> Answer:
        if self.script is not None:
            return _play(self.script, request)
        if request.authorization not in self.logins:
            return error(401, "UNAUTHORIZED", "incorrect username or password")
        with self._lock:
            token = self.make(parse_qs(urlsplit(request.target).query).get("scope", []), len(self.issued))
            self.issued.add(token)
        return Reply(200, body={"token": token, "expires_in": 300})

    def accepts(self, authorization: str | None) -> bool:
        return (authorization or "").removeprefix("Bearer ") in self.issued


def _play(script: Script, request: Request) -> Answer:
    return script(request) if callable(script) else script
