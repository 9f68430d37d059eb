# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets of somebody else: refused, warned about, or adopted on request; ours are compared by meaning."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ansible_run import Ansible, Run
from cluster_access import Access

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OWNER = "pullpass.registry/owner"
WANTED = {"registry": "registry.example.com", "username": "bot", "password": "right-password"}


def secret(namespace: str, password: str, **metadata: Any) -> dict[str, Any]:
    auth = base64.b64encode(f"bot:{password}".encode()).decode()
    document = json.dumps({"auths": {"registry.example.com": {"auth": auth}}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "regcred", "namespace": namespace, **metadata},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(document.encode()).decode()},
    }


def pull_secret(ansible: Ansible, access: Access, namespace: str, **options: Any) -> Run:
    given = {"name": "regcred", "namespaces": [namespace], "registries": [WANTED], **options}
    return ansible.tasks([{"pullpass.registry.pull_secret": {**access.connection, **given}}])


def only_row(run: Run) -> dict[str, str]:
    (row,) = run.of("pull_secret")["namespaces"]
    return dict(row)


def test_made_by_kubectl_apply_refused_then_adopted(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.apply(secret(prefix, "old-password"))
    before = c2.versions()

    refused = pull_secret(ansible, c2, prefix)

    assert refused.exit_code == 2
    assert only_row(refused)["action"] == "refused"
    assert "adopt" in only_row(refused)["message"]
    assert c2.versions() == before

    adopted = pull_secret(ansible, c2, prefix, adopt=True)

    assert adopted.exit_code == 0, adopted.output
    assert only_row(adopted)["action"] == "updated"
    found = c2.secret(prefix)
    assert found is not None
    assert found["metadata"]["labels"] == {OWNER: "default"}
    assert LAST_APPLIED not in found["metadata"].get("annotations", {})
    assert c2.document(prefix)["auths"]["registry.example.com"]["password"] == WANTED["password"]
    assert pull_secret(ansible, c2, prefix).of("pull_secret")["changed"] is False


def test_equal_and_not_ours_is_unchanged_and_warned_about(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.apply(secret(prefix, WANTED["password"]))
    before = c2.versions()

    run = pull_secret(ansible, c2, prefix)

    assert run.exit_code == 0
    assert run.of("pull_secret")["summary"]["unchanged"] == 1
    assert "the next change will be refused" in run.output
    assert c2.versions() == before


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"labels": {OWNER: "team-red"}}, "owner 'team-red'"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"annotations": {"meta.helm.sh/release-name": "web"}}, "Helm (meta.helm.sh/release-name: web)"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "web:/Secret:x/y"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
        ({"annotations": {"reflector.v1.k8s.emberstack.com/reflects": "a/b"}}, "Reflector"),
    ],
    ids=["another owner", "Helm label", "Helm annotation", "Argo CD", "Flux", "Reflector"],
)
def test_what_others_manage_is_refused_by_name(
    c2: Access, ansible: Ansible, prefix: str, metadata: dict[str, Any], named: str
) -> None:
    c2.make_namespaces([prefix])
    c2.core.create_namespaced_secret(prefix, secret(prefix, "old-password", **metadata))
    before = c2.versions()
    by_tool = OWNER not in metadata.get("labels", {})

    run = pull_secret(ansible, c2, prefix, adopt=by_tool)

    assert run.exit_code == 2
    assert only_row(run)["action"] == "refused"
    assert named in only_row(run)["message"]
    assert c2.versions() == before


def test_what_an_object_owns_is_refused_even_to_be_removed(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    owner = c2.core.create_namespaced_config_map(prefix, {"metadata": {"name": "sealed"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "sealed", "uid": owner.metadata.uid}
    c2.core.create_namespaced_secret(prefix, secret(prefix, "old-password", ownerReferences=[reference]))

    removed = pull_secret(ansible, c2, prefix, state="absent", adopt=True)
    skipped = pull_secret(ansible, c2, prefix, state="absent")

    assert only_row(removed)["action"] == "refused"
    assert "ConfigMap sealed (ownerReference)" in only_row(removed)["message"]
    assert only_row(skipped)["action"] == "skipped"
    assert c2.secret(prefix) is not None


def test_removal_leaves_what_is_not_ours(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.apply(secret(prefix, "old-password"))

    skipped = pull_secret(ansible, c2, prefix, state="absent")
    assert skipped.exit_code == 0
    assert only_row(skipped)["action"] == "skipped"
    assert c2.secret(prefix) is not None

    taken = pull_secret(ansible, c2, prefix, state="absent", adopt=True)
    assert only_row(taken)["action"] == "deleted"
    assert taken.of("pull_secret")["purged"] == ["registry.example.com"]
    assert c2.secret(prefix) is None
    assert pull_secret(ansible, c2, prefix, state="absent").of("pull_secret")["changed"] is False


def test_ours_in_another_form_is_unchanged(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    auth = base64.b64encode(f"bot:{WANTED['password']}".encode()).decode()
    document = f'''{{ "other": 1,
      "auths": {{ "https://registry.example.com/v2/": {{ "auth": "{auth}", "password": "ignored" }} }} }}'''
    body = secret(prefix, "", labels={OWNER: "default"})
    body["data"] = {".dockerconfigjson": base64.b64encode(document.encode()).decode()}
    c2.core.create_namespaced_secret(prefix, body)

    run = pull_secret(ansible, c2, prefix)

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["summary"]["unchanged"] == 1


def test_ours_is_brought_back_and_others_registries_are_purged(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    pull_secret(ansible, c2, prefix, registries=[WANTED, {**WANTED, "registry": "old.example.com"}])

    run = pull_secret(ansible, c2, prefix, labels={"team": "a"}, annotations={"example.com/ticket": "42"})

    assert only_row(run)["action"] == "updated"
    assert run.of("pull_secret")["purged"] == ["old.example.com"]
    assert list(c2.document(prefix)["auths"]) == ["registry.example.com"]
    found = c2.secret(prefix)
    assert found is not None
    assert found["metadata"]["labels"]["team"] == "a"
    assert found["metadata"]["annotations"] == {"example.com/ticket": "42"}


def test_a_wrong_type_and_an_immutable_one_are_refused(c2: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-opaque", f"{prefix}-fixed"]
    c2.make_namespaces(names)
    body = secret(names[0], "old-password", labels={OWNER: "default"})
    c2.core.create_namespaced_secret(names[0], {**body, "type": "Opaque"})
    body = secret(names[1], "old-password", labels={OWNER: "default"})
    c2.core.create_namespaced_secret(names[1], {**body, "immutable": True})

    run = pull_secret(ansible, c2, f"{prefix}-*")

    rows = {row["namespace"]: row for row in run.of("pull_secret")["namespaces"] if row["namespace"] in names}
    assert {row["action"] for row in rows.values()} == {"refused"}
    assert "type Opaque" in rows[names[0]]["message"]
    assert "immutable" in rows[names[1]]["message"]
