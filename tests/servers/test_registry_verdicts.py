# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry against servers: what each kind of registry answers, and the verdict and the sentence that it becomes."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries, RegistryOptions
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding

from registry_servers import DIGEST, Names, Registry, Reply, Request, TokenServer, basic, error, granting, jwt, login, manifest
from registry_servers.client import LOGIN, PASSWORD, USER, Client, image
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

GOOD = login(*LOGIN)
MANIFEST = "/v2/team/app/manifests/1.0"


def accepts_basic(authorization: str | None) -> bool:
    return authorization == GOOD


def basic_registry(**changes: object) -> Registry:
    return Registry(basic(), accepts_basic, **changes)  # type: ignore[arg-type]


def said(finding: Finding, verdict: str, *words: str) -> None:
    assert finding.verdict == verdict, finding
    for word in words:
        assert word in finding.message, finding.message
    assert finding.message.isprintable()
    assert finding.message.endswith((".", "?")) or "It says: " in finding.message, finding.message
    assert PASSWORD not in finding.message


class Bearer:
    """A registry with a token server beside it, and a client that may send credentials there."""

    def __init__(self, serve: Serving, client: Client, tokens: TokenServer | None = None, **registry: object) -> None:
        self.tokens = tokens or TokenServer((None, GOOD))
        self.token_server = serve(self.tokens)
        challenge = f'Bearer realm="{self.token_server.origin}/token?kept=1",service="the service"'
        self.registry = Registry(challenge, self.tokens.accepts)
        for name, value in registry.items():
            setattr(self.registry, name, value)
        self.server = serve(self.registry)
        self.client = client(self.server.authority, realms=[self.token_server.authority])

    def image(self, name: str = "team/app:1.0", user: tuple[str, str] | None = LOGIN) -> Finding:
        return image(self.client, self.server.authority, name, user)

    def login(self, user: tuple[str, str] = LOGIN) -> Finding:
        return self.client.check_login(self.server.authority, user)


# ---------------------------------------------------------------------------------------------------------------- Basic


def test_a_right_login_is_sent_where_it_is_asked_for_and_pulls(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    registries = client(server.authority)
    found = image(registries, server.authority)
    said(found, "pullable", "can pull")
    assert (found.http_status, found.digest, found.can_push) == (200, DIGEST, None)
    # never before the registry asked, one login, and HEAD, which counts for nothing, for the manifest
    assert [(one.method, one.path, one.authorization) for one in server.requests] == [
        ("GET", "/v2/", None),
        ("GET", "/v2/", GOOD),
        ("HEAD", MANIFEST, GOOD),
    ]
    said(registries.check_login(server.authority, LOGIN), "accepted", server.authority)
    assert len(server.requests) == 3


def test_a_wrong_login_is_rejected_and_never_sent_again(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    registries = client(server.authority)
    wrong = (USER, "Zq7wrong")
    for _time in range(3):
        said(image(registries, server.authority, login=wrong), "rejected", server.authority, "401", "Renew it", "required")
        said(registries.check_login(server.authority, wrong), "rejected")
    assert [one.authorization for one in server.with_credentials] == [login(*wrong)]
    # another one is another matter
    said(image(registries, server.authority), "pullable")


@pytest.mark.parametrize(
    "refusal",
    [
        error(401, "UNAUTHORIZED", "token expired"),
        error(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."),
    ],
)
def test_an_expired_login_is_rejected(serve: Serving, client: Client, refusal: Reply) -> None:
    """ECR answers 403 to an expired token."""

    def answer(request: Request) -> Reply:
        return refusal if request.authorization else error(401, "", "", ("WWW-Authenticate", basic()))

    server = serve(Registry(script={"*": answer}))
    registries = client(server.authority)
    said(image(registries, server.authority), "rejected", server.authority, "expired")
    said(registries.check_login(server.authority, LOGIN), "rejected")
    assert len(server.with_credentials) == 1


def test_a_login_that_expires_only_at_the_manifest(serve: Serving, client: Client) -> None:
    expired = error(403, "DENIED", "Your authorization token has expired.")
    server = serve(basic_registry(script={MANIFEST: expired}))
    registries = client(server.authority)
    said(image(registries, server.authority), "rejected", "expired", server.authority)
    before = len(server.with_credentials)
    said(image(registries, server.authority, "team/other:1"), "rejected")
    said(registries.check_login(server.authority, LOGIN), "rejected")
    assert len(server.with_credentials) == before


@pytest.mark.parametrize(
    "refusal", [error(403, "DENIED", "not yours"), error(401, "UNAUTHORIZED", "not yours", ("WWW-Authenticate", basic()))]
)
def test_a_login_without_right_on_the_repository_is_denied(serve: Serving, client: Client, refusal: Reply) -> None:
    """Some registries with Basic answer 401 to that, too: an accepted login is not rejected by it."""
    server = serve(basic_registry(script={MANIFEST: refusal}))
    registries = client(server.authority)
    said(image(registries, server.authority), "denied", server.authority, "accepts the credential", "Grant the right")
    said(registries.check_login(server.authority, LOGIN), "accepted")


def test_absent_repository_and_absent_tag(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    registries = client(server.authority)
    said(image(registries, server.authority, "team/app:9"), "not_found", "no such tag", "team/app", server.authority)
    said(image(registries, server.authority, "team/none:1"), "not_found", "no such repository", "team/none")
    said(image(registries, server.authority, f"team/app@sha256:{'0' * 64}"), "not_found", "no such tag or digest")


def test_nobody_at_a_registry_that_wants_a_login(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    said(image(client(server.authority), server.authority, login=None), "no_credentials", server.authority, "Give a credential")
    assert server.with_credentials == []


# --------------------------------------------------------------------------------------------------------------- Bearer


def test_a_token_is_asked_for_with_service_scope_and_the_realms_own_query(serve: Serving, client: Client) -> None:
    bearer = Bearer(serve, client)
    found = bearer.image()
    said(found, "pullable")
    assert (found.digest, found.can_push) == (DIGEST, None)
    # without a scope first, which is a login
    assert [(asked.method, asked.target, asked.authorization) for asked in bearer.token_server.requests] == [
        ("GET", "/token?kept=1&service=the+service", GOOD),
        ("GET", "/token?kept=1&service=the+service&scope=repository%3Ateam%2Fapp%3Apull", GOOD),
    ]
    # the registry itself gets the token, and no password
    assert [one.authorization for one in bearer.server.requests] == [None, "Bearer opaque-1"]


@pytest.mark.parametrize("member", ["token", "access_token"])
def test_both_names_of_a_token(serve: Serving, client: Client, member: str) -> None:
    tokens = TokenServer((GOOD,), script=Reply(body={member: "the-token"}), issued={"the-token"})
    said(Bearer(serve, client, tokens).image(), "pullable")


def test_a_login_is_proved_by_a_token_that_the_registry_takes(serve: Serving, client: Client) -> None:
    bearer = Bearer(serve, client)
    said(bearer.login(), "accepted", bearer.server.authority)
    assert bearer.token_server.requests[0].target == "/token?kept=1&service=the+service"
    assert bearer.server.requests[-1].authorization == "Bearer opaque-0"


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_the_token_server_refuses_is_sent_once(serve: Serving, client: Client, status: int) -> None:
    bearer = Bearer(serve, client, TokenServer((), script=error(status, "UNAUTHORIZED", "incorrect username or password")))
    for name in ("team/app:1.0", "team/app:2", "team/other:1"):
        said(bearer.image(name), "rejected", bearer.server.authority, str(status), "incorrect username")
    said(bearer.login(), "rejected")
    assert len(bearer.token_server.requests) == 1
    assert len(bearer.server.requests) == 1


def test_a_token_that_grants_less_than_was_asked_for(serve: Serving, client: Client) -> None:
    """200 from the token server proves nothing: the manifest does."""
    insufficient = 'Bearer realm="https://x/",error="insufficient_scope"'
    denial = error(401, "UNAUTHORIZED", "requested access to the resource is denied", ("WWW-Authenticate", insufficient))
    bearer = Bearer(serve, client, script={MANIFEST: denial})
    said(bearer.image(), "denied", bearer.server.authority, "accepts the credential", "401")
    said(bearer.login(), "accepted")


def test_a_token_that_the_registry_does_not_take(serve: Serving, client: Client) -> None:
    invalid = error(401, "UNAUTHORIZED", "", ("WWW-Authenticate", 'Bearer realm="https://x/",error="invalid_token"'))
    bearer = Bearer(serve, client, script={MANIFEST: invalid})
    said(bearer.image(), "unverifiable", bearer.server.authority, "clocks")
    never = Bearer(serve, client, accepts=lambda _authorization: False)
    said(never.login(), "unverifiable", never.server.authority, "clocks")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("first", ["team/forbidden:1", "team/app:1.0"])
def test_denied_by_the_token_server_for_one_repository_only(serve: Serving, client: Client, status: int, first: str) -> None:
    """As ghcr.io, gcr.io and GitLab do it. The login is good, whichever image is asked for first."""
    tokens = TokenServer((GOOD,), issued={"t"})

    def answer(request: Request) -> Reply:
        if request.authorization != GOOD:
            return error(status, "DENIED", "denied")
        return error(status, "DENIED", "access forbidden") if "forbidden" in request.target else Reply(body={"token": "t"})

    tokens.script = answer
    bearer = Bearer(serve, client, tokens)
    bearer.image(first)
    said(bearer.image(), "pullable")
    for tag in range(5):
        said(bearer.image(f"team/forbidden:{tag}"), "denied", "access forbidden", bearer.server.authority)
    assert sum("forbidden" in one.target for one in bearer.token_server.requests) == 1, "it was asked again and again"
    said(bearer.login(), "accepted")
    wrong = (USER, "Zq7wrong")
    for name in (first, "team/other:1"):
        said(bearer.image(name, wrong), "rejected", bearer.server.authority)
    assert sum(one.authorization == login(*wrong) for one in bearer.token_server.requests) == 1
    said(bearer.image("team/forbidden:1", None), "no_credentials")


def test_can_push_is_what_a_token_grants(serve: Serving, client: Client) -> None:
    assert Bearer(serve, client, TokenServer((GOOD,), granting("pull", "push"))).image().can_push is True
    assert Bearer(serve, client, TokenServer((GOOD,), granting("pull"))).image().can_push is False
    silent = TokenServer((GOOD,), lambda _scopes, number: jwt(sub="x", jti=number))
    assert Bearer(serve, client, silent).image().can_push is None


def test_a_scope_of_its_own_that_names_no_repository_is_kept(serve: Serving, client: Client) -> None:
    """ECR Public asks for the scope `aws`."""
    bearer = Bearer(serve, client)
    bearer.registry.challenge = f'Bearer realm="{bearer.token_server.origin}/token",service="s",scope="aws repository:x/y:pull"'
    said(bearer.image(), "pullable")
    assert [one.target.partition("service=s&")[2] for one in bearer.token_server.requests] == [
        "scope=aws",
        "scope=repository%3Ateam%2Fapp%3Apull&scope=aws",
    ]


def rewriting(bearer: Bearer, scope: str, service: str = "the service") -> None:
    """A front end with other paths than the registry behind it, whose tokens name its own repositories."""
    refusal = f'Bearer realm="{bearer.token_server.origin}/token",service="{service}",scope="{scope}",error="insufficient_scope"'

    def answer(request: Request) -> Reply:
        asked = [one.target for one in bearer.token_server.requests if one.authorization == GOOD]
        inside = any("scope=repository%3Abehind%2Fapp%3Apull" in target for target in asked)
        return manifest() if inside else error(401, "UNAUTHORIZED", "other scope", ("WWW-Authenticate", refusal))

    bearer.registry.script = {MANIFEST: answer}


def test_a_registry_that_names_another_scope_is_followed_once_with_both(serve: Serving, client: Client) -> None:
    """containerd asks so. A login with every right was called denied before."""
    for door in ({}, {"/v2/": Reply(200, body={})}):
        bearer = Bearer(serve, client, TokenServer((GOOD,), granting("pull", "push")))
        rewriting(bearer, "repository:behind/app:pull")
        bearer.registry.script = {**bearer.registry.script, **door}
        found = bearer.image()
        said(found, "pullable")
        assert found.can_push is True
        scopes = [parse_qs(urlsplit(one.target).query).get("scope") for one in bearer.token_server.requests]
        assert scopes == [
            None,
            ["repository:team/app:pull"],
            ["repository:team/app:pull", "repository:behind/app:pull"],
            ["repository:team/app:pull", "repository:behind/app:pull,push"],
        ]
        said(bearer.login(), "unverifiable" if door else "accepted")
        nobody = Bearer(serve, client, TokenServer((None,)))
        rewriting(nobody, "repository:behind/app:pull")
        said(nobody.image(user=None), "no_credentials")


@pytest.mark.parametrize(
    ("scope", "service", "verdict", "requests"),
    [
        ("repository:team/app:pull", "the service", "denied", 2),
        ("repository:never/app:pull", "the service", "denied", 3),
        ("", "the service", "denied", 2),
        ("repository:behind/app:pull", "another service", "unverifiable", 2),
        (" ".join(f"repository:a{number}:pull" for number in range(50)), "the service", "denied", 2),
        (f"repository:{'a' * 5000}:pull", "the service", "denied", 2),
    ],
)
def test_scopes_that_lead_nowhere(serve: Serving, client: Client, scope: str, service: str, verdict: str, requests: int) -> None:
    bearer = Bearer(serve, client, TokenServer((GOOD,)))
    rewriting(bearer, scope, service)
    said(bearer.image(), verdict, bearer.server.authority)
    assert len(bearer.token_server.requests) == requests


def test_anybody_may_have_a_token_for_a_public_image(serve: Serving, client: Client) -> None:
    bearer = Bearer(serve, client)
    said(bearer.image(user=None), "anonymous")
    assert bearer.token_server.with_credentials == []
    private = Bearer(serve, client, TokenServer((GOOD,)))
    said(private.image(user=None), "no_credentials", private.server.authority)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, body=b"<html>log in</html>"),
        Reply(200, body=b"{"),
        Reply(200, body=b""),
        Reply(200, body=[1]),
        Reply(200, body={"expires_in": 3}),
        Reply(200, body={"token": ""}),
        Reply(200, body={"token": None}),
        Reply(200, body={"token": 7}),
        Reply(200, body={"token": ["x"]}),
        Reply(200, body={"token": "good\r\nX-Injected: yes"}),
        Reply(200, body={"token": "white space"}),
        Reply(200, body={"token": "tökén"}),
        Reply(200, body=b'{"token": "x", "a": ' + b"[" * 100_000),
        Reply(200, body=b'{"token": "x", "a": 1' + b"0" * 100_000),
        Reply(200, body=b"\xff\xfe\x00"),
        Reply(204),
        Reply(418, body=b"tea"),
        Reply(404),
        Reply(400, body={"errors": "x"}),
    ],
    ids=repr,
)
def test_no_token_in_the_answer_of_the_token_server(serve: Serving, client: Client, reply: Reply) -> None:
    bearer = Bearer(serve, client, TokenServer((GOOD,), script=reply))
    said(bearer.image(), "unverifiable", f"the token server of {bearer.server.authority}")
    said(bearer.login(), "unverifiable", f"the token server of {bearer.server.authority}")


# -------------------------------------------------------------------------------------------------------------- Nothing


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_registry_that_fails(serve: Serving, client: Client, status: int) -> None:
    server = serve(Registry(script={"*": error(status, "UNAVAILABLE", "on holiday")}))
    registries = client(server.authority)
    said(image(registries, server.authority), "unreachable", server.authority, str(status), "on holiday")
    said(registries.check_login(server.authority, LOGIN), "unreachable")
    assert len(server.requests) == 1, "it is asked once"


def test_registry_and_token_server_that_are_down(serve: Serving, client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        said(image(client(host), host), "unreachable", host, "nothing listens")
        server = serve(Registry(f'Bearer realm="https://{host}/token"', lambda _authorization: False))
        registries = client(server.authority, realms=[host])
        said(image(registries, server.authority), "unreachable", server.authority, host, "nothing listens", "token server")


@pytest.mark.parametrize(
    ("header", "words"),
    [((("Retry-After", "77"),), "in 77 seconds"), ((("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"),), "21 Oct"), ((), "later")],
)
def test_too_many_requests(serve: Serving, client: Client, header: Sequence[tuple[str, str]], words: str) -> None:
    busy = error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", *header)
    server = serve(Registry(script={"*": busy}))
    said(image(client(server.authority), server.authority), "rate_limited", server.authority, "429", words, "pull rate limit")
    late = serve(basic_registry(script={MANIFEST: busy}))
    said(image(client(late.authority), late.authority), "rate_limited", late.authority, words)
    bearer = Bearer(serve, client, TokenServer((), script=busy))
    said(bearer.image(), "rate_limited", f"the token server of {bearer.server.authority}", words)


def test_the_allowance_is_reported(serve: Serving, client: Client) -> None:
    limits = (("ratelimit-limit", "100;w=21600"), ("RateLimit-Remaining", "19;w=21600"))
    server = serve(basic_registry(images={"team/app:1.0": Reply(200, limits, {"schemaVersion": 2})}))
    said(image(client(server.authority), server.authority), "pullable", "19 of 100 pulls left in 6 hours")


def test_an_authority_that_is_not_trusted(serve: Serving, client: Client, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    server = serve(basic_registry())
    registries = client(server.authority, ca_cert=str(other))
    said(image(registries, server.authority), "unreachable", server.authority, "not trusted", "ca_cert")
    said(registries.check_login(server.authority, LOGIN), "unreachable")
    assert server.requests == []
    said(image(client(server.authority, ca_cert=str(other), validate_certs=False), server.authority), "pullable")


def test_a_certificate_for_another_name(serve: Serving, client: Client, names: Names) -> None:
    server = serve(basic_registry())
    names.point("registry.test", ("127.0.0.1", server.port))
    found = image(client("registry.test", allow=["127.0.0.1"]), "registry.test")
    said(found, "unreachable", "registry.test", "certificate")
    assert server.requests == []


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe"])
def test_a_ca_file_that_is_none(client: Client, tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_bytes(content)
    for path in (wrong, tmp_path / "absent.pem", tmp_path):
        with pytest.raises(InputError, match="PEM"):
            image(client("registry.test", ca_cert=str(path)), "registry.test")


def test_the_systems_authorities_are_those_of_the_environment(
    serve: Serving, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(basic_registry())

    def found() -> Finding:
        return image(Registries({server.authority: RegistryOptions()}, RegistryOptions(), 5), server.authority)

    said(found(), "unreachable", "not trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(client.ca))
    said(found(), "pullable")


def test_plain_http_where_tls_is_spoken_and_the_other_way_round(serve: Serving, client: Client) -> None:
    plain = serve(basic_registry(), tls=False)
    said(image(client(plain.authority), plain.authority), "unreachable", plain.authority, "plain_http")
    assert plain.requests == []
    said(image(client(plain.authority, plain_http=True), plain.authority), "pullable")
    encrypted = serve(basic_registry())
    said(image(client(encrypted.authority, plain_http=True), encrypted.authority), "unreachable", encrypted.authority)
    assert encrypted.requests == []


def test_an_unknown_name(client: Client, names: Names) -> None:
    said(image(client("registry.test"), "registry.test"), "unreachable", "registry.test", "cannot be resolved", "DNS")


@pytest.mark.parametrize("host", ["registry.test:99999", "registry.test:0", "[abc]:5000", "[::1]x.test", "a" * 64 + ".test"])
def test_hosts_that_are_none(client: Client, names: Names, host: str) -> None:
    """The grammar of image names takes some of them."""
    for named in (True, False):
        registries = client(host, named=named)
        try:
            found = image(registries, host)
        except InputError as wrong:
            assert host[:20] in str(wrong)  # noqa: PT017
        else:
            assert found.verdict in ("unreachable", "unverifiable")
            assert host[:20] in found.message


# ------------------------------------------------------------------------------------------------------------ Odd ones


def test_a_registry_open_to_all(serve: Serving, client: Client) -> None:
    server = serve(Registry())
    registries = client(server.authority)
    said(registries.check_login(server.authority, LOGIN), "unverifiable", server.authority, "Check with an image")
    said(image(registries, server.authority), "anonymous")
    said(image(registries, server.authority, login=None), "anonymous")
    said(image(registries, server.authority, "team/app:9"), "not_found")
    assert server.with_credentials == []


def test_open_at_the_door_with_a_basic_challenge_at_the_manifest(serve: Serving, client: Client) -> None:
    server = serve(basic_registry(script={"/v2/": Reply(200, body={})}))
    registries = client(server.authority)
    said(image(registries, server.authority), "pullable")
    said(image(registries, server.authority, login=None), "no_credentials")
    wrong = (USER, "Zq7wrong")
    for _time in range(3):
        said(image(registries, server.authority, login=wrong), "rejected", server.authority)
    assert sum(one.authorization == login(*wrong) for one in server.requests) == 1
    said(registries.check_login(server.authority, LOGIN), "unverifiable")


def test_open_at_the_door_and_one_image_fails(serve: Serving, client: Client) -> None:
    """It says nothing of the others."""

    def broken(request: Request) -> Reply:
        return error(500) if request.authorization else error(401, "", "", ("WWW-Authenticate", basic()))

    server = serve(basic_registry(script={"/v2/": Reply(200, body={}), "/v2/team/broken/manifests/1": broken}))
    registries = client(server.authority)
    said(image(registries, server.authority, "team/broken:1"), "unreachable", "500")
    said(image(registries, server.authority), "pullable")
    assert len(server.with_credentials) == 2


def test_open_at_the_door_with_a_bearer_challenge_at_the_manifest(serve: Serving, client: Client) -> None:
    bearer = Bearer(serve, client, script={"/v2/": Reply(200, body={})})
    said(bearer.image(), "pullable")
    assert bearer.server.with_credentials[0].path == MANIFEST
    said(bearer.image(user=(USER, "Zq7wrong")), "rejected")
    foreign = 'Bearer realm="https://127.0.0.2:1/token"'
    bearer.registry.challenge = foreign
    said(bearer.image("team/app:2", (USER, "Zq7third")), "unverifiable", bearer.server.authority, "127.0.0.2:1")


@pytest.mark.parametrize("first", ["basic", "bearer"])
def test_a_login_that_one_scheme_accepted_is_sent_once_to_reject_it_by_the_other(
    serve: Serving, client: Client, first: str
) -> None:
    """A registry chooses its challenge for each image, and an accepted login must not be sent to it again and again."""
    bearer = Bearer(serve, client, TokenServer((None, GOOD) if first == "bearer" else (None,)))

    def answer_basic(request: Request) -> Reply:
        accepted = first == "basic" and request.authorization == GOOD
        return manifest() if accepted else error(401, "", "", ("WWW-Authenticate", basic()))

    def answer_bearer(request: Request) -> Reply:
        accepted = (request.authorization or "").startswith("Bearer ")
        return manifest() if accepted else error(401, "", "", ("WWW-Authenticate", bearer.registry.challenge or ""))

    answers = {"basic": answer_basic, "bearer": answer_bearer}
    bearer.registry.script = {"/v2/": Reply(200, body={})}
    bearer.registry.script |= {f"/v2/team/{name}-{n}/manifests/1": one for name, one in answers.items() for n in (1, 2, 3)}
    other = "bearer" if first == "basic" else "basic"
    said(bearer.image(f"team/{first}-1:1"), "pullable")
    before = len(bearer.server.with_credentials) + len(bearer.token_server.with_credentials)
    for number in (1, 2, 3):
        said(bearer.image(f"team/{other}-{number}:1"), "rejected")
    assert len(bearer.server.with_credentials) + len(bearer.token_server.with_credentials) == before + 1


@pytest.mark.parametrize("status", [403, 401])
def test_open_at_the_door_and_refused_at_the_manifest_without_a_challenge(serve: Serving, client: Client, status: int) -> None:
    """The credential was never asked for, so nothing is said of it."""
    server = serve(Registry(script={MANIFEST: error(status, "DENIED", "go away; everything expired")}))
    found = image(client(server.authority), server.authority)
    said(found, "unverifiable", server.authority)
    assert "accepts the credential" not in found.message
    assert server.with_credentials == []


def test_head_is_not_supported(serve: Serving, client: Client) -> None:
    server = serve(basic_registry(script={f"HEAD {MANIFEST}": Reply(405)}))
    said(image(client(server.authority), server.authority), "pullable")
    assert [one.method for one in server.asked(MANIFEST)] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [403, 404])
def test_head_is_refused_and_get_is_not(serve: Serving, client: Client, status: int) -> None:
    server = serve(basic_registry(script={f"HEAD {MANIFEST}": Reply(status)}))
    said(image(client(server.authority), server.authority), "pullable")


UNREAD = {
    "nothing there": (Reply(200), error(404, "MANIFEST_UNKNOWN", "unknown"), "not_found", "no such tag"),
    "no right": (Reply(200), error(403, "DENIED", "go away"), "denied", "go away"),
    "breaks": (Reply(200), Reply(502), "unreachable", "502"),
    "hangs up": (Reply(200), b"", "unreachable", "does not answer"),
    "empty": (Reply(200), Reply(200), "unverifiable", "not a manifest"),
    "text": (Reply(200), Reply(200, body=b"ok"), "unverifiable", "not a manifest"),
    "a list": (Reply(200), Reply(200, body=[]), "unverifiable", "not a manifest"),
    "a page": (Reply(200), Reply(200, (("Content-Type", "text/html"),), b"<html>"), "unverifiable", "web page"),
    "digest alone": (Reply(200, (("Docker-Content-Digest", "sha256:x"),)), error(404), "not_found", "404"),
    "403 and 502": (Reply(403), Reply(502), "denied", "403"),
    "403 and nothing": (Reply(403), b"", "denied", "403"),
    "403 and 429": (Reply(403), Reply(429), "denied", "403"),
    "403 and 401": (Reply(403), error(401, "UNAUTHORIZED", "really not"), "denied", "really not"),
    "404 and 502": (Reply(404), Reply(502), "unreachable", "502"),
    "405 and 502": (Reply(405), Reply(502), "unreachable", "502"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_head_alone_does_not_decide(serve: Serving, client: Client, case: str) -> None:
    head, get, verdict, words = UNREAD[case]
    server = serve(basic_registry(script={f"HEAD {MANIFEST}": head, f"GET {MANIFEST}": get}))
    said(image(client(server.authority), server.authority), verdict, words)
    assert [one.method for one in server.asked(MANIFEST)] == ["HEAD", "GET"]


def test_a_manifest_without_a_digest_in_its_header_is_read(serve: Serving, client: Client) -> None:
    body = b'{"schemaVersion": 2}'
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    images = {f"team/app:{name}": Reply(200, (), body) for name in ("1.0", digest, f"sha256:{'0' * 64}")}
    server = serve(basic_registry(images=images))
    for name in ("team/app:1.0", f"team/app@{digest}"):
        found = image(client(server.authority), server.authority, name)
        said(found, "pullable")
        assert found.digest == digest
    said(image(client(server.authority), server.authority, f"team/app@sha256:{'0' * 64}"), "unverifiable", "another digest")
    # more than is read of an answer is a manifest nevertheless
    large = serve(basic_registry(images={"team/app:1.0": Reply(200, (), b'{"x": "' + b"x" * 1100000 + b'"}')}))
    said(image(client(large.authority), large.authority), "pullable")


def test_a_login_that_a_web_page_takes(serve: Serving, client: Client) -> None:
    page = Reply(200, (("Content-Type", "text/html"),), b"<html>welcome</html>")
    server = serve(basic_registry())
    server.answer = lambda request: page if request.authorization else basic_registry()(request)
    said(client(server.authority).check_login(server.authority, LOGIN), "unverifiable", "web page")


@pytest.mark.parametrize("challenge", ["NTLM", "Negotiate abc=", 'Digest realm="x", nonce="y"', "", "@", 'Basic" realm="'])
def test_a_registry_that_asks_for_something_else(serve: Serving, client: Client, challenge: str) -> None:
    server = serve(Registry(challenge, lambda _authorization: False))
    if challenge.startswith("Basic"):
        said(image(client(server.authority), server.authority), "rejected")
        return
    said(image(client(server.authority), server.authority), "unverifiable", server.authority, "Basic or Bearer")
    assert server.with_credentials == []


@pytest.mark.parametrize(
    "challenge", ["Bearer", 'Bearer service="x"', 'Bearer realm="",service="x"', 'Bearer realm="https://unclosed']
)
def test_a_bearer_challenge_without_a_realm(serve: Serving, client: Client, challenge: str) -> None:
    server = serve(Registry(challenge, lambda _authorization: False))
    said(image(client(server.authority), server.authority), "unverifiable", server.authority, "no token server")
    assert server.with_credentials == []


def test_bearer_is_preferred_to_basic(serve: Serving, client: Client) -> None:
    bearer = Bearer(serve, client)
    bearer.registry.challenge = f'NTLM, Basic realm="x", {bearer.registry.challenge}'
    said(bearer.image(), "pullable")
    assert {one.authorization for one in bearer.token_server.requests} == {GOOD}
    assert all(one.authorization != GOOD for one in bearer.server.requests)


@pytest.mark.parametrize("status", [400, 403, 418, 204, 299])
def test_a_door_that_is_none(serve: Serving, client: Client, status: int) -> None:
    """Neither open nor asking for a login: nothing can be said of a credential that was never sent."""
    server = serve(Registry(script={"*": Reply(status)}))
    registries = client(server.authority)
    for found in (registries.check_login(server.authority, LOGIN), image(registries, server.authority)):
        said(found, "unverifiable", server.authority)
        assert "accepts" not in found.message
        assert "everybody" not in found.message
    assert server.with_credentials == []


def test_no_registry_at_all(serve: Serving, client: Client) -> None:
    server = serve(lambda _request: Reply(404, body=b"<html>"))
    said(image(client(server.authority), server.authority), "unreachable", server.authority, "not the address of a registry")


def test_a_web_site_that_answers_200_to_everything_is_no_registry(serve: Serving, client: Client) -> None:
    page = Reply(200, (("Content-Type", "text/html; charset=utf-8"),), b"<html>welcome</html>")
    server = serve(lambda _request: page)
    registries = client(server.authority)
    said(image(registries, server.authority), "unverifiable", server.authority, "web page")
    said(registries.check_login(server.authority, LOGIN), "unverifiable", "web page")
    # nothing at all is called HTML by some
    server = serve(Registry(script={"/v2/": Reply(200, page.headers)}))
    said(image(client(server.authority), server.authority), "anonymous")


def test_a_digest_that_is_none_is_not_passed_on(serve: Serving, client: Client) -> None:
    for wrong in ("sha256:xyz", "<script>", f"sha256:{'0' * 500}", ""):
        server = serve(basic_registry(images={"team/app:1.0": Reply(200, (("Docker-Content-Digest", wrong),), b"{}")}))
        found = image(client(server.authority), server.authority)
        said(found, "pullable")
        assert found.digest == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"


@pytest.mark.parametrize("user", ["puller+robot", "robot$name", "üser", "a b", "AWS"])
@pytest.mark.parametrize("password", ["päss wörd", ":", "a:b:c", "\udcff\udcfe", "x" * 5000, "line\nbreak", "\x7f"])
def test_logins_with_odd_characters_arrive_as_they_are(serve: Serving, client: Client, user: str, password: str) -> None:
    """A document in a cluster may hold bytes that are no UTF-8."""
    server = serve(Registry(basic(), lambda authorization: authorization is not None))
    said(client(server.authority).check_login(server.authority, (user, password)), "accepted")
    sent = (server.requests[-1].authorization or "").removeprefix("Basic ")
    assert base64.b64decode(sent) == f"{user}:{password}".encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("password", ["\udcff\udcfe", "päss", "Zq7wrong"])
def test_a_refusal_that_repeats_the_password(serve: Serving, client: Client, password: str) -> None:
    def answer(request: Request) -> Reply:
        sent = base64.b64decode((request.authorization or "").removeprefix("Basic ")).decode(errors="surrogateescape")
        return error(401, "UNAUTHORIZED", f"wrong: {sent.partition(':')[2]}!", ("WWW-Authenticate", basic()))

    server = serve(answer)
    found = client(server.authority).check_login(server.authority, (USER, password))
    said(found, "rejected", "It says: wrong: (hidden)!")


# -------------------------------------------------------------------------------------------------- Names and endpoints


def test_docker_hub_goes_by_other_names(serve: Serving, client: Client, names: Names) -> None:
    tokens = TokenServer((GOOD,))
    token_server = serve(tokens, "auth.docker.io")
    hub = serve(
        Registry(
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
            tokens.accepts,
            {"library/busybox:latest": manifest()},
        ),
        "registry-1.docker.io",
    )
    names.point("registry-1.docker.io", ("127.0.0.1", hub.port))
    names.point("auth.docker.io", ("127.0.0.1", token_server.port))
    registries = client("docker.io", allow=["127.0.0.1"])
    said(registries.check_login("docker.io", LOGIN), "accepted", "docker.io")
    said(registries.check_image("docker.io", "library/busybox", "latest", LOGIN), "pullable")
    assert {one.headers["Host"] for one in hub.requests} == {"registry-1.docker.io"}
    assert {one.headers["Host"] for one in token_server.requests} == {"auth.docker.io"}


def test_a_mirror_gets_the_credential_and_the_registry_itself_does_not(serve: Serving, client: Client, names: Names) -> None:
    mirror = serve(basic_registry())
    for endpoint in (mirror.authority, mirror.origin, f"{mirror.origin}/"):
        registries = client("registry.test", endpoint=endpoint)
        said(image(registries, "registry.test"), "pullable")
        said(registries.check_login("registry.test", LOGIN), "accepted", "registry.test")
    assert names.asked == []


@pytest.mark.parametrize(
    "endpoint",
    ["https://127.0.0.1/v2/", "https://u:p@127.0.0.1", "ftp://127.0.0.1", "a b", "127.0.0.1:99999", "", "https://", "a\nb"],
)
def test_an_endpoint_that_is_none(client: Client, endpoint: str) -> None:
    with pytest.raises(InputError, match="endpoint of registry.test"):
        image(client("registry.test", endpoint=endpoint), "registry.test")
    with pytest.raises(InputError, match="plain_http"):
        image(client("registry.test", endpoint="http://127.0.0.1:1"), "registry.test")


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_addresses_as_registries(serve: Serving, client: Client, host: str) -> None:
    server = serve(basic_registry(), host=host)
    said(image(client(server.authority), server.authority), "pullable")


def test_localhost_as_a_registry(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    host = f"localhost:{server.port}"
    said(image(client(host), host), "pullable")
    # an image found in a cluster does not choose whom the controller talks to
    before = server.connections
    said(image(client(host, named=False), host), "unverifiable", host, "allow_addresses")
    assert server.connections == before


def test_json_of_a_finding_is_safe_to_print(serve: Serving, client: Client) -> None:
    nasty = "\x1b[31m\u202eevil\r\n{{ 7*7 }}<script>" + "x" * 5000
    server = serve(basic_registry(script={MANIFEST: error(403, "DENIED", nasty)}))
    found = image(client(server.authority), server.authority)
    said(found, "denied", "It says: ?[31m?evil")
    assert len(json.dumps(found.message)) < 600


def test_two_registries_do_not_share_a_login(serve: Serving, client: Client) -> None:
    first, second = serve(basic_registry()), serve(Registry())
    registries = client(first.authority)
    said(image(registries, first.authority), "pullable")
    said(image(registries, second.authority, login=None), "unverifiable")
    assert second.with_credentials == []
