# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starting a server on a free port, and waiting until it serves."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from .errors import LabError
from .processes import Processes

_ATTEMPTS = 5
_given_out: set[int] = set()
_given_out_lock = threading.Lock()


def free_port() -> int:
    """A port that is free now and that this process has not given out before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        with _given_out_lock:
            if port not in _given_out:
                _given_out.add(port)
                return port


def http_status(url: str, context: ssl.SSLContext, token: str | None = None) -> int | None:
    """What `url` answers; None while nothing answers there."""
    status, _body = http_get(url, context, token)
    return status


def http_get(url: str, context: ssl.SSLContext, token: str | None = None) -> tuple[int | None, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()
    except OSError:
        return None, b""


def wait_until(what: str, ready: Callable[[], bool], processes: Processes, *needed: str, seconds: float = 120) -> None:
    """Wait until `ready`; fail as soon as one of the processes `needed` for it has ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        for name in needed:
            if not processes.alive(name):
                raise LabError(f"{name} ended before {what}.", processes.tail(name))
        if time.monotonic() > deadline:
            logs = "\n".join(processes.tail(name) for name in needed)
            raise LabError(f"Timed out after {seconds:.0f} s: waited until {what}.", logs)
        time.sleep(0.1)


def start_server(
    processes: Processes,
    name: str,
    command: Callable[[int], list[str]],
    ready: Callable[[int], bool],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start a server on a port of its own; with another port if somebody else took it meanwhile."""
    for attempt in range(1, _ATTEMPTS + 1):
        port = free_port()
        processes.start(name, command(port), environment)
        try:
            _wait_for_server(processes, name, port, ready)
            return port
        except LabError as error:
            if attempt == _ATTEMPTS or "address already in use" not in error.detail.lower():
                raise
            processes.stop_named(name)
    raise AssertionError("the last attempt returns or raises")


def _wait_for_server(processes: Processes, name: str, port: int, ready: Callable[[int], bool]) -> None:
    wait_until(f"it answered on port {port}", lambda: ready(port), processes, name, seconds=180)
