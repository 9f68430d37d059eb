# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One HTTP request and its response: with a deadline, with a size limit, and only to addresses that are allowed.

An HttpClient has its own opener. Request, open_url and fetch_url of ansible.module_utils.urls install a global opener for each
request, so that one thread uses the TLS settings of another, and they read ~/.netrc.
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
from .connection import EnvironmentProxies, TimedConnection, TimedTlsConnection, no_response
from .origin import parse_address

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import Message

    from .addresses import Network


try:
    from ansible.module_utils.urls import HTTPRedirectHandler, make_context
except ImportError:
    # ansible-core before 2.17: the module must still load, to report that it is too old
    from urllib.request import HTTPRedirectHandler  # type: ignore[assignment]

    make_context = None  # type: ignore[assignment]
LONGEST_BODY = 1024 * 1024
_AGENT = "pullpass.registry"


@dataclass(frozen=True)
class Response:
    """``body`` is cut at 1 MiB. ``redirected``: a redirect led to another origin, which got no credential.

    ``authorization`` is the header that was sent: the response may repeat it.
    """

    status: int
    headers: Message
    body: bytes = field(repr=False)
    redirected: bool = False
    authorization: str | None = field(default=None, repr=False)
    method: str = "GET"


@dataclass(frozen=True)
class RequestSettings:
    """For requests to one registry and its token server. ``timeout``: seconds for each request as a whole.

    ``ca_data``: the content of the file ``ca_cert``, if it was read already.
    ``named_hosts``: the caller named these hosts, so an address, or localhost, is intended.
    """

    timeout: float
    ca_cert: str | None = None
    validate_certs: bool = True
    named_hosts: frozenset[str] = frozenset()
    allow_addresses: Sequence[Network] = ()
    ca_data: str | None = field(default=None, repr=False)


class HttpClient:
    """Requests with the same ``settings``. Safe to share among threads. Raises InputError for a CA that cannot be read."""

    def __init__(self, settings: RequestSettings) -> None:
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
    ) -> Response:
        """The response, whatever its status; ``form`` is the body of a POST. Raises NoResponse.

        With ``follow``, redirects of GET and HEAD are followed, but never from https to http, and another origin does not get
        ``authorization``.
        """
        try:
            request = _Request(url, method, time.monotonic() + self._timeout, follow)
        except ValueError as error:
            raise no_response(error, url, self._timeout) from None
        request.data = form
        request.add_header("User-Agent", _AGENT)
        if accept:
            request.add_header("Accept", accept)
        if authorization:
            # urllib does not send such a header to the target of a redirect; _Redirects does, on the same origin
            request.add_unredirected_header("Authorization", authorization)
        try:
            try:
                response = self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as error:
                response = error
            with contextlib.closing(response):
                body = response.read(LONGEST_BODY)
                return Response(response.status or 0, response.headers, body, request.redirected, authorization, method)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise no_response(error, request.reached, self._timeout) from None


class _Request(urllib.request.Request):
    """``first`` is the request that was redirected to this one; ``reached`` is the URL of its last redirect.

    The request is built from the parsed parts of ``url``, so that no library reads another host in it. Raises ValueError.
    """

    def __init__(self, url: str, method: str, deadline: float, follow: bool, first: _Request | None = None) -> None:
        address = parse_address(url)
        super().__init__(str(address), method=method)
        self.target = address.origin
        self.deadline = deadline
        self.follow = follow
        self.proxied = False
        self.first = first or self
        self.redirected = False
        self.reached = url


class _Connections(urllib.request.AbstractHTTPHandler):
    """Connects to the checked address."""

    def __init__(self, settings: RequestSettings) -> None:
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
        is_named = target.host in settings.named_hosts
        if not request.proxied:
            return connect(host, port, is_named, settings.allow_addresses, request.deadline)
        # the operator chose the proxy, and the proxy resolves names
        check_literal(target.host, is_named, settings.allow_addresses)
        try:
            return connect(host, port, True, settings.allow_addresses, request.deadline)
        except (ConnectionError, socket.gaierror) as error:
            raise OSError(f"the proxy {host}:{port} of the environment: {error}") from None


class _Redirects(HTTPRedirectHandler):
    """Ansible's rules for the method of a redirected request; our rules for its target and headers."""

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
        # urllib reads the rest of this response, of any length, unless it is closed
        fp.close()
        request = _Request(str(address), planned.get_method(), req.deadline, follow=True, first=req.first)
        for name in ("User-agent", "Accept"):
            if req.has_header(name):
                request.add_header(name, str(req.get_header(name)))
        req.first.reached = request.full_url
        authorization = req.get_header("Authorization")
        if request.target != old:
            req.first.redirected = True
        elif authorization:
            request.add_unredirected_header("Authorization", authorization)
        return request


def _context(settings: RequestSettings) -> ssl.SSLContext:
    try:
        if settings.ca_data is not None and settings.validate_certs:
            return _context_of(settings.ca_data)
        return make_context(cafile=settings.ca_cert, validate_certs=settings.validate_certs)
    except (OSError, ValueError) as error:
        if not is_plausible_path(settings.ca_cert or ""):
            raise InputError(no_path_words("the CA file of a registry (ca_cert, registry_ca_cert)")) from None
        reason = getattr(error, "strerror", None) or "it contains no certificate in PEM format"
        raise InputError(f"the CA file {shown_path(settings.ca_cert)} is not usable: {shown(reason)}. Give a PEM file.") from None


def _context_of(certificates: str) -> ssl.SSLContext:
    if "-----BEGIN CERTIFICATE" not in certificates:
        # without a certificate the context would trust those of the machine
        raise ValueError("no certificate")
    # comments between the certificates may contain any bytes
    return ssl.create_default_context(cadata=certificates.encode("ascii", "replace").decode("ascii"))
