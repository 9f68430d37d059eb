# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rollout asks the registries before it touches a cluster: once for all of them, and each is reported its own answer."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from asked_registries import ALICE, DORA, at, check_hidden, logins, requests_in, takes
from verify_support import TokenLog, as_variables, auths, entry, reached, secret, trust

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab
from registry_servers import Registry, Reply, basic, error, login
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

PLAYBOOK = Path(__file__).parents[3] / "playbooks" / "rollout.yml"
QUIET = {"cluster_pull_access_recover_pods": "none"}


def inventory(hosts: Mapping[str, Any], **shared: Any) -> dict[str, Any]:
    return {"clusters": {"hosts": dict(hosts), "vars": {**QUIET, **shared}}}


def reported(run: Run) -> dict[str, str]:
    """Host -> what the summary says of it."""
    text = run.output.rpartition("Say what was done on each cluster")[2].partition("PLAY RECAP")[0]
    found: dict[str, str] = {}
    for host, words in re.findall(r'^ +"?([a-z][a-z0-9_]*): (.*?)"?,?$', text, re.MULTILINE):
        found[host] = f"{found[host]}\n{words}" if host in found else words
    return found


def site(folder: Path, **keywords: Any) -> Path:
    """Our playbook as a site would copy it to set serial and the like for each of its plays."""
    copy = folder / "site.json"
    copy.write_text(json.dumps([{**play, **keywords} for play in yaml.safe_load(PLAYBOOK.read_text())]))
    return copy


def test_a_wrong_password_is_sent_once_for_fifty_clusters(
    lab: Lab, c1: Access, c2: Access, c3: Access, ansible: Ansible, prefix: str
) -> None:
    user = f"{prefix}-nobody"
    clusters = [c1, c2, c3]
    hosts = {f"h{number:02}": reached(clusters[number % 3]) for number in range(50)}
    for access in clusters:
        access.make_namespaces([prefix])
    audits, log = [access.audit() for access in clusters], TokenLog(lab)
    shared = {
        **as_variables(trust(lab)),
        "cluster_pull_access_namespaces": [prefix],
        "pullpass_registries": [entry(lab), entry(lab, "bearer", user)],
    }

    run = ansible.playbook("pullpass.registry.rollout", inventory(hosts, **shared))

    assert run.exit_code == 2
    assert [line["status"] for line in log.of(user)] == [401]
    # nothing was even read in a cluster
    assert [requests_in(audit, prefix) for audit in audits] == [[], [], []]
    summary = reported(run)
    assert summary.keys() == hosts.keys()
    for host in hosts:
        assert summary[host].startswith("FAILED; 0 API requests; https://"), summary[host]
        assert f"user {user}: rejected. {lab.registry('bearer').host} rejects the credential (401)" in summary[host]
        assert "Renew it" in summary[host]
        assert "puller" not in summary[host]
        assert run.recap[host]["failed"] == 1
        assert run.recap[host]["changed"] == 0


def test_each_cluster_gets_the_answer_about_its_own(
    c2: Access, ansible: Ansible, serve: Serving, prefix: str, tmp_path: Path
) -> None:
    """Many kinds of hosts in one play, most of which have something in common with another."""
    carol, eve, frank, gail = (("carol", "a-wrong-Zauberwort"), ("eve", "wrong-Zauberwort-too"),
                               ("frank", "never-sent-Zauberwort"), ("gail", "old-Zauberwort"))  # fmt: skip
    one, two = serve(takes(ALICE, DORA)), serve(takes(ALICE, DORA))
    busy = serve(Registry(script={"*": error(429, "TOOMANYREQUESTS", "", ("Retry-After", "30"))}))
    alice, spelt = at(one, ALICE), at(one, carol, registry=f"https://{one.authority}/v2/", email="c@example.com")
    document = auths(**{one.authority: ALICE})
    (tmp_path / "config.json").write_text(document)
    (tmp_path / "wrong.json").write_text(auths(**{one.authority: eve, two.authority: ALICE}))
    (tmp_path / "dora").write_text(DORA[1])
    (tmp_path / "answer").write_text(json.dumps({"ServerURL": "", "Username": ALICE[0], "Secret": ALICE[1]}))
    helper = tmp_path / "docker-credential-lab"
    helper.write_text(f"#!/bin/sh\ncat >/dev/null; exec cat {tmp_path}/answer\n")
    helper.chmod(0o755)
    from_file = {"username": "dora", "password": f"{{{{ lookup('ansible.builtin.file', '{tmp_path}/dora') }}}}"}
    pull = {"cluster_pull_access_verify": "pull"}
    nowhere = {"registry": "127.0.0.1:9", "username": "x", "password": "nobody-there-Zauberwort"}
    hosts: dict[str, dict[str, Any]] = {
        "broken": {"ansible_remote_tmp": "/proc/nope", "pullpass_registries": [alice]},
        "malformed": {"pullpass_registries": [alice, {"registry": two.authority, "username": "u"}]},
        "good": {"pullpass_registries": [alice]},
        "same": {"pullpass_registries": [alice]},
        "wrong": {"pullpass_registries": [at(one, carol)]},
        "spelt": {"pullpass_registries": [spelt]},
        "shared": {"pullpass_registries": [{"registry": two.authority, **from_file}, alice]},
        "patient": {"pullpass_registries": [at(one, carol)], "cluster_pull_access_registry_timeout": 19},
        "colon": {"pullpass_registries": [at(one, ("a:b", "never-sent-Zauberwort"))]},
        "text": {"pullpass_registries": [f"registry={one.authority} username=tess password=wrong-Zauberwort-of-tess"]},
        "half": {"pullpass_registries": [alice, at(two, carol)]},
        "template": {"pullpass_registries": [{"registry": two.authority, **from_file}]},
        "undefined": {"pullpass_registries": [at(one, ("u", "{{ nobody_set_this }}"))]},
        "mapping": {"cluster_pull_access_config": json.loads(document)},
        "file": {"cluster_pull_access_config_file": str(tmp_path / "config.json")},
        "wrongfile": {"cluster_pull_access_config_file": str(tmp_path / "wrong.json")},
        "helper": {"pullpass_registries": [{"registry": one.authority, "credential_helper": "lab"}]},
        "pull": {"pullpass_registries": [alice], "cluster_pull_access_images": [f"{one.authority}/team/app:1.0"], **pull},
        "tag": {"pullpass_registries": [alice], "cluster_pull_access_images": f"{one.authority}/team/app:none", **pull},
        "pullwrong": {"pullpass_registries": [at(one, carol)], "cluster_pull_access_images": f"{one.authority}/a:1", **pull},
        "noimages": {"pullpass_registries": [alice], **pull},
        "down": {"pullpass_registries": [nowhere]},
        "strict": {"pullpass_registries": [nowhere], "cluster_pull_access_verify_undecided": "fail"},
        "busy": {"pullpass_registries": [at(busy, ALICE), alice]},
        "none": {"pullpass_registries": [at(one, frank)], "cluster_pull_access_verify": "none"},
        "secret": {"cluster_pull_access_from_secret": {"namespace": f"{prefix}-source", "name": "good"}},
        "oldsecret": {"cluster_pull_access_from_secret": {"namespace": f"{prefix}-source", "name": "old"}},
    }
    names = {host: f"{prefix}-{host}" for host in hosts}
    c2.make_namespaces([*names.values(), f"{prefix}-source"])
    c2.wait_for_accounts(names.values())
    c2.apply(
        secret(f"{prefix}-source", "good", document),
        secret(f"{prefix}-source", "old", auths(**{one.authority: gail})),
    )
    for host, variables in hosts.items():
        variables.update(reached(c2), cluster_pull_access_namespaces=[names[host]])
    trusted = {"registry_ca_cert": str(serve.authority.pem), "allow_addresses": "127.0.0.0/8"}
    clusters = inventory(hosts, **as_variables(trusted))
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts")}

    audit = c2.audit()
    run = ansible.playbook(
        "pullpass.registry.rollout",
        clusters,
        "-vvv",
        "--diff",
        environment={"PATH": f"{tmp_path}:{os.environ['PATH']}", "ANSIBLE_GATHERING": "explicit", **cache},
    )

    summary = reported(run)
    refused = {
        "broken": "Failed to create temporary directory",
        "malformed": "username is given without password",
        "wrong": f"user carol: rejected. {one.authority} rejects the credential (401)",
        "spelt": f"user carol: rejected. {one.authority} rejects the credential (401)",
        "patient": f"user carol: rejected. {one.authority} rejects the credential (401)",
        "colon": "the username contains a colon",
        "text": f"user tess: rejected. {one.authority} rejects the credential (401)",
        "half": f"user carol: rejected. {two.authority} rejects the credential (401)",
        # up to ansible-core 2.18 a list with something undefined in it is no list at all
        "undefined": "nobody_set_this" if "nobody_set_this" in summary["undefined"] else "No credentials are given for undefined",
        "wrongfile": f"user eve: rejected. {one.authority} rejects the credential (401)",
        "tag": f"image {one.authority}/team/app:none (user alice): not_found",
        "pullwrong": f"user carol: rejected. {one.authority} rejects the credential (401)",
        "noimages": "no image is given",
        "strict": "user x: unreachable. https://127.0.0.1:9 refuses the connection",
        "oldsecret": f"user gail: rejected. {one.authority} rejects the credential (401)",
    }
    written = {host: c2.secret(name) is not None for host, name in names.items()}
    assert {host for host, there in written.items() if not there} == refused.keys(), summary
    for host, words in refused.items():
        assert summary[host].startswith("FAILED"), (host, summary[host])
        assert words in summary[host], (host, summary[host])
    for host in hosts.keys() - refused.keys():
        assert summary[host].startswith("changed; secrets: 1 created; links: 1 linked"), (host, summary[host])
        assert ("not verified:" in summary[host]) is (host in ("down", "busy")), summary[host]
    assert "user x: unreachable" in summary["down"]
    assert "accepts no more requests for now (429)" in summary["busy"]
    assert not [one for one in audit.writes() if (one.get("objectRef") or {}).get("namespace") in map(names.get, refused)]
    # documents are asked about apart from single entries; and what a cluster's own Secret holds, by its own module
    assert logins(one)[login(*carol)] == 1
    assert logins(one)[login(*eve)] == 1
    assert logins(one)[login(*gail)] == 1
    assert logins(one)[login(*frank)] == 0
    assert logins(two)[login(*carol)] == 1
    assert logins(two)[login(*DORA)] == 1
    check_hidden(run, tmp_path / "facts", one.authority, two.authority)


@pytest.mark.parametrize(("keywords", "most"), [({"serial": 2}, 1), ({"strategy": "free"}, 8)], ids=["serial", "free"])
def test_a_play_that_takes_hosts_apart(
    c2: Access, ansible: Ansible, serve: Serving, prefix: str, keywords: dict[str, Any], most: int
) -> None:
    """In batches each credential is asked about once, too. Where no host waits for another, each may ask for all, and once more
    for itself."""
    server, wrong = serve(takes(ALICE)), ("bob", "a-wrong-Zauberwort")
    users = {"a": wrong, "b": ALICE, "c": wrong, "d": ALICE, "e": wrong}
    c2.make_namespaces(f"{prefix}-{host}" for host in users)
    hosts = {
        host: {
            **reached(c2),
            "cluster_pull_access_namespaces": [f"{prefix}-{host}"],
            "pullpass_registries": [at(server, user, ca_cert=str(serve.authority.pem))],
        }
        for host, user in users.items()
    }

    run = ansible.playbook(site(ansible.folder, **keywords), inventory(hosts))

    summary = reported(run)
    assert {host: one.partition(";")[0] for host, one in summary.items()} == {
        host: "FAILED" if user == wrong else "changed" for host, user in users.items()
    }
    assert logins(server).keys() == {login(*wrong), login(*ALICE)}
    assert max(logins(server).values()) <= most


def test_a_password_that_only_images_show_to_be_wrong_is_sent_once(
    c2: Access, ansible: Ansible, serve: Serving, prefix: str
) -> None:
    """At a registry that lets everybody log in, and in one way of asking after the other."""
    wrong = ("bob", "a-wrong-Zauberwort")
    server = serve(Registry(basic(), lambda authorization: authorization == login(*ALICE), script={"/v2/": Reply()}))
    hosts = {
        f"h{number}": {
            **reached(c2),
            "cluster_pull_access_namespaces": [prefix],
            "cluster_pull_access_verify": "pull",
            "cluster_pull_access_registry_timeout": 18 + number % 2,
            "cluster_pull_access_images": [f"{server.authority}/team/app{number}:1.0"],
            "pullpass_registries": [at(server, wrong, ca_cert=str(serve.authority.pem))],
        }
        for number in range(4)
    }
    c2.make_namespaces([prefix])

    run = ansible.playbook("pullpass.registry.rollout", inventory(hosts))

    told_ = reported(run)
    assert told_.keys() == hosts.keys()
    for words in told_.values():
        assert "team/app0:1.0 (user bob): rejected" in words
    assert c2.secret(prefix) is None
    sent = [one for one in server.requests if one.authorization == login(*wrong) and one.path != "/v2/"]
    assert len(sent) == 1


def test_check_mode_asks_and_writes_nothing(c2: Access, ansible: Ansible, serve: Serving, prefix: str) -> None:
    server, wrong = serve(takes(ALICE)), ("bob", "a-wrong-Zauberwort")
    c2.make_namespaces([f"{prefix}-good", f"{prefix}-bad"])
    hosts = {
        host: {
            **reached(c2),
            "cluster_pull_access_namespaces": [f"{prefix}-{host}"],
            "pullpass_registries": [at(server, user, ca_cert=str(serve.authority.pem))],
        }
        for host, user in (("good", ALICE), ("bad", wrong))
    }

    run = ansible.playbook("pullpass.registry.rollout", inventory(hosts), "--check", "--diff")

    assert logins(server) == {login(*wrong): 1, login(*ALICE): 1}
    assert reported(run)["good"].startswith("changed; secrets: 1 created")
    assert "user bob: rejected" in reported(run)["bad"]
    assert [c2.secret(f"{prefix}-{host}") for host in hosts] == [None, None]


def test_parts_of_the_role_and_its_second_use(c2: Access, ansible: Ansible, serve: Serving, prefix: str) -> None:
    unasked, asked, wrong = serve(takes(ALICE)), serve(takes(ALICE)), ("bob", "a-wrong-Zauberwort")
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    ca = {"ca_cert": str(serve.authority.pem)}
    nobody = {"pullpass_registries": [at(unasked, ALICE, **ca)]}
    good = {"pullpass_registries": [at(asked, ALICE, **ca)]}
    bad = {"pullpass_registries": [at(asked, wrong, **ca)]}
    uses: list[tuple[str, dict[str, Any]]] = [
        ("links", nobody),
        ("secrets", {**nobody, "cluster_pull_access_verify": "none"}),
        ("main", {**nobody, "cluster_pull_access_state": "absent"}),
        ("verify", {**nobody, "cluster_pull_access_state": "absent"}),
        ("secrets", good),
        ("main", {**good, "cluster_pull_access_secret_name": "second"}),
        ("main", {**bad, "cluster_pull_access_secret_name": "third"}),
    ]
    tasks = [
        {
            "ansible.builtin.include_role": {"name": "pullpass.registry.cluster_pull_access", "tasks_from": part},
            "vars": variables,
        }
        for part, variables in uses
    ]
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": tasks,
    }
    playbook = ansible.folder / "uses.json"
    playbook.write_text(json.dumps([play]))
    host = {**reached(c2), "cluster_pull_access_namespaces": [prefix]}

    run = ansible.playbook(playbook, {"all": {"hosts": {"c": {**QUIET, **host}}}})

    assert run.exit_code == 2, run.output
    assert unasked.requests == []
    assert logins(asked) == {login(*ALICE): 1, login(*wrong): 1}
    assert asked.authority in c2.document(prefix)["auths"]
    assert asked.authority in c2.document(prefix, "second")["auths"]
    assert c2.secret(prefix, "third") is None
    assert "user bob: rejected" in run.results[-1]["result"]["msg"]
