# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/target: options and environment name one cluster together, or it is an error that says why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import target as target_room
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget, resolve_target
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

HOST = "https://api.example.com:6443"
TOKEN = "Zq7-token-Zq7"
# What AWX injects for a credential of its own cluster.
AWX = {
    "K8S_AUTH_HOST": "https://awx.example.com",
    "K8S_AUTH_API_KEY": "awx-token",
    "K8S_AUTH_VERIFY_SSL": "False",
    "K8S_AUTH_SSL_CA_CERT": "/awx/ca",
    "K8S_AUTH_PROXY": "http://awx-proxy",
}


@pytest.fixture(name="one")
def _one(tmp_path: Path) -> str:
    return _file(tmp_path / "one")


@pytest.fixture(name="two")
def _two(tmp_path: Path) -> str:
    return _file(tmp_path / "two")


def _file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", encoding="utf-8")
    return str(path)


def refusal_of(options: dict[str, Any], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        resolve_target(options, environment or {})
    return str(caught.value)


def test_an_explicit_kubeconfig_takes_nothing_from_the_environment(one: str) -> None:
    expected = ClusterTarget(kubeconfig=(one,), context="prod")
    assert resolve_target({"kubeconfig": [one], "context": "prod"}, AWX) == expected
    assert resolve_target({"kubeconfig": [one], "context": "prod"}, {"K8S_AUTH_CONTEXT": "x", "KUBECONFIG": "/y"}) == expected


def test_an_explicit_host_takes_nothing_from_the_environment() -> None:
    expected = ClusterTarget(host=HOST, api_key=TOKEN)
    assert resolve_target({"host": HOST, "api_key": TOKEN}, AWX) == expected
    environment = {"K8S_AUTH_KUBECONFIG": "/y", "K8S_AUTH_CERT_FILE": "/c", "K8S_AUTH_KEY_FILE": "/k"}
    assert resolve_target({"host": HOST, "api_key": TOKEN}, environment) == expected


def test_in_cluster_takes_nothing_from_the_environment() -> None:
    assert resolve_target({"in_cluster": True}, {**AWX, "K8S_AUTH_KUBECONFIG": "/y"}) == ClusterTarget(in_cluster=True)


def test_a_malformed_variable_does_not_matter_where_the_environment_is_not_asked(one: str) -> None:
    environment = {"K8S_AUTH_VERIFY_SSL": "perhaps"}
    assert resolve_target({"kubeconfig": [one]}, environment) == ClusterTarget(kubeconfig=(one,))


def test_switches_of_the_task_go_with_any_cluster(one: str) -> None:
    switches: dict[str, Any] = {"validate_certs": False, "ca_cert": "/ca", "proxy": "http://p", "no_proxy": "x"}
    assert resolve_target({"kubeconfig": [one], **switches}, AWX) == ClusterTarget(kubeconfig=(one,), **switches)
    assert resolve_target(switches, {"K8S_AUTH_KUBECONFIG": one}) == ClusterTarget(kubeconfig=(one,), **switches)
    assert resolve_target(switches, AWX) == ClusterTarget(host=AWX["K8S_AUTH_HOST"], api_key="awx-token", **switches)


def test_switches_of_the_environment_go_with_its_host_only(one: str) -> None:
    assert resolve_target({}, AWX) == ClusterTarget(
        host="https://awx.example.com",
        api_key="awx-token",
        validate_certs=False,
        ca_cert="/awx/ca",
        proxy="http://awx-proxy",
    )
    switches = {name: AWX[name] for name in ("K8S_AUTH_VERIFY_SSL", "K8S_AUTH_SSL_CA_CERT", "K8S_AUTH_PROXY")}
    assert resolve_target({}, {**switches, "K8S_AUTH_KUBECONFIG": one}) == ClusterTarget(kubeconfig=(one,))
    assert resolve_target({}, {**switches, "KUBECONFIG": one}) == ClusterTarget(kubeconfig=(one,))


@pytest.mark.parametrize("empty", [None, "", [], [""]], ids=repr)
def test_what_was_left_open_in_a_survey_is_not_given(empty: Any, one: str) -> None:
    options = dict.fromkeys(("kubeconfig", "context", "api_key", "client_cert", "impersonate_groups"), empty)
    assert resolve_target({**options, "host": HOST, "api_key": TOKEN}, {}) == ClusterTarget(host=HOST, api_key=TOKEN)
    assert resolve_target({**options, "host": empty}, {"K8S_AUTH_KUBECONFIG": one}) == ClusterTarget(kubeconfig=(one,))


def test_a_context_alone_picks_from_the_file_that_the_environment_names(one: str, two: str) -> None:
    expected = ClusterTarget(kubeconfig=(one,), context="prod")
    assert resolve_target({"context": "prod"}, {"K8S_AUTH_KUBECONFIG": one, "KUBECONFIG": two}) == expected
    assert resolve_target({"context": "prod"}, {"KUBECONFIG": one}) == expected
    default = _file(Path(os.environ["HOME"]) / ".kube" / "config")
    assert resolve_target({"context": "prod"}, AWX) == ClusterTarget(kubeconfig=(default,), context="prod")


def test_without_any_name_the_default_file_is_used() -> None:
    default = _file(Path(os.environ["HOME"]) / ".kube" / "config")
    assert resolve_target({"in_cluster": False}, {}) == ClusterTarget(kubeconfig=(default,))


@pytest.mark.parametrize("variable", ["K8S_AUTH_KUBECONFIG", "KUBECONFIG"])
def test_a_variable_may_name_several_files(variable: str, one: str, two: str) -> None:
    expected = ClusterTarget(kubeconfig=(one, two))
    assert resolve_target({}, {variable: f"{one}{os.pathsep}{two}"}) == expected
    assert resolve_target({"kubeconfig": [f"{one}{os.pathsep}{two}"]}, {}) == expected
    assert resolve_target({"kubeconfig": [one, two]}, {}) == expected


def test_the_environment_names_a_host_with_a_certificate_or_a_context() -> None:
    certificate = {
        "K8S_AUTH_HOST": HOST,
        "K8S_AUTH_CERT_FILE": "/c",
        "K8S_AUTH_KEY_FILE": "/k",
        "K8S_AUTH_NO_PROXY": "x",
    }
    assert resolve_target({}, certificate) == ClusterTarget(host=HOST, client_cert="/c", client_key="/k", no_proxy="x")
    default = _file(Path(os.environ["HOME"]) / ".kube" / "config")
    assert resolve_target({}, {"K8S_AUTH_CONTEXT": "dev"}) == ClusterTarget(kubeconfig=(default,), context="dev")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("True", True), ("yes", True), ("1", True), (" on ", True), ("False", False), ("no", False), ("0", False)],
)
def test_truth_in_a_variable(text: str, expected: bool) -> None:
    environment = {"K8S_AUTH_HOST": HOST, "K8S_AUTH_API_KEY": TOKEN, "K8S_AUTH_VERIFY_SSL": text}
    assert resolve_target({}, environment).validate_certs is expected


@pytest.mark.parametrize(
    ("options", "phrases"),
    [
        pytest.param({"context": "c", "host": HOST}, ("two identities", "context, and host"), id="context and host"),
        pytest.param({"kubeconfig": ["/k"], "api_key": TOKEN}, ("two identities", "kubeconfig, and api_key"), id="and token"),
        pytest.param({"in_cluster": True, "context": "c"}, ("two identities", "in_cluster, and context"), id="in_cluster"),
        pytest.param(
            {"host": HOST, "api_key": TOKEN, "client_cert": "/c", "client_key": "/k"},
            ("two identities", HOST, "api_key, and client_cert", "Keep one"),
            id="token and certificate",
        ),
        pytest.param({"api_key": TOKEN}, ("options of this task", "no host", "Add host"), id="token without host"),
        pytest.param({"host": HOST}, (HOST, "no credential", "Add api_key"), id="host without credential"),
        pytest.param({"host": HOST, "client_cert": "/c"}, ("only one of", "needs both"), id="certificate without key"),
        pytest.param({"host": HOST, "client_key": "/k"}, ("only one of", "needs both"), id="key without certificate"),
        pytest.param({"host": "api:6443", "api_key": TOKEN}, ("'api:6443' is not a URL", "https://host[:port]"), id="no scheme"),
        pytest.param(
            {"host": HOST, "api_key": TOKEN, "impersonate_groups": ["g"]},
            ("impersonate_groups", "without impersonate_user", "needs the user"),
            id="groups without user",
        ),
        pytest.param({}, ("no cluster is named", "~/.kube/config", "Give kubeconfig"), id="nothing"),
        pytest.param({"kubeconfig": ["/none"]}, ("kubeconfig /none does not exist", "where this task runs"), id="no file"),
        pytest.param({"kubeconfig": ["/"]}, ("kubeconfig / does not exist", "is not a file"), id="folder"),
    ],
)
def test_options_that_name_no_cluster_or_two_are_refused(options: dict[str, Any], phrases: tuple[str, ...]) -> None:
    message = refusal_of(options)
    for phrase in phrases:
        assert phrase in message
    assert TOKEN not in message


@pytest.mark.parametrize(
    ("environment", "phrases"),
    [
        pytest.param(
            {**AWX, "K8S_AUTH_CONTEXT": "c"},
            ("the environment names two clusters", "K8S_AUTH_CONTEXT, and K8S_AUTH_HOST", "Name the one you mean"),
            id="two clusters",
        ),
        pytest.param({"K8S_AUTH_API_KEY": TOKEN}, ("K8S_AUTH_* variables", "no host"), id="token without host"),
        pytest.param({"K8S_AUTH_HOST": HOST}, ("K8S_AUTH_* variables", "no credential"), id="host without credential"),
        pytest.param({**AWX, "K8S_AUTH_VERIFY_SSL": "perhaps"}, ("K8S_AUTH_VERIFY_SSL is 'perhaps'", "Expected"), id="truth"),
        pytest.param({"K8S_AUTH_KUBECONFIG": "/none"}, ("kubeconfig /none does not exist",), id="K8S_AUTH_KUBECONFIG"),
        pytest.param({"KUBECONFIG": "/none"}, ("/none",), id="KUBECONFIG"),
        pytest.param(
            {"KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            ("no cluster is named", "inside a Pod", "only with in_cluster: true"),
            id="in a Pod, unasked",
        ),
    ],
)
def test_an_environment_that_names_no_cluster_or_two_is_refused(environment: dict[str, str], phrases: tuple[str, ...]) -> None:
    message = refusal_of({}, environment)
    for phrase in phrases:
        assert phrase in message
    assert TOKEN not in message


def test_a_file_that_may_not_be_read_is_named(one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_room.os, "access", lambda _path, _mode: False)
    assert refusal_of({"kubeconfig": [one]}) == f"kubeconfig {one} cannot be read by the user that runs this task."


def test_a_home_folder_is_found() -> None:
    file = _file(Path(os.environ["HOME"]) / "own")
    assert resolve_target({"kubeconfig": ["~/own"]}, {}).kubeconfig == (file,)


def test_impersonation_is_one_person_from_one_place(one: str) -> None:
    bob = {"K8S_AUTH_IMPERSONATE_USER": "bob", "K8S_AUTH_IMPERSONATE_GROUPS": "ops, dev"}
    from_environment = resolve_target({}, {**bob, "K8S_AUTH_KUBECONFIG": one})
    assert (from_environment.impersonate_user, from_environment.impersonate_groups) == ("bob", ("ops", "dev"))
    given = resolve_target({"impersonate_user": "ann"}, {**bob, "K8S_AUTH_KUBECONFIG": one})
    assert (given.impersonate_user, given.impersonate_groups) == ("ann", ())
    explicit = resolve_target({"kubeconfig": [one]}, bob)
    assert (explicit.impersonate_user, explicit.impersonate_groups) == (None, ())


def test_a_comma_too_many_makes_no_group_without_name(one: str) -> None:
    environment = {"K8S_AUTH_IMPERSONATE_USER": "bob", "K8S_AUTH_IMPERSONATE_GROUPS": "ops,", "KUBECONFIG": one}
    assert resolve_target({}, environment).impersonate_groups == ("ops",)


OPTIONS = {
    "kubeconfig": st.sampled_from([["/"], ["/none"]]),
    "context": st.just("c"),
    "host": st.sampled_from([HOST, "api"]),
    "api_key": st.just(TOKEN),
    "client_cert": st.just("/c"),
    "client_key": st.just("/k"),
    "in_cluster": st.booleans(),
    "impersonate_groups": st.just(["g"]),
}


@given(st.fixed_dictionaries({}, optional=OPTIONS), st.dictionaries(st.sampled_from(sorted(AWX)), st.just(TOKEN)))
def test_whatever_is_given_there_is_one_identity_or_a_reason_and_never_the_token(
    options: dict[str, Any], environment: dict[str, str]
) -> None:
    environment = {**environment, **({"K8S_AUTH_HOST": HOST} if "K8S_AUTH_HOST" in environment else {})}
    environment.pop("K8S_AUTH_VERIFY_SSL", None)
    target, message = None, ""
    try:
        target = resolve_target(options, environment)
    except InputError as error:
        message = str(error)
    assert TOKEN not in message
    if target is None:
        return
    assert bool(target.kubeconfig) + bool(target.host) + target.in_cluster == 1
    assert not (target.api_key and target.client_cert)
    assert bool(target.host) == bool(target.api_key or target.client_cert)
    assert TOKEN not in repr(target).replace(f"ca_cert='{TOKEN}'", "").replace(f"proxy='{TOKEN}'", "")
