# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which login docker itself takes for an image: its client pulls from a daemon that only notes what it is sent."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from login_tasks import program


class _Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Request)
        self.seen: list[str] = []


class _Request(BaseHTTPRequestHandler):
    server: _Daemon

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Ostype", "linux")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if "/images/create" in self.path:
            self.server.seen.append(self.headers.get("X-Registry-Auth", ""))
        with contextlib.suppress(BrokenPipeError):
            self.do_GET()


def docker_takes(config: str, image: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The login that docker sends along, empty for none. A file that docker complains of counts as one that it cannot read."""
    with tempfile.TemporaryDirectory(prefix="pp-") as name:
        folder = Path(name)
        (folder / "config.json").write_text(config, encoding="utf-8")
        with _Daemon(folder / "daemon") as daemon:
            threading.Thread(target=daemon.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            done = subprocess.run(
                [program("docker", "docker.io"), "--config", name, "--host", f"unix://{folder}/daemon", "pull", image],
                env={"PATH": os.environ["PATH"], "HOME": name, **environment},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            daemon.shutdown()
    (sent,) = daemon.seen
    if "Error loading config file" in done.stderr or not sent:
        return {}
    found = json.loads(base64.urlsafe_b64decode(sent + "=="))
    return {member: value for member, value in found.items() if member != "serveraddress"}
