# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The forms in which a secret can appear, and the places where it can: an output, and what is sent to /dev/log."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest


def forms(username: str, password: str, registry: str = "registry.example.com") -> set[str]:
    """A password as it may turn up: plain, escaped by JSON, Go and URLs, and in the base64 of all that holds it."""
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    document = json.dumps(
        {"auths": {registry: {"username": username, "password": password, "auth": auth}}},
        separators=(",", ":"),
    )
    go = document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    texts = {password, json.dumps(password)[1:-1], quote(password), auth, go}
    return texts | {base64.b64encode(text.encode()).decode().rstrip("=") for text in (password, document, go)}


@pytest.fixture
def syslog() -> Iterator[list[str]]:
    """What is sent to /dev/log while the test runs."""
    path = Path("/dev/log")
    if path.exists() or os.geteuid() != 0:
        pytest.skip("needs root and a machine whose /dev/log nobody listens at")
    received: list[str] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    listener.settimeout(0.2)
    ended = threading.Event()

    def listen() -> None:
        while not ended.is_set():
            try:
                received.append(listener.recv(1 << 20).decode("utf-8", "replace"))
            except TimeoutError:
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield received
    finally:
        ended.set()
        thread.join()
        listener.close()
        path.unlink()


def around(word: str, text: str) -> list[str]:
    """Where a word stands, with a little of what is around it."""
    return [text[max(0, found.start() - 80) : found.end() + 20] for found in re.finditer(re.escape(word), text)]
