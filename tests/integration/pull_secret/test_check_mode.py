# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode tells what would be done, and no uid and no resourceVersion changes: deletes included."""

from __future__ import annotations

from typing import Any

from ansible_run import Ansible
from cluster_access import Access


def test_every_kind_of_change_is_reported_and_none_is_made(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = {name: f"{prefix}-{name}" for name in ("new", "other", "ours")}
    c2.make_namespaces(names.values())
    c2.wait_for_accounts(names.values())
    name = f"{prefix}-regcred"  # Secrets of other tests are no orphans of this one
    options = {**c2.connection, "namespaces": [f"{prefix}-*"]}
    secret = {"name": name, "registries": [registry]}
    changed = {"name": name, "registries": [{**registry, "password": "another-password"}]}
    ours = {**options, "namespaces": [names["ours"]]}
    ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**ours, **secret}},
            {"pullpass.registry.pull_secret_link": {**ours, "secrets": [name]}},
        ]
    )
    c2.kubectl(
        "create",
        "secret",
        "docker-registry",
        name,
        "-n",
        names["other"],
        "--docker-username=u",
        "--docker-password=p",
    )
    before = c2.versions()
    audit = c2.audit()

    run = ansible.tasks(
        [
            {"pullpass.registry.pull_secret": {**options, **changed, "adopt": True}},
            {"pullpass.registry.pull_secret": {**options, "name": name, "state": "absent", "adopt": True}},
            {"pullpass.registry.pull_secret_link": {**options, "secrets": [name]}},
            {"pullpass.registry.pull_secret_link": {**options, "secrets": [name], "state": "absent"}},
            {"pullpass.registry.pull_secret": {**options, **secret, "namespaces": ["not-there-yet"]}},
            {
                "pullpass.registry.pull_secret_link": {
                    **options,
                    "secrets": [name],
                    "namespaces": ["not-there-yet"],
                }
            },
        ],
        "--check",
        "--diff",
    )

    assert run.exit_code == 0, run.output
    written, removed, linked, unlinked, early, early_link = (line["result"] for line in run.results)
    assert {row["namespace"]: row["action"] for row in written["namespaces"]} == {
        names["new"]: "created",
        names["other"]: "updated",
        names["ours"]: "updated",
    }
    assert {row["namespace"]: row["action"] for row in removed["namespaces"]} == {
        names["other"]: "deleted",
        names["ours"]: "deleted",
    }
    assert (linked["summary"]["linked"], linked["summary"]["unchanged"]) == (2, 1)
    assert unlinked["summary"]["unlinked"] == 1
    assert early["namespaces"][0]["action"] == early_link["links"][0]["action"] == "skipped"
    assert c2.versions() == before
    # the server was asked, not only our plan
    assert {event["verb"] for event in audit.writes()} == {"create", "patch", "delete"}
    assert len(audit.writes()) == 8


def test_without_the_right_to_write_the_plan_alone_is_reported(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    c2.kubectl("create", "serviceaccount", "-n", prefix, "reader")
    c2.kubectl("create", "clusterrole", f"{prefix}-r", "--verb=get,list", "--resource=namespaces,secrets")
    c2.kubectl("create", "clusterrolebinding", f"{prefix}-r", f"--clusterrole={prefix}-r", f"--serviceaccount={prefix}:reader")
    options = {**c2.connection_as(c2.token_of(prefix, "reader")), "namespaces": [prefix]}

    run = ansible.tasks([{"pullpass.registry.pull_secret": {**options, "name": "regcred", "registries": [registry]}}], "--check")

    assert run.exit_code == 0, run.output
    (row,) = run.of("pull_secret")["namespaces"]
    assert row["action"] == "created"
    assert "not checked by the server: no right to create secrets" in row["message"]


def test_a_quota_speaks_up_in_check_mode(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    c2.make_namespaces([prefix])
    quota = {"metadata": {"name": "none", "namespace": prefix}, "spec": {"hard": {"count/secrets": "0"}}}
    c2.apply({"apiVersion": "v1", "kind": "ResourceQuota", **quota})

    run = ansible.tasks(
        [
            {
                "pullpass.registry.pull_secret": {
                    **c2.connection,
                    "name": "regcred",
                    "namespaces": [prefix],
                    "registries": [registry],
                }
            }
        ],
        "--check",
    )

    assert run.exit_code == 2
    assert "quota of the namespace forbids it" in run.of("pull_secret")["namespaces"][0]["message"]
