# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An API server on loopback that answers from a table, or with what a test gives it, and records the path of each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import RESOURCES
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget

Override = Callable[[str, str, Any], Any]


class RecordingServer:
    """``objects`` by plural. ``override`` may give another answer than the table (method, path, body): None is not one."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.paths: list[str] = []
        self.override: Override = lambda _method, _path, _body: None
        self.port = 0
        self._api: Api | None = None

    def api(self) -> Api:
        """Always the same, which has had an answer already after the first."""
        self._api = self._api or Api(ClusterTarget(host=f"http://127.0.0.1:{self.port}", api_key="token"), 4, 30.0)
        return self._api

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        self.paths.append(target)
        given = self.override(method, target, body)
        if given is not None:
            return 200, given
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        parts = path.split("/")
        at = 3 if parts[1] == "api" else 4
        namespace = None
        if parts[at] == "namespaces" and len(parts) > at + 2:
            namespace, at = parts[at + 1], at + 2
        resource, name = parts[at], "/".join(parts[at + 1 :])
        found = [
            one for one in self.objects.get(resource, []) if namespace in (None, one["metadata"].get("namespace", namespace))
        ]
        if name:
            named = [one for one in found if one["metadata"]["name"] == name]
            missing = 404, {"kind": "Status", "message": "not found"}
            return (200, {"kind": RESOURCES[resource].kind, **named[0]}) if named else missing
        for field in ",".join(query.get("fieldSelector", [])).split(","):
            key, _equals, value = field.partition("=")
            if key in ("metadata.name", "type"):
                found = [one for one in found if (one["metadata"]["name"] if key == "metadata.name" else one["type"]) == value]
        return 200, {"kind": f"{RESOURCES[resource].kind}List", "metadata": {}, "items": found}


@contextmanager
def recording_server() -> Iterator[RecordingServer]:
    recorded = RecordingServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # headers and body in one packet
        wbufsize = -1

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = recorded.answer(self.command, self.path, json.loads(body) if body else None)
            encoded = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        recorded.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield recorded
        finally:
            server.shutdown()
            thread.join()
