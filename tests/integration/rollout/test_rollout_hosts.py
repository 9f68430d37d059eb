# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rollout of hosts and clusters from one inventory and one list of registries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from asked_registries import ALICE, at, logins, requests_in, takes
from host_role_support import local, summary
from login_tasks import asking, auths
from verify_support import TokenLog, entry, reached

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab
from registry_servers import login
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

ROLLOUT = "pullpass.registry.rollout"
TELLING = "The logins of this host are not in the desired state. The summary names the reason."


def inventory(hosts: dict[str, Any] | None, clusters: dict[str, Any] | None, **shared: Any) -> dict[str, Any]:
    groups = {"container_hosts": hosts, "clusters": clusters}
    quiet = {"cluster_pull_access_recover_pods": "none", **shared}
    return {name: {"hosts": members, "vars": quiet} for name, members in groups.items() if members is not None}


def closing(run: Run) -> dict[str, str]:
    return summary(run, "cluster")


def test_a_wrong_password_is_sent_once_for_hosts_and_clusters(
    lab: Lab, c1: Access, c2: Access, c3: Access, ansible: Ansible, prefix: str, tmp_path: Path
) -> None:
    """All hosts fail, and all clusters. Each is reported why, at the end too."""
    user = f"{prefix}-nobody"
    clusters = {"c1": c1, "c2": c2, "c3": c3}
    hosts = {f"h{number:02}": local(tmp_path / f"{number}.json") for number in range(20)}
    for access in clusters.values():
        access.make_namespaces([prefix])
    audits, log = [access.audit() for access in clusters.values()], TokenLog(lab)
    shared = {f"pullpass_{name}": value for name, value in asking(lab).items()}
    shared["pullpass_registries"] = [entry(lab), entry(lab, "bearer", user)]
    shared["cluster_pull_access_namespaces"] = [prefix]

    run = ansible.playbook(ROLLOUT, inventory(hosts, {name: reached(one) for name, one in clusters.items()}, **shared))

    assert run.exit_code == 2
    assert [line["status"] for line in log.of(user)] == [401]
    assert list(tmp_path.glob("[0-9]*.json")) == []
    assert [requests_in(audit, prefix) for audit in audits] == [[], [], []]
    of_hosts, of_all = summary(run), closing(run)
    assert of_hosts.keys() == hosts.keys()
    assert of_all.keys() == {*hosts, *clusters}
    rejected = f"user {user}: rejected. {lab.registry('bearer').host} rejects the credential (401)"
    for name in hosts:
        assert of_hosts[name].startswith("FAILED; logins: none\n")
        assert rejected in of_hosts[name]
        assert of_all[name].startswith("FAILED; logins: none")
        assert run.recap[name]["changed"] == 0
    for name in clusters:
        assert rejected in of_all[name]


def test_one_login_for_all_then_nothing_to_do(
    c2: Access, c3: Access, ansible: Ansible, serve: Serving, prefix: str, tmp_path: Path
) -> None:
    server, other = serve(takes(ALICE)), serve(takes(ALICE))
    folder = tmp_path / "files"
    hosts = {f"h{number}": local(folder / f"{number}.json", folder / f"{number}.more.json") for number in range(4)}
    hosts["h3"]["pullpass_registries"] = [at(other, ALICE)]
    clusters = {"c2": reached(c2), "c3": reached(c3)}
    for access in (c2, c3):
        access.make_namespaces([prefix])
        access.wait_for_accounts([prefix])
    shared = {
        "pullpass_registries": [at(server, ALICE)],
        "pullpass_registry_ca_cert": str(serve.authority.pem),
        "cluster_pull_access_namespaces": [prefix],
    }
    everything = inventory(hosts, clusters, **shared)

    checked = ansible.playbook(ROLLOUT, everything, "--check", "--diff")
    assert not folder.exists()
    assert [access.secret(prefix) for access in (c2, c3)] == [None, None]
    before = logins(server) + logins(other)
    first = ansible.playbook(ROLLOUT, everything)
    after = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    second = ansible.playbook(ROLLOUT, everything)

    assert [run.exit_code for run in (checked, first, second)] == [0, 0, 0], checked.output + first.output + second.output
    assert before == {login(*ALICE): 2}
    assert logins(server) == logins(other) == {login(*ALICE): 3}
    for run in (checked, first):
        assert closing(run) == {
            **{host: "changed; logins: 2 stored" for host in hosts},
            **{name: f"changed; secrets: 1 created; links: 1 linked; {requests(run, name)} API requests" for name in clusters},
        }
    names = {f"{number}{more}.json" for number in range(4) for more in ("", ".more")}
    # and beside each the list of what was stored
    assert {path.name for path in after} == names | {f"{name}.pullpass-logins" for name in names}
    for path in folder.glob("*.json"):
        assert auths(path).keys() == {(other if path.name[0] == "3" else server).authority}
    assert [server.authority in access.document(prefix)["auths"] for access in (c2, c3)] == [True, True]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == after
    assert {counters["changed"] for counters in second.recap.values()} == {0}
    assert {text.partition(";")[0] for text in closing(second).values()} == {"ok"}
    assert closing(second)["h0"] == "ok; logins: 2 unchanged"


def requests(run: Run, cluster: str) -> int:
    return int(closing(run)[cluster].split()[-3])


def test_hosts_that_all_fail_do_not_keep_the_clusters_from_theirs(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], tmp_path: Path
) -> None:
    """One is unreachable, one has a mistake in its variables, one in its file; then one of them is well."""
    c2.make_namespaces([prefix])
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    hosts = {
        "down": {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_connection": "ssh"},
        "mistaken": local(tmp_path / "mistaken.json", host_registry_login_format="podman"),
        "damaged": local(damaged),
    }
    unasked = {"host_registry_login_verify": "none", "cluster_pull_access_verify": "none", "pullpass_registries": [registry]}
    shared = {**unasked, "cluster_pull_access_namespaces": [prefix]}
    reported = {
        "down": "Failed to connect to the host via ssh",
        "mistaken": "host_registry_login_format must be one of: docker, containers, got: podman",
        "damaged": str(damaged),
    }

    run = ansible.playbook(ROLLOUT, inventory(hosts, {"c2": reached(c2)}, **shared))
    one_well = ansible.playbook(
        ROLLOUT, inventory({**hosts, "well": local(tmp_path / "well.json")}, {"c2": reached(c2)}, **shared)
    )

    assert (run.exit_code, one_well.exit_code) == (2, 2)
    assert c2.secret(prefix) is not None
    for one in (run, one_well):
        of_hosts, of_all = summary(one), closing(one)
        for host, words in reported.items():
            assert of_hosts[host].startswith("FAILED; logins: none\n"), of_hosts
            assert words in of_hosts[host]
            assert of_all[host] == "FAILED; logins: none"
            assert one.recap[host]["failed"] == 1
            assert [line["host"] for line in one.results if line["result"].get("msg") == TELLING].count(host) == 1
        assert one.recap["c2"]["failed"] == 0
    assert closing(run)["c2"].startswith("changed; secrets: 1 created; links: 1 linked")
    assert closing(one_well)["c2"].startswith("ok; secrets: 1 unchanged")
    assert closing(one_well)["well"] == "changed; logins: 1 stored"
    assert one_well.recap["well"]["failed"] == 0
    assert damaged.read_text() == "{"


def test_batches_of_hosts_end_with_one_that_fails(ansible: Ansible, registry: dict[str, Any], tmp_path: Path) -> None:
    """A site that sets serial wants the rest left alone. The helper is asked once for all batches."""
    copy = tmp_path / "site.json"
    plays = yaml.safe_load((Path(__file__).parents[3] / "playbooks" / "rollout.yml").read_text())
    copy.write_text(json.dumps([{**play, "serial": 1} for play in plays]))
    (tmp_path / "answer").write_text('{"ServerURL": "", "Username": "u", "Secret": "p"}')
    program = tmp_path / "docker-credential-counted"
    program.write_text(f"#!/bin/sh\necho call >> {tmp_path}/calls; exec cat {tmp_path}/answer\n")
    program.chmod(0o755)
    given = [{"registry": registry["registry"], "credential_helper": "counted"}]
    hosts = {name: local(tmp_path / f"{name}.json") for name in ("a", "b", "c", "d")}
    (tmp_path / "damaged").write_text("{")
    hosts["c"] = local(tmp_path / "damaged")

    run = ansible.playbook(
        copy,
        inventory(hosts, None, pullpass_registries=given, host_registry_login_verify="none"),
        environment={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )

    assert run.exit_code == 2
    assert [(tmp_path / f"{name}.json").exists() for name in hosts] == [True, True, False, False]
    assert (tmp_path / "calls").read_text() == "call\n"
    assert summary(run)["d"] == "not reached"


def test_one_half_of_the_inventory(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    unasked = {"host_registry_login_verify": "none", "cluster_pull_access_verify": "none", "pullpass_registries": [registry]}
    shared = {**unasked, "cluster_pull_access_namespaces": [prefix]}

    no_hosts = ansible.playbook(ROLLOUT, inventory(None, {"c2": reached(c2)}, **shared))
    no_clusters = ansible.playbook(ROLLOUT, inventory({"box": local(tmp_path / "box.json")}, None, **shared))

    assert (no_hosts.exit_code, no_clusters.exit_code) == (0, 0), no_hosts.output + no_clusters.output
    assert "Could not match supplied host pattern, ignoring: container_hosts" in no_hosts.output
    assert closing(no_hosts).keys() == {"c2"}
    assert summary(no_clusters) == {"box": "changed; logins: 1 stored"}
    assert auths(tmp_path / "box.json").keys() == {registry["registry"]}
