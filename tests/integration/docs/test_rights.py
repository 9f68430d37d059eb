# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rights of docs/rbac.yml are enough, and none of the first role is more than needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from documented_rights import NAMES, documented_role, documented_rules
from stuck_pods import create

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab


def least_role() -> dict[str, Any]:
    return documented_role("pullpass")


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
    chosen = {"cluster_pull_access_namespaces": [f"{prefix}-*"], "pullpass_registries": [registry]}
    host = {**host, **chosen, "cluster_pull_access_verify": "none"}
    inventory = {"clusters": {"hosts": {"c": host}}}
    another = json.dumps({"pullpass_registries": [{**registry, "password": "another-password"}]})
    return [
        ansible.playbook("pullpass.registry.rollout", inventory),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", another),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", another),
        ansible.playbook("pullpass.registry.rollout", inventory, "-e", "pullpass_state=absent"),
    ]


def test_the_least_role_is_enough(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    runs = there_and_back(c2, ansible, prefix, least_role()["rules"], registry)

    assert [run.exit_code for run in runs] == [0, 0, 0, 0], runs[0].output
    assert [run.recap["c"]["changed"] for run in runs] == [2, 1, 0, 2]


def without(rules: list[dict[str, Any]], resource: str, verb: str) -> list[dict[str, Any]]:
    kept = []
    for rule in rules:
        verbs = [one for one in rule["verbs"] if rule["resources"] != [resource] or one != verb]
        kept += [{**rule, "verbs": verbs}] if verbs else []
    assert kept != rules, f"docs/rbac.yml does not grant {verb} on {resource}"
    return kept


@dataclass(frozen=True)
class Case:
    """What cannot be done without one verb, in ``{namespace}`` unless options say another, and how that is reported."""

    module: str
    options: dict[str, Any]
    reported: str


SECRET: dict[str, Any] = {
    "name": "regcred",
    "registries": [{"registry": "registry.example.com", "username": "bot", "password": "another-word"}],
}
LINK = {"secrets": ["regcred"], "wait_for_service_accounts": 0}
# a list of Secrets or ServiceAccounts that is refused makes them be read one by one: then it is get that is missing too
NEEDED = {
    ("namespaces", "list"): Case("pull_secret", {**SECRET, "namespaces": ["{namespace}*"]}, "list namespaces in all namespaces"),
    ("secrets", "create"): Case("pull_secret", {**SECRET, "namespaces": ["{namespace}-new"]}, "create secrets (403"),
    ("secrets", "get"): Case("pull_secret", SECRET, "get secrets regcred (403"),
    ("secrets", "patch"): Case("pull_secret", SECRET, "patch secrets regcred (403"),
    ("secrets", "delete"): Case("pull_secret", {"name": "regcred", "state": "absent"}, "delete secrets regcred (403"),
    ("serviceaccounts", "get"): Case("pull_secret_link", LINK, "get serviceaccounts default (403"),
    ("serviceaccounts", "patch"): Case("pull_secret_link", LINK, "patch serviceaccounts default (403"),
}
SPARED = {
    ("secrets", "list"): Case("pull_secret", {**SECRET, "namespaces": ["{namespace}*"]}, "secrets"),
    ("serviceaccounts", "list"): Case("pull_secret_link", {**LINK, "namespaces": ["{namespace}*"]}, "serviceaccounts"),
}
# without it a namespace that is not there looks like any other
MISSING = Case("pull_secret", {**SECRET, "namespaces": ["{namespace}-missing"]}, "create it first, or correct its name")
TOLD_BETTER = {("namespaces", "get"): MISSING}


def task_of(access: Access, case: Case, token: str, namespace: str) -> dict[str, Any]:
    chosen = [name.format(namespace=namespace) for name in case.options.get("namespaces", ["{namespace}"])]
    options = {**access.connection_as(token), **case.options, "namespaces": chosen}
    return {f"pullpass.registry.{case.module}": options, "ignore_errors": True}


def test_nothing_in_it_can_be_left_out(c2: Access, ansible: Ansible, prefix: str) -> None:
    """One account for each verb that is left out, and one that has them all."""
    rules = least_role()["rules"]
    cases = {**NEEDED, **SPARED, **TOLD_BETTER}
    assert cases.keys() == {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    names = {left_out: f"{prefix}-{'-'.join(left_out)}" for left_out in cases}
    spare = [f"{name}-new" for name in names.values()]
    c2.make_namespaces([*names.values(), *spare])
    c2.wait_for_accounts([*names.values(), *spare])
    roles, bindings = [], []
    granted = [(name, without(rules, *left_out)) for left_out, name in names.items()]
    for name, some in [*granted, (f"{prefix}-all", rules)]:
        c2.kubectl("create", "serviceaccount", "-n", spare[0], name)
        role = {**least_role(), "metadata": {"name": name}, "rules": some}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": spare[0]}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        kind = {"apiVersion": role["apiVersion"], "kind": "ClusterRoleBinding", "metadata": {"name": name}}
        roles.append(role)
        bindings.append({**kind, "subjects": [subject], "roleRef": reference})
    c2.apply(*roles, *bindings)
    options = {**c2.connection, **SECRET, "namespaces": [f"{prefix}-*"], "exclude_namespaces": ["*-new"]}
    old = [{"registry": "registry.example.com", "username": "bot", "password": "old-password"}]
    tasks = [{"pullpass.registry.pull_secret": {**options, "registries": old}}]
    tasks += [task_of(c2, case, c2.token_of(spare[0], names[left_out]), names[left_out]) for left_out, case in cases.items()]
    everything = c2.token_of(spare[0], f"{prefix}-all")
    tasks += [task_of(c2, case, everything, names[left_out]) for left_out, case in TOLD_BETTER.items()]

    run = ansible.tasks(tasks)

    made, *results = [line["result"] for line in run.results]
    assert made["summary"]["created"] == len(names)
    found = dict(zip(cases, results, strict=False))
    for left_out, case in NEEDED.items():
        assert f"no right to {case.reported}" in found[left_out]["msg"], (left_out, found[left_out]["msg"])
    for left_out, case in SPARED.items():
        assert found[left_out]["summary"]["failed"] == 0, found[left_out]["msg"]
        assert found[left_out]["changed"] is True
        # it is read one by one instead, which is dear for many
        assert found[left_out]["api_requests"] > 3, case
    ((left_out, case),) = TOLD_BETTER.items()
    assert case.reported in results[-1]["msg"]
    assert case.reported not in found[left_out]["msg"]


# what test_pull_recovery_guards.py tries with the rights of one namespace
OF_RECOVERY = {"pullpass-recovery-report", "pullpass-recovery-evict", "pullpass-recovery-replace"}


def account_with(access: Access, namespace: str, name: str, *roles: str) -> str:
    """A token of an account that has the first role and these, everywhere."""
    access.kubectl("create", "serviceaccount", "-n", namespace, name)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{namespace}-{name}"}
    role = {**least_role(), "metadata": {"name": reference["name"]}, "rules": documented_rules("pullpass", *roles)}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    binding = {**role, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference}
    access.apply(role, {key: value for key, value in binding.items() if key != "rules"})
    return access.token_of(namespace, name)


def test_each_further_role_has_a_test() -> None:
    assert {*OF_RECOVERY, "pullpass", "pullpass-workloads", "pullpass-prune", "pullpass-canary"} == NAMES


def test_the_roles_for_workloads_and_prune_are_enough(c2: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-kept", f"{prefix}-left"]
    c2.make_namespaces(names)
    c2.wait_for_accounts(names)
    pod = {"containers": [{"name": "app", "image": "registry.example.com/app"}], "imagePullSecrets": [{"name": "other"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    kinds = {
        "Deployment": ("apps/v1", {"selector": {"matchLabels": {"app": "web"}}, "replicas": 0, "template": template}),
        "ReplicationController": ("v1", {"selector": {"app": "web"}, "replicas": 0, "template": template}),
        "CronJob": (
            "batch/v1",
            {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": {**pod, "restartPolicy": "Never"}}}}},
        ),
    }
    create(
        c2,
        *(
            {"apiVersion": version, "kind": kind, "metadata": {"name": "web", "namespace": names[0]}, "spec": spec}
            for kind, (version, spec) in kinds.items()
        ),
    )
    secret = {**SECRET, "owner": prefix, "namespaces": [f"{prefix}-*"]}
    link = {"secrets": ["regcred"], "namespaces": [f"{prefix}-*"]}
    every_kind = [{"kind": kind} for kind in (*kinds, "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")]
    workloads = c2.connection_as(account_with(c2, names[0], "workloads", "pullpass-workloads"))
    prune = c2.connection_as(account_with(c2, names[0], "prune", "pullpass-prune"))

    run = ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**c2.connection, **secret}},
            {"pullpass.registry.pull_secret_link": {**c2.connection, **link}},
            {"pullpass.registry.pull_secret_link": {**workloads, **link, "workloads": every_kind}},
            {
                "pullpass.registry.pull_secret": {
                    **prune,
                    **secret,
                    "namespaces": [f"{prefix}-kept*"],
                    "prune": True,
                    "prune_links": True,
                }
            },
        ]
    )

    assert run.exit_code == 0, run.output
    _made, _linked, of_workloads, pruned = [line["result"] for line in run.results]
    assert (of_workloads["summary"]["linked"], of_workloads["summary"]["failed"]) == (len(kinds), 0)
    assert (pruned["summary"]["deleted"], pruned["summary"]["unchanged"]) == (1, 1)
    assert c2.pull_secrets(names[1]) == []


def test_the_role_for_canaries_is_enough(c1: Access, ansible: Ansible, prefix: str, node: str, lab: Lab) -> None:
    c1.make_namespaces([prefix])
    c1.wait_for_accounts([prefix])
    login = {"registry": lab.registry("basic").host, "username": "puller", "password": lab.users["puller"]}
    connection = c1.connection_as(account_with(c1, prefix, "canary", "pullpass-canary"))
    chosen = {**connection, "namespaces": [prefix]}

    run = ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**chosen, "name": "regcred", "registries": [login]}},
            {"pullpass.registry.pull_secret_link": {**chosen, "secrets": ["regcred"]}},
            {"pullpass.registry.pull_canary": {**chosen, "image": lab.images["basic"], "nodes": "all"}},
        ]
    )

    assert run.exit_code == 0, run.output
    assert {row["node"] for row in run.of("pull_canary")["nodes"] if row["pulled"]} == {node}
