# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that records every request, and answers with the bytes and the pauses that a test gives."""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import ssl
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any

_PATIENCE = 30.0
# the first byte of a handshake
_TLS = b"\x16"


@dataclass(frozen=True)
class Request:
    """What arrived. ``target`` is the second word of the request line, with its query."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def authorization(self) -> str | None:
        return self.headers["Authorization"]

    def holds(self, secrets: Iterable[str]) -> bool:
        """Whether any of these texts is anywhere in it."""
        everything = f"{self.method} {self.target}\n{self.headers.as_string()}\n{self.body!r}"
        return any(secret in everything for secret in secrets)


@dataclass(frozen=True)
class Reply:
    """``body`` is any JSON value. ``pieces`` follow it, one at a time."""

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    body: Any = b""
    pieces: Iterable[bytes] | None = None

    def sent(self, method: str) -> Iterator[bytes]:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        named = {name.lower() for name, _value in self.headers}
        headers = list(self.headers)
        if "content-length" not in named and self.pieces is None:
            headers.append(("Content-Length", str(len(content))))
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Of Its Own"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        yield f"HTTP/1.1 {self.status} {phrase}\r\n{head}Connection: close\r\n\r\n".encode("latin-1")
        if method != "HEAD":
            yield content
            yield from self.pieces or ()


# bytes go out as they are, in place of an answer in HTTP
Answer = Reply | bytes | Iterable[bytes]


def error(status: int, code: str = "", message: str = "", *headers: tuple[str, str]) -> Reply:
    """An error document as registries send it."""
    return Reply(status, headers, {"errors": [{"code": code, "message": message, "detail": None}]})


@dataclass
class RecordingServer:
    """Serves while it is a context. ``greet`` gets the bare connection, in place of all HTTP and TLS."""

    answer: Callable[[Request], Answer]
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    greet: Callable[[socket.socket], None] | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> RecordingServer:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._server = type("_Server", (_Server,), {"address_family": family})((self.host, 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def with_credentials(self) -> list[Request]:
        """Requests that had an Authorization or a Proxy-Authorization, whatever was in it."""
        return [one for one in self.requests if one.headers["Authorization"] or one.headers["Proxy-Authorization"]]

    def asked(self, path: str, method: str | None = None) -> list[Request]:
        return [one for one in self.requests if one.path == path and method in (None, one.method)]

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            if reader.peek(1)[:1] == _TLS:
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n")
                return
            request = _read(reader)
            if request is None:
                return
            self.requests.append(request)
            self.respond(request, connection)

    def respond(self, request: Request, connection: socket.socket) -> None:
        answer = self.answer(request)
        pieces = answer.sent(request.method) if isinstance(answer, Reply) else answer
        for piece in (pieces,) if isinstance(pieces, bytes) else pieces:
            if self._ended.is_set():
                break
            connection.sendall(piece)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    owner: RecordingServer

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that does not trust this server, or has read enough, disconnects: OSError. Any other error is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner, connection = self.server.owner, self.request
        owner.connections += 1
        connection.settimeout(_PATIENCE)
        if owner.greet:
            owner.greet(connection)
        elif owner.tls:
            owner.serve(owner.tls.wrap_socket(connection, server_side=True))
        else:
            owner.serve(connection)


def _read(reader: Any) -> Request | None:
    with suppress(ValueError):
        method, target, _version = reader.readline(65536).decode("latin-1").split()
        headers = http.client.parse_headers(reader)
        return Request(method, target, headers, reader.read(int(headers["Content-Length"] or 0)))
    return None
