# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/api: each way in which no answer comes has its own words, and none has the text of a library."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.client import connect
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._module.cluster_options import open_api

from registry_servers import RecordingProxy, RecordingServer, Reply
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

TOKEN = "Zq7-token-Zq7"
READ = Request("get", "secrets", "team", "regcred")
WRITE = Request("create", "secrets", "team", "regcred")


def failure(server: str, request: Request = READ, timeout: float = 5.0, **options: Any) -> str:
    api = Api(ClusterTarget(host=server, api_key=TOKEN, **options), 1, timeout)
    with pytest.raises(PullpassError) as caught:
        api.send(request, "/api/v1/namespaces/team/secrets/regcred", body={} if request.verb == "create" else None)
    message = str(caught.value)
    assert TOKEN not in message
    for word in ("HTTP(S)ConnectionPool", "HTTPConnectionPool", "HTTPSConnectionPool", "Caused by", "object at 0x", "Errno"):
        assert word not in message
    return message


def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        origin = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert failure(origin, WRITE, 0.3) == (
            f"the connection to {origin} broke at 'create secrets regcred in namespace team': no answer within 0.3 s"
        )


def test_a_server_that_hangs_up(serve: Serving) -> None:
    server = serve(lambda _request: b"", tls=False)
    assert failure(server.origin, WRITE).startswith(
        f"the connection to {server.origin} broke at 'create secrets regcred in namespace team': Remote end closed connection"
    )


def test_a_server_that_is_not_http(serve: Serving) -> None:
    server = serve(lambda _request: b"220 mail.example.com ESMTP\r\n", tls=False)
    assert "broke at 'create secrets regcred in namespace team'" in failure(server.origin, WRITE)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"https://127.0.0.1:{listener.getsockname()[1]}"
    assert failure(origin) == f"{origin} cannot be reached: Connection refused. Check the address, the network and the proxy."


def test_a_name_that_does_not_exist() -> None:
    message = failure("https://api.invalid:6443")
    assert message.startswith("https://api.invalid:6443 cannot be reached: ")
    assert message.endswith("Check the address, the network and the proxy.")


def test_a_certificate_that_is_not_trusted(serve: Serving) -> None:
    server = serve(lambda _request: Reply(body={}))
    message = failure(server.origin)
    assert message.startswith(f"the TLS certificate of {server.origin} is not trusted: ")
    assert "Give the cluster's CA as ca_cert" in message


def test_a_certificate_of_another_name(serve: Serving, tmp_path: Path) -> None:
    context = serve.authority.server("other.example.com")
    with RecordingServer(lambda _request: Reply(body={}), context) as server:
        message = failure(server.origin, ca_cert=str(serve.authority.pem))
    assert message.startswith(f"the TLS certificate of {server.origin} is not trusted: ")
    assert "127.0.0.1" in message


def test_a_port_without_tls(serve: Serving) -> None:
    server = serve(lambda _request: Reply(body={}), tls=False)
    message = failure(server.origin.replace("http:", "https:"))
    assert "cannot agree on TLS" in message
    assert "Is it an https port?" in message


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_refuses_does_not_get_its_own_login_shown(status: int, serve: Serving) -> None:
    server = serve(lambda _request: Reply(body={}))

    def refuse(request: Any) -> Reply:
        return Reply(status, [("X-Echo", request.headers["Proxy-Authorization"])])

    proxy = serve.proxy(RecordingProxy(refuse=refuse))
    message = failure(server.origin, proxy=f"http://ann:{TOKEN}@{proxy.authority}")
    assert message.startswith(f"the proxy on the way to {server.origin} failed: ")
    assert str(status) in message
    assert proxy.requests[0].headers["Proxy-Authorization"].startswith("Basic ")


def test_a_proxy_of_the_environment_without_scheme_is_used_and_an_odd_one_refused(
    serve: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda _request: Reply(body={}), tls=True)
    proxy = serve.proxy(RecordingProxy())
    monkeypatch.setenv("HTTPS_PROXY", proxy.authority)
    if kubernetes.client.Configuration(host=server.origin).proxy is None:
        pytest.skip(f"kubernetes {kubernetes.__version__} does not read HTTPS_PROXY")
    target = ClusterTarget(host=server.origin, api_key=TOKEN, ca_cert=str(serve.authority.pem))
    Api(target, 1, 5.0).send(READ, "/x")
    assert proxy.tunnels == [server.authority]
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{TOKEN}@foo:x")
    with pytest.raises(
        InputError, match=r"the proxy of the environment \(HTTPS_PROXY\) 'http://foo:x' has no valid host"
    ) as caught:
        connect(target, 1)
    assert TOKEN not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    Api(target, 1, 5.0).send(READ, "/x")
    assert proxy.tunnels == [server.authority]


class Stub:
    no_log_values: set[str] = set()
    request_counter: Any = None

    def __init__(self, **params: Any) -> None:
        self.so_far: dict[str, Any] = {}
        names = ("kubeconfig", "context", "host", "api_key", "validate_certs", "ca_cert", "client_cert", "client_key", "proxy")
        self.params = {**dict.fromkeys(names), "workers": 1, "request_timeout": 60.0, **params}

    def warn(self, message: str) -> None:
        raise AssertionError(message)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), 0.0, -1.0, 1e10])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(InputError, match="request_timeout is .*Expected seconds, more than 0 and at most 86400"):
        open_api(Stub(host="https://api.example.com", api_key=TOKEN, request_timeout=timeout))  # type: ignore[arg-type]


def test_the_token_is_registered_for_masking() -> None:
    module = Stub(host="https://api.example.com", api_key=TOKEN)
    open_api(module)  # type: ignore[arg-type]
    assert TOKEN in module.no_log_values


def test_a_library_that_refuses_a_request_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever passes our own checks: http.client repeats the header that it refuses."""
    api = Api(ClusterTarget(host="https://api.example.com", api_key=TOKEN), 1, 5.0)

    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ValueError(f"Invalid header value b'Bearer {TOKEN}'")

    monkeypatch.setattr(api._connection.pool, "request", refuse)
    with pytest.raises(PullpassError) as caught:
        api.send(READ, "/x")
    assert str(caught.value) == (
        "the request 'get secrets regcred in namespace team' to https://api.example.com cannot be sent (ValueError)."
    )


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key", "kubeconfig"])
@pytest.mark.parametrize(
    "content",
    ["-----BEGIN PRIVATE KEY-----\n" + TOKEN, '{"users": [{"user": {"token": "' + TOKEN + '"}}]}', f"https://u:{TOKEN}@h"],
    ids=["PEM", "JSON", "URL"],
)
def test_a_document_in_an_option_for_a_path_is_not_repeated(option: str, content: str) -> None:
    if option == "kubeconfig":
        module = Stub(kubeconfig=[content])
    else:
        pair = (
            {"client_cert": "/etc/hostname", "client_key": "/etc/hostname"} if option.startswith("client") else {"api_key": "t"}
        )
        module = Stub(host="https://api.example.com", **{**pair, option: content})
    with pytest.raises(InputError) as caught:
        open_api(module)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"{option} does not look like a path, and its value is not shown. Give the path of a file, not its content."
    )
