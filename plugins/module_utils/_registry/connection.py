# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""HTTP connections that end at a deadline, however slowly the other side goes on, and that check where they lead."""

from __future__ import annotations

import http.client
import io
import time
import typing as t

if t.TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Dial = Callable[[tuple[str, int]], socket.socket]


class TimedConnection(http.client.HTTPConnection):
    """``dial`` makes the TCP connection to (host, port); ``deadline`` as of time.monotonic."""

    def __init__(self, host: str, *, dial: Dial, deadline: float, **options: t.Any) -> None:
        super().__init__(host, **options)
        self._deadline = deadline
        # where http.client itself, and urllib3 in its place, put what makes the connection
        self._create_connection = lambda address, *_rest: dial(address)

    def connect(self) -> None:
        super().connect()
        self.sock = t.cast("socket.socket", _TimedSocket(self.sock, self._deadline))


class TimedTlsConnection(TimedConnection, http.client.HTTPSConnection):
    """The same with TLS."""

    def _tunnel(self) -> None:
        """Through a proxy: its answer, too, is there before the deadline."""
        connection = self.sock
        self.sock = t.cast("socket.socket", _TimedSocket(connection, self._deadline))
        super()._tunnel()  # type: ignore[misc]
        connection.settimeout(_remaining(self._deadline))
        self.sock = connection


class _TimedSocket:
    """What http.client uses of a socket. A socket's own time-out starts again with each byte that comes."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_remaining(self._deadline))
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        # keeps the connection open until the answer is read, though http.client closes the socket before
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        self._sock.settimeout(_remaining(self._deadline))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
