# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A proxy that records what it is asked for, and what it could read of what it passes on."""

from __future__ import annotations

import http.client
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .recording import RecordingServer, Reply, Request


def _elsewhere(_request: Request) -> Reply:
    return Reply(502)


@dataclass
class RecordingProxy(RecordingServer):
    """``find`` gives the address for a host:port, as a resolver of its own would; ``refuse`` an answer in its place."""

    answer: Callable[[Request], Reply] = _elsewhere
    find: Callable[[str], tuple[str, int]] = lambda authority: (
        authority.rpartition(":")[0].strip("[]"),
        int(authority.rpartition(":")[2]),
    )
    refuse: Callable[[Request], Reply | None] = lambda _request: None

    @property
    def tunnels(self) -> list[str]:
        return [request.target for request in self.requests if request.method == "CONNECT"]

    def respond(self, request: Request, connection: socket.socket) -> None:
        refusal = self.refuse(request)
        if refusal is not None:
            for piece in refusal.sent(request.method):
                connection.sendall(piece)
        elif request.method == "CONNECT":
            with socket.create_connection(self.find(request.target), timeout=30) as target:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _relay(connection, target)
        else:
            connection.sendall(self._fetch(request))

    def _fetch(self, request: Request) -> bytes:
        url = urlsplit(request.target)
        host, port = self.find(url.netloc if url.port else f"{url.netloc}:80")
        target = http.client.HTTPConnection(host, port, timeout=30)
        headers = {name: value for name, value in request.headers.items() if not name.lower().startswith("proxy-")}
        try:
            target.request(request.method, f"{url.path}?{url.query}" if url.query else url.path, headers=headers)
            answer = target.getresponse()
            reply = Reply(answer.status, tuple(answer.getheaders()), answer.read())
            return b"".join(reply.sent(request.method))
        finally:
            target.close()


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [], 30)[0]:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
