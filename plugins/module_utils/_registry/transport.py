# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One HTTP request and its answer: within a time, of a bounded size, and only from addresses that may be contacted.

An Exchange has an opener of its own. Request, open_url and fetch_url of ansible.module_utils.urls install a global one for
each request, so that one thread uses the TLS settings of another, and they read ~/.netrc.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from .._errors import InputError
from .._text import is_plausible_path, no_path_words, shown, shown_path
from .addresses import check_literal, connect
from .connection import TimedConnection, TimedTlsConnection, no_answer
from .origin import EnvironmentProxies, parse_address

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

    from .addresses import Network


try:
    from ansible.module_utils.urls import HTTPRedirectHandler, make_context
except ImportError:
    # ansible-core before 2.17: this file has to load all the same, so that the module can say so (_core_version.py)
    from urllib.request import HTTPRedirectHandler  # type: ignore[assignment]

    make_context = None  # type: ignore[assignment]
LONGEST_BODY = 1024 * 1024
_AGENT = "pullpass.registry"


@dataclass(frozen=True)
class Answer:
    """``body`` is cut at 1 MiB. ``astray``: a redirect led to another origin, so that no credential was sent along.

    ``authorization`` is what was sent, lest the answer repeats it.
    """

    status: int
    headers: Message
    body: bytes = field(repr=False)
    astray: bool = False
    authorization: str | None = field(default=None, repr=False)
    method: str = "GET"


@dataclass(frozen=True)
class Settings:
    """How one registry, and the token server that it names, are asked. ``timeout``: seconds for each request as a whole.

    ``ca_data``: what the file ``ca_cert`` holds, where it has been read already.
    ``given`` are the hosts that the caller named himself, so that an address, or localhost, is what he meant.
    """

    timeout: float
    ca_cert: str | None = None
    validate_certs: bool = True
    given: frozenset[str] = frozenset()
    allow_addresses: Sequence[Network] = ()
    ca_data: str | None = field(default=None, repr=False)


class Exchange:
    """Requests under the same ``settings``. Safe to share among threads. Raises InputError for a CA that cannot be read."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.timeout
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            EnvironmentProxies(),
            _Connections(settings),
            _Redirects("safe"),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def send(
        self,
        method: str,
        url: str,
        authorization: str | None = None,
        accept: str | None = None,
        follow: bool = True,
        form: bytes | None = None,
    ) -> Answer:
        """The answer, whatever its status; ``form`` is the body of a POST. Raises NoAnswer.

        With ``follow`` redirects of GET and HEAD are followed, never from https to http; ``authorization`` stays behind where
        one leads to another origin.
        """
        try:
            request = _Request(url, method, time.monotonic() + self._timeout, follow)
        except ValueError as error:
            raise no_answer(error, url, self._timeout) from None
        request.data = form
        request.add_header("User-Agent", _AGENT)
        if accept:
            request.add_header("Accept", accept)
        if authorization:
            # of such a header urllib makes no copy for where a redirect leads; _Redirects does, on the same origin
            request.add_unredirected_header("Authorization", authorization)
        try:
            try:
                response = self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as error:
                response = error
            with contextlib.closing(response):
                body = response.read(LONGEST_BODY)
                return Answer(response.status or 0, response.headers, body, request.astray, authorization, method)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise no_answer(error, request.reached, self._timeout) from None


class _Request(urllib.request.Request):
    """``first`` is the one that was redirected to this one; ``reached`` is where it led so far.

    It is made of what the parser found in ``url``, so that no library reads another host in it. Raises ValueError.
    """

    def __init__(self, url: str, method: str, deadline: float, follow: bool, first: _Request | None = None) -> None:
        address = parse_address(url)
        super().__init__(str(address), method=method)
        self.target = address.origin
        self.deadline = deadline
        self.follow = follow
        self.proxied = False
        self.first = first or self
        self.astray = False
        self.reached = url


class _Connections(urllib.request.AbstractHTTPHandler):
    """Connects to the address that was checked."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._context = _context(settings)

    def http_open(self, request: _Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection(TimedConnection, request), request)

    def https_open(self, request: _Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection(TimedTlsConnection, request), request, context=self._context)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _connection(self, kind: t.Any, request: _Request) -> t.Any:
        return functools.partial(kind, dial=functools.partial(self._dial, request), deadline=request.deadline)

    def _dial(self, request: _Request, address: tuple[str, int]) -> socket.socket:
        settings, target = self._settings, request.target
        host, port = address
        given = target.host in settings.given
        if not request.proxied:
            return connect(host, port, given, settings.allow_addresses, request.deadline)
        # the proxy is the operator's own, and it is the proxy that looks names up
        check_literal(target.host, given, settings.allow_addresses)
        try:
            return connect(host, port, True, settings.allow_addresses, request.deadline)
        except (ConnectionError, socket.gaierror) as error:
            raise OSError(f"the proxy {host}:{port} of the environment: {error}") from None


class _Redirects(HTTPRedirectHandler):
    """Ansible's rules for what a redirect does to a request; ours for where it may lead, and what it takes along."""

    def redirect_request(
        self, req: urllib.request.Request, fp: t.Any, code: int, msg: str, headers: Message, newurl: str
    ) -> _Request | None:
        if not isinstance(req, _Request) or not req.follow:
            return None
        old = req.target
        try:
            address = parse_address(newurl)
        except ValueError:
            return None
        if old.scheme == "https" and address.origin.scheme != "https":
            return None
        planned = super().redirect_request(req, fp, code, msg, headers, str(address))
        # urllib reads the rest of this answer, however long it is, unless it is closed
        fp.close()
        request = _Request(str(address), planned.get_method(), req.deadline, follow=True, first=req.first)
        for name in ("User-agent", "Accept"):
            if req.has_header(name):
                request.add_header(name, str(req.get_header(name)))
        req.first.reached = request.full_url
        authorization = req.get_header("Authorization")
        if request.target != old:
            req.first.astray = True
        elif authorization:
            request.add_unredirected_header("Authorization", authorization)
        return request


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        if settings.ca_data is not None and settings.validate_certs:
            return _context_of(settings.ca_data)
        return make_context(cafile=settings.ca_cert, validate_certs=settings.validate_certs)
    except (OSError, ValueError) as error:
        if not is_plausible_path(settings.ca_cert or ""):
            raise InputError(no_path_words("the CA file of a registry (ca_cert, registry_ca_cert)")) from None
        reason = getattr(error, "strerror", None) or "it holds no certificate in PEM form"
        raise InputError(
            f"the CA file {shown_path(settings.ca_cert)} cannot be used: {shown(reason)}. Give a PEM file."
        ) from None


def _context_of(certificates: str) -> ssl.SSLContext:
    if "-----BEGIN CERTIFICATE" not in certificates:
        # without any, the context would trust those of the machine
        raise ValueError("no certificate")
    # comments between the certificates may hold anything
    return ssl.create_default_context(cadata=certificates.encode("ascii", "replace").decode("ascii"))
