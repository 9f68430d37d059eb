# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One HTTPS connection to an address that was checked, and why one fails."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import typing as t
import urllib.error

from .._credentials.redact import foreign_text
from .._text import shown, shown_url
from .addresses import Forbidden
from .origin import origin_of

if t.TYPE_CHECKING:
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


class NoAnswer(Exception):
    """No answer came, or none that is HTTP. The message says why. ``refused``: it was not asked for, since it must not be."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def no_answer(error: Exception, url: str, timeout: float) -> NoAnswer:
    """The NoAnswer for what opening ``url`` raised."""
    try:
        server = str(origin_of(url))
    except ValueError as fault:
        return NoAnswer(f"'{shown_url(url.partition('?')[0])}' cannot be asked: it has {fault}", refused=True)
    reason = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception) else error
    if isinstance(reason, Forbidden):
        return NoAnswer(f"{reason}. If that is right, add it to allow_addresses.", refused=True)
    return NoAnswer(f"{server} {_trouble(reason, timeout)}")


def _trouble(error: Exception, timeout: float) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        # a library refuses to send the request and repeats a part of it: a header with a credential, perhaps
        return f"cannot be asked: the request cannot be sent ({type(error).__name__}). Check host, port and credential."
    told = foreign_text(str(error))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f"did not answer within {timeout:g} seconds. Check network, firewall, proxy and DNS."
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = foreign_text(error.verify_message)
        return f"has a certificate that is not trusted ({reason}). Give its CA as ca_cert, or mend the certificate."
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS as it should ({told}). If it is a registry without TLS, set plain_http."
    if isinstance(error, socket.gaierror):
        return f"has a name that cannot be resolved ({told}). Check the name of the registry, and DNS."
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections: nothing listens there. Check host and port."
    if isinstance(error, http.client.HTTPException):
        return f"does not answer in HTTP ({shown(type(error).__name__)}: {told}). Check host and port."
    return f"cannot be reached: {told}. Check the address, the network and the proxy."
