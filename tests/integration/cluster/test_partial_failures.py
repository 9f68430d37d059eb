# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One namespace that fails does not stop the others, and each failure is named with its own reason."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_run import Ansible
from cluster_access import Access

GOOD = ("good-1", "good-2")
ALL = (*GOOD, "quota", "rbac", "leaving")


@pytest.fixture
def troubled(c2: Access, prefix: str) -> dict[str, str]:
    """Good namespaces, one whose quota takes no Secret, one in which we may not write, and one that is being deleted."""
    names = {name: f"{prefix}-{name}" for name in ALL}
    c2.make_namespaces([*names.values(), f"{prefix}-own"])
    c2.wait_for_accounts(names.values())
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"count/secrets": "0"}}}
    held = {"apiVersion": "v1", "kind": "ConfigMap", "data": {}}
    c2.apply(
        {**quota, "metadata": {"name": "none", "namespace": names["quota"]}},
        {**held, "metadata": {"name": "held", "namespace": names["leaving"], "finalizers": ["example.com/held"]}},
    )
    c2.kubectl("delete", "namespace", names["leaving"], "--wait=false")
    return names


@pytest.fixture
def deputy(c2: Access, prefix: str, troubled: dict[str, str]) -> str:
    """The token of an account that may list everywhere and write in all of these namespaces but one."""
    own = f"{prefix}-own"
    c2.kubectl("create", "serviceaccount", "-n", own, "deputy")
    c2.kubectl("create", "clusterrole", f"{prefix}-r", "--verb=get,list", "--resource=namespaces,secrets,serviceaccounts")
    c2.kubectl("create", "clusterrole", f"{prefix}-w", "--verb=create,patch,delete", "--resource=secrets,serviceaccounts")
    c2.kubectl("create", "clusterrolebinding", prefix, f"--clusterrole={prefix}-r", f"--serviceaccount={own}:deputy")
    for name in troubled.values():
        if name != troubled["rbac"]:
            binding = (
                "create",
                "rolebinding",
                "w",
                "-n",
                name,
                f"--clusterrole={prefix}-w",
                f"--serviceaccount={own}:deputy",
            )
            if name != troubled["leaving"]:
                c2.kubectl(*binding)
    return c2.token_of(own, "deputy")


def test_the_role_serves_the_others_and_fails_once_with_each_reason(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], troubled: dict[str, str], deputy: str
) -> None:
    host = {
        "cluster_pull_access_host": c2.cluster.server,
        "cluster_pull_access_api_key": deputy,
        "cluster_pull_access_cluster_ca_cert": str(c2.ca),
        "cluster_pull_access_namespaces": [f"{prefix}-{name}" for name in ALL],
        "cluster_pull_access_verify": "none",
        "pullpass_registries": [registry],
    }

    run = ansible.playbook("pullpass.registry.rollout", {"clusters": {"hosts": {"troubled": host}}})

    assert run.exit_code == 2, run.output
    secrets, links = run.of("pull_secret"), run.of("pull_secret_link")
    rows = {row["namespace"]: (row["action"], row["message"]) for row in secrets["namespaces"]}
    assert {name for name, (action, _message) in rows.items() if action == "created"} == {troubled[name] for name in GOOD}
    action, message = rows[troubled["quota"]]
    assert action == "failed"
    assert "the quota of the namespace forbids it" in message
    action, message = rows[troubled["rbac"]]
    assert action == "failed"
    assert f"no right to create secrets in namespace {troubled['rbac']}" in message
    assert rows[troubled["leaving"]] == ("skipped", "the namespace is being deleted")
    assert {row["namespace"]: row["action"] for row in links["links"]} == {
        **{troubled[name]: "linked" for name in GOOD},
        troubled["leaving"]: "skipped",
    }
    for name in GOOD:
        assert c2.pull_secrets(troubled[name]) == ["regcred"]
        assert "registry.example.com:5000" in c2.document(troubled[name])["auths"]
    assert run.recap["troubled"]["failed"] == 1
    summary = run.output.partition("Say what was done on each cluster")[2]
    # other tests' namespaces hold Secrets of this name, which are orphaned to this play
    summary = re.sub(r" [0-9]+ orphaned,", "", summary)
    assert "troubled: FAILED; secrets: 2 created, 1 skipped, 2 failed; links: 2 linked, 1 skipped" in summary
    assert troubled["quota"] in summary
    assert troubled["rbac"] in summary


def test_links_fail_one_by_one_too(c2: Access, ansible: Ansible, troubled: dict[str, str], deputy: str) -> None:
    connection = c2.connection_as(deputy)
    names = [*troubled.values(), "not-there-at-all"]

    run = ansible.tasks([{"pullpass.registry.pull_secret_link": {**connection, "secrets": ["x"], "namespaces": names}}])

    assert run.exit_code == 2
    result = run.of("pull_secret_link")
    rows = {row["namespace"]: (row["action"], row["message"]) for row in result["links"]}
    assert rows[troubled["rbac"]][0] == "failed"
    assert f"no right to patch serviceaccounts default in namespace {troubled['rbac']}" in rows[troubled["rbac"]][1]
    assert rows["not-there-at-all"][0] == "failed"
    assert "does not exist" in rows["not-there-at-all"][1]
    assert rows[troubled["quota"]] == ("linked", "added: x")
    counts = {action: count for action, count in result["summary"].items() if count}
    assert counts == {"linked": 3, "skipped": 1, "failed": 2}
    assert result["changed"] is True


def test_one_namespace_is_enough_of_a_right(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    """No right to list anything, nor to look at the namespace itself: the Secret is read by name."""
    names = [f"{prefix}-{number}" for number in range(6)]
    c2.make_namespaces(names)
    c2.wait_for_accounts(names)
    c2.kubectl("create", "serviceaccount", "-n", names[0], "tenant")
    for name in names:
        role = ("--verb=get,create,patch", "--resource=secrets,serviceaccounts")
        c2.kubectl("create", "role", "own", "-n", name, *role)
        c2.kubectl("create", "rolebinding", "own", "-n", name, "--role=own", f"--serviceaccount={names[0]}:tenant")
    connection = c2.connection_as(c2.token_of(names[0], "tenant"))
    secret = {**connection, "name": "regcred", "registries": [registry]}

    run = ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**secret, "namespaces": names[:1]}},
            {"pullpass.registry.pull_secret": {**secret, "namespaces": names, "results": "all"}},
            {"pullpass.registry.pull_secret_link": {**connection, "secrets": ["regcred"], "namespaces": names}},
            {"pullpass.registry.pull_secret": {**secret, "namespaces": [f"{prefix}-*"]}, "ignore_errors": True},
        ]
    )

    results = [line["result"] for line in run.results]
    assert results[0]["summary"]["created"] == 1
    assert (results[1]["summary"]["created"], results[1]["summary"]["unchanged"]) == (5, 1)
    assert results[2]["summary"]["linked"] == 6
    assert "no right to list namespaces in all namespaces" in results[3]["msg"]
