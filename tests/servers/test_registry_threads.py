# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry with many threads: TLS settings stay apart, logins are not repeated, and nothing is left open."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._concurrency import for_each
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries
from ansible_collections.pullpass.registry.plugins.module_utils._registry.connection import NoResponse
from ansible_collections.pullpass.registry.plugins.module_utils._registry.transport import HttpClient, RequestSettings

from registry_servers import Answer, Registry, Reply, Request, TokenServer, basic, error, granting, login, manifest
from registry_servers.client import LOGIN, USER, Client, image
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]
pytestmark = pytest.mark.timed

CREDENTIAL = login(*LOGIN)
WORKERS = 16


def settings(ca_cert: str | None = None, validate_certs: bool = True) -> RequestSettings:
    return RequestSettings(10, ca_cert, validate_certs, named_hosts=frozenset({"127.0.0.1"}))


def test_verification_on_and_off_do_not_mix(serve: Serving, client: Client) -> None:
    """With open_url of ansible.module_utils.urls some of the verifying requests deliver their header."""
    server = serve(lambda _request: Reply())
    unverified, verified = HttpClient(settings(validate_certs=False)), HttpClient(settings())

    def ask(number: int) -> str:
        try:
            if number % 2:
                return str(unverified.send("GET", f"{server.origin}/off", "off").status)
            return str(verified.send("GET", f"{server.origin}/on", "on").status)
        except NoResponse as trouble:
            return "not trusted" if "not trusted" in str(trouble) else str(trouble)

    assert Counter(for_each(range(6000), ask, WORKERS)) == {"200": 3000, "not trusted": 3000}
    assert Counter(one.authorization for one in server.requests) == {"off": 3000}


def test_a_wrong_login_with_many_images_is_one_attempt(serve: Serving, client: Client) -> None:
    wrong = (USER, "Zq7wrong")
    images = [f"team/app{number % 10}:{number}" for number in range(200)]
    token_server = serve(TokenServer((CREDENTIAL,)))
    bearer = serve(Registry(f'Bearer realm="{token_server.origin}/token"', lambda _authorization: False))
    door = serve(Registry(basic(), lambda one: one == CREDENTIAL))
    inside = serve(Registry(basic(), lambda one: one == CREDENTIAL, script={"/v2/": Reply(200, body={})}))
    for server in (door, inside, bearer):
        registries = client(server.authority, realms=[token_server.authority])

        def ask(name: str, registries: Registries = registries, host: str = server.authority) -> str:
            return image(registries, host, name, wrong).verdict

        assert Counter(for_each(images, ask, WORKERS)) == {"rejected": 200}
        assert registries.check_login(server.authority, wrong).verdict in ("rejected", "unverifiable")
    assert (len(door.with_credentials), len(inside.with_credentials), len(bearer.with_credentials)) == (1, 1, 0)
    assert len(token_server.requests) == 1


def test_a_right_login_is_tried_once_as_well(serve: Serving, client: Client) -> None:
    images = {f"team/app{number % 10}:{number}": manifest() for number in range(200)}
    server = serve(Registry(basic(), lambda one: one == CREDENTIAL, images))
    registries = client(server.authority)
    found = for_each(list(images), lambda name: image(registries, server.authority, name), WORKERS)
    assert Counter(one.verdict for one in found) == {"pullable": 200}
    assert [one.authorization for one in server.asked("/v2/")] == [None, CREDENTIAL]
    assert len(server.requests) == 202


@pytest.mark.parametrize("tells", [True, False])
def test_one_token_for_each_scope(serve: Serving, client: Client, tells: bool) -> None:
    tokens = TokenServer((CREDENTIAL,), granting("pull", "push")) if tells else TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    images = {f"team/app{number % 10}:{number}": manifest() for number in range(200)}
    server = serve(Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts, images))
    registries = client(server.authority, realms=[token_server.authority])
    found = for_each(list(images), lambda name: image(registries, server.authority, name), WORKERS)
    assert {(one.verdict, one.can_push) for one in found} == {("pullable", True if tells else None)}
    asked = Counter(one.target for one in token_server.requests)
    # one without a scope, to log in; the second of a repository asks for push, where tokens tell what they grant
    assert (len(asked), set(asked.values())) == (21 if tells else 11, {1})


def test_sixteen_at_once_and_one_at_a_time(serve: Serving, client: Client) -> None:
    """A registry that takes 10 ms for each answer. The times are reported, and not asserted."""
    busy, most, lock = [0], [0], threading.Lock()

    def answer(request: Request) -> Answer:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.01)
        with lock:
            busy[0] -= 1
        return plain(request)

    images = {f"team/app{number % 10}:{number}": manifest() for number in range(200)}
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    plain = Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts, images)
    server = serve(answer)
    seconds = {}
    for workers in (WORKERS, 1):
        registries = client(server.authority, realms=[token_server.authority])
        begun, most[0] = time.monotonic(), 0

        def ask(name: str, registries: Registries = registries) -> str:
            return image(registries, server.authority, name).verdict

        assert Counter(for_each(list(images), ask, workers)) == {"pullable": 200}
        seconds[workers] = time.monotonic() - begun
        assert (most[0] == 1) is (workers == 1)
        assert most[0] <= workers
    print(f"200 images: {seconds[WORKERS]:.2f} s with {WORKERS} at once, {seconds[1]:.2f} s one at a time")


def test_a_refused_repository_is_asked_for_once(serve: Serving, client: Client) -> None:
    tokens = TokenServer((CREDENTIAL,), issued={"t"})
    tokens.script = lambda request: (
        error(401, "UNAUTHORIZED", "not for you") if "secret" in request.target else Reply(body={"token": "t"})
    )
    token_server = serve(tokens)
    server = serve(Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts))
    registries = client(server.authority, realms=[token_server.authority])
    assert registries.check_login(server.authority, LOGIN).verdict == "accepted"
    names = [f"team/secret:{number}" for number in range(50)]
    found = for_each(names, lambda name: image(registries, server.authority, name), WORKERS)
    assert {one.verdict for one in found} == {"denied"}
    assert sum("secret" in one.target for one in token_server.requests) == 1


def test_a_token_is_renewed_before_it_ends(serve: Serving, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may last longer than a token, which lives a minute where its server says nothing else."""
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    server = serve(Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts))
    registries = client(server.authority, realms=[token_server.authority])
    assert image(registries, server.authority).verdict == "pullable"
    tokens.issued.clear()
    assert image(registries, server.authority).verdict == "denied"
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 45)
    assert image(registries, server.authority).verdict == "pullable"


def test_a_login_is_not_tried_again_for_each_place_that_holds_it(serve: Serving, client: Client) -> None:
    """pull_secret asks for a stored token in each namespace whether it is still accepted."""
    tokens = TokenServer((CREDENTIAL,))
    token_server = serve(tokens)
    server = serve(Registry(f'Bearer realm="{token_server.origin}/token"', tokens.accepts))
    registries = client(server.authority, realms=[token_server.authority])
    found = for_each(range(100), lambda _number: registries.check_login(server.authority, LOGIN), WORKERS)
    assert Counter(one.verdict for one in found) == {"accepted": 100}
    assert (len(token_server.requests), len(server.requests)) == (1, 2)


@pytest.mark.parametrize("kind", ["good", "untrusted", "redirects", "broken", "endless", "refused"])
def test_nothing_is_left_open(serve: Serving, client: Client, kind: str) -> None:
    def answer(request: Request) -> Answer:
        if kind == "redirects":
            return Reply(302, (("Location", f"{request.path}x"),), b"y" * 100_000)
        if kind == "broken":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"
        if kind == "endless":
            return (b"HTTP/1.1 500 No\r\n\r\n", *[b"x" * 65536] * 40)
        return manifest()

    server = serve(answer)
    exchange = HttpClient(settings(None if kind == "untrusted" else str(client.ca)))
    origin = "https://127.0.0.1:1" if kind == "refused" else server.origin

    def ask(_number: int) -> None:
        with suppress(NoResponse):
            exchange.send("GET", f"{origin}/x", CREDENTIAL)

    ask(0)
    assert server.requests or kind in ("untrusted", "refused")
    gc.collect()
    gc.disable()
    try:
        before, threads = descriptors(), threading.active_count()
        for_each(range(100), ask, WORKERS)
        until = time.monotonic() + 10
        while time.monotonic() < until and (descriptors() > before or threading.active_count() > threads):
            time.sleep(0.05)
        # without the help of the garbage collector
        assert descriptors() <= before
        assert threading.active_count() <= threads
    finally:
        gc.enable()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


PROGRAM = """
import gc, sys
from ansible_collections.pullpass.registry.plugins.module_utils._registry.transport import HttpClient, RequestSettings
from ansible_collections.pullpass.registry.plugins.module_utils._registry.connection import NoResponse
trusting, blind = (HttpClient(RequestSettings(5, ca, named_hosts=frozenset({"127.0.0.1"}))) for ca in (sys.argv[1], None))
for url in sys.argv[2:] * 20:
    for exchange in (trusting, blind):
        try:
            exchange.send("GET", url, "x")
        except NoResponse as trouble:
            pass
gc.collect()
"""


def test_no_resource_warning(serve: Serving, client: Client) -> None:
    """In a process of its own, since pytest hears of such warnings late or never."""
    answers: dict[str, Answer] = {
        "/loop": Reply(302, (("Location", "/loop"),), b"x" * 100_000),
        "/away": Reply(302, (("Location", "file:///x"),), b"x" * 100_000),
        "/none": Reply(302, (("Location", "https://[::1"),), b"x" * 100_000),
        "/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
        "/no": b"no",
        "/large": Reply(403, (), b"x" * 3_000_000),
    }
    server = serve(lambda request: answers.get(request.path, Reply()))
    urls = [f"{server.origin}{path}" for path in ("/", "/loop", "/away", "/none", "/cut", "/no", "/large")]
    ran = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", PROGRAM, str(client.ca), *urls, "https://127.0.0.1:1/"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert len(server.requests) > 20 * len(urls)


def test_the_same_image_at_two_registries_is_two_questions(serve: Serving, client: Client) -> None:
    first, second = (serve(Registry(basic(), lambda one: one == CREDENTIAL)) for _number in range(2))
    registries = client(first.authority)
    registries.options = {**registries.options, second.authority: registries.defaults}
    wanted = [parse_image(f"{server.authority}/team/app:1.0") for server in (first, second)] * 20
    found = for_each(wanted, lambda one: registries.check_image(one.registry, one.repository, one.reference, LOGIN), WORKERS)
    assert Counter(one.verdict for one in found) == {"pullable": 40}
    assert len(first.requests) == len(second.requests) == 22
