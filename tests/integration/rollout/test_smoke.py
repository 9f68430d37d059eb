# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The least that has to work on every supported ansible-core and the lowest kubernetes client."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab


@pytest.fixture
def registry(lab: Lab) -> dict[str, Any]:
    """A credential that the lab's registry takes: the role asks it before it writes anything."""
    entry = {"registry": lab.registry("basic").host, "username": "puller", "password": lab.users["puller"]}
    return {**entry, "ca_cert": str(lab.ca)}


def test_rollout_twice_and_away(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    names = [f"{prefix}-{number}" for number in range(6)]
    c2.make_namespaces(names)
    host = {
        "cluster_pull_access_kubeconfig": str(c2.cluster.kubeconfig),
        "cluster_pull_access_namespaces": [f"{prefix}-*"],
        "pullpass_registries": [registry],
    }
    clusters = {"clusters": {"hosts": {"c2": host}}}

    preview = ansible.playbook("pullpass.registry.rollout", clusters, "--check", "--diff")
    first = ansible.playbook("pullpass.registry.rollout", clusters)
    second = ansible.playbook("pullpass.registry.rollout", clusters, "-vvvv", "--diff")

    assert [preview.exit_code, first.exit_code, second.exit_code] == [0, 0, 0], preview.output + first.output
    assert first.of("pull_secret")["summary"]["created"] == len(names)
    assert first.of("pull_secret_link")["summary"]["linked"] == len(names)
    assert second.recap["c2"]["changed"] == 0
    assert "c2: ok; secrets: 6 unchanged" in second.output
    assert "links: 6 unchanged" in second.output
    assert registry["password"] not in preview.output + first.output + second.output

    removed = ansible.playbook("pullpass.registry.rollout", clusters, "-e", "pullpass_state=absent")
    assert removed.exit_code == 0, removed.output
    assert c2.secret(names[0]) is None
    assert c2.pull_secrets(names[0]) == []


def test_by_token_and_impersonation(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    """Two ways to say who one is that each version of the client does differently."""
    c2.make_namespaces([prefix])
    connection = {
        **c2.connection_as(c2.cluster.token),
        "impersonate_user": "someone",
        "impersonate_groups": ["system:masters", "others"],
    }

    run = ansible.tasks(
        [
            {
                "pullpass.registry.pull_secret": {
                    **connection,
                    "name": "regcred",
                    "namespaces": [prefix],
                    "registries": [registry],
                }
            }
        ]
    )

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["summary"]["created"] == 1
