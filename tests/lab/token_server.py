# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hands out registry tokens: `python -m lab.token_server SETTINGS` (a JSON file).

It speaks the token protocol of registries, GET with Basic credentials and POST with a password grant. Each request
leaves one line of JSON on standard output, so that tests can count logins.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import ssl
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

_LIFETIME_SECONDS = 300
_LONGEST_FORM = 65536

Access = list[dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    port: int
    certificate: str
    key: str
    signing_key: str
    key_id: str
    issuer: str
    service: str
    users: dict[str, str]
    grants: dict[str, dict[str, list[str]]]

    def knows(self, user: str, password: str) -> bool:
        return hmac.compare_digest(self.users.get(user, secrets.token_hex()).encode(), password.encode())

    def granted(self, user: str | None, scopes: list[str]) -> Access:
        """The part of what is asked for that `user` may do; nobody in particular may do nothing."""
        access: Access = []
        for scope in scopes:
            kind, _colon, rest = scope.partition(":")
            name, _colon, actions = rest.rpartition(":")
            allowed = self._actions(user, name) if kind == "repository" else set()
            access.append({"type": kind, "name": name, "actions": sorted(allowed & set(actions.split(",")))})
        return [item for item in access if item["actions"]]

    def _actions(self, user: str | None, repository: str) -> set[str]:
        grants = self.grants.get(user or "", {})
        return {action for prefix, actions in grants.items() if repository.startswith(prefix) for action in actions}

    def token(self, user: str | None, access: Access) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": user or "",
            "aud": self.service,
            "iat": now,
            "nbf": now - 10,
            "exp": now + _LIFETIME_SECONDS,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        key = Path(self.signing_key).read_text()
        return jwt.encode(claims, key, algorithm="ES256", headers={"kid": self.key_id})


class TokenServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", settings.port), Handler)
        self.settings = settings

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off, for instance because it does not trust us, is worth a line and no more."""
        print(json.dumps({"time": time.time(), "error": repr(sys.exc_info()[1])}), flush=True)


class Handler(BaseHTTPRequestHandler):
    server: TokenServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def setup(self) -> None:
        """Shake hands in the thread of the connection, so that a silent client holds up nobody else."""
        self.request.settimeout(self.timeout)
        self.request.do_handshake()
        super().setup()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != "/token":
            self._answer(404, {"errors": [{"code": "NOT_FOUND", "message": "only /token is here"}]})
            return
        credentials = _basic_credentials(self.headers.get("Authorization"))
        self._hand_out(credentials, parse_qs(url.query))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(min(length, _LONGEST_FORM)).decode(errors="replace"))
        if form.get("grant_type") != ["password"]:
            self._answer(400, {"error": "unsupported_grant_type"})
            return
        self._hand_out((form.get("username", [""])[0], form.get("password", [""])[0]), form)

    def _hand_out(self, credentials: tuple[str, str] | None, parameters: dict[str, list[str]]) -> None:
        settings = self.server.settings
        scopes = " ".join(parameters.get("scope", [])).split()
        user = credentials[0] if credentials else None
        if credentials and not settings.knows(*credentials):
            refusal = {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
            self._answer(401, refusal, user=user, asked=scopes)
            return
        access = settings.granted(user, scopes)
        token = settings.token(user, access)
        answer = {"token": token, "access_token": token, "expires_in": _LIFETIME_SECONDS}
        self._answer(200, answer, user=user, asked=scopes, granted=access)

    def _answer(self, status: int, content: dict[str, Any], **fields: Any) -> None:
        line = {"time": time.time(), "method": self.command, "path": urlsplit(self.path).path, "status": status}
        print(json.dumps({**line, **fields}), flush=True)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any, **kwargs: Any) -> None:
        """The one line that `_answer` writes is enough."""


def _basic_credentials(header: str | None) -> tuple[str, str] | None:
    """User and password; None for nobody. What cannot be read counts as a wrong login, not as nobody."""
    if not header:
        return None
    scheme, _space, encoded = header.partition(" ")
    try:
        user, _colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if scheme.lower() == "basic" else ("", "")


def main() -> None:
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    server = TokenServer(settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings.certificate, settings.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
