# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The registries of one task: each is asked what it wants once, and each login is tried once."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass, field

from .._text import shown
from .origin import HUB_NAME, origin_of, registry_origin
from .server import Server
from .session import Session
from .transport import Exchange, Settings
from .verdict import UNREACHABLE, Decided, Finding

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._credentials.image_reference import ImageReference
    from .addresses import Network

    Login = tuple[str, str]


@dataclass(frozen=True)
class Asking:
    """How one registry is asked. ``endpoint`` (host[:port] or a URL): where, instead of at its own name.

    ``ca_data``: what the file ``ca_cert`` holds, where it has been read already.
    """

    endpoint: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    plain_http: bool = False
    ca_data: str | None = field(default=None, repr=False)


@dataclass
class Registries:
    """``asking`` has the registries (host[:port], docker.io) that the caller named; all others are asked by ``otherwise``.

    ``timeout``: seconds for each request. ``realms`` and ``allow_addresses`` as in the options of these names. Safe to share
    among threads.
    """

    asking: Mapping[str, Asking]
    otherwise: Asking
    timeout: float
    realms: frozenset[str] = frozenset()
    allow_addresses: Sequence[Network] = ()
    _servers: dict[str, Server] = field(default_factory=dict)
    _sessions: dict[tuple[str, Login | None], Session] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check_login(self, host: str, login: Login) -> Finding:
        """Whether the registry takes the login. Raises InputError for an endpoint or a CA that cannot be used."""
        try:
            return self._session(host, login).check_login()
        except Decided as decided:
            return decided.finding

    def check_image(self, image: ImageReference, login: Login | None) -> Finding:
        """Whether the login, or without one anybody, can pull the image. Raises InputError as check_login."""
        try:
            return self._session(image.registry, login).check_image(image.repository, image.digest or image.tag or "latest")
        except Decided as decided:
            return decided.finding

    def server(self, host: str) -> Server:
        """Raises InputError as check_login, and Decided for a name that no host can have."""
        with self._lock:
            return self._server(host)

    def _session(self, host: str, login: Login | None) -> Session:
        with self._lock:
            if (host, login) not in self._sessions:
                self._sessions[host, login] = Session(self._server(host), login)
            return self._sessions[host, login]

    def _server(self, host: str) -> Server:
        if host not in self._servers:
            self._servers[host] = self._made(host)
        return self._servers[host]

    def _made(self, host: str) -> Server:
        asking = self.asking.get(host, self.otherwise)
        try:
            origin = registry_origin(host, asking.endpoint, asking.plain_http)
        except ValueError:
            told = (
                f"'{shown(host)}' is no host name or address with an optional port up to 65535. Check the name of the registry."
            )
            raise Decided(Finding(UNREACHABLE, told)) from None
        named = {origin.host} if host in self.asking else set()
        settings = Settings(
            timeout=self.timeout,
            ca_cert=asking.ca_cert,
            ca_data=asking.ca_data,
            validate_certs=asking.validate_certs,
            given=frozenset(named | {origin_of(f"https://{realm}").host for realm in self.realms}),
            allow_addresses=self.allow_addresses,
        )
        return Server(host, origin, Exchange(settings), self.realms)


def image_host(registry: str) -> str:
    """The registry of an image's name as it is asked: host names mean the same in upper case."""
    return registry if registry == HUB_NAME else registry.lower()
