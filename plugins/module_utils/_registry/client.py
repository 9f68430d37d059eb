# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The registries of one task: each challenge is requested once, and each login is tested once before it is written anywhere."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from dataclasses import dataclass, field

from .._concurrency import for_each
from .._credentials.credential import shown_username
from .._text import HIDDEN, shown
from .origin import origin_of, registry_host, registry_origin
from .server import Server
from .session import Session
from .transport import HttpClient, RequestSettings
from .verdict import CheckEnded, Finding, Verdict

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._credentials.credential import Credential
    from .addresses import Network

    UsernameAndPassword = tuple[str, str]


@dataclass(frozen=True)
class RegistryOptions:
    """How to connect to one registry. ``endpoint`` (host[:port] or a URL): the address, instead of the registry's own name.

    ``ca_data``: the content of the file ``ca_cert``, if it was read already.
    """

    endpoint: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    plain_http: bool = False
    ca_data: str | None = field(default=None, repr=False)


@dataclass
class Registries:
    """``options`` are those of the registries (host[:port], docker.io) that the caller named; all others have ``defaults``.

    ``timeout``: seconds for each request. ``realms`` and ``allow_addresses`` as in the options of these names. Safe to share
    among threads.
    """

    options: Mapping[str, RegistryOptions]
    defaults: RegistryOptions
    timeout: float
    realms: frozenset[str] = frozenset()
    allow_addresses: Sequence[Network] = ()
    _servers: dict[str, Server] = field(default_factory=dict)
    _sessions: dict[tuple[str, UsernameAndPassword | None], Session] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check_login(self, host: str, login: UsernameAndPassword) -> Finding:
        """Whether the registry accepts the login. Raises InputError for an endpoint or a CA that cannot be used."""
        try:
            return self._session(host, login).check_login()
        except CheckEnded as ended:
            return ended.finding

    def check_image(self, host: str, repository: str, reference: str, login: UsernameAndPassword | None) -> Finding:
        """Whether the login, or an anonymous client, can pull the tag or digest. Raises InputError as check_login."""
        try:
            return self._session(host, login).check_image(repository, reference)
        except CheckEnded as ended:
            return ended.finding

    def server(self, host: str) -> Server:
        """Raises InputError as check_login, and CheckEnded for a name that no host can have."""
        with self._lock:
            return self._server(host)

    def unverified_hosts(self) -> list[str]:
        """The registries whose TLS certificate is not verified."""
        if not self.options and not self.defaults.validate_certs:
            return ["every registry"]
        return sorted(host for host, one in self.options.items() if not one.validate_certs or one.plain_http)

    def _session(self, host: str, login: UsernameAndPassword | None) -> Session:
        with self._lock:
            if (host, login) not in self._sessions:
                self._sessions[host, login] = Session(self._server(host), login)
            return self._sessions[host, login]

    def _server(self, host: str) -> Server:
        if host not in self._servers:
            self._servers[host] = self._new_server(host)
        return self._servers[host]

    def _new_server(self, host: str) -> Server:
        options = self.options.get(host, self.defaults)
        try:
            origin = registry_origin(host, options.endpoint, options.plain_http)
        except ValueError:
            message = f"'{shown(host)}' is not a host with an optional port up to 65535. Check the name of the registry."
            raise CheckEnded(Finding(Verdict.UNREACHABLE, message)) from None
        named = {origin.host} if host in self.options else set()
        settings = RequestSettings(
            timeout=self.timeout,
            ca_cert=options.ca_cert,
            ca_data=options.ca_data,
            validate_certs=options.validate_certs,
            named_hosts=frozenset(named | {origin_of(f"https://{realm}").host for realm in self.realms}),
            allow_addresses=self.allow_addresses,
        )
        return Server(host, origin, HttpClient(settings), self.realms)


@dataclass(frozen=True)
class Doubt:
    """A sentence on a check without a result. ``registries`` are those of the credentials that stay unverified by it."""

    message: str
    registries: frozenset[str]


@dataclass(frozen=True)
class Verification:
    """The results of the logins."""

    logins: Sequence[tuple[Credential, Finding]] = ()

    @property
    def accepted(self) -> list[bool]:
        """For each of ``logins``, whether the registry accepts it."""
        return [finding.verdict == Verdict.ACCEPTED for _credential, finding in self.logins]

    def rows(self) -> dict[str, t.Any]:
        """As image_access_info returns them."""
        return {"logins": [_login_row(credential, finding) for credential, finding in self.logins], "images": []}

    def rejections(self) -> dict[tuple[str, str], str]:
        """Registry and user name of each rejected login, with a sentence."""
        rejected: dict[tuple[str, str], str] = {}
        for credential, finding in self.logins:
            if finding.verdict == Verdict.REJECTED:
                user = (registry_host(credential.registry), credential.username)
                rejected.setdefault(user, _login_message(credential, finding))
        return rejected

    def obstacles(self) -> list[str]:
        """What is certainly wrong, in sentences. A rejected login is reported once, whatever the number of its images."""
        return list(self.rejections().values())

    def doubts(self) -> list[Doubt]:
        """The checks without a result."""
        return [
            Doubt(_login_message(credential, finding), frozenset([credential.registry]))
            for credential, finding in self.logins
            if finding.verdict in Verdict.UNDECIDED
        ]

    def push_warnings(self) -> list[str]:
        """A warning for each user who may also push."""
        return []


def verify_logins(registries: Registries, credentials: Sequence[Credential], workers: int) -> Verification:
    """Each credential by one login. Raises InputError for an endpoint or a CA that cannot be used."""
    check_usable(registries, credentials)

    def log_in(credential: Credential) -> Finding:
        return registries.check_login(registry_host(credential.registry), (credential.username, credential.password))

    return Verification(list(zip(credentials, for_each(credentials, log_in, workers))))


def check_usable(registries: Registries, credentials: Iterable[Credential]) -> None:
    """Raises InputError before any login is sent: a second run, with that corrected, would send a wrong login twice."""
    for credential in credentials:
        with contextlib.suppress(CheckEnded):
            registries.server(registry_host(credential.registry))


def without_hidden_usernames(message: str, logins: Iterable[t.Any]) -> str:
    """Registries repeat user names, also those that are a token. ``logins`` have a username and a password."""
    for login in logins:
        if shown_username(login.username, login.password) == HIDDEN:
            message = message.replace(login.username, HIDDEN)
    return message


def _login_message(credential: Credential, finding: Finding) -> str:
    user = shown_username(credential.username, credential.password)
    return f"user {user}: {finding.verdict}. {without_hidden_usernames(finding.message, [credential])}"


def _login_row(credential: Credential, finding: Finding) -> dict[str, t.Any]:
    return {
        "registry": credential.registry,
        "username": shown_username(credential.username, credential.password),
        "verdict": finding.verdict,
        "http_status": finding.http_status,
        "message": _login_message(credential, finding),
    }
