# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A registry without images whose token server hands out identity tokens, as some do that docker logs in to."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "bot", "Zauberwort-of-bot"


@dataclass
class TokenRegistry:
    """``good`` are the identity tokens that count; ``asked`` has the query of each request for a token.

    ``renewal`` is what an identity token is answered with, whichever it is; None: according to ``good``.
    """

    host: str
    good: set[str] = field(default_factory=set)
    renewal: tuple[int, dict[str, Any]] | None = None
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def token_for(self, query: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(query)
        if query.get("grant_type") == ["refresh_token"]:
            if self.renewal:
                return self.renewal
            return (200, {"access_token": "access"}) if query["refresh_token"][0] in self.good else (401, {})
        if authorization != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong"}]}
        answer = {"token": "access"}
        if query.get("offline_token") == ["true"]:
            token = f"identity-{secrets.token_hex(8)}"
            self.good.add(token)
            answer["refresh_token"] = token
        return 200, answer


@contextmanager
def token_registry() -> Iterator[TokenRegistry]:
    registry = TokenRegistry("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            authorization = self.headers.get("Authorization", "")
            if url.path == "/token":
                self._answer(*registry.token_for(parse_qs(url.query), authorization))
            elif authorization == "Bearer access":
                self._answer(200, {})
            else:
                self._answer(401, {})

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(*registry.token_for(parse_qs(form), ""))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", f'Bearer realm="http://{registry.host}/token",service="lab"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
