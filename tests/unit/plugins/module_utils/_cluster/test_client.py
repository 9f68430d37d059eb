# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/client: from a kubeconfig to who we are there. Nothing is sent, so no server is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import client
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.client import Connection, connect
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, InputError, PullpassError

SERVER = "https://api.example.com:6443"
TOKEN = "Zq7-token-Zq7"


def kubeconfig(path: Path, user: dict[str, Any], current: Any = "prod", contexts: tuple[Any, ...] = ("prod",)) -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": path.name, "cluster": {"server": SERVER}}],
        "users": [{"name": path.name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": path.name, "user": path.name}} for name in contexts],
        "current-context": current,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def plugin(path: Path, *lines: str) -> dict[str, Any]:
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}


def connection(*files: str, **rest: Any) -> Connection:
    return connect(ClusterTarget(kubeconfig=files, **rest), 4)


def refusal_of(*files: str, **rest: Any) -> str:
    with pytest.raises(PullpassError) as caught:
        connection(*files, **rest)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def test_the_current_context_is_used_unless_another_is_named(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "one", {"token": TOKEN}, "prod", ("prod", "dev"))
    used = connection(file)
    assert (used.server, used.context, used.verified) == (SERVER, "prod", True)
    assert connection(file, context="dev").context == "dev"


def test_of_several_files_the_first_that_sets_a_current_context_counts_as_for_kubectl(tmp_path: Path) -> None:
    """Client 24.2 takes the first as well, 37 the last: with KUBECONFIG=a:b that is another cluster than kubectl's."""
    one = kubeconfig(tmp_path / "one", {"token": TOKEN}, "prod", ("prod",))
    two = kubeconfig(tmp_path / "two", {"token": TOKEN}, "dev", ("dev",))
    none = kubeconfig(tmp_path / "none", {"token": TOKEN}, None, ("other",))
    assert connection(one, two, none, context="other").context == "other"
    assert connection(one, none).context == "prod"
    assert connection(none, two).context == "dev"
    assert connection(one, two).context == "prod"
    assert connection(two, one).context == "dev"


@pytest.mark.parametrize(
    ("user", "token"),
    [
        pytest.param({"token": TOKEN}, f"Bearer {TOKEN}", id="token"),
        pytest.param({}, None, id="nobody"),
    ],
)
def test_headers_say_who_we_are(user: dict[str, Any], token: str | None, tmp_path: Path) -> None:
    assert connection(kubeconfig(tmp_path / "one", user)).headers().get("Authorization") == token


def test_an_exec_plugin_is_asked_for_the_token(tmp_path: Path) -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}}
    user = plugin(tmp_path / "plugin", f"echo '{json.dumps(answer)}'")
    assert connection(kubeconfig(tmp_path / "one", user)).headers()["Authorization"] == f"Bearer {TOKEN}"


def test_a_person_to_act_as_stands_in_the_headers_with_each_group(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "one", {"token": TOKEN})
    headers = connection(file, impersonate_user="ann", impersonate_groups=("qa", "ops")).headers()
    assert headers["Impersonate-User"] == "ann"
    assert headers.getlist("Impersonate-Group") == ["qa", "ops"]


def test_a_host_with_a_token_needs_no_kubeconfig() -> None:
    made = connect(ClusterTarget(host=SERVER + "/", api_key=TOKEN), 4)
    assert (made.server, made.context, made.verified) == (SERVER, None, True)
    assert made.headers()["Authorization"] == f"Bearer {TOKEN}"


def test_verification_is_off_only_where_it_was_switched_off(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "one", {"token": TOKEN})
    assert not connection(file, validate_certs=False).verified
    assert connection(file, validate_certs=True).verified
    content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    Path(file).write_text(yaml.safe_dump(content), encoding="utf-8")
    assert not connection(file).verified
    assert connection(file, validate_certs=True).verified


def test_as_many_connections_are_kept_as_there_are_workers() -> None:
    made = connect(ClusterTarget(host=SERVER, api_key=TOKEN), 23)
    assert made.pool.connection_pool_kw["maxsize"] == 23


@pytest.mark.parametrize(
    ("content", "phrases"),
    [
        pytest.param("a: [", ("is not YAML at line", "Is it encrypted"), id="not YAML"),
        pytest.param("$ANSIBLE_VAULT;1.1\n\t%", ("is not YAML", "Is it encrypted"), id="encrypted"),
        pytest.param("\udcff", ("is not YAML",), id="not text"),
        pytest.param("", ("is not a kubeconfig", "expected a mapping with clusters"), id="empty"),
        pytest.param("- a", ("is not a kubeconfig",), id="list"),
        pytest.param("contexts: prod", ("is not a kubeconfig",), id="contexts are no list"),
        pytest.param("{}", ("has no current context", "(no context)"), id="nothing in it"),
        pytest.param("contexts: [{name: a}, {name: b}]", ("no current context", "one of: a, b"), id="no current context"),
        pytest.param("current-context: x\ncontexts: [{name: a}]", ("has no context 'x'", "It has: a"), id="unknown one"),
        pytest.param("current-context: 7\ncontexts: [{name: 8}]", ("7",), id="names that YAML takes for numbers"),
        pytest.param(
            "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: []\nusers: []",
            ("context 'a' cannot be used", "c"),
            id="cluster that is not there",
        ),
        pytest.param("current-context: a\ncontexts: [{name: a}]", ("context 'a' cannot be used",), id="no cluster named"),
    ],
)
def test_a_kubeconfig_that_does_not_work_is_named(content: str, phrases: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    message = refusal_of(str(file))
    assert message.startswith(f"kubeconfig {file}")
    for phrase in phrases:
        assert phrase in message


def test_a_context_that_was_asked_for_and_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "one", {"token": TOKEN}, "prod", ("prod", "dev"))
    with pytest.raises(InputError) as caught:
        connection(file, context="prdo")
    assert str(caught.value) == f"kubeconfig {file} has no context 'prdo'. It has: prod, dev."


@pytest.mark.parametrize(
    ("lines", "phrase"),
    [
        pytest.param(("echo 'SSO session has ended' >&2", "exit 3"), "gives no credential", id="fails"),
        pytest.param(("echo no JSON",), "gives no credential", id="answers nonsense"),
        pytest.param(("echo '{}'",), "gives no credential", id="answers without a credential"),
    ],
)
def test_an_exec_plugin_that_gives_nothing_is_an_error_and_we_do_not_go_on_as_nobody(
    lines: tuple[str, ...], phrase: str, tmp_path: Path
) -> None:
    file = kubeconfig(tmp_path / "one", plugin(tmp_path / "plugin", *lines))
    with pytest.raises(ClusterError) as caught:
        connection(file)
    assert str(caught.value).startswith(f"kubeconfig {file}, context 'prod' {phrase}")


def test_an_exec_plugin_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    user = plugin(tmp_path / "plugin")
    (tmp_path / "plugin").unlink()
    message = refusal_of(kubeconfig(tmp_path / "one", user))
    assert "context 'prod' gives no credential" in message
    assert "plugin" in message


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("field", ["ca_cert", "client_cert"])
def test_tls_files_that_cannot_be_used_are_named_before_anything_is_sent(field: str, missing: bool, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    if not missing:
        bad.write_text(f"no certificate but {TOKEN}", encoding="utf-8")
    rest: dict[str, Any] = {"client_cert": str(bad), "client_key": str(bad)} if field == "client_cert" else {"ca_cert": str(bad)}
    target = ClusterTarget(host=SERVER, api_key=None if field == "client_cert" else TOKEN, **rest)
    with pytest.raises(InputError) as caught:
        connect(target, 4)
    reported = f"{field} {bad} cannot be read where this task runs: No such file or directory." if missing else f"{field} "
    assert str(caught.value).startswith(reported)
    assert missing or "PEM form" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_in_cluster_outside_a_pod_says_so() -> None:
    with pytest.raises(InputError, match="in_cluster is true, but this task does not run in a Pod"):
        connect(ClusterTarget(in_cluster=True), 4)


@pytest.fixture(name="_restored")
def _client_restored() -> Iterator[None]:
    version = kubernetes.__version__
    yield
    kubernetes.__version__ = version


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize(("version", "works"), [("24.1.9", False), ("9.0.0", False), ("24.2.0", True), ("100.0.0b1", True)])
def test_a_client_that_is_too_old_is_told_with_the_python_and_the_remedy(version: str, works: bool) -> None:
    kubernetes.__version__ = version
    if works:
        connect(ClusterTarget(host=SERVER, api_key=TOKEN), 4)
        return
    with pytest.raises(ClusterError, match=rf"has kubernetes {version}, which is too old\. Install kubernetes>=24\.2\.0"):
        connect(ClusterTarget(host=SERVER, api_key=TOKEN), 4)


def test_a_package_that_is_missing_is_told_with_the_python_and_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_IMPORT_ERROR", ImportError("No module named 'kubernetes'"))
    with pytest.raises(ClusterError, match=r"the Python that runs this task \(.*\) lacks a package.*'kubernetes'.*Install"):
        connect(ClusterTarget(host=SERVER, api_key=TOKEN), 4)
