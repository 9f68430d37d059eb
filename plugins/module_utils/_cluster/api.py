# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Requests to one API server: sent, counted, and repeated where a repeat is safe."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import random
import threading
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import urlencode

from .._credentials.redact import remember_body
from .._errors import ClusterError, FailureKind, PullpassError, RequestError, Unreachable
from .answers import ApiAnswer, TooLarge, bounded_answer
from .client import connect
from .errors import Request, failure_words, is_untrusted, refusal

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .target import ClusterTarget


with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    import urllib3
FIELD_MANAGER = "pullpass.registry"
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
# The limit for a whole answer is this many times the time-out, which is for each part of it
_PARTS = 10
# An object has 1.5 MiB at most (etcd), and a list 500 of them
_MOST_BYTES = 16 * 1024 * 1024
_MOST_BYTES_OF_LIST = 1024 * 1024 * 1024
_HTTP_METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
Result = t.TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """The limits of a loop: ``attempts``, or the ``seconds`` within which the last one begins.

    ``pause``: seconds after the first attempt. Each further pause is twice as long, up to ``longest``. ``random_pauses``: each
    pause is a random part of that, so that several writers of one object do not collide again.
    ``uncertain``: the limit of attempts that may have been successful although they have no valid answer.
    """

    attempts: float = math.inf
    seconds: float = math.inf
    uncertain: float = math.inf
    pause: float = 0.0
    longest: float = math.inf
    random_pauses: bool = False


class GaveUp(PullpassError):
    """The patience has ended. ``error`` is that of the last attempt."""

    def __init__(self, attempts: int, error: PullpassError) -> None:
        super().__init__(f"gave up after {attempts} attempts: {error}")
        self.error = error


def retry(
    attempt: Callable[[], Result],
    patience: Patience,
    may_pass: Callable[[PullpassError], bool],
    check: Callable[[PullpassError], Result | None] | None = None,
) -> Result:
    """The result of the first ``attempt`` that succeeds.

    ``check`` reads the current state after a failed attempt, the last one included. If it returns a result, the loop ends with
    it. Raises GaveUp, any error for which ``may_pass`` is false, and what ``check`` raises.
    """
    give_up = time.monotonic() + patience.seconds
    attempts = uncertain = 0
    pause = patience.pause
    while True:
        try:
            return attempt()
        except PullpassError as error:
            if not may_pass(error):
                raise
            failure = error
        attempts += 1
        uncertain += failure.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED)
        wait = max(pause, failure.pause or 0.0)
        is_last = attempts >= patience.attempts or uncertain >= patience.uncertain or time.monotonic() + wait > give_up
        if check or not is_last:
            seconds = pause if is_last else wait
            time.sleep(random.uniform(0, seconds) if patience.random_pauses else seconds)
        found = check(failure) if check else None
        if found is not None:
            return found
        if is_last:
            failure.pause = None  # another loop around this one does not wait for it again
            raise GaveUp(attempts, failure) from None
        pause = min(patience.longest, 2 * wait)


# For one request to a server that throttles or restarts
_PATIENCE = Patience(seconds=30.0, pause=0.5)


class Api:
    """One cluster. ``requests`` counts everything that was sent, repeats included. Safe to share among threads."""

    def __init__(self, target: ClusterTarget, workers: int, timeout: float) -> None:
        self._connection = connect(target, workers)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._reached = False
        self.requests = 0

    @property
    def identity(self) -> dict[str, str | None]:
        """``server`` and ``context`` (null without a kubeconfig), as modules return them."""
        return {"server": self._connection.server, "context": self._connection.context}

    @property
    def secrets(self) -> list[str]:
        """The token or password of this connection."""
        return self._connection.secrets

    @property
    def warnings(self) -> list[str]:
        """Warnings about the connection."""
        if self._connection.verified:
            return []
        if not self._connection.encrypted:
            return [
                f"{self._connection.server} is not encrypted: others on the network can read the token and the credentials. "
                "Use https."
            ]
        return [
            f"TLS verification is off for {self._connection.server}: any server that answers there receives the credentials. "
            "Set ca_cert (in AWX: fill in the certificate authority of the credential)."
        ]

    def send(
        self,
        request: Request,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, t.Any] | None = None,
        accept: str = JSON,
    ) -> dict[str, t.Any]:
        """The decoded answer. It repeats the request after 429, and a request that only reads after 5xx or a broken connection.

        Raises RequestError or ClusterError."""
        url = f"{self._connection.server}{path}" + (f"?{urlencode(query)}" if query else "")
        if body is not None and request.writes_secret:
            remember_body(body)
        try:
            return retry(lambda: self._send_once(request, url, body, accept), _PATIENCE, lambda error: error.pause is not None)
        except GaveUp as gave_up:
            raise gave_up.error from None

    def _send_once(self, request: Request, url: str, body: Mapping[str, t.Any] | None, accept: str) -> dict[str, t.Any]:
        answer = self._exchange(request, url, body, accept)
        if answer.status < 300:
            return self._decoded(request, answer.data)
        error = refusal(request, self._connection.server, answer.status, answer.data)
        if error.kind == FailureKind.THROTTLED or (error.kind == FailureKind.UNCERTAIN and request.reads):
            error.pause = _retry_after(answer.headers)
        raise error

    def _decoded(self, request: Request, body: bytes) -> dict[str, t.Any]:
        try:
            decoded = json.loads(body)
        except (ValueError, RecursionError):
            decoded = None
        if not isinstance(decoded, dict) and self._reached:
            # a write may have been done although its answer is not valid
            kind = FailureKind.MALFORMED if request.reads else FailureKind.UNCERTAIN
            raise RequestError(f"the answer of {self._connection.server} to '{request}' is not a JSON object", kind, 200)
        if not isinstance(decoded, dict):
            raise ClusterError(f"{self._connection.server} does not answer like an API server. Check the address and the proxy.")
        self._reached = True
        return decoded

    def _exchange(self, request: Request, url: str, body: Mapping[str, t.Any] | None, accept: str) -> ApiAnswer:
        with self._lock:
            self.requests += 1
            headers = self._connection.headers()
        headers["Accept"] = accept
        if body is not None:
            headers["Content-Type"] = MERGE_PATCH if request.verb == "patch" else JSON
        ask = functools.partial(
            self._connection.pool.request,
            _HTTP_METHODS[request.verb],
            url,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=self._timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            most = _MOST_BYTES_OF_LIST if request.verb == "list" else _MOST_BYTES
            return bounded_answer(ask, _PARTS * self._timeout, most)
        except TooLarge as error:
            kind = FailureKind.MALFORMED if request.reads else FailureKind.UNCERTAIN
            server = self._connection.server
            raise RequestError(f"the answer of {server} to '{request}' has {error} and was not read", kind, 0) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken(request, error) from None
        except ValueError as error:
            # a library refuses to send it, and its text may repeat a header with the token
            server = self._connection.server
            raise ClusterError(f"the request '{request}' to {server} cannot be sent ({type(error).__name__}).") from None

    def _broken(self, request: Request, error: Exception) -> Exception:
        waited = self._timeout * (_PARTS if isinstance(error, TimeoutError) else 1)
        server, reason = self._connection.server, failure_words(error, waited)
        if is_untrusted(error):
            return ClusterError(
                f"the TLS certificate of {server} is not trusted: {reason}. Give the cluster's CA as ca_cert, or correct the "
                "certificate-authority of the kubeconfig."
            )
        if isinstance(error, urllib3.exceptions.SSLError) and not self._reached:
            return ClusterError(f"{server} and this machine cannot agree on TLS: {reason}. Is it an https port?")
        if isinstance(error, urllib3.exceptions.ProxyError):
            return ClusterError(f"the proxy on the way to {server} failed: {reason}. Check proxy and no_proxy.")
        if isinstance(error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)):
            unreachable = Unreachable(f"{server} cannot be reached: {reason}. Check the address, the network and the proxy.")
            # nothing was sent; a server that has answered before may be restarting
            unreachable.pause = 0.0 if self._reached else None
            return unreachable
        broken = RequestError(f"the connection to {server} broke at '{request}': {reason}", FailureKind.UNCERTAIN, 0)
        broken.pause = 0.0 if request.reads else None
        return broken


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After") or ""
    return float(text) if text.isascii() and text.isdigit() else 0.0
