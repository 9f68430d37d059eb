# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real MutatingAdmissionPolicy that changes what is written: reported as a failure, in check mode too, not as "created"."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_run import Ansible
from cluster_access import Access

OWNER = "pullpass.registry/owner"
API = "admissionregistration.k8s.io/v1"
# namespace suffix -> what the policy bound to it changes: API group, resource, and the JSON patch (CEL)
SECRETS, ACCOUNTS, DEPLOYMENTS = ("", "secrets"), ("", "serviceaccounts"), ("apps", "deployments")
ROBBED = '[JSONPatch{op: "add", path: "/%s", value: [Object.%s{name: "robbed"}]}]'
POLICIES = {
    "data": (SECRETS, '[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey(".dockerconfigjson"), value: "e30="}]'),
    "owner": (SECRETS, f'[JSONPatch{{op: "remove", path: "/metadata/labels/" + jsonpatch.escapeKey("{OWNER}")}}]'),
    "account": (ACCOUNTS, ROBBED % ("imagePullSecrets", "imagePullSecrets")),
    "deployment": (
        DEPLOYMENTS,
        ROBBED % ("spec/template/spec/imagePullSecrets", "spec.template.spec.imagePullSecrets"),
    ),
}
WORDS = {
    "data": "data[.dockerconfigjson] has another value",
    "owner": f"label {OWNER} was removed",
    "account": "imagePullSecrets is now [robbed]",
    "deployment": "imagePullSecrets is now [robbed]",
}


def deployment(namespace: str) -> dict[str, Any]:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "registry.example.com/app"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}, "spec": spec}


def policy(prefix: str, name: str, variables_type: str = "JSONPatch") -> list[dict[str, Any]]:
    (group, resource), expression = POLICIES[name]
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"{prefix}-{name}"}}}
    metadata = {"name": f"{prefix}-{name}"}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": variables_type, "jsonPatch": {"expression": expression}}],
    }
    binding = {"policyName": metadata["name"], "matchResources": where}
    return [
        {"apiVersion": API, "kind": "MutatingAdmissionPolicy", "metadata": metadata, "spec": spec},
        {"apiVersion": API, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata, "spec": binding},
    ]


@pytest.fixture
def mutated(c2: Access, prefix: str) -> Iterator[dict[str, str]]:
    """Namespaces by the policy that changes something in each, and one, ``free``, without a policy. All are in force."""
    places = {name: f"{prefix}-{name}" for name in (*POLICIES, "free")}
    c2.make_namespaces(places.values())
    c2.wait_for_accounts(places.values())
    c2.apply(*[deployment(place) for place in places.values()])
    c2.apply(*[manifest for name in POLICIES for manifest in policy(prefix, name)])
    try:
        wait_for(c2, places)
        yield places
    finally:
        names = [f"{prefix}-{name}" for name in POLICIES]
        c2.kubectl("delete", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", *names, "--wait=false")


def wait_for(access: Access, places: dict[str, str]) -> None:
    """By dry runs: a policy is in force a moment after it was created."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {".dockerconfigjson": "e30="},
        "type": "kubernetes.io/dockerconfigjson",
    }
    probes = {
        "owner": {**secret, "metadata": {"name": "probe", "namespace": places["owner"], "labels": {OWNER: "x"}}},
        "account": {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "probe", "namespace": places["account"]},
        },
    }
    data = {".dockerconfigjson": "e30K"}
    probes["data"] = {**secret, "data": data, "metadata": {"name": "probe", "namespace": places["data"]}}
    probes["deployment"] = {**deployment(places["deployment"]), "metadata": {"name": "probe", "namespace": places["deployment"]}}
    in_force = {
        "owner": lambda made: OWNER not in json.dumps(made),
        "account": lambda made: "robbed" in json.dumps(made),
        "data": lambda made: made["data"] != data,
        "deployment": lambda made: "robbed" in json.dumps(made),
    }
    deadline = time.monotonic() + 60
    for name, probe in probes.items():
        while not in_force[name](
            json.loads(access.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(probe)))
        ):
            assert time.monotonic() < deadline, f"the policy {name} is not in force"
            time.sleep(0.5)


def test_what_a_mutating_policy_changes_is_a_failure_that_says_what(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], mutated: dict[str, str]
) -> None:
    secret = {
        "pullpass.registry.pull_secret": {
            **c2.connection,
            "name": "mutated",
            "registries": [registry],
            "namespaces": [f"{prefix}-*"],
            "results": "all",
        },
        "ignore_errors": True,
    }
    links = {
        "pullpass.registry.pull_secret_link": {
            **c2.connection,
            "secrets": ["mutated"],
            "namespaces": [f"{prefix}-*"],
            "service_accounts": ["default"],
            "workloads": [{"kind": "Deployment", "name": "web"}],
            "results": "all",
        },
        "ignore_errors": True,
    }
    audit = c2.audit()

    run = ansible.tasks([{**secret, "check_mode": True}, {**links, "check_mode": True}, secret, links])

    results = [(line["action"].rpartition(".")[2], line["result"]) for line in run.results if "pullpass" in line["action"]]
    assert [name for name, _result in results] == ["pull_secret", "pull_secret_link"] * 2, run.output
    assert registry["password"] not in run.output
    for name, result in results:
        rows = result["namespaces" if name == "pull_secret" else "links"]
        assert (result["summary"]["failed"], result["changed"]) == (2, True)
        for row in rows:
            place = row["namespace"].rpartition("-")[2]
            changed = place in ("data", "owner") if name == "pull_secret" else place == row["kind"].lower().replace("service", "")
            good = "created" if name == "pull_secret" else "linked"
            assert row["action"] == ("failed" if changed else good), row
            if changed:
                assert "admission on the server changed what was written" in row["message"]
                assert WORDS[place] in row["message"]
    # one write for each object in each mode, and nothing is read again
    sent = [event for event in audit.requests() if event["verb"] in ("create", "patch")]
    assert len(sent) == 2 * (len(mutated) + 2 * len(mutated))
    assert not [event for event in audit.requests() if event["verb"] == "get" and event["objectRef"].get("name") == "mutated"]


def test_a_stripped_owner_label_is_a_failure_in_the_next_run_as_well(
    c2: Access, ansible: Ansible, registry: dict[str, Any], mutated: dict[str, str]
) -> None:
    """Without the label the Secret looks like somebody else's with the desired content, which is unchanged but warned of."""
    options = {**c2.connection, "name": "mutated", "registries": [registry], "namespaces": [mutated["owner"]], "results": "all"}
    first = {"pullpass.registry.pull_secret": options, "ignore_errors": True}
    adopting = {"pullpass.registry.pull_secret": {**options, "adopt": True}, "ignore_errors": True}

    run = ansible.tasks([first, first, adopting])

    rows = [line["result"]["namespaces"][0] for line in run.results if "pull_secret" in line["action"]]
    assert [row["action"] for row in rows] == ["failed", "unchanged", "failed"]
    assert "the next change will be refused" in rows[1]["message"]
    assert f"label {OWNER} was removed" in rows[2]["message"]
