# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry through the proxies of the environment: what they see, and what the registry sees of them."""

from __future__ import annotations

import contextlib
import time

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.connection import NoResponse
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import parse_address

from registry_servers import Names, RecordingProxy, Registry, Reply, Request, TokenServer, Wire, basic, login
from registry_servers.client import LOGIN, PASSWORD, USER, Client, image
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

CREDENTIAL = login(*LOGIN)
PROXY_USER, PROXY_PASSWORD = "Zq7proxy", "Zq7pr0xys3cr3t"
PROXY_CREDENTIAL = login(PROXY_USER, PROXY_PASSWORD)
MANIFEST = "/v2/team/app/manifests/1.0"


def basic_registry() -> Registry:
    return Registry(basic(), lambda authorization: authorization == CREDENTIAL)


@pytest.fixture
def proxy(serve: Serving, monkeypatch: pytest.MonkeyPatch) -> RecordingProxy:
    """Both kinds of requests go through it, with a login of its own."""
    proxy = serve.proxy(RecordingProxy())
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{PROXY_USER}:{PROXY_PASSWORD}@{proxy.authority}")
    return proxy


def test_the_credential_goes_through_a_tunnel_and_that_of_the_proxy_stays_there(
    serve: Serving, client: Client, proxy: RecordingProxy
) -> None:
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    for server in (serve(basic_registry()), serve(Registry(f'Bearer realm="{token_server.origin}/t"', tokens.accepts))):
        registries = client(server.authority, realms=[token_server.authority])
        assert image(registries, server.authority).verdict == "pullable"
        assert registries.check_login(server.authority, LOGIN).verdict == "accepted"
    assert {one.method for one in proxy.requests} == {"CONNECT"}
    assert {one.headers["Proxy-Authorization"] for one in proxy.requests} == {PROXY_CREDENTIAL}
    assert not [
        one for one in proxy.requests if one.headers["Authorization"] or one.holds([USER, PASSWORD, CREDENTIAL.split()[1]])
    ]
    seen = [*server.requests, *token_server.requests]
    assert seen
    assert not [one for one in seen if one.headers["Proxy-Authorization"] or one.holds([PROXY_USER, PROXY_CREDENTIAL.split()[1]])]


def test_a_redirect_through_a_proxy(serve: Serving, client: Client, proxy: RecordingProxy) -> None:
    elsewhere = serve(lambda _request: Reply(), host="127.0.0.2")
    registry = basic_registry()
    registry.script = {MANIFEST: Reply(307, (("Location", f"{elsewhere.origin}/there"),))}
    server = serve(registry)
    image(client(server.authority, allow=["127.0.0.2"]), server.authority)
    assert proxy.tunnels[-1] == elsewhere.authority
    assert len(elsewhere.requests) >= 1
    assert elsewhere.with_credentials == []


def test_plain_http_goes_through_the_proxy_as_a_whole(serve: Serving, client: Client, proxy: RecordingProxy) -> None:
    server = serve(basic_registry(), tls=False)
    assert image(client(server.authority, plain_http=True), server.authority).verdict == "pullable"
    assert proxy.tunnels == []
    assert {one.headers["Proxy-Authorization"] for one in proxy.requests} == {PROXY_CREDENTIAL}
    assert all(one.target.startswith(f"http://{server.authority}/v2/") for one in proxy.requests)
    assert not [one for one in server.requests if one.headers["Proxy-Authorization"]]


@pytest.mark.parametrize(
    ("no_proxy", "host", "bypassed"),
    [
        ("registry.test", "registry.test", True),
        ("REGISTRY.test", "registry.test", True),
        (".test", "registry.test", True),
        ("test", "registry.test", True),
        (" other.test , registry.test ", "registry.test", True),
        ("*", "registry.test", True),
        ("gistry.test", "registry.test", False),
        ("registry.test.evil", "registry.test", False),
        ("", "registry.test", False),
        (",,", "registry.test", False),
        ("127.0.0.0/8", "127.0.0.1", True),
        ("10.0.0.0/8, 127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1/128,fe80::/10", "[::1]", True),
        ("10.0.0.0/8", "127.0.0.1", False),
        ("127.0.0.0/33,x/y", "127.0.0.1", False),
        # of a name it is the proxy that knows the address
        ("127.0.0.0/8", "registry.test", False),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy(
    serve: Serving, client: Client, names: Names, proxy: RecordingProxy, monkeypatch: pytest.MonkeyPatch,
    no_proxy: str, host: str, bypassed: bool, variable: str,
) -> None:  # fmt: skip
    server = serve(basic_registry(), "registry.test", host="::1" if host == "[::1]" else "127.0.0.1")
    names.point("registry.test", "127.0.0.1")
    proxy.find = lambda authority: (server.host, int(authority.rpartition(":")[2]))
    monkeypatch.setenv(variable, no_proxy)
    name = f"{host}:{server.port}"
    assert image(client(name, allow=["127.0.0.1"]), name).verdict == "pullable"
    assert (proxy.requests == []) is bypassed
    assert not [one for one in server.requests if one.headers["Proxy-Authorization"]]


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "2130706433:443", "[::1]", "localhost:443"])
def test_a_proxy_is_not_asked_for_what_would_not_be_contacted(client: Client, proxy: RecordingProxy, host: str) -> None:
    found = image(client(host, named=False), host)
    assert found.verdict == "unverifiable", found
    assert "is not contacted" in found.message
    assert proxy.requests == []


# one host to the check, and another one to urllib, to IDNA or to the proxy
DISGUISED = [
    "169%2e254.169.254", "%31%36%39.254.169.254", "169.254.169%2E254", "127%2e0.0.1", "local%68ost", "[::ffff:169.254.169.254]",
    "１６９.254.169.254", "169。254。169。254", "①27.0.0.1", "ｌocalhost",
    "169.254.169.254.", "127.0.0.1.", "0127.0.0.1", "0x7f.1.",
    "[::ffff:0:169.254.169.254]", "[64:ff9b:1:a9fe:a9:fe00::]", "[2001:db8::200:5efe:a9fe:a9fe]", "[fe80::1%25eth0]",
    "[fe80::1%eth0]", "registry.test%00", "registry.test%0d%0aX", "registry.test%2f@tokens.test", "localhost.localdomain",
    "ip6-localhost", "metadata.google.internal", "a..b", "1.2.3.4.5", "registry.test:+443", "registry.test:４43",
]  # fmt: skip


@pytest.mark.parametrize("disguised", DISGUISED)
def test_a_host_that_others_read_in_another_way_is_not_asked_for(
    serve: Serving, client: Client, proxy: RecordingProxy, disguised: str
) -> None:
    """Neither as the place that a redirect leads to, nor as the URL of a token server, nor as an endpoint."""
    url = f"https://{disguised}/there"
    away = Reply(302, (("Location", url.encode().decode("latin-1")),))
    server = serve(Registry(None, script={MANIFEST: away}))
    registries = client(server.authority)
    assert image(registries, server.authority).verdict in ("unverifiable", "unreachable")
    with pytest.raises(NoResponse) as caught:
        registries.server(server.authority).client.send("GET", url, CREDENTIAL)
    assert caught.value.refused
    with contextlib.suppress(ValueError):
        # what a caller gives as endpoint may be an address, in a form that everybody reads alike
        parse_address(url)
        disguised = "169%2e254.169.254"
    with pytest.raises(InputError, match=r"endpoint of registry\.test"):
        image(client("registry.test", endpoint=disguised), "registry.test")
    assert set(proxy.tunnels) == {server.authority}


def test_the_proxy_looks_names_up(serve: Serving, client: Client, names: Names, proxy: RecordingProxy, wire: Wire) -> None:
    server = serve(basic_registry(), "registry.test")
    proxy.find = lambda _authority: ("127.0.0.1", server.port)
    assert image(client("registry.test"), "registry.test").verdict == "pullable"
    assert "registry.test" not in names.asked
    assert set(proxy.tunnels) == {"registry.test:443"}


@pytest.mark.parametrize("status", [407, 403, 502, 301, 204])
def test_a_proxy_that_refuses(serve: Serving, client: Client, proxy: RecordingProxy, status: int) -> None:
    proxy.refuse = lambda _request: Reply(status, (("Proxy-Authenticate", 'Basic realm="x"'), ("Location", "http://127.0.0.1/")))
    server = serve(basic_registry())
    found = image(client(server.authority), server.authority)
    assert found.verdict == "unreachable", found
    assert server.authority in found.message
    assert str(status) in found.message
    assert "proxy" in found.message
    assert server.connections == 0
    assert PROXY_PASSWORD not in found.message


@pytest.mark.timed
@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_proxy_that_answers_byte_for_byte(
    serve: Serving, client: Client, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    def slow(_request: Request) -> list[bytes]:
        raise AssertionError("unused")

    def drip(connection: object) -> None:
        connection.recv(65536)  # type: ignore[attr-defined]
        connection.sendall(beginning)  # type: ignore[attr-defined]
        for _time in range(60):
            time.sleep(0.2)
            connection.sendall(b"x")  # type: ignore[attr-defined]

    proxy = serve(slow, tls=False, greet=drip)
    monkeypatch.setenv("https_proxy", f"http://{proxy.authority}")
    begun = time.monotonic()
    found = image(client("127.0.0.1:1", timeout=1), "127.0.0.1:1")
    assert found.verdict == "unreachable", found
    assert "did not answer within 1 seconds" in found.message
    assert time.monotonic() - begun < 6


def test_a_proxy_that_is_down(client: Client, nobodys_network: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:1")
    found = image(client("192.0.2.1"), "192.0.2.1")
    assert found.verdict == "unreachable"
    assert PROXY_PASSWORD not in found.message


@pytest.mark.parametrize(
    "url",
    [
        "http:{user}:{password}@127.0.0.1:3128",
        "{user}:{password}@127.0.0.1:3128",
        "http://{user}:{password}/@127.0.0.1:3128",
        "http://{user}:{password}@127.0.0.1:port",
        "http://{user}:{password}@127.0.0.1:99999",
        "http://{user}:{password}@[127.0.0.1",
        "http://{user}:{password}@",
        "http://{user}:{password}",
        "socks5://{user}:{password}@127.0.0.1:1",
        "https://{user}:{password}@127.0.0.1:1",
        "http:///{user}:{password}@127.0.0.1:3128",
        "http://{user}:{password}@proxy.test:3128",
        "http://{user}:{password}@a b:3128",
        "http://{user}:{password}\r\nX: y@127.0.0.1:1",
        "http://{user}:{password}@proxy%2etest:3128",
        "http://{user}:{password}@127.0.0.1%2f:3128",
        "http://{user}:{password}@127.0.0.1:3128?x",
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_a_proxy_that_is_none_is_told_of_without_its_login(
    client: Client, nobodys_network: None, names: Names, monkeypatch: pytest.MonkeyPatch, url: str, plain: bool
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, url.format(user=PROXY_USER, password=PROXY_PASSWORD))
    found = image(client("registry.test", plain_http=plain, timeout=2), "registry.test")
    assert found.verdict in ("unreachable", "unverifiable"), found
    assert "registry.test" in found.message
    assert "proxy" in found.message
    assert PROXY_PASSWORD not in found.message
    assert names.asked == []
