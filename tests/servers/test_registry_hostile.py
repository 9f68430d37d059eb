# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry against servers that mean harm: no credential goes astray, no forbidden address is contacted, nothing hangs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._concurrency import for_each
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding, Verdict

from registry_servers import Answer, Names, RecordingServer, Registry, Reply, Request, TokenServer, Wire, basic, login, manifest
from registry_servers.client import LOGIN, PASSWORD, USER, Client, image
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

CREDENTIAL = login(*LOGIN)
SECRETS = (PASSWORD, USER, CREDENTIAL.partition(" ")[2], "netrc", "the-token")
MANIFEST = "/v2/team/app/manifests/1.0"
# of each request; the machine may be busy with other tests
TIMEOUT, GRACE = 1.0, 5.0


def asks(challenge: str) -> Registry:
    return Registry(challenge, lambda _authorization: False)


def basic_registry(**script: Answer | Callable[[Request], Answer]) -> Registry:
    return Registry(basic(), lambda authorization: authorization == CREDENTIAL, script=script)


def redirect(location: str, status: int = 302, *more: tuple[str, str]) -> Reply:
    return Reply(status, (("Location", location), *more))


def bystander(serve: Serving, *names: str, host: str = "127.0.0.2") -> RecordingServer:
    """Somebody else, who would take any credential gladly, and whose tokens open everything."""

    def answer(request: Request) -> Reply:
        return Reply(200, (("Content-Type", "application/json"),), {"token": "the-token"})

    return serve(answer, *names, host=host)


def clean(*strangers: RecordingServer) -> None:
    for stranger in strangers:
        assert stranger.with_credentials == []
        assert [one for one in stranger.requests if one.holds(SECRETS)] == []


def undecided(finding: Finding, *words: str) -> None:
    assert finding.verdict in ("unverifiable", "unreachable"), finding
    for word in words:
        assert word in finding.message, finding.message
    assert finding.message.isprintable()
    assert len(finding.message) < 900


# --------------------------------------------------------------------------------------------------------------- Realms


@pytest.mark.parametrize(
    "realm",
    [
        "https://127.0.0.2:{port}/token",
        "https://tokens.test/token",
        "https://auth.registry.test/token",
        "https://registry.test.evil.test/token",
        "https://evilregistry.test/token",
        "https://test/token",
        "https://registry.test:{port}/token",
        "https://registry.test:5001/token",
        "http://registry.test/token",
        "http://registry.test:{port}/token",
        "https://localhost/token",
        "https://127.0.0.1:{port}/token",
        "https://[::1]:{port}/token",
        "https://[::ffff:127.0.0.1]:{port}/token",
        "https://2130706433:{port}/token",
        "https://0x7f.1:{port}/token",
        "https://0177.0.0.1:{port}/token",
        "https://127.1:{port}/token",
        "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "https://[fd00:ec2::254]/latest/",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://user@registry.test/token",
        "https://user:password@registry.test/token",
        "https://registry.test@tokens.test/token",
        "https://registry.test:443@tokens.test/token",
        "https://registry.test\\@tokens.test/token",
        "https://tokens.test\\.registry.test/token",
        "https://registry.test%2f@tokens.test/token",
        "https://registry.test%00.tokens.test/token",
        "https://registry%2etest/token",
        "https://registry.test./token",
        "https://registry。test/token",
        "https://tokens.test#@registry.test/token",
        "https://tokens.test?@registry.test/token",
        "https://tokens.test;registry.test/token",
        "https://:443/token",
        "https:///token",
        "https:/registry.test/token",
        "https:registry.test/token",
        "//registry.test/token",
        "/token",
        "token",
        "registry.test/token",
        "file:///etc/passwd",
        "ftp://registry.test/token",
        "gopher://registry.test/",
        "data:application/json,{{}}",
        "javascript:alert(1)",
        "https://registry.test\t/token",
        " https://tokens.test/token",
        "https://registry.test\x00/token",
        "https://registry.test:99999/token",
        "https://registry.test:abc/token",
        "https://registry.test:-1/token",
        "https://[::1/token",
        "https://[registry.test]/token",
        "<URL:https://registry.test/token>",
    ],
)
def test_no_request_to_a_realm_that_is_not_the_registrys_own(
    serve: Serving, client: Client, names: Names, wire: Wire, realm: str
) -> None:
    stranger = bystander(serve, "tokens.test", "auth.registry.test", "registry.test")
    registry = asks('Bearer realm="{}",service="x"'.format(realm.format(port=stranger.port).replace("\\", "\\\\")))
    server = serve(registry, "registry.test")
    names.point("registry.test", ("127.0.0.1", server.port))
    for name in ("tokens.test", "auth.registry.test", "registry.test.evil.test", "evilregistry.test", "test"):
        names.point(name, ("127.0.0.2", stranger.port))
    registries = client("registry.test", allow=["127.0.0.0/8", "::1"])
    for found in (image(registries, "registry.test"), registries.check_login("registry.test", LOGIN)):
        undecided(found, "registry.test")
    assert (stranger.connections, server.with_credentials) == (0, [])
    assert set(wire.addresses) == {("127.0.0.1", server.port)}
    assert set(names.asked) == {"registry.test"}


@pytest.mark.parametrize("listed", ["tokens.test", "TOKENS.test", "tokens.test:443"])
def test_a_realm_that_the_caller_listed(serve: Serving, client: Client, names: Names, listed: str) -> None:
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens, "tokens.test")
    server = serve(Registry('Bearer realm="https://tokens.test/token"', tokens.accepts), "registry.test")
    names.point("registry.test", ("127.0.0.1", server.port))
    names.point("tokens.test", ("127.0.0.1", token_server.port))
    refused = image(client("registry.test", allow=["127.0.0.0/8"]), "registry.test")
    undecided(refused, "another host", "add 'tokens.test' to realms")
    assert token_server.connections == 0
    found = image(client("registry.test", realms=[listed], allow=["127.0.0.0/8"]), "registry.test")
    assert found.verdict == "pullable", found
    wrong_port = image(client("registry.test", realms=["tokens.test:444"], allow=["127.0.0.0/8"]), "registry.test")
    undecided(wrong_port, "another host")


def test_the_registrys_own_host_at_its_ordinary_port(
    serve: Serving, client: Client, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens, "registry.test")
    server = serve(Registry('Bearer realm="https://REGISTRY.test:443/token"', tokens.accepts), "registry.test")
    real = names.getaddrinfo

    def by_port(host: str, port: int, *rest: object, **options: object) -> list[object]:
        return real(host, token_server.port if port == 443 else port, *rest, **options)

    names.point("registry.test", "127.0.0.1")
    host = f"registry.test:{server.port}"
    monkeypatch.setattr(socket, "getaddrinfo", by_port)
    assert image(client(host, allow=["127.0.0.1"]), host).verdict == "pullable"


def test_a_realm_over_http_only_where_the_registry_itself_is_asked_so(serve: Serving, client: Client) -> None:
    tokens = TokenServer((CREDENTIAL,), issued={"t"})
    registry = Registry(None, tokens.accepts, script={"/token": Reply(body={"token": "t"})})
    server = serve(registry, tls=False)
    registry.challenge = f'Bearer realm="{server.origin}/token"'
    assert image(client(server.authority, plain_http=True), server.authority).verdict == "pullable"
    other = serve(tokens, tls=False)
    registry.challenge = f'Bearer realm="{other.origin}/token"'
    registries = client(server.authority, plain_http=True, realms=[other.authority])
    undecided(image(registries, server.authority), server.authority, "not https")
    assert other.connections == 0


# ------------------------------------------------------------------------------------------------------------ Addresses

FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_name_that_leads_to_an_address_which_trusts_whoever_reaches_it(
    client: Client, nobodys_network: None, names: Names, wire: Wire, address: str
) -> None:
    # one bad address among good ones is enough
    names.point("registry.test", ("192.0.2.1", 443), (address, 443))
    registries = client("registry.test", timeout=TIMEOUT)
    undecided(image(registries, "registry.test"), "registry.test", "is not contacted", "allow_addresses")
    undecided(registries.check_login("registry.test", LOGIN), "registry.test")
    assert wire.addresses == []


@pytest.mark.parametrize("host", [*(one for one in FORBIDDEN if ":" not in one), "[::1]", "[fe80::1]", "[::ffff:7f00:1]"])
def test_such_an_address_in_the_name_of_an_image_that_the_caller_did_not_name(
    client: Client, nobodys_network: None, wire: Wire, host: str
) -> None:
    undecided(image(client(host, named=False, timeout=TIMEOUT), host), "is not contacted", "allow_addresses")
    assert wire.addresses == []


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "0x7f000001", "017700000001", "0"])
def test_addresses_in_other_spellings(serve: Serving, client: Client, wire: Wire, spelling: str) -> None:
    stranger = bystander(serve, host="127.0.0.1")
    host = f"{spelling}:{stranger.port}"
    undecided(image(client(host, named=False), host), "is not contacted")
    assert wire.addresses == []


def test_a_name_that_leads_elsewhere_the_second_time(serve: Serving, client: Client, names: Names, wire: Wire) -> None:
    """What was checked is what is connected to: each connection resolves once."""
    server = serve(basic_registry(), "registry.test", host="127.0.0.2")
    stranger = bystander(serve, "registry.test", host="127.0.0.1")
    good, bad = ("127.0.0.2", server.port), ("127.0.0.1", stranger.port)
    names.change("registry.test", good, bad)
    registries = client("registry.test", allow=["127.0.0.2"])
    undecided(image(registries, "registry.test"), "registry.test", "127.0.0.1", "is not contacted")
    assert len(server.requests) == 1
    assert (stranger.connections, wire.addresses) == (0, [good])
    assert len(names.asked) == 2


def test_a_token_server_that_leads_elsewhere(serve: Serving, client: Client, names: Names, wire: Wire) -> None:
    server = serve(asks('Bearer realm="https://tokens.test/token"'), "registry.test", host="127.0.0.2")
    stranger = bystander(serve, "tokens.test", host="127.0.0.1")
    names.point("registry.test", ("127.0.0.2", server.port))
    names.point("tokens.test", ("127.0.0.1", stranger.port))
    registries = client("registry.test", allow=["127.0.0.2"], realms=["tokens.test"])
    undecided(image(registries, "registry.test"), "registry.test", "tokens.test", "127.0.0.1", "is not contacted")
    assert (stranger.connections, {port for _host, port in wire.addresses}) == (0, {server.port})


@pytest.mark.timed
def test_an_address_that_swallows_packets_leaves_time_for_the_next(serve: Serving, client: Client, names: Names) -> None:
    server = serve(basic_registry(), "registry.test")
    with socket.socket() as full:
        full.bind(("127.0.0.3", 0))
        full.listen(0)
        fillers = [socket.socket() for _number in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        names.point("registry.test", full.getsockname(), ("127.0.0.1", 1), ("127.0.0.1", server.port))
        found = image(client("registry.test", allow=["127.0.0.0/8"], timeout=1.5), "registry.test")
        for filler in fillers:
            filler.close()
    assert found.verdict == "pullable", found


@pytest.mark.timed
def test_a_slow_handshake_at_one_of_many_addresses_has_all_the_time_there_is(
    serve: Serving, client: Client, names: Names
) -> None:
    context = serve.authority.server("registry.test")
    answer = Reply(200, body={})

    def late(connection: socket.socket) -> None:
        time.sleep(0.8)
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65536)
            for piece in answer.sent("GET"):
                encrypted.sendall(piece)

    server = serve(basic_registry(), "registry.test", greet=late)
    names.point("registry.test", *[("127.0.0.1", server.port)] * 5)
    registries = client("registry.test", allow=["127.0.0.1"], timeout=3)
    assert "requires no credential" in registries.check_login("registry.test", LOGIN).message


# ------------------------------------------------------------------------------------------------------------ Redirects

STATUSES = (301, 302, 303, 307, 308)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("path", ["/v2/", MANIFEST])
def test_a_redirect_to_another_host_takes_no_credential_along(serve: Serving, client: Client, path: str, status: int) -> None:
    stranger = bystander(serve)
    away = redirect(f"{stranger.origin}{path}", status)
    server = serve(basic_registry(**{path: lambda request: away if request.authorization else basic_registry()(request)}))
    registries = client(server.authority, allow=["127.0.0.2"])
    found = image(registries, server.authority)
    if path == MANIFEST:
        # the registry took the credential, and reported where the manifest lies: a node pulls in the same way
        assert found.verdict == "pullable", found
    else:
        undecided(found, server.authority, "redirect")
        undecided(registries.check_login(server.authority, LOGIN), server.authority, "redirect")
    clean(stranger)
    assert stranger.connections >= 1


def test_it_is_told_who_does_not_answer_after_a_redirect(serve: Serving, client: Client) -> None:
    server = serve(basic_registry(**{MANIFEST: redirect("https://127.0.0.2:1/there")}))
    undecided(
        image(client(server.authority, allow=["127.0.0.2"]), server.authority), server.authority, "https://127.0.0.2:1 refuses"
    )


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("path", ["/v2/", MANIFEST])
def test_a_refusal_from_where_no_credential_went_says_nothing_of_it(
    serve: Serving, client: Client, path: str, status: int
) -> None:
    stranger = serve(lambda _request: Reply(status, (("WWW-Authenticate", basic()),)), host="127.0.0.2")
    away = redirect(f"{stranger.origin}{path}")
    server = serve(basic_registry(**{path: lambda request: away if request.authorization else basic_registry()(request)}))
    registries = client(server.authority, allow=["127.0.0.2"])
    undecided(image(registries, server.authority), server.authority, "redirect")
    if path == "/v2/":
        undecided(registries.check_login(server.authority, LOGIN), server.authority, "redirect")
    clean(stranger)


def test_a_registry_that_has_moved_altogether(serve: Serving, client: Client) -> None:
    """Asked without a login, the new place asks for one; the old one gets it and passes on without it."""
    there = serve(basic_registry(), host="127.0.0.2")
    server = serve(lambda request: redirect(f"{there.origin}{request.target}", 308))
    found = image(client(server.authority, allow=["127.0.0.2"]), server.authority)
    undecided(found, server.authority, "endpoint")
    clean(there)


def test_another_port_is_another_place_and_the_same_one_is_not(serve: Serving, client: Client) -> None:
    stranger = bystander(serve, host="127.0.0.1")
    server = serve(basic_registry(**{MANIFEST: redirect(f"{stranger.origin}/x")}))
    image(client(server.authority), server.authority)
    clean(stranger)
    assert stranger.connections >= 1

    there = "/v2/team/app/manifests/moved"
    moved = serve(basic_registry(**{MANIFEST: redirect(there), there: manifest()}))
    assert image(client(moved.authority), moved.authority).verdict == "pullable"
    assert [one.authorization for one in moved.asked("/v2/team/app/manifests/moved")] == [CREDENTIAL]


def test_a_way_out_and_back_does_not_bring_the_credential_back(serve: Serving, client: Client) -> None:
    stranger = serve(lambda _request: redirect(f"{server.origin}/back"), host="127.0.0.2")
    server = serve(basic_registry(**{MANIFEST: redirect(f"{stranger.origin}/out")}))
    image(client(server.authority, allow=["127.0.0.2"]), server.authority)
    clean(stranger)
    assert server.asked("/back")
    assert all(one.authorization is None for one in server.asked("/back"))


@pytest.mark.parametrize("status", STATUSES)
def test_token_requests_are_never_redirected(serve: Serving, client: Client, status: int) -> None:
    stranger = bystander(serve)
    registry = Registry(None, lambda _authorization: False)
    registry.script = {"/token": redirect(f"{stranger.origin}/token", status), "/here": Reply(body={"token": "t"})}
    server = serve(registry)
    registry.challenge = f'Bearer realm="{server.origin}/token"'
    registries = client(server.authority, allow=["127.0.0.2"], realms=["127.0.0.2"])
    undecided(image(registries, server.authority), server.authority, "redirect")
    assert stranger.connections == 0
    registry.script = {**registry.script, "/token": redirect("/here", status)}
    undecided(image(client(server.authority), server.authority), server.authority)
    assert server.asked("/here") == []


@pytest.mark.parametrize("with_login", [True, False])
def test_never_down_from_https_to_http(serve: Serving, client: Client, with_login: bool) -> None:
    plain = serve(Registry(), tls=False)
    server = serve(lambda request: redirect(f"{plain.origin}{request.target}"))
    registries = client(server.authority, plain_http=False)
    undecided(image(registries, server.authority, login=LOGIN if with_login else None), server.authority, "endpoint")
    assert plain.connections == 0


def test_from_http_to_https_the_credential_stays_behind(serve: Serving, client: Client) -> None:
    encrypted = serve(basic_registry())
    server = serve(lambda request: redirect(f"{encrypted.origin}{request.target}"), tls=False)
    undecided(image(client(server.authority, plain_http=True), server.authority), server.authority, "endpoint")
    clean(encrypted)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/",
        "data:,x",
        "https://user:password@127.0.0.2:{port}/",
        "https://127.0.0.1:{port}\\@127.0.0.2:{port}/",
        "https://[::1",
        "https://127.0.0.2:99999/",
        "https://127.0.0.2:x/",
        "https://",
        "//",
        "https://127.0.0.2%20.test/",
        "\x01\x02",
        "https://\xff\xfe/",
        "x" * 60_000,
        "https://" + "a" * 5000 + "/",
        "https://" + ("a." * 3000) + "/",
    ],
    ids=lambda location: location[:40],
)
def test_a_redirect_to_what_is_no_place(serve: Serving, client: Client, wire: Wire, location: str) -> None:
    stranger = bystander(serve)
    server = serve(basic_registry(**{MANIFEST: redirect(location.format(port=stranger.port))}))
    found = image(client(server.authority), server.authority)
    # where it stays on the same host, as a path, the registry just says that nothing is there
    assert found.verdict in ("unverifiable", "unreachable", "not_found"), found
    assert server.authority in found.message
    clean(stranger)
    assert set(wire.addresses) == {("127.0.0.1", server.port)}


def test_a_location_with_a_line_break(serve: Serving, client: Client) -> None:
    raw = f"HTTP/1.1 302 Found\r\nLocation: {MANIFEST}x\r\n\tX-Injected: yes\r\nContent-Length: 0\r\n\r\n".encode()
    server = serve(basic_registry(**{MANIFEST: lambda _request: raw}))
    found = image(client(server.authority), server.authority)
    assert found.verdict not in Verdict.GOOD
    assert all("X-Injected" not in one.headers for one in server.requests)


@pytest.mark.parametrize("where", ["/v2/", MANIFEST])
def test_redirects_in_circles(serve: Serving, client: Client, where: str) -> None:
    server = serve(basic_registry(**{where: redirect(where)}))
    undecided(image(client(server.authority), server.authority), server.authority, "circles")
    assert len(server.asked(where)) <= 12

    def on_and_on(request: Request) -> Reply:
        return redirect(f"{request.path}x")

    endless = serve(on_and_on)
    undecided(image(client(endless.authority), endless.authority), endless.authority)
    assert len(endless.requests) <= 12


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "metadata.test"])
def test_a_redirect_into_the_inside(serve: Serving, client: Client, names: Names, wire: Wire, address: str) -> None:
    server = serve(basic_registry(), "registry.test", host="127.0.0.2")
    server.answer = lambda _request: redirect(f"https://{address}/latest/meta-data/")
    names.point("registry.test", ("127.0.0.2", server.port))
    names.point("metadata.test", "169.254.169.254")
    undecided(image(client("registry.test", allow=["127.0.0.2"]), "registry.test"), "registry.test", "is not contacted")
    assert set(wire.addresses) == {("127.0.0.2", server.port)}


# ----------------------------------------------------------------------------------------------------- Time and amounts


def drip(piece: bytes, pause: float = 0.2) -> Iterator[bytes]:
    """Goes on until the client has gone; the tests' own patience ends it where it does not go."""
    for _time in range(60):
        yield piece
        time.sleep(pause)


amount = 0


def endless(piece: bytes) -> Iterator[bytes]:
    """What goes out is added up: a client that takes gigabytes would find memory for them, or not."""
    global amount
    for _time in range(100_000):
        yield piece
        amount += len(piece)


def head(status: int, *headers: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\n{''.join(f'{line}{chr(13)}{chr(10)}' for line in headers)}\r\n".encode("latin-1")


def after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


BIG = b"x" * 65536
SLOW: dict[str, Callable[[], Iterator[bytes] | bytes]] = {
    "status line, byte for byte": lambda: drip(b"H"),
    "headers, byte for byte": lambda: after(b"HTTP/1.1 200 OK\r\n", drip(b"X")),
    "headers without end, slowly": lambda: after(b"HTTP/1.1 200 OK\r\n", drip(b"A: b\r\n")),
    "continue, slowly": lambda: drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue, without end": lambda: endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "body of 200, byte for byte": lambda: after(head(200), drip(b"{")),
    "body of 200 that stays away": lambda: after(head(200, "Content-Length: 10"), drip(b"")),
    "body of 401, byte for byte": lambda: after(head(401, 'WWW-Authenticate: Basic realm="x"'), drip(b"{")),
    "body of 302, byte for byte": lambda: after(head(302, "Location: /elsewhere"), drip(b"{")),
    "body of 403, byte for byte": lambda: after(head(403), drip(b"{")),
    "chunks, slowly": lambda: after(head(200, "Transfer-Encoding: chunked"), drip(b"1\r\nx\r\n")),
    "a chunk's size, slowly": lambda: after(head(200, "Transfer-Encoding: chunked"), drip(b"0")),
    "trailers, slowly": lambda: after(head(200, "Transfer-Encoding: chunked") + b"0\r\n", drip(b"A: b\r\n")),
    "trailers without end": lambda: after(head(200, "Transfer-Encoding: chunked") + b"0\r\n", endless(b"A: b\r\n" * 100)),
    "silence": lambda: drip(b""),
}
LARGE: dict[str, Callable[[], Iterator[bytes] | bytes]] = {
    "body of 200 without end": lambda: after(head(200), endless(BIG)),
    "body of 401 without end": lambda: after(head(401, 'WWW-Authenticate: Basic realm="x"'), endless(BIG)),
    "body of 403 without end": lambda: after(head(403), endless(BIG)),
    "body of 302 without end": lambda: after(head(302, "Location: /elsewhere"), endless(BIG)),
    "body of 302 to nowhere without end": lambda: after(head(302, "Location: file:///x"), endless(BIG)),
    "body of 302 to no place without end": lambda: after(head(302, "Location: https://[::1"), endless(BIG)),
    "body of 500 without end": lambda: after(head(500), endless(BIG)),
    "chunks without end": lambda: after(head(200, "Transfer-Encoding: chunked"), endless(b"10000\r\n" + BIG + b"\r\n")),
    "a chunk of all memory": lambda: after(head(200, "Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n", endless(BIG)),
    "a length of all memory": lambda: after(head(200, f"Content-Length: {2**62}"), endless(BIG)),
    "a length below nothing": lambda: after(head(200, "Content-Length: -1"), endless(BIG)),
    "one header without end": lambda: after(b"HTTP/1.1 200 OK\r\nX: ", endless(BIG)),
    "headers without end": lambda: after(b"HTTP/1.1 200 OK\r\n", endless(b"A: b\r\n" * 100)),
    "a status line without end": lambda: endless(BIG),
}
BROKEN: dict[str, Callable[[], Iterator[bytes] | bytes]] = {
    "nothing": lambda: b"",
    "no HTTP": lambda: b"SSH-2.0-OpenSSH_9.2\r\n",
    "line breaks": lambda: b"\r\n\r\n\r\n",
    "no status": lambda: b"HTTP/1.1\r\n\r\n",
    "status that is no number": lambda: b"HTTP/1.1 two OK\r\n\r\n",
    "status below 100": lambda: b"HTTP/1.1 99 OK\r\n\r\n",
    "status above 999": lambda: b"HTTP/1.1 1000 OK\r\n\r\n",
    "negative status": lambda: b"HTTP/1.1 -200 OK\r\n\r\n",
    "other version": lambda: b"HTTP/9.9 200 OK\r\n\r\n",
    "control characters": lambda: b"HTTP/1.1 401 \x1b[31m\x00\r\nWWW-Authenticate: \x1b[0m\x07\r\n\r\n",
    "200 headers": lambda: b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
    "header of 1 MB": lambda: b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
    "challenge of 60 kB": lambda: head(401, "WWW-Authenticate: " + "Bearer " * 8000),
    "challenge of quotes": lambda: head(401, 'WWW-Authenticate: Bearer realm="' + '\\"' * 30_000),
    "90 challenges": lambda: head(401, *['WWW-Authenticate: Bearer realm="' + "," * 30_000] * 90),
    "header that is none": lambda: b"HTTP/1.1 200 OK\r\nno colon\r\n : empty\r\n\r\n",
    "chunked garbage": lambda: head(200, "Transfer-Encoding: chunked") + b"zz\r\nhello",
    "chunk below nothing": lambda: head(200, "Transfer-Encoding: chunked") + b"-5\r\nhello",
    "chunk that ends early": lambda: head(200, "Transfer-Encoding: chunked") + b"ff\r\nhello",
    "body that ends early": lambda: head(200, "Content-Length: 100") + b"hello",
    "length that is no number": lambda: head(200, "Content-Length: many") + b"hello",
    "a line of NUL": lambda: b"\0" * 1000,
    "TLS inside": lambda: b"\x16\x03\x01\x02\x00\x01\x00",
    "half a status line": lambda: b"HTTP/1.1 20",
    "half a header": lambda: b"HTTP/1.1 200 OK\r\nX-",
    "upgrade": lambda: head(101, "Upgrade: websocket", "Connection: Upgrade"),
    "retry that is no text": lambda: head(429, "Retry-After: \x1b[31m" + "9" * 60_000),
}
STAGES = ("/v2/", "/token", MANIFEST)
UNREAD = {
    "/v2/": {name for name in SLOW if "302" in name},
    "/token": set(),
    MANIFEST: {name for name in SLOW if any(word in name for word in ("body of", "chunk", "trailers"))},
}


def at_stage(serve: Serving, stage: str, play: Callable[[], Iterator[bytes] | bytes]) -> RecordingServer:
    """A registry that is good until ``stage``, and its own token server."""
    tokens = TokenServer((CREDENTIAL,), issued={"the-token"})
    registry = Registry(None, tokens.accepts, script={"/token": Reply(body={"token": "the-token"})})
    registry.script = {**registry.script, stage: lambda _request: play()}
    server = serve(registry)
    registry.challenge = f'Bearer realm="{server.origin}/token"'
    return server


@pytest.mark.timed
@pytest.mark.parametrize("stage", STAGES)
def test_no_answer_takes_longer_than_the_time_for_it(serve: Serving, client: Client, stage: str) -> None:
    """All at once, since each of them takes all the time that there is."""

    def ask(name: str) -> tuple[str, Finding, float]:
        begun = time.monotonic()
        host = servers[name].authority
        return name, image(client(host, timeout=TIMEOUT), host), time.monotonic() - begun

    servers = {name: at_stage(serve, stage, play) for name, play in SLOW.items()}
    with ThreadPoolExecutor(len(SLOW)) as pool:
        for name, found, seconds in pool.map(ask, SLOW):
            # a HEAD has no body to wait for, and that of a redirect is not read
            if name not in UNREAD[stage]:
                assert found.verdict == "unreachable", (name, found)
                assert "did not answer within 1 seconds" in found.message, (name, found)
            # HEAD, GET and what came before have a time of their own
            assert seconds < 3 * TIMEOUT + GRACE, name


@pytest.mark.timed
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", LARGE)
def test_answers_without_end_are_cut(serve: Serving, client: Client, stage: str, name: str) -> None:
    global amount
    amount = 0
    server = at_stage(serve, stage, LARGE[name])
    begun = time.monotonic()
    found = image(client(server.authority, timeout=5), server.authority)
    assert server.authority in found.message or found.verdict in Verdict.GOOD, found
    assert time.monotonic() - begun < 15 + GRACE
    assert amount < 32 * 1024 * 1024
    assert found.message.isprintable()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers_are_told_of(serve: Serving, client: Client, stage: str, name: str) -> None:
    server = at_stage(serve, stage, BROKEN[name])
    found = image(client(server.authority, timeout=3), server.authority)
    assert found.message.isprintable()
    assert len(found.message) < 900
    assert server.authority in found.message or found.verdict in Verdict.GOOD, found
    login = client(server.authority, timeout=3).check_login(server.authority, LOGIN)
    assert login.message.isprintable()


@pytest.mark.timed
@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_says_nothing_not_even_in_tls(serve: Serving, client: Client, tls: bool) -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    server = serve(Registry(), greet=say_nothing)
    begun = time.monotonic()
    found = image(client(server.authority, timeout=TIMEOUT, plain_http=not tls), server.authority)
    undecided(found, server.authority, "did not answer within 1 seconds")
    assert time.monotonic() - begun < TIMEOUT + GRACE


@pytest.mark.timed
def test_a_name_that_is_looked_up_for_ever(client: Client, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns a name owns the server that tells its address, or does not."""
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_question, **_options: answered.wait(30) and [])
    begun = time.monotonic()
    found = image(client("registry.test", timeout=TIMEOUT), "registry.test")
    assert time.monotonic() - begun < TIMEOUT + GRACE
    answered.set()
    undecided(found, "registry.test", "did not answer within 1 seconds", "DNS")


@pytest.mark.timed
def test_a_tls_handshake_byte_for_byte(serve: Serving, client: Client) -> None:
    def slow(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in after(b"\x16\x03\x03\x40\x00", drip(b"\x02")):
            connection.sendall(piece)

    server = serve(Registry(), greet=slow)
    begun = time.monotonic()
    undecided(image(client(server.authority, timeout=TIMEOUT), server.authority), server.authority, "did not answer within")
    assert time.monotonic() - begun < TIMEOUT + GRACE


@pytest.mark.timed
def test_a_dead_token_server_is_waited_for_once(serve: Serving, client: Client) -> None:
    """With one login and many images each would wait its turn, and then the whole time."""
    server = at_stage(serve, "/token", lambda: drip(b""))
    registries = client(server.authority, timeout=TIMEOUT)
    begun = time.monotonic()
    names = [f"team/app{number}:1" for number in range(40)]
    for found in for_each(names, lambda name: image(registries, server.authority, name), 8):
        undecided(found, server.authority, "token server")
    assert time.monotonic() - begun < TIMEOUT + GRACE
    assert len(server.asked("/token")) == 1


# ------------------------------------------------------------------------------------------------------- What is not kept


def test_cookies_are_not_kept(serve: Serving, client: Client) -> None:
    cookie = (("Set-Cookie", "session=1; Path=/"), ("WWW-Authenticate", basic()))
    server = serve(lambda _request: Reply(401, cookie))
    registries = client(server.authority)
    image(registries, server.authority)
    assert len(server.requests) == 2
    assert all("Cookie" not in one.headers for one in server.requests)


def test_netrc_is_not_read(serve: Serving, client: Client) -> None:
    """nobodys_network has one with a login for this host."""
    tokens = TokenServer((None, CREDENTIAL))
    token_server = serve(tokens)
    challenge = f'Bearer realm="{token_server.origin}/token"'
    for server in (serve(Registry(challenge, tokens.accepts)), serve(basic_registry())):
        for user in (LOGIN, None):
            image(client(server.authority, realms=[token_server.authority]), server.authority, login=user)
        assert not [one for one in server.requests if one.holds(["netrc", login("netrc", "netrc").split()[1]])]
    assert {one.authorization for one in token_server.requests} == {None, CREDENTIAL}


def test_the_password_is_in_no_url_and_no_body(serve: Serving, client: Client) -> None:
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    server = serve(Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts))
    assert image(client(server.authority, realms=[token_server.authority]), server.authority).verdict == "pullable"
    for one in (*server.requests, *token_server.requests):
        assert USER not in one.target
        assert PASSWORD not in one.target
        assert one.body == b""
    assert not [one for one in server.requests if one.holds([PASSWORD, CREDENTIAL.split()[1]])]
