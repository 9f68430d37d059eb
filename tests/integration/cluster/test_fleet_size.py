# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Five hundred namespaces: all of them served at once, and a second run that writes nothing and asks little."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_run import LOCALHOST, Ansible, finished
from cluster_access import Access, Audit, wait_until
from lab import Lab
from lab.places import Instance
from lab.processes import Processes

COUNT = 500
WORKERS = 16


@contextmanager
def without_controllers(lab: Lab, cluster: str) -> Iterator[int]:
    """Nobody makes a ServiceAccount meanwhile; gives the process, which goes on at the end whatever happens."""
    controllers = Processes(Instance.named(lab.instance)).find(f"{cluster}-kube-controller-manager")
    assert controllers is not None
    assert controllers.alive()
    os.kill(controllers.pid, signal.SIGSTOP)
    try:
        yield controllers.pid
    finally:
        os.kill(controllers.pid, signal.SIGCONT)


def most_at_once(events: list[dict[str, Any]]) -> int:
    """How many requests the server had before it at one moment."""
    moments = [(event["requestReceivedTimestamp"], 1) for event in events]
    # what ends at the very moment at which another comes is over
    moments += [(event["stageTimestamp"], -1) for event in events]
    most = now = 0
    for _moment, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def looks_at_accounts(audit: Audit) -> int:
    return sum(event["resource"] == "serviceaccounts" and event["verb"] == "list" for event in audit.requests())


def tasks_for(access: Access, names: str, registry: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """The connection comes from the action group, as a play gives it once for all modules of the collection."""
    chosen = {"namespaces": [names], **options}
    tasks = [
        {"pullpass.registry.pull_secret": {**chosen, "name": "regcred", "owner": names.rstrip("-*"), "registries": [registry]}},
        {"pullpass.registry.pull_secret_link": {**chosen, "secrets": ["regcred"]}},
    ]
    return [{"module_defaults": {"group/pullpass.registry.kubernetes": access.connection}, "block": tasks}]


def test_new_namespaces_get_everything_and_a_second_run_writes_nothing(
    lab: Lab, c3: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = [f"{prefix}-{number:03}" for number in range(COUNT)]
    tasks = tasks_for(c3, f"{prefix}-*", registry, workers=WORKERS)
    audit = c3.audit()
    with without_controllers(lab, "c3"):
        c3.make_namespaces(names)
        process, results = ansible.start(ansible.play(tasks), LOCALHOST)
        try:
            wait_until(lambda: looks_at_accounts(audit) > 0 or process.poll() is not None, 60, "a look at ServiceAccounts")
            early = c3.core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
            assert process.poll() is None
        except BaseException:
            process.kill()
            raise
    output, _errors = process.communicate(timeout=120)
    first = finished(process, output, results)

    assert not set(names) & {account.metadata.namespace for account in early}, "they were there before anybody looked"
    assert looks_at_accounts(audit) > 1
    assert first.exit_code == 0, first.output
    assert first.of("pull_secret")["summary"]["created"] == COUNT
    assert first.of("pull_secret_link")["summary"]["linked"] == COUNT
    secrets = c3.core.list_secret_for_all_namespaces(field_selector="metadata.name=regcred").items
    accounts = c3.core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
    assert set(names) <= {secret.metadata.namespace for secret in secrets}
    linked = {one.metadata.namespace for one in accounts if [ref.name for ref in one.image_pull_secrets or []] == ["regcred"]}
    assert set(names) <= linked
    for verb in ("create", "patch"):
        writes = [event for event in audit.writes() if event["verb"] == verb]
        assert len(writes) == COUNT
        assert 4 <= most_at_once(writes) <= WORKERS

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


def test_one_worker_sends_one_request_at_a_time(c3: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    names = [f"{prefix}-{number:02}" for number in range(24)]
    c3.make_namespaces(names)
    c3.wait_for_accounts(names)
    audit = c3.audit()

    run = ansible.tasks(tasks_for(c3, f"{prefix}-*", registry, workers=1))

    assert run.exit_code == 0, run.output
    assert len(audit.writes()) == 2 * len(names)
    assert most_at_once(audit.requests()) == 1


def test_without_waiting_a_late_account_is_a_failure(lab: Lab, c3: Access, ansible: Ansible, prefix: str) -> None:
    """What the wait is for: none of them is linked without it."""
    with without_controllers(lab, "c3"):
        c3.make_namespaces([prefix])
        run = ansible.tasks(
            [
                {
                    "pullpass.registry.pull_secret_link": {
                        **c3.connection,
                        "namespaces": [prefix],
                        "secrets": ["regcred"],
                        "wait_for_service_accounts": 0,
                    }
                }
            ]
        )

    assert run.exit_code == 2
    assert "the ServiceAccount does not exist" in run.of("pull_secret_link")["msg"]
