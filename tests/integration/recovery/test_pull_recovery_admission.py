# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_recovery replace: what admission gave the old Pod or Job is not lost, though whoever runs it is exempt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stuck_pods import create, items, job_spec, link, named, pod_spec, pull_secret, recovery, set_status

from ansible_run import Ansible
from cluster_access import Access, wait_until

IMAGE = "registry.example.com/team/app:1"
API = "admissionregistration.k8s.io/v1"
OPERATOR = "pullpass-operator"
HARDENED = {
    "/spec/nodeSelector": '{"pool": "tenants"}',
    "/spec/automountServiceAccountToken": "false",
    "/metadata/labels/network": '"closed"',
}


def policy(name: str, namespace: str, resource: str, conditions: list[str], patches: dict[str, str]) -> list[dict[str, Any]]:
    """Sets ``patches`` (path -> value in CEL) where all conditions hold."""
    group, version = ("batch", "v1") if resource == "jobs" else ("", "v1")
    rule = {"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE"], "resources": [resource]}
    patch = ", ".join(f'JSONPatch{{op: "add", path: "{path}", value: {value}}}' for path, value in patches.items())
    of_namespace = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": f"c{number}", "expression": text} for number, text in enumerate(conditions)],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{patch}]"}}],
    }
    meta = {"metadata": {"name": name}}
    return [
        {"apiVersion": API, "kind": "MutatingAdmissionPolicy", **meta, "spec": spec},
        {
            "apiVersion": API,
            "kind": "MutatingAdmissionPolicyBinding",
            **meta,
            "spec": {"policyName": name, "matchResources": of_namespace},
        },
    ]


@contextmanager
def policies(access: Access, namespace: str) -> Iterator[None]:
    """Tenants get more; the operator gets other Jobs, and another Pod ``trap``, whose trial has another name."""
    tenants, operator = f"request.userInfo.username != '{OPERATOR}'", f"request.userInfo.username == '{OPERATOR}'"
    made = [
        *policy(f"{namespace}-pods", namespace, "pods", [tenants, "'harden' in object.metadata.labels"], HARDENED),
        *policy(f"{namespace}-jobs", namespace, "jobs", [operator], {"/spec/backoffLimit": "9"}),
        *policy(
            f"{namespace}-trap", namespace, "pods", [operator, "object.metadata.name == 'trap'"], {"/spec/hostNetwork": "true"}
        ),
    ]
    create(access, *made)
    try:
        yield
    finally:
        for item in made:
            access.kubectl("delete", item["kind"], item["metadata"]["name"])


def dry_run(access: Access, manifest: dict[str, Any], *arguments: str) -> dict[str, Any]:
    text = access.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", *arguments, stdin=json.dumps(manifest))
    found: dict[str, Any] = json.loads(text)
    return found


def test_what_the_operator_would_not_get_is_not_replaced(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    """Before, `hardened` came back without its node selector and label, with a token, and was called replaced."""
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    as_operator = ("--as", OPERATOR, "--as-group", "system:masters")
    hard = {"labels": {"harden": "yes"}}
    job = named("Job", prefix, "work", job_spec(pod_spec(IMAGE), backoffLimit=0))
    pods = [named("Pod", prefix, name, pod_spec(IMAGE)) for name in ("trap", "free")]
    with policies(c2, prefix):

        def in_force() -> bool:
            """The server needs a moment until a new policy counts."""
            return (
                "nodeSelector" in dry_run(c2, named("Pod", prefix, "hardened", pod_spec(IMAGE), **hard))["spec"]
                and bool(dry_run(c2, pods[0], *as_operator)["spec"].get("hostNetwork"))
                and dry_run(c2, job, *as_operator)["spec"]["backoffLimit"] == 9
            )

        wait_until(in_force, 60, "the policies")
        create(c2, named("Pod", prefix, "hardened", pod_spec(IMAGE), **hard), job, *pods)
        wait_until(lambda: len(items(c2, "pods", prefix)) == 4, 60, "all Pods")
        before = {pod["metadata"]["name"].partition("-")[0]: pod for pod in items(c2, "pods", prefix)}
        for pod in before.values():
            set_status(c2, pod, "ImagePullBackOff")
        create(c2, pull_secret(prefix, "regcred", {"registry.example.com": ("bot", "word")}))
        link(c2, prefix, "regcred")
        options = {"replace": ["bare_pods", "jobs"], "impersonate_user": OPERATOR, "impersonate_groups": ["system:masters"]}
        task = recovery(c2, [prefix], wait=False, **options)
        checked = ansible.tasks([task], "--check").of("pull_recovery")
        untouched = {pod["metadata"]["uid"] for pod in items(c2, "pods", prefix)}
        run = ansible.tasks([task], environment={"TMPDIR": str(tmp_path)})

    assert untouched == {pod["metadata"]["uid"] for pod in before.values()}
    reported = run.of("pull_recovery")
    rows = {row["pod"].partition("-")[0]: row for row in reported["pods"]}
    after = {pod["metadata"]["name"].partition("-")[0]: pod for pod in items(c2, "pods", prefix)}
    assert {name: row["action"] for name, row in rows.items()} == {
        "hardened": "left", "work": "left", "free": "replaced", "trap": "failed",
    }, reported  # fmt: skip
    assert checked["summary"] == {"recovering": 0, "evicted": 0, "replaced": 2, "left": 2, "blocked": 0, "failed": 0}
    for field in ("spec.nodeSelector", "spec.automountServiceAccountToken", "metadata.labels[network]"):
        assert field in rows["hardened"]["message"]
    assert "spec.backoffLimit" in rows["work"]["message"]
    for name in ("hardened", "work"):
        assert after[name]["metadata"]["uid"] == before[name]["metadata"]["uid"]
    assert after["free"]["metadata"]["uid"] != before["free"]["metadata"]["uid"]
    # no Pod that is more than the old one was, and the old one in a file
    (path,) = tmp_path.glob("pullpass-pod-*.json")
    assert "trap" not in after
    assert "spec.hostNetwork" in rows["trap"]["message"]
    assert str(path) in rows["trap"]["message"]
    assert json.loads(path.read_text())["spec"]["containers"] == before["trap"]["spec"]["containers"]
