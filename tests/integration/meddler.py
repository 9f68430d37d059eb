# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stands between a module and the real API server, so that something happens just before a request arrives there."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from cluster_access import Access

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: bytes = field(repr=False)

    @property
    def is_dry_run(self) -> bool:
        return "dryRun=All" in self.path or b'"dryRun"' in self.body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextmanager
def meddler(access: Access, before: Callable[[Asked], Answer | None]) -> Iterator[dict[str, Any]]:
    """Options that connect through it. ``before`` sees each request first, and may answer it in place of the server."""
    server = urlsplit(access.cluster.server)
    context = ssl.create_default_context(cafile=str(access.ca))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = before(Asked(self.command, self.path, body)) or self._ask(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _ask(self, body: bytes) -> Answer:
            connection = HTTPSConnection(server.hostname or "", server.port, context=context, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "accept-encoding")}
            try:
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()

        do_GET = do_POST = do_PATCH = do_DELETE = _pass_on

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with _Server(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            options = {"host": f"http://127.0.0.1:{proxy.server_port}", "api_key": access.cluster.token}
            yield {"kubeconfig": None, "context": None, **options}
        finally:
            proxy.shutdown()
            thread.join()
