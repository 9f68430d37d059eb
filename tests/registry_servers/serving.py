# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates for these servers, and servers that last as long as a test."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from .proxy import RecordingProxy
from .recording import Answer, RecordingServer, Request


@dataclass
class Authority:
    """Issues certificates; ``pem`` is its own."""

    pem: Path
    _authority: trustme.CA = field(default_factory=trustme.CA)
    _contexts: dict[tuple[str, ...], ssl.SSLContext] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._authority.cert_pem.write_to_path(str(self.pem))

    def server(self, *names: str) -> ssl.SSLContext:
        if names not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(*names).configure_cert(context)
            self._contexts[names] = context
        return self._contexts[names]


@dataclass
class Serving:
    """``serve(answer)`` starts a server for one test, with TLS for its address and these names."""

    authority: Authority
    stack: ExitStack

    def __call__(
        self,
        answer: Callable[[Request], Answer],
        *names: str,
        host: str = "127.0.0.1",
        tls: bool = True,
        greet: Callable[[socket.socket], None] | None = None,
    ) -> RecordingServer:
        context = self.authority.server("127.0.0.1", "127.0.0.2", "::1", "localhost", *names) if tls else None
        return self.stack.enter_context(RecordingServer(answer, context, host, greet))

    def proxy(self, proxy: RecordingProxy) -> RecordingProxy:
        self.stack.enter_context(proxy)
        return proxy
