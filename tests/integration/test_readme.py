# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the README promises of rights is enough, and nothing in it is more than needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_run import Ansible, Run
from cluster_access import Access

README = Path(__file__).parents[2] / "README.md"


def least_role() -> dict[str, Any]:
    text = README.read_text().partition("## Least rights")[2]
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found, "the README has no role any more"
    role: dict[str, Any] = yaml.safe_load(found[1])
    return role


def there_and_back(access: Access, ansible: Ansible, prefix: str, rules: list[Any], registry: dict[str, Any]) -> list[Run]:
    """Runs of an account with these rights: written, changed, nothing to do, removed."""
    names = [f"{prefix}-{number}" for number in range(5)]
    access.make_namespaces(names)
    access.wait_for_accounts(names)
    access.kubectl("create", "serviceaccount", "-n", names[0], "least")
    access.apply({**least_role(), "metadata": {"name": prefix}, "rules": rules})
    access.kubectl("create", "clusterrolebinding", prefix, f"--clusterrole={prefix}", f"--serviceaccount={names[0]}:least")
    host = {
        f"cluster_pull_access_{'cluster_ca_cert' if name == 'ca_cert' else name}": value
        for name, value in access.connection_as(access.token_of(names[0], "least")).items()
    }
    host = {**host, "cluster_pull_access_namespaces": [f"{prefix}-*"], "pullpass_registries": [registry]}
    inventory = {"clusters": {"hosts": {"c": host}}}
    another = json.dumps({"pullpass_registries": [{**registry, "password": "another-password"}]})
    return [
        ansible.playbook("pullpass.registry.rollout", inventory),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", another),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", another),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", "cluster_pull_access_state=absent"),
    ]


def test_the_least_role_is_enough(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    runs = there_and_back(c2, ansible, prefix, least_role()["rules"], registry)

    assert [run.exit_code for run in runs] == [0, 0, 0, 0], runs[0].output
    assert [run.recap["c"]["changed"] for run in runs] == [2, 1, 0, 2]


@pytest.mark.parametrize("left_out", range(1, 4))
def test_nothing_in_it_can_be_left_out(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], left_out: int
) -> None:
    rules = [rule for number, rule in enumerate(least_role()["rules"]) if number != left_out]

    runs = there_and_back(c2, ansible, prefix, rules, registry)

    assert 2 in [run.exit_code for run in runs]
