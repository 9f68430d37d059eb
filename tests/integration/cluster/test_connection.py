# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which cluster is written to, and one clear error for each way in which it cannot be."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from verify_modules import called

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab


def secret_task(connection: dict[str, Any], namespace: str) -> dict[str, Any]:
    registries = [{"registry": "registry.example.com", "username": "bot", "password": "password-one"}]
    return {
        "pullpass.registry.pull_secret": {
            **connection,
            "name": "regcred",
            "namespaces": [namespace],
            "registries": registries,
        }
    }


def message(ansible: Ansible, connection: dict[str, Any], environment: dict[str, str] | None = None) -> str:
    ((_name, options),) = secret_task(connection, "default").items()
    (result,) = called(ansible, [("pull_secret", options, False)], environment or {})
    assert result["failed"] is True
    return str(result["msg"])


def test_the_inventorys_cluster_is_written_not_the_environments(c2: Access, c3: Access, ansible: Ansible, prefix: str) -> None:
    """AWX injects K8S_AUTH_* of its own credential beside what the inventory says of each cluster."""
    c2.make_namespaces([prefix])
    c3.make_namespaces([prefix])
    environment = {
        "K8S_AUTH_HOST": c3.cluster.server,
        "K8S_AUTH_API_KEY": c3.cluster.token,
        "K8S_AUTH_VERIFY_SSL": "False",
    }
    audit = c3.audit()

    run = ansible.tasks([secret_task(c2.connection, prefix)], environment=environment)

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["cluster"] == {"server": c2.cluster.server, "context": "c2"}
    assert "TLS verification is off" not in run.output
    assert c2.secret(prefix) is not None
    assert c3.secret(prefix) is None
    assert audit.requests() == []


def test_the_switches_of_the_environment_do_not_reach_the_inventorys_cluster(
    c2: Access, ansible: Ansible, tmp_path: Path
) -> None:
    config = yaml.safe_load(c2.cluster.kubeconfig.read_text())
    for entry in config["clusters"]:
        entry["cluster"] = {"server": entry["cluster"]["server"]}
    untrusting = tmp_path / "no-ca.yml"
    untrusting.write_text(yaml.safe_dump(config))
    environment = {"K8S_AUTH_VERIFY_SSL": "False", "K8S_AUTH_HOST": c2.cluster.server, "K8S_AUTH_API_KEY": "x" * 8}

    reported = message(ansible, {"kubeconfig": str(untrusting), "context": "c2"}, environment)

    assert "is not trusted" in reported
    assert "ca_cert" in reported


def test_the_environment_counts_where_nothing_else_names_a_cluster(c2: Access, lab: Lab, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    by_host = {
        "K8S_AUTH_HOST": c2.cluster.server,
        "K8S_AUTH_API_KEY": c2.cluster.token,
        "K8S_AUTH_VERIFY_SSL": "False",
    }
    by_file = {"K8S_AUTH_KUBECONFIG": str(lab.kubeconfig)}

    unverified = ansible.tasks([secret_task({}, prefix)], environment=by_host)
    context_only = ansible.tasks([secret_task({"context": "c2"}, prefix)], environment=by_file)

    assert unverified.exit_code == 0, unverified.output
    assert "TLS verification is off" in unverified.output
    assert context_only.of("pull_secret")["cluster"]["context"] == "c2"
    assert context_only.of("pull_secret")["summary"]["unchanged"] == 1


def test_impersonation_acts_with_the_rights_of_the_other(c2: Access, ansible: Ansible) -> None:
    reported = message(ansible, {**c2.connection, "impersonate_user": "jane", "impersonate_groups": ["dev", "ops"]})

    assert 'for user "jane"' in reported
    assert "no right to get secrets regcred (403 Forbidden)" in reported


@pytest.mark.parametrize(
    ("connection", "environment", "phrases"),
    [
        ({"kubeconfig": "/does/not/exist"}, {}, ["kubeconfig /does/not/exist does not exist"]),
        ({"kubeconfig": "{config}", "context": "c9"}, {}, ["no context 'c9'", "c2"]),
        ({"kubeconfig": "{config}", "host": "{server}", "api_key": "x"}, {}, ["two identities", "kubeconfig", "host"]),
        ({"host": "{server}"}, {}, ["no credential", "api_key"]),
        ({"api_key": "some-token"}, {}, ["no host"]),
        ({"host": "{server}", "api_key": "wrong-token", "ca_cert": "{ca}"}, {}, ["401", "Renew"]),
        ({"host": "{server}", "api_key": "wrong-token"}, {}, ["is not trusted", "ca_cert"]),
        ({"host": "https://127.0.0.1:{free}", "api_key": "some-token"}, {}, ["cannot be reached", "refused"]),
        ({"host": "127.0.0.1:1", "api_key": "some-token"}, {}, ["scheme"]),
        ({"in_cluster": True}, {}, ["in_cluster", "does not run in a Pod"]),
        ({"in_cluster": True, "host": "{server}"}, {}, ["two identities", "in_cluster"]),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ["no cluster is named", "in_cluster: true"]),
        (
            {},
            {"K8S_AUTH_HOST": "{server}", "K8S_AUTH_API_KEY": "x", "K8S_AUTH_KUBECONFIG": "{config}"},
            ["two clusters", "K8S_AUTH_HOST", "K8S_AUTH_KUBECONFIG"],
        ),
        (
            {},
            {"K8S_AUTH_HOST": "{server}", "K8S_AUTH_API_KEY": "x", "K8S_AUTH_VERIFY_SSL": "maybe"},
            ["VERIFY_SSL", "maybe"],
        ),
    ],
    ids=lambda value: " ".join(sorted(value)) if isinstance(value, dict) else "",
)
def test_each_way_to_fail_has_its_own_clear_error(
    c2: Access,
    lab: Lab,
    ansible: Ansible,
    connection: dict[str, Any],
    environment: dict[str, str],
    phrases: list[str],
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        free = listener.getsockname()[1]
    values = {"config": c2.cluster.kubeconfig, "server": c2.cluster.server, "ca": lab.ca, "free": free}

    def filled(options: dict[str, Any]) -> dict[str, Any]:
        return {key: value.format(**values) if isinstance(value, str) else value for key, value in options.items()}

    reported = message(ansible, filled(connection), filled(environment))

    assert all(phrase in reported for phrase in phrases), reported


def test_the_right_that_is_missing_is_named(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    connection = c2.connection_as(c2.token_of(prefix, "default"))

    run = ansible.tasks([secret_task(connection, prefix)])

    assert run.exit_code == 2, run.output
    (row,) = run.of("pull_secret")["namespaces"]
    assert f"no right to get secrets regcred in namespace {prefix} (403 Forbidden)" in row["message"]


def test_a_python_without_the_client_is_told_what_to_install(c2: Access, ansible: Ansible, tmp_path: Path) -> None:
    """The interpreter's own site-packages are shut out, as on a host that has nothing but Python."""
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    task = {**secret_task(c2.connection, "default"), "vars": {"ansible_python_interpreter": str(bare)}}

    run = ansible.tasks([task])

    reported = run.of("pull_secret")["msg"]
    assert "lacks a package" in reported
    assert "kubernetes>=24.2.0" in reported
    assert "ansible_python_interpreter" in reported


def test_a_client_that_is_too_old_is_told_apart(c2: Access, ansible: Ansible, tmp_path: Path) -> None:
    package = tmp_path / "old" / "kubernetes"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "12.0.1"\n')
    task = {**secret_task(c2.connection, "default"), "environment": {"PYTHONPATH": str(package.parent)}}

    reported = ansible.tasks([task]).of("pull_secret")["msg"]

    assert "kubernetes 12.0.1, which is too old" in reported
