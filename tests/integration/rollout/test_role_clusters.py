# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which cluster a host of the inventory means, two hosts that mean the same, one switch for everything, and masked names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from host_role_support import local

from ansible_run import Ansible, Run
from cluster_access import Access

BOT = {"registry": "registry.example.com", "username": "bot", "password": "Zauberwort"}
OTHER = {**BOT, "password": "Zauberwort-of-another"}


def inventory(hosts: dict[str, Any], **shared: Any) -> dict[str, Any]:
    quiet = {"cluster_pull_access_verify": "none", "cluster_pull_access_recover_pods": "none", "pullpass_registries": [BOT]}
    return {"clusters": {"hosts": hosts, "vars": {**quiet, **shared}}}


def reported(run: Run) -> str:
    return " ".join(run.output.rpartition("Say what was done on each cluster")[2].partition("PLAY RECAP")[0].split())


def test_a_host_that_names_no_cluster_writes_to_none(c2: Access, ansible: Ansible, prefix: str) -> None:
    """The environment names c2, as the current context of a shell does, or a credential of AWX."""
    c2.make_namespaces([prefix])
    environment = {"K8S_AUTH_KUBECONFIG": str(c2.cluster.kubeconfig)}
    of_environment = {"cluster_pull_access_from_environment": True}
    hosts = {
        "nameless": {"cluster_pull_access_secret_name": "nameless"},
        "first": {**of_environment, "cluster_pull_access_secret_name": "first"},
        "second": {**of_environment, "cluster_pull_access_secret_name": "second"},
    }
    clusters = inventory(hosts, cluster_pull_access_namespaces=[prefix])

    run = ansible.playbook("pullpass.registry.rollout", clusters, environment=environment)
    # as with --limit and a slice of AWX
    one = ansible.playbook("pullpass.registry.rollout", clusters, "--limit", "first,nameless", environment=environment)

    assert "nameless: this host names no cluster." in reported(run)
    assert "first: this host and second take their cluster from the environment" in reported(run)
    assert "second: this host and first take their cluster from the environment" in reported(run)
    assert "nameless: this host names no cluster." in reported(one)
    assert "first: changed; secrets: 1 created; links: 1 linked; " in reported(one)
    assert f"{c2.cluster.server}, context c2" in reported(one)
    assert c2.pull_secrets(prefix) == ["first"]
    assert [c2.secret(prefix, name) is None for name in ("nameless", "second", "first")] == [True, True, False]


def test_two_hosts_of_one_cluster(c2: Access, c3: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-{name}" for name in ("shared", "a", "b", "twin", "far")]
    c2.make_namespaces(names)
    c3.make_namespaces(names[:1])
    here = {"cluster_pull_access_kubeconfig": str(c2.cluster.kubeconfig)}
    by_name = {**here, "cluster_pull_access_context": "c2"}

    def host(
        namespace: str, entry: dict[str, Any], cluster: dict[str, Any] | None = None, name: str = "regcred"
    ) -> dict[str, Any]:
        own = {"cluster_pull_access_namespaces": [namespace], "cluster_pull_access_secret_name": name}
        return {**(by_name if cluster is None else cluster), **own, "pullpass_registries": [entry]}

    hosts = {
        "berlin": host(names[0], BOT),
        "oslo": host(f"{prefix}-sh*", OTHER, here),
        "rome": host(names[0], OTHER, {"cluster_pull_access_kubeconfig": str(c3.cluster.kubeconfig)}),
        "team_a": host(names[1], BOT, name="apart"),
        "team_b": host(names[2], OTHER, here, name="apart"),
        "twin": host(names[3], BOT, name="twin"),
        "twin_too": host(names[3], BOT, here, name="twin"),
    }

    run = ansible.playbook("pullpass.registry.rollout", inventory(hosts))

    said = reported(run)
    assert "berlin: this host and oslo reach the same cluster" in said
    assert "oslo: this host and berlin reach the same cluster" in said
    assert c2.secret(names[0]) is None
    for name in ("rome", "team_a", "team_b"):
        assert f"{name}: changed; secrets: 1 created" in said
    assert run.recap["twin"]["failed"] == run.recap["twin_too"]["failed"] == 0
    warned = " ".join(run.output.split())
    assert f"this host and team_b reach the same cluster ({c2.cluster.server}) and write the same Secret apart" in warned
    assert "this host and twin_too reach the same cluster" in warned
    assert "Zauberwort" not in run.output


def test_one_switch_for_the_whole_rollout(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    file = tmp_path / "config.json"
    cluster = {f"cluster_pull_access_{name}": value for name, value in c2.connection.items()}
    everything = inventory({"c2": cluster}, cluster_pull_access_namespaces=[prefix])
    everything["container_hosts"] = {
        "hosts": {"build": {**local(file), "host_registry_login_verify": "none", "pullpass_registries": [BOT]}}
    }

    def roll(*arguments: str) -> Run:
        return ansible.playbook("pullpass.registry.rollout", everything, *arguments)

    first = roll()
    assert first.exit_code == 0, first.output
    assert "registry.example.com" in file.read_text()
    assert c2.pull_secrets(prefix) == ["regcred"]

    gone = roll("-e", "pullpass_state=absent")
    assert gone.exit_code == 0, gone.output
    assert "registry.example.com" not in file.read_text()
    assert c2.pull_secrets(prefix) == []
    assert c2.secret(prefix) is None

    half = roll("-e", "cluster_pull_access_state=absent")
    assert half.exit_code == 2
    assert "build: cluster_pull_access_state is absent, and neither pullpass_state nor host_registry_login_state" in reported(
        half
    ) + (" ".join(half.output.split()))
    assert "registry.example.com" not in file.read_text()


def test_a_masked_namespace_is_no_glob(c2: Access, ansible: Ansible, prefix: str) -> None:
    """The password is part of the name of a namespace that is refused: its name comes back as ********-a, which as a glob matches
    the other one."""
    refused, good = f"{prefix}-a", f"prod{prefix[1:]}-a"
    c2.make_namespaces([refused, good])
    c2.wait_for_accounts([refused, good])
    c2.kubectl("create", "secret", "generic", "regcred", "-n", refused, "--from-literal=a=b")
    cluster = {f"cluster_pull_access_{name}": value for name, value in c2.connection.items()}
    entry = {**BOT, "password": prefix}
    hosts = {"c2": {**cluster, "pullpass_registries": [entry], "cluster_pull_access_namespaces": [refused, good]}}

    run = ansible.playbook("pullpass.registry.rollout", inventory(hosts))

    assert run.exit_code == 2
    assert c2.secret(good) is not None
    assert "The next parts cannot exclude these namespaces" in reported(run)
    assert [line for line in run.results if line["action"] == "pullpass.registry.pull_secret_link"] == []
    assert "Secret regcred: " in reported(run)
    assert json.dumps(prefix) not in run.output


def test_module_defaults_of_a_play_do_not_reach_the_roles_cluster(
    c2: Access, c3: Access, ansible: Ansible, prefix: str, tmp_path: Path
) -> None:
    for cluster in (c2, c3):
        cluster.make_namespaces([prefix])
    elsewhere = {**c3.connection, "impersonate_user": "nobody"}
    modules = ("pull_secret", "pull_secret_link", "pull_recovery")
    play = {
        "hosts": "clusters",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "module_defaults": {
            "group/pullpass.registry.kubernetes": elsewhere,
            **{f"pullpass.registry.{name}": elsewhere for name in modules},
        },
        "roles": ["pullpass.registry.cluster_pull_access"],
    }
    playbook = tmp_path / "play.json"
    playbook.write_text(json.dumps([play]))
    here = {"cluster_pull_access_kubeconfig": str(c2.cluster.kubeconfig), "cluster_pull_access_recover_pods": "report"}

    run = ansible.playbook(playbook, inventory({"c2": here}, cluster_pull_access_namespaces=[prefix]))

    assert run.exit_code == 0, run.output
    assert [run.of(name)["cluster"]["context"] for name in modules] == ["c2"] * 3
    assert c2.pull_secrets(prefix) == ["regcred"]
    assert c3.secret(prefix) is None
