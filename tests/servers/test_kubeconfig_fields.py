# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each field of a kubeconfig: kubectl and we send the same identity to the same server, or both refuse."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError

from lab import programs
from registry_servers import RecordingProxy, RecordingServer, Reply
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

TOKEN = "Zq7tokenZq7"
OTHER = "Zq7otherZq7"
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}


@dataclass
class Place:
    """A folder with a kubeconfig, and the server that it names."""

    folder: Path
    server: RecordingServer
    authority: Path
    kubectl: Path

    def write(self, user: dict[str, Any], cluster: dict[str, Any]) -> Path:
        values = {"server": self.server.origin, "certificate-authority": str(self.authority), **cluster}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {key: value for key, value in values.items() if value is not None}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(content))
        return path

    def of_kubectl(self, kubeconfig: Path) -> tuple[Any, str]:
        """Headers of identity in its request, None where it sent none, and what it wrote."""
        done = subprocess.run(
            [self.kubectl, "--kubeconfig", kubeconfig, "get", "--raw", "/version", "--request-timeout=10s"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**{name: value for name, value in os.environ.items() if "proxy" not in name.lower()}, "HOME": str(self.folder)},
        )
        return self._seen(), done.stderr

    def of_ours(self, kubeconfig: Path, **options: Any) -> tuple[Any, str]:
        try:
            api = Api(ClusterTarget(kubeconfig=(str(kubeconfig),), **options), 1, 10.0)
            api.send(Request("get", "version"), "/version")
        except PullpassError as error:
            return self._seen(), str(error)
        return self._seen(), ""

    def _seen(self) -> Any:
        requests, self.server.requests[:] = list(self.server.requests), []
        if not requests:
            return None
        (request,) = requests
        return sorted(
            (name.lower(), value)
            for name, value in request.headers.items()
            if name.lower().startswith(("authorization", "impersonate-"))
        )


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """The lab's own; no lab is started for it."""
    return programs.build() / "kubectl"


@pytest.fixture
def place(serve: Serving, kubectl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in list(os.environ):
        if "proxy" in name.lower():
            monkeypatch.delenv(name)
    server = serve(lambda _request: Reply(body={"major": "1"}), "api.example.com")
    return Place(tmp_path, server, serve.authority.pem, kubectl)


def files(folder: Path) -> dict[str, str]:
    """What the cases below name as {file}."""
    contents = {
        "token": f"{OTHER}\n",
        "padded": f"\n {OTHER} \r\n\r\n",
        "empty": "",
        "blank": " \n",
        "broken": f"{OTHER}\nX-Evil: 1\n",
    }
    for name, content in contents.items():
        (folder / name).write_text(content)
    answer = {"apiVersion": EXEC["apiVersion"], "kind": "ExecCredential", "status": {"token": OTHER}}
    scripts = {
        "plugin": f"echo '{json.dumps(answer)}'",
        "two-lines": f"echo '{json.dumps({**answer, 'status': {'token': OTHER + chr(10)}})}'",
        "failing": f"echo token={OTHER} >&2; exit 3",
        "nobody": f"echo '{json.dumps({**answer, 'status': {}})}'",
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    certificate = trustme.CA().issue_cert("user@example.com")
    (folder / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    (folder / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    return {path.name: str(path) for path in folder.iterdir()}


def filled(value: Any, names: dict[str, str]) -> Any:
    """``<name>`` becomes the path of a file, ``<name64>`` its content in base64."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, str) and value.startswith("<64:"):
        return base64.b64encode(Path(names[value[4:-1]]).read_bytes()).decode()
    return names[value[1:-1]] if isinstance(value, str) and value.startswith("<") else value


PAIR = {"client-certificate": "<cert.pem>", "client-key": "<key.pem>"}
USERS: dict[str, dict[str, Any]] = {
    "token": {"token": TOKEN},
    "token with a line break": {"token": TOKEN + "\n"},
    "token with CRLF": {"token": TOKEN + "\r\n"},
    "token with a line break inside": {"token": f"{TOKEN}\nX-Evil: 1"},
    "token with NUL": {"token": TOKEN + "\0"},
    "token that is not Latin": {"token": TOKEN + "ключ"},
    "tokenFile": {"tokenFile": "<token>"},
    "tokenFile relative to the kubeconfig": {"tokenFile": "token"},
    "tokenFile with white space around": {"tokenFile": "<padded>"},
    "tokenFile with a line break inside": {"tokenFile": "<broken>"},
    "tokenFile wins over token": {"token": TOKEN, "tokenFile": "<token>"},
    "missing tokenFile falls back": {"token": TOKEN, "tokenFile": "/does/not/exist"},
    "empty tokenFile falls back": {"token": TOKEN, "tokenFile": "<empty>"},
    "blank tokenFile falls back": {"token": TOKEN, "tokenFile": "<blank>"},
    "missing tokenFile": {"tokenFile": "/does/not/exist"},
    "empty tokenFile": {"tokenFile": "<empty>"},
    "as": {"token": TOKEN, "as": "limited"},
    "as and groups": {"token": TOKEN, "as": "limited", "as-groups": ["dev", "system:authenticated"]},
    "as and uid": {"token": TOKEN, "as": "limited", "as-uid": "42"},
    "as and extra": {
        "token": TOKEN,
        "as": "limited",
        "as-user-extra": {"example.com/Scope %": ["one", "two"], "reason": ["a b"]},
    },
    "as that is not Latin": {"token": TOKEN, "as": "größe ключ", "as-groups": ["gruppe ä"]},
    "as with CRLF": {"token": TOKEN, "as": "limited\r\nImpersonate-Group: system:masters"},
    "group with a line break": {"token": TOKEN, "as": "limited", "as-groups": ["a\nb"]},
    "groups without as": {"token": TOKEN, "as-groups": ["dev"]},
    "uid without as": {"token": TOKEN, "as-uid": "42"},
    "extra without as": {"token": TOKEN, "as-user-extra": {"reason": ["a"]}},
    "username and password": {"username": "ann", "password": "pässword:1"},
    "username alone": {"username": "ann"},
    "username with token": {"username": "ann", "password": "pw", "token": TOKEN},
    "client certificate": {**PAIR},
    "client certificate with token": {**PAIR, "token": TOKEN},
    "client certificate as data": {"client-certificate-data": "<64:cert.pem>", "client-key-data": "<64:key.pem>"},
    "client certificate twice": {**PAIR, "client-certificate-data": "<64:cert.pem>"},
    "client key twice": {**PAIR, "client-key-data": "<64:key.pem>"},
    "client certificate without key": {"client-certificate": "<cert.pem>"},
    "client certificate that is missing": {**PAIR, "client-certificate": "/does/not/exist"},
    "client key data that is not base64": {"client-certificate-data": "<64:cert.pem>", "client-key-data": f"%%{TOKEN}"},
    "exec": {"exec": {**EXEC, "command": "<plugin>"}},
    "exec relative to the kubeconfig": {"exec": {**EXEC, "command": "./plugin"}},
    "exec loses against token": {"token": TOKEN, "exec": {**EXEC, "command": "<plugin>"}},
    "exec whose token has a line break": {"exec": {**EXEC, "command": "<two-lines>"}},
    "exec that fails": {"exec": {**EXEC, "command": "<failing>"}},
    "exec without a credential": {"exec": {**EXEC, "command": "<nobody>"}},
    "exec that is not installed": {"exec": {**EXEC, "command": "no-such-plugin-here", "installHint": "Get it from example.com"}},
    "exec without command": {"exec": {**EXEC}},
    "exec without apiVersion": {"exec": {"command": "<plugin>", "interactiveMode": "Never"}},
    "exec that needs a person": {"exec": {**EXEC, "command": "<plugin>", "interactiveMode": "Always"}},
    "exec and auth-provider": {"exec": {**EXEC, "command": "<plugin>"}, "auth-provider": {"name": "oidc"}},
    "auth-provider gcp": {"auth-provider": {"name": "gcp", "config": {"access-token": TOKEN}}},
    "auth-provider azure": {"auth-provider": {"name": "azure"}},
    "auth-provider of nobody": {"auth-provider": {"name": "nobody"}},
}
CLUSTERS: dict[str, dict[str, Any]] = {
    "CA as data": {"certificate-authority": None, "certificate-authority-data": "<64:authority.pem>"},
    "CA twice": {"certificate-authority-data": "<64:authority.pem>"},
    "CA that is missing": {"certificate-authority": "/does/not/exist"},
    "CA that is no certificate": {"certificate-authority": "<token>"},
    "no CA": {"certificate-authority": None},
    "insecure": {"certificate-authority": None, "insecure-skip-tls-verify": True},
    "insecure with a CA": {"insecure-skip-tls-verify": True},
    "name in the certificate": {"tls-server-name": "api.example.com"},
    "name not in the certificate": {"tls-server-name": "other.example.com"},
    "no server": {"server": None},
    "compression": {"disable-compression": True},
    "proxy that is no URL": {"proxy-url": "foo"},
    "proxy of another kind": {"proxy-url": "ftp://proxy.example.com:21"},
}


@pytest.mark.parametrize("case", USERS)
def test_a_user_is_the_same_to_kubectl_and_to_us(case: str, place: Place) -> None:
    compare(place, filled(USERS[case], files(place.folder)), {})


@pytest.mark.parametrize("case", CLUSTERS)
def test_a_cluster_is_reached_by_both_or_by_none(case: str, place: Place) -> None:
    names = {**files(place.folder), "authority.pem": str(place.authority)}
    compare(place, {"token": TOKEN}, filled(CLUSTERS[case], names))


@pytest.mark.parametrize(
    ("user", "words"),
    [
        # kubectl goes on as nobody
        ({**PAIR, "client-key": "<cert.pem>"}, "client-certificate and its key cannot be used together"),
        ({"client-key": "<key.pem>"}, "has only one of client-certificate and client-key"),
        ({"password": TOKEN}, "has a password and no username"),
        # what the API server gets is another name
        ({"token": TOKEN, "as": " limited"}, "as holds an empty name, or one that begins or ends with white space"),
        ({"token": TOKEN, "as": "limited", "as-groups": [""]}, "as-groups holds an empty name"),
        # kubectl says so without naming the file
        ({"token": 1234}, "token is not text. Put its value in quotes."),
        ({"token": TOKEN, "as": "limited", "as-groups": "dev"}, "as-groups is not a list of texts."),
    ],
)
def test_what_we_refuse_beyond_kubectl(user: dict[str, Any], words: str, place: Place) -> None:
    seen, ours = place.of_ours(place.write(filled(user, files(place.folder)), {}))
    assert seen is None
    assert words in ours
    assert TOKEN not in ours


def compare(place: Place, user: dict[str, Any], cluster: dict[str, Any]) -> None:
    kubeconfig = place.write(user, cluster)
    theirs, their_words = place.of_kubectl(kubeconfig)
    ours, words = place.of_ours(kubeconfig)
    assert ours == theirs, (words, their_words)
    assert (ours is None) == bool(words)
    for secret in (TOKEN, OTHER):
        assert secret not in words


def test_an_exec_plugin_that_is_not_installed_shows_the_hint_of_the_kubeconfig(place: Place) -> None:
    _seen, words = place.of_ours(place.write(USERS["exec that is not installed"], {}))
    assert "the exec plugin no-such-plugin-here cannot be run where this task runs (No such file or directory)." in words
    assert "Its installHint: Get it from example.com" in words


@pytest.mark.parametrize("login", ["", "ann:p%2Fw%C3%A9@"])
def test_a_proxy_is_used_with_its_login_as_by_kubectl(login: str, place: Place, serve: Serving) -> None:
    proxy = serve.proxy(RecordingProxy())
    kubeconfig = place.write({"token": TOKEN}, {"proxy-url": f"http://{login}{proxy.authority}"})
    results: list[Any] = []
    for use in (place.of_kubectl, place.of_ours):
        seen, words = use(kubeconfig)
        assert seen == [("authorization", f"Bearer {TOKEN}")], words
        results.append([(one.target, one.headers["Proxy-Authorization"]) for one in proxy.requests])
        proxy.requests.clear()
    assert results[0] == results[1]
    assert bool(results[0][0][1]) == bool(login)


def test_an_option_that_names_a_person_replaces_the_one_of_the_kubeconfig(place: Place) -> None:
    kubeconfig = place.write({"token": TOKEN, "as": "limited", "as-groups": ["dev"], "as-uid": "42"}, {})
    seen, _words = place.of_ours(kubeconfig, impersonate_user="ann", impersonate_groups=("qa",))
    assert seen == [("authorization", f"Bearer {TOKEN}"), ("impersonate-group", "qa"), ("impersonate-user", "ann")]


def test_the_first_file_counts_as_for_kubectl(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place.write({"token": TOKEN}, {})
    second = place.folder / "second"
    second.write_text(first.read_text().replace(TOKEN, OTHER))
    for paths, token in (((first, second), TOKEN), ((second, first), OTHER)):
        monkeypatch.setenv("KUBECONFIG", ":".join(map(str, paths)))
        done = subprocess.run(
            [place.kubectl, "get", "--raw", "/version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )
        theirs = place._seen()
        Api(ClusterTarget(kubeconfig=tuple(map(str, paths))), 1, 10.0).send(Request("get", "version"), "/version")
        assert place._seen() == theirs == [("authorization", f"Bearer {token}")], done.stderr
