# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that stop both roles before anything is asked or written. No cluster is needed: each message comes before."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from host_role_support import local

from ansible_run import Ansible, Run

PASSWORD = "Zauberwort-of-the-second-entry"
ROLES = Path(__file__).parents[3] / "roles"
ENTRIES = [
    {"registry": "one.example.com", "username": "bot", "password": "{{ vault_registry_password }}"},
    {"registry": "two.example.com", "username": "bot", "password": PASSWORD},
]
UNDEFINED = "uses the undefined variable vault_registry_password"
CLUSTER = {
    "cluster_pull_access_kubeconfig": "/nowhere/kubeconfig",
    "cluster_pull_access_namespaces": ["team-a"],
    "cluster_pull_access_verify": "none",
    "ansible_connection": "local",
}
# an explicit reference reaches core's own argument validation first in a play of roles, so this one is for the playbook
INDIRECT = {"our_registries": ENTRIES, "cluster_pull_access_registries": "{{ our_registries | default([]) }}"}

# host -> variables, and what its failure says
CLUSTERS: dict[str, tuple[dict[str, Any], str]] = {
    "nested": ({"pullpass_registries": ENTRIES}, f"pullpass_registries[0].password {UNDEFINED}."),
    "indirect": (INDIRECT, f"our_registries[0].password {UNDEFINED}."),
    "typo": (
        {"cluster_pull_access_exclude_namespace": ["prod"], "pullpass_registries": ENTRIES[1:]},
        "variable cluster_pull_access_exclude_namespace does not exist. Use cluster_pull_access_exclude_namespaces.",
    ),
    "nameless": (
        {"cluster_pull_access_kubeconfig": "", "pullpass_registries": ENTRIES[1:]},
        "this host names no cluster. Set cluster_pull_access_context",
    ),
    "octal": (
        {"cluster_pull_access_exclude_namespaces": [7], "pullpass_registries": ENTRIES[1:]},
        "cluster_pull_access_exclude_namespaces[0] is a number, not text. Quote a literal in YAML",
    ),
    "number": (
        {"pullpass_registries": [{**ENTRIES[1], "password": 42798}]},
        "pullpass_registries[0].password is a number, not text.",
    ),
    "zebra": ({"cluster_pull_access_zebra": 1, "pullpass_vault_password": "x", "pullpass_registries": ENTRIES}, UNDEFINED),
    "half": (
        {"host_registry_login_state": "absent", "pullpass_registries": ENTRIES[1:]},
        "host_registry_login_state is absent, and neither pullpass_state nor cluster_pull_access_state is set.",
    ),
}
HOSTS: dict[str, tuple[dict[str, Any], str]] = {
    "h_nested": ({"pullpass_registries": ENTRIES}, f"pullpass_registries[0].password {UNDEFINED}."),
    "h_user": (
        {
            "pullpass_registries": ENTRIES[1:],
            "host_registry_login_users": [{"name": "{{ nobody_set_this }}", "path": "/nowhere/x"}],
        },
        "host_registry_login_users[0].name uses the undefined variable nobody_set_this.",
    ),
    "h_half": (
        {"cluster_pull_access_state": "absent", "pullpass_registries": ENTRIES[1:]},
        "cluster_pull_access_state is absent, and neither pullpass_state nor host_registry_login_state is set.",
    ),
}


def failures(run: Run) -> dict[str, str]:
    """Host -> what the role's first task said of it."""
    found = [line for line in run.results if line["action"] == "pullpass.registry.check_variables"]
    assert found, run.output
    return {line["host"]: line["result"].get("msg", "") for line in found if line["outcome"] == "failed"}


def test_the_rollout_stops_each_host_and_shows_no_value(ansible: Ansible, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"auths": {"other.example.com": {"auth": "dTpw"}}}')
    files = tmp_path / "logins"
    inventory = {
        "clusters": {"hosts": {name: {**CLUSTER, **variables} for name, (variables, _reported) in CLUSTERS.items()}},
        "container_hosts": {
            "hosts": {
                name: {**local(files / f"{name}.json"), "host_registry_login_verify": "none", **variables}
                for name, (variables, _reported) in HOSTS.items()
            }
        },
    }

    run = ansible.playbook("pullpass.registry.rollout", inventory, "-vvv", environment={"PULLPASS_CONFIG_FILE": str(other)})

    found = failures(run)
    assert found.keys() == {*CLUSTERS, *HOSTS}
    for name, (_variables, reported) in {**CLUSTERS, **HOSTS}.items():
        assert reported in found[name], name
    assert PASSWORD not in run.output
    assert PASSWORD not in json.dumps(run.results)
    assert "42798" not in run.output
    assert not files.exists()
    for name in CLUSTERS:
        assert re.search(rf"{name}: FAILED", run.output), name
        assert run.recap[name]["changed"] == 0
    warned = re.findall(r"have no effect: ([a-z_, ]+)", " ".join(run.output.split()))
    assert set(warned) == {"cluster_pull_access_zebra"}
    ours = {"check_variables", "compare_clusters"}
    assert {line["action"].rpartition(".")[2] for line in run.results if line["action"].startswith("pullpass.")} <= ours


@pytest.mark.parametrize("role", ["cluster_pull_access", "host_registry_login"])
def test_in_a_play_of_roles_an_undefined_variable_shows_only_its_name(ansible: Ansible, tmp_path: Path, role: str) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"auths": {"other.example.com": {"auth": "dTpw"}}}')
    hosts = {**CLUSTER, **local(tmp_path / "logins.json"), "pullpass_registries": ENTRIES, "host_registry_login_verify": "none"}
    playbook = tmp_path / "roles.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "roles": [f"pullpass.registry.{role}"]}]))

    run = ansible.playbook(playbook, {"all": {"hosts": {"h": hosts}}}, "-vvv", environment={"PULLPASS_CONFIG_FILE": str(other)})

    assert run.exit_code == 2
    # from ansible-core 2.19 on its own validation stops before that, and shows no more than the name
    validated = [line["result"]["msg"] for line in run.results if line["action"] == "ansible.builtin.validate_argument_spec"]
    if validated == ["The arg spec validation passed"]:
        assert failures(run) == {"h": f"pullpass_registries[0].password {UNDEFINED}."}
    else:
        assert "'vault_registry_password' is undefined" in validated[0]
    assert PASSWORD not in run.output
    assert not (tmp_path / "logins.json").exists()
