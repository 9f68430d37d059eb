# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API server takes only as a new object: refused, or created again on request with the old one kept until then."""

from __future__ import annotations

import json
from typing import Any

from stored_secrets import TYPE, auth, each, entry, put, raw, read, row, rows, task

from ansible_run import Ansible
from cluster_access import Access, wait_until

OLD = f'{{"auths": {{{entry("a.example.com", "bot", "old-word")}}}}}'
TICKET = "example.com/ticket"


def test_another_type_and_an_immutable_one(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    typed, fixed = f"{prefix}-typed", f"{prefix}-fixed"
    c2.make_namespaces([typed, fixed])
    uids = {typed: put(c2, typed, OLD, kind="Opaque"), fixed: put(c2, fixed, OLD, immutable=True)}
    for name, used in (("holds", "regcred"), ("other", "another")):
        spec = {"containers": [{"name": "app", "image": "a.example.com/x"}], "imagePullSecrets": [{"name": used}]}
        c2.wait_for_accounts([fixed])
        c2.core.create_namespaced_pod(fixed, {"metadata": {"name": name}, "spec": spec})
    wanted = {"registries": [registry], "namespaces": [typed, fixed], "labels": {"team": "a"}}
    before = c2.versions()

    refused, merged, tried = each(
        ansible,
        [
            task(c2, prefix, **wanted),
            task(c2, prefix, **{**wanted, "namespaces": [typed]}, recreate=True, purge_registries=False),
            {**task(c2, prefix, **wanted, recreate=True), "check_mode": True},
        ],
    )

    assert c2.versions() == before
    assert {action for action, _why in [*rows(refused).values(), *rows(merged).values()]} == {"refused"}
    assert "type Opaque" in rows(refused)[typed][1]
    assert "immutable" in rows(refused)[fixed][1]
    assert all("recreate" in why for _action, why in rows(refused).values())
    assert {action for action, _why in rows(tried).values()} == {"replaced"}

    audit = c2.audit()
    (replaced,) = each(ansible, [task(c2, prefix, **wanted, recreate=True, immutable=True)])

    assert {action for action, _why in rows(replaced).values()} == {"replaced"}
    assert replaced["purged"] == ["a.example.com"]
    assert rows(replaced)[fixed][1].endswith("use the old content until they are deleted: holds")
    assert "holds" not in rows(replaced)[typed][1]
    for namespace, uid in uids.items():
        there = read(c2, namespace)
        assert there.metadata.uid != uid
        assert (there.type, there.immutable, there.metadata.labels["team"]) == (TYPE, True, "a")
        assert list(c2.document(namespace)["auths"]) == [registry["registry"]]
    # each: tried, deleted, created
    assert [event["verb"] for event in audit.writes() if event["objectRef"]["namespace"] == typed] == [
        "create",
        "delete",
        "create",
    ]

    again, loosened, reset = each(
        ansible,
        [
            task(c2, prefix, **wanted, recreate=True, immutable=True),
            task(c2, prefix, **wanted, immutable=False),
            task(c2, prefix, **wanted, immutable=False, recreate=True),
        ],
    )

    assert again["changed"] is False
    assert {action for action, _why in rows(loosened).values()} == {"refused"}
    assert {action for action, _why in rows(reset).values()} == {"replaced"}
    assert not read(c2, fixed).immutable


def test_metadata_of_an_immutable_one_can_change_and_a_mutable_one_can_be_fixed(
    c2: Access, ansible: Ansible, prefix: str
) -> None:
    fixed, loose = f"{prefix}-fixed", f"{prefix}-loose"
    c2.make_namespaces([fixed, loose])
    uids = [put(c2, fixed, OLD, immutable=True), put(c2, loose, OLD)]
    wanted = {"config": OLD, "labels": {"team": "a"}, "immutable": True}

    (done,) = each(ansible, [task(c2, f"{prefix}-*", **wanted)])

    assert {action for action, _why in rows(done).values()} == {"updated"}
    found = [read(c2, fixed), read(c2, loose)]
    assert [(one.metadata.uid, one.immutable, one.metadata.labels["team"]) for one in found] == [(uid, True, "a") for uid in uids]
    assert raw(c2, loose) == OLD


def refusing_policy(prefix: str) -> list[dict[str, Any]]:
    """Admission that lets the dry run through, which has another name, and refuses the object itself."""
    names = f"object.metadata.name == 'regcred' && '{TICKET}' in object.metadata.?annotations.orValue({{}})"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"]}
    api = "admissionregistration.k8s.io/v1"
    return [
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": prefix},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": f"!({names})", "message": "no tickets on regcred"}],
            },
        },
        {
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": prefix},
            "spec": {
                "policyName": prefix,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"{prefix}-policy"}}},
            },
        },
    ]


def test_what_the_server_refuses_leaves_the_old_one_there(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    policy, quota = f"{prefix}-policy", f"{prefix}-quota"
    c2.make_namespaces([policy, quota])
    c2.apply(*refusing_policy(prefix))
    hard = {"metadata": {"name": "one", "namespace": quota}, "spec": {"hard": {"count/secrets": "1"}}}
    c2.apply({"apiVersion": "v1", "kind": "ResourceQuota", **hard})
    put(c2, policy, OLD, immutable=True, annotations={"example.com/note": "mine"})
    uid = put(c2, quota, OLD, immutable=True)
    refused = {"metadata": {"name": "regcred", "annotations": {TICKET: "1"}}}

    def in_force() -> bool:
        try:
            c2.core.create_namespaced_secret(policy, refused, dry_run="All")
        except Exception as error:
            return "no tickets" in str(error)
        return False

    wait_until(in_force, 30, "a policy that is in force")
    wait_until(lambda: bool(c2.core.read_namespaced_resource_quota("one", quota).status.used), 30, "a quota that counts")
    audit = c2.audit()
    try:
        (result,) = each(
            ansible, [task(c2, f"{prefix}-*", recreate=True, registries=[registry], annotations={TICKET: "1"})], "--diff"
        )
    finally:
        c2.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", prefix)

    result_rows = rows(result)
    assert result_rows[policy][0] == result_rows[quota][0] == "failed"
    assert "the old one is restored" in result_rows[policy][1]
    assert f"admission policy '{prefix}' refused" in result_rows[policy][1]
    assert "quota" in result_rows[quota][1]
    assert [event["verb"] for event in audit.writes() if event["objectRef"]["namespace"] == policy] == [
        "create", "delete", "create", "create"
    ]  # fmt: skip
    for namespace in (policy, quota):
        assert raw(c2, namespace) == OLD
        assert read(c2, namespace).immutable is True
    assert read(c2, policy).metadata.annotations == {"example.com/note": "mine"}
    assert read(c2, quota).metadata.uid == uid


def test_pruned_and_orphaned(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    names = {name: f"{prefix}-{name}" for name in ("chosen", "left", "other-owner", "helm", "other-name")}
    c2.make_namespaces(names.values())
    ours = {"pullpass.registry/owner": prefix}
    put(c2, names["left"], OLD, labels=ours)
    put(c2, names["other-owner"], OLD, labels={"pullpass.registry/owner": f"{prefix}-b"})
    put(c2, names["helm"], OLD, labels={**ours, "app.kubernetes.io/managed-by": "Helm"})
    put(c2, names["other-name"], OLD, labels=ours, name="another")
    wanted = {"owner": prefix, "registries": [registry]}
    config = {"auths": {"a.example.com": {"auth": auth("bot", "old-word")}}}

    by_glob, by_name, preview = each(
        ansible,
        [
            task(c2, f"{prefix}-chos*", **wanted),
            task(c2, names["chosen"], **wanted),
            {**task(c2, names["chosen"], owner=prefix, config=config, prune=True), "check_mode": True},
        ],
    )

    actions = {one["namespace"]: one["action"] for one in by_glob["namespaces"]}
    assert actions == {names["chosen"]: "created", names["left"]: "orphaned"}
    assert by_glob["summary"]["orphaned"] == 1
    assert list(rows(by_name)) == [names["chosen"]]
    assert {name: action for name, (action, _why) in rows(preview).items()} == {
        names["chosen"]: "updated",
        names["left"]: "deleted",
    }

    pruned, again, refused = each(
        ansible,
        [
            task(c2, names["chosen"], **wanted, prune=True),
            task(c2, names["chosen"], **wanted, prune=True),
            task(c2, names["chosen"], owner=prefix, state="absent", prune=True),
        ],
    )

    assert rows(pruned)[names["left"]][0] == "deleted"
    assert pruned["purged"] == ["a.example.com"]
    assert again["changed"] is False
    assert "prune needs state present" in refused["msg"]
    assert row(again) == ("unchanged", "")
    assert c2.secret(names["left"]) is None
    assert raw(c2, names["other-owner"]) == raw(c2, names["helm"]) == raw(c2, names["other-name"], "another") == OLD


def test_a_selection_that_matches_nothing_prunes_nothing(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    given = {**c2.connection, "name": "regcred", "registries": [registry], "owner": prefix}
    run = ansible.tasks([{"pullpass.registry.pull_secret": {**given, "namespaces": [prefix]}}])
    assert run.exit_code == 0, run.output

    mistakes: list[dict[str, Any]] = [{"namespaces": []}, {"namespaces": ["no-such-*"]}, {"namespace_selectors": "no=such"}]
    run = ansible.tasks(
        [{"pullpass.registry.pull_secret": {**given, **one, "prune": True}, "ignore_errors": True} for one in mistakes]
    )

    assert all("would remove the Secret everywhere" in line["result"]["msg"] for line in run.results), run.output
    assert c2.secret(prefix) is not None


def least_rights(access: Access, namespace: str, prefix: str) -> dict[str, Any]:
    """Connection of an account that may see and write ServiceAccount default alone."""
    access.core.create_namespaced_service_account(namespace, {"metadata": {"name": "limited"}})
    rules = [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "create", "patch", "delete"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "patch"], "resourceNames": ["default"]},
    ]
    named = {"metadata": {"name": f"{prefix}-limited"}}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{prefix}-limited"}
    subject = {"kind": "ServiceAccount", "name": "limited", "namespace": namespace}
    access.rbac.create_cluster_role({**named, "rules": rules})
    access.rbac.create_cluster_role_binding({**named, "roleRef": reference, "subjects": [subject]})
    return access.connection_as(access.token_of(namespace, "limited"))


def test_pruned_secrets_are_unlinked_first_or_their_links_are_reported(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    """Before, ServiceAccounts named the pruned Secret for ever, and nothing said so."""
    names = {name: f"{prefix}-{name}" for name in ("chosen", "reported", "linked", "owned", "hidden")}
    c2.make_namespaces(names.values())
    c2.wait_for_accounts(names.values())

    def left(*places: str) -> None:
        for place in places:
            put(c2, names[place], OLD, labels={"pullpass.registry/owner": prefix})
            body = {"imagePullSecrets": [{"name": "other"}, {"name": "regcred"}]}
            c2.core.patch_namespaced_service_account("default", names[place], body)

    def in_chosen(**options: Any) -> dict[str, Any]:
        return task(c2, names["chosen"], owner=prefix, registries=[registry], prune=True, **options)

    left("reported")
    (reported,) = each(ansible, [in_chosen()])
    left("linked", "owned")
    applied = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "mine", "namespace": names["owned"]}}
    c2.kubectl("apply", "-f", "-", stdin=json.dumps({**applied, "imagePullSecrets": [{"name": "regcred"}]}))
    info = {"pullpass.registry.pull_secret_info": {**c2.connection, "namespaces": [names["chosen"], names["reported"]]}}
    run = ansible.tasks([{**in_chosen(prune_links=True), "check_mode": True}, info])
    preview, untouched = run.of("pull_secret"), run.of("pull_secret_info")
    assert c2.pull_secrets(names["linked"]) == ["other", "regcred"]
    pruned, again = each(ansible, [in_chosen(prune_links=True), in_chosen(prune_links=True)])

    assert rows(reported)[names["reported"]] == ("deleted", "ServiceAccount default still names it")
    assert "still name the removed Secret" in " ".join(reported["warnings"])
    assert c2.pull_secrets(names["reported"]) == ["other", "regcred"]
    (row_of,) = [one for one in untouched["namespaces"] if one["namespace"] == names["reported"]]
    (problem,) = row_of["problems"]
    assert problem.startswith("ServiceAccount default names Secret regcred, which does not exist")
    assert rows(preview) == rows(pruned)
    assert rows(pruned)[names["linked"]] == ("deleted", "unlinked from ServiceAccount default")
    action, why = rows(pruned)[names["owned"]]
    assert (action, "because ServiceAccount mine still names it" in why) == ("refused", True)
    assert c2.pull_secrets(names["linked"]) == ["other"]
    assert (c2.secret(names["linked"]), c2.secret(names["owned"]) is None) == (None, False)
    c2.kubectl("delete", "secret", "-n", names["owned"], "regcred")
    left("hidden")
    least = least_rights(c2, names["chosen"], prefix)
    (hidden,) = each(ansible, [in_chosen(prune_links=True, kubeconfig=None, context=None, **least)])
    action, why = rows(hidden)[names["hidden"]]
    assert (action, why.startswith("unlinked from ServiceAccount default; whether other")) == ("deleted", True)
    assert c2.pull_secrets(names["hidden"]) == ["other"]
    assert again["changed"] is False
