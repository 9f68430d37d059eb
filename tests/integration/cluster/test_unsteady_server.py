# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections that break: what was written counts as written, what was not is written, and a server that is gone is reported."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from ansible_run import Ansible
from cluster_access import Access


class Wire:
    """A TCP proxy before the API server; TLS passes through. ``cut(number)`` says which connections lose their answer."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._server = (parts.hostname or "", parts.port or 443)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut: Callable[[int, int], bool] = lambda _connection, _bytes: False
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._server)
            number = self.connections
            threading.Thread(target=self._forward, args=(client, server, number, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, number, True), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, number: int, answers: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                if answers and self.cut(number, passed):
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(c2: Access) -> Iterator[Wire]:
    made = Wire(c2.cluster.server)
    try:
        yield made
    finally:
        made.close()


def secret_task(access: Access, url: str, namespaces: list[str], registry: dict[str, Any]) -> dict[str, Any]:
    connection = {**access.connection_as(access.cluster.token), "host": url, "request_timeout": 5}
    given = {**connection, "name": "regcred", "namespaces": namespaces, "registries": [registry]}
    return {"pullpass.registry.pull_secret": given}


def test_an_answer_that_is_lost_is_looked_up(
    c2: Access, wire: Wire, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    """Every first connection of a worker is cut at its answer to the write, which the server has carried out."""
    names = [f"{prefix}-{number}" for number in range(8)]
    c2.make_namespaces(names)
    created: set[int] = set()

    def cut(number: int, _passed: int) -> bool:
        # connection 1 lists; the writes that follow on it and on the next ones are answered after they are in the audit log
        if number in created or len(audit.writes()) <= len(created):
            return False
        created.add(number)
        return len(created) <= 2

    audit = c2.audit()
    wire.cut = cut

    run = ansible.tasks([{**secret_task(c2, wire.url, names, registry)}])

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["summary"]["created"] == len(names)
    assert len(created) >= 2, "no connection was cut"
    assert all(c2.secret(name) is not None for name in names)
    done = [event for event in audit.writes() if event["responseStatus"]["code"] == 201]
    assert len(done) == len(names)


def test_a_server_that_goes_away_is_told_and_what_was_done_is_kept(
    c2: Access, wire: Wire, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = [f"{prefix}-{number}" for number in range(6)]
    c2.make_namespaces(names)
    audit = c2.audit()

    def cut(_number: int, _passed: int) -> bool:
        if len(audit.writes()) < 3:
            return False
        wire.close()
        return True

    wire.cut = cut
    task = secret_task(c2, wire.url, [f"{prefix}-*"], registry)
    task["pullpass.registry.pull_secret"]["workers"] = 1

    run = ansible.tasks([task])

    assert run.exit_code == 2
    result = run.of("pull_secret")
    summary = result["summary"]
    assert summary["created"] >= 2
    assert summary["created"] + summary["failed"] == len(names)
    assert result["changed"] is True
    assert "cannot be reached" in result["msg"] or "broke at" in result["msg"]
    assert "not tried, because the cluster stopped answering" in result["msg"]


class NoApiServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet."""


def test_what_is_no_api_server_is_told_apart(c2: Access, ansible: Ansible, registry: dict[str, Any]) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NoApiServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        tasks = [
            {**secret_task(c2, url, ["default"], registry), "ignore_errors": True}
            for url in (f"http://{address}", f"https://{address}", f"https://user:hunter2@{address}")
        ]
        run = ansible.tasks(tasks)
        server.shutdown()

    plain, tls, userinfo = (line["result"]["msg"] for line in run.results)
    assert "does not answer like an API server" in plain
    assert "is not encrypted" in run.output
    assert "cannot agree on TLS" in tls
    assert "holds a user before '@'" in userinfo
    assert "hunter2" not in run.output
