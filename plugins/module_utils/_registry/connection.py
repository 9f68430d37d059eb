# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One HTTP or HTTPS connection with a deadline, the proxies of the environment, and the reasons of failures."""

from __future__ import annotations

import http.client
import io
import ipaddress
import os
import re
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.request

from .._credentials.redact import foreign_text
from .._text import shown, shown_url
from .addresses import ForbiddenAddress, literal
from .origin import origin_of, parse_address

if t.TYPE_CHECKING:
    from collections.abc import Callable

    Dial = Callable[[tuple[str, int]], socket.socket]


_CONTROL_OR_BLANK = re.compile(r"[\x00-\x20\x7f]")


class TimedConnection(http.client.HTTPConnection):
    """``dial`` makes the TCP connection to (host, port); ``deadline`` as of time.monotonic."""

    def __init__(self, host: str, *, dial: Dial, deadline: float, **options: t.Any) -> None:
        super().__init__(host, **options)
        self._deadline = deadline
        # the hook of http.client, and of urllib3 in its place, that opens the TCP connection
        self._create_connection = lambda address, *_rest: dial(address)

    def connect(self) -> None:
        super().connect()
        self.sock = t.cast("socket.socket", _TimedSocket(self.sock, self._deadline))


class TimedTlsConnection(TimedConnection, http.client.HTTPSConnection):
    """The same with TLS."""

    def _tunnel(self) -> None:
        """The deadline also applies to the response of a proxy."""
        connection = self.sock
        self.sock = t.cast("socket.socket", _TimedSocket(connection, self._deadline))
        super()._tunnel()  # type: ignore[misc]
        connection.settimeout(_remaining(self._deadline))
        self.sock = connection


class _TimedSocket:
    """The part of a socket that http.client uses. A socket's own time-out starts again with each byte received."""

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
        # keeps the connection open until the response is read, though http.client closes the socket before
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


class EnvironmentProxies(urllib.request.ProxyHandler):
    """Sends requests through the proxy of their scheme, unless no_proxy names the host."""

    def __init__(self) -> None:
        super().__init__({scheme: url for scheme, url in urllib.request.getproxies().items() if scheme in ("http", "https")})

    def proxy_open(self, req: t.Any, proxy: str, type: str) -> http.client.HTTPResponse | None:  # noqa: A002
        if _matches_no_proxy_network(req.target.host) or urllib.request.proxy_bypass(req.host):
            return None
        url = _proxy_url(proxy)
        if url is None:
            # no part of it is shown: each may contain a password
            raise OSError(f"the proxy in {type}_proxy is not of the form http://[user:password@]host:port")
        req.proxied = True
        return super().proxy_open(req, url, type)


def _proxy_url(proxy: str) -> str | None:
    """The proxy's URL with the host and port that the parser found in it; null for text that is not a proxy.

    urllib reads parts of a login as the port, and connects to a proxy with TLS as to one without.
    """
    scheme, separator, rest = proxy.partition("://")
    authority, slash, path = (rest if separator else proxy).partition("/")
    user, at, host = authority.rpartition("@")
    try:
        address = parse_address(f"{scheme if separator else 'http'}://{host}{slash}{path}")
    except ValueError:
        return None
    if address.origin.scheme != "http" or address.origin.port == 0 or address.target not in ("", "/"):
        return None
    return None if _CONTROL_OR_BLANK.search(user) else f"http://{user}{at}{address.origin.authority}"


def _matches_no_proxy_network(host: str) -> bool:
    """Whether no_proxy contains a network with this address: docker and the kubelet use such entries, urllib does not."""
    address = literal(host)
    if address is None:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        try:
            network = ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False


class NoResponse(Exception):
    """There is no HTTP response; the message says why. ``refused``: no request was sent, because the address is forbidden."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def no_response(error: Exception, url: str, timeout: float) -> NoResponse:
    """The NoResponse for an exception that opening ``url`` raised."""
    try:
        server = str(origin_of(url))
    except ValueError as fault:
        return NoResponse(f"'{shown_url(url.partition('?')[0])}' is not a usable URL: it has {fault}", refused=True)
    reason = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception) else error
    if isinstance(reason, ForbiddenAddress):
        return NoResponse(f"{reason}. If that is correct, add it to allow_addresses.", refused=True)
    return NoResponse(f"{server} {_failure_reason(reason, timeout)}")


def _failure_reason(error: Exception, timeout: float) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        # a library refuses the request and repeats a part of it, which can be a header with a credential
        return f"gets no request: it cannot be sent ({type(error).__name__}). Check host, port and credential."
    text = foreign_text(str(error))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f"did not answer within {timeout:g} seconds. Check network, firewall, proxy and DNS."
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = foreign_text(error.verify_message)
        remedy = "Give its CA as registry_ca_cert (in roles: pullpass_registry_ca_cert), or correct the certificate."
        return f"has a certificate that is not trusted ({reason}). {remedy}"
    if isinstance(error, ssl.SSLError):
        return f"fails in the TLS handshake ({text}). For a registry without TLS, set plain_http."
    if isinstance(error, socket.gaierror):
        return f"has a name that cannot be resolved ({text}). Check the name of the registry and DNS."
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection: nothing listens on this port. Check host and port."
    if isinstance(error, http.client.HTTPException):
        return f"does not answer with HTTP ({shown(type(error).__name__)}: {text}). Check host and port."
    return f"cannot be reached: {text}. Check the address, the network and the proxy."
