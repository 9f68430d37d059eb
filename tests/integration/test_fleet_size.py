# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Five hundred namespaces: all of them served at once, and a second run that writes nothing and asks little."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_run import Ansible
from cluster_access import Access

COUNT = 500


def test_new_namespaces_get_everything_and_a_second_run_writes_nothing(
    c3: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = [f"{prefix}-{number:03}" for number in range(COUNT)]
    options = {**c3.connection, "namespaces": [f"{prefix}-*"]}
    tasks = [
        {"pullpass.registry.pull_secret": {**options, "name": "regcred", "registries": [registry]}},
        {"pullpass.registry.pull_secret_link": {**options, "secrets": ["regcred"]}},
    ]
    c3.make_namespaces(names)

    first = ansible.tasks(tasks)

    assert first.exit_code == 0, first.output
    assert first.of("pull_secret")["summary"]["created"] == COUNT
    assert first.of("pull_secret_link")["summary"]["linked"] == COUNT
    secrets = c3.core.list_secret_for_all_namespaces(field_selector="metadata.name=regcred").items
    accounts = c3.core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
    assert set(names) <= {secret.metadata.namespace for secret in secrets}
    linked = {one.metadata.namespace for one in accounts if [ref.name for ref in one.image_pull_secrets or []] == ["regcred"]}
    assert set(names) <= linked

    audit = c3.audit()
    second = ansible.tasks(tasks)

    assert second.exit_code == 0, second.output
    assert second.recap["localhost"]["changed"] == 0
    assert second.of("pull_secret")["summary"]["unchanged"] == COUNT
    assert second.of("pull_secret")["namespaces"] == []
    assert second.of("pull_secret_link")["summary"]["unchanged"] == COUNT
    assert audit.writes() == []
    # both modules list namespaces, and each its own objects
    asked = Counter(event["resource"] for event in audit.requests())
    assert asked["secrets"] + asked["namespaces"] // 2 <= 6
    assert asked["serviceaccounts"] + asked["namespaces"] // 2 <= 6
    assert sum(asked.values()) == second.of("pull_secret")["api_requests"] + second.of("pull_secret_link")["api_requests"]
