# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One registry: its address, its challenge, requests for its manifests, and its bearer tokens (distribution spec auth/token)."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
import typing as t
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from .._credentials.credential import jwt_claims
from .._credentials.redact import foreign_text
from .._text import listed
from .connection import NoResponse
from .origin import Challenge, Origin, parse_address, parse_challenges, realm_refusal
from .transport import LONGEST_BODY
from .verdict import CheckEnded, Finding, Verdict, inconclusive, is_web_page, redirected, unexpected, web_page

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .transport import HttpClient, Response


BASE = "/v2/"
Value = t.TypeVar("Value")
# containerd prefers them in this order as well (core/remotes/docker/auth/parse.go)
_SCHEMES = ("bearer", "basic")
# a registry has no reason to request more
_MOST_SCOPES, _LONGEST_SCOPE = 4, 512
_MEDIA_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"
)
_DIGEST = re.compile(r"[a-z0-9+._-]{1,32}:[0-9a-f]{32,128}")
# what a header can contain
_BEARER_TOKEN = re.compile(r"[\x21-\x7e]+")


class Memo(t.Generic[Value]):
    """A value that ``compute`` gives. Threads that need it meanwhile wait, and get the same value.

    The value is computed again after ``lifetime`` seconds. A CheckEnded of ``compute`` is raised on each further call: a refused
    or unanswered request is not repeated.
    """

    def __init__(self, compute: Callable[[], Value], lifetime: float = math.inf) -> None:
        self._compute = compute
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._expires = -math.inf
        self._value: Value
        self._failure: Finding | None = None

    def __call__(self) -> Value:
        with self._lock:
            if self._failure is None and time.monotonic() >= self._expires:
                begin = time.monotonic()
                try:
                    self._value = self._compute()
                except CheckEnded as ended:
                    self._failure = ended.finding
                self._expires = begin + self._lifetime
            if self._failure is not None:
                raise CheckEnded(self._failure)
            return self._value


@dataclass
class Server:
    """``name`` is the registry as in image names, ``origin`` the address that gets the requests. Safe to share among threads."""

    name: str
    origin: Origin
    client: HttpClient
    realms: frozenset[str]

    def __post_init__(self) -> None:
        self._challenge = Memo(self._request_challenge)

    def challenge(self) -> Challenge | None:
        """The challenge of /v2/; null where it requires no credential. Raises CheckEnded for a registry without an answer."""
        return self._challenge()

    def send(self, method: str, path: str, authorization: str | None = None, accept: str | None = None) -> Response:
        """Raises CheckEnded without a response, and for one that says nothing of the credential."""
        try:
            response = self.client.send(method, f"{self.origin}{path}", authorization, accept)
        except NoResponse as error:
            raise CheckEnded(self._unanswered(error)) from None
        _check_conclusive(self.name, response)
        # a node also gets a manifest from elsewhere; any other response is from a server that saw no credential
        if response.redirected and (response.status != 200 or (authorization and path == BASE)):
            raise CheckEnded(redirected(self.name, response))
        return response

    def send_token_request(self, url: str, authorization: str | None) -> Response:
        """As ``send``, to the token server, whose redirects are never followed."""
        server = f"the token server of {self.name}"
        try:
            response = self.client.send("GET", url, authorization, follow=False)
        except NoResponse as error:
            raise CheckEnded(self._unanswered(error, f"{server}: ")) from None
        _check_conclusive(server, response)
        return response

    def usable_challenge(self, response: Response) -> Challenge:
        """The challenge in a 401. Raises CheckEnded without a known one, or where it would send a credential elsewhere."""
        challenges = parse_challenges(response.headers.get_all("WWW-Authenticate") or ())
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        chosen = next((by_scheme[scheme] for scheme in _SCHEMES if scheme in by_scheme), None)
        if chosen is None:
            schemes = listed([foreign_text(challenge.scheme, 40) for challenge in challenges], 3) or "no scheme"
            message = f"{self.name} requests {schemes} instead of Basic or Bearer. Log in to this registry with another tool."
            raise CheckEnded(Finding(Verdict.UNVERIFIABLE, message, response.status))
        if chosen.scheme == "bearer":
            realm = chosen.parameters.get("realm", "")
            refusal = realm_refusal(realm, self.origin, self.realms) if realm else "its challenge names no token server"
            if refusal:
                message = f"no credential was sent to {self.name}: {refusal}."
                raise CheckEnded(Finding(Verdict.UNVERIFIABLE, message, response.status))
        return chosen

    def further_scopes(self, challenge: Challenge, response: Response, requested: Sequence[str]) -> list[str]:
        """The scopes that a 401 names beside the ``requested`` ones, for the same service; containerd requests both.

        A registry behind a front end that rewrites paths has another name for a repository. Raises CheckEnded where the 401 is
        for another service: no token for that service is requested, so nothing is known.
        """
        if response.status != 401 or challenge.scheme != "bearer":
            return []
        offered = parse_challenges(response.headers.get_all("WWW-Authenticate") or ())
        bearer = next((one.parameters for one in offered if one.scheme == "bearer"), {})
        further = [scope for scope in dict.fromkeys(bearer.get("scope", "").split()) if scope not in requested]
        if not further or len(further) > _MOST_SCOPES or any(len(scope) > _LONGEST_SCOPE for scope in further):
            return []
        if bearer.get("service", "") != challenge.parameters.get("service", ""):
            message = (
                f"{self.name} requests a token of another service for this image than for {BASE}, and no such token was "
                "requested. Give the host that serves the image as endpoint."
            )
            raise CheckEnded(Finding(Verdict.UNVERIFIABLE, message, response.status))
        return further

    def _request_challenge(self) -> Challenge | None:
        response = self.send("GET", BASE)
        if response.status == 401:
            return self.usable_challenge(response)
        if response.status == 404:
            message = f"{self.origin}/v2/ is not the address of a registry (404). Check host, port and endpoint."
            raise CheckEnded(Finding(Verdict.UNREACHABLE, message, 404))
        if response.status != 200:
            raise CheckEnded(unexpected(self.name, response))
        # some registries send an empty body as HTML
        if is_web_page(response) and response.body.strip():
            raise CheckEnded(web_page(self.name, response))
        return None

    def _unanswered(self, error: NoResponse, subject: str = "") -> Finding:
        message = f"{subject}{error}"
        if self.name not in message:
            message = f"{self.name}: {message}"
        return Finding(Verdict.UNVERIFIABLE if error.refused else Verdict.UNREACHABLE, foreign_text(message, 500))


def _check_conclusive(server: str, response: Response) -> None:
    finding = inconclusive(server, response)
    if finding is not None:
        raise CheckEnded(finding)


class ManifestRequest(t.NamedTuple):
    """``reference`` is a tag or a digest."""

    repository: str
    reference: str

    @property
    def path(self) -> str:
        return f"/v2/{self.repository}/manifests/{self.reference}"

    def send(self, server: Server, authorization: str | None) -> Response:
        """The response that decides. Raises CheckEnded without one.

        A 403 to HEAD has no body with a reason, and some registries answer 404 or 405 because they do not implement HEAD: GET
        follows then. A 200 to HEAD without a digest proves nothing, since the registry read nothing.
        """
        head = server.send("HEAD", self.path, authorization, _MEDIA_TYPES)
        if head.status == 200 and (is_web_page(head) or self._names_content(head)):
            return head
        if head.status not in (200, 403, 404, 405):
            return head
        try:
            return server.send("GET", self.path, authorization, _MEDIA_TYPES)
        except CheckEnded:
            if head.status == 403:
                return head
            raise

    def digest(self, server: Server, response: Response) -> str | None:
        """The digest of the manifest in a 200. Raises CheckEnded for a response to GET without such a manifest."""
        stated = response.headers.get("Docker-Content-Digest") or ""
        named = stated if _DIGEST.fullmatch(stated) else None
        if response.method == "HEAD" or len(response.body) >= LONGEST_BODY:
            return named
        if not _is_json_object(response.body):
            raise CheckEnded(_not_a_manifest(server.name, "a body that is not a manifest"))
        computed = f"sha256:{hashlib.sha256(response.body).hexdigest()}"
        if self.reference.startswith("sha256:") and self.reference != computed:
            raise CheckEnded(_not_a_manifest(server.name, "a manifest that has another digest"))
        return named or computed

    def _names_content(self, head: Response) -> bool:
        digest = head.headers.get("Docker-Content-Digest") or ""
        known = digest == self.reference if ":" in self.reference else bool(_DIGEST.fullmatch(digest))
        return known and "Content-Length" in head.headers


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _not_a_manifest(name: str, content: str) -> Finding:
    message = f"{name} answers 200 with {content}, which no node can pull. Check host and endpoint."
    return Finding(Verdict.UNVERIFIABLE, message, 200)


def token_url(parameters: Mapping[str, str], scopes: Sequence[str]) -> str:
    """The URL that issues a token for ``scopes``: the challenge's realm with its own query, its service and these scopes.

    Of the challenge's own scope only the parts that name no repository are kept (such as ``aws``): some registries put an
    example repository into the challenge of /v2/.
    """
    realm = parse_address(parameters["realm"])
    path, _mark, written = realm.target.partition("?")
    query = parse_qsl(written, keep_blank_values=True)
    if parameters.get("service"):
        query.append(("service", parameters["service"]))
    general = [scope for scope in parameters.get("scope", "").split() if not scope.startswith(("repository:", "registry:"))]
    query += [("scope", scope) for scope in dict.fromkeys([*scopes, *general])]
    return f"{realm.origin}{path}?{urlencode(query)}" if query else f"{realm.origin}{path}"


def pull_scope(repository: str, *more: str) -> str:
    return f"repository:{repository}:{','.join(('pull', *more))}"


def scope_repository(scope: str) -> str:
    """The repository of a scope; empty for a scope of another kind."""
    kind, _colon, rest = scope.partition(":")
    return rest.rpartition(":")[0] if kind.partition("(")[0] == "repository" else ""


def token_in(body: bytes) -> str:
    """The token in a response. Raises ValueError, whose message says what the response is."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("text that is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("JSON that is not an object")
    token = content.get("access_token") or content.get("token")
    if not isinstance(token, str) or not _BEARER_TOKEN.fullmatch(token):
        raise ValueError("JSON without a usable token")
    return token


def granted(token: str, repository: str) -> frozenset[str] | None:
    """The actions on a repository that a token grants by its own claims; null for a token without such claims."""
    access = jwt_claims(token).get("access")
    if not isinstance(access, list):
        return None
    grants = [
        one for one in access if isinstance(one, dict) and one.get("type") == "repository" and one.get("name") == repository
    ]
    lists = [one.get("actions") for one in grants]
    return frozenset(str(action) for actions in lists if isinstance(actions, list) for action in actions)
