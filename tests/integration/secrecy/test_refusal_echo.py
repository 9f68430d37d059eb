# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A policy, a webhook and a proxy that repeat the Secret in what they say: nothing of it is shown, and who refused is named."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_run import Ansible
from cluster_access import Access, wait_until
from leaks import Finder
from leaks.echo_servers import hostile_api, repeated
from registry_servers import Reply, Request
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

OURS = "Zq7Unser-Passwort'\"9"
STRANGER = "Zq7Fremdes-Passwort-4"
OUR_AUTH = base64.b64encode(f"ci:{OURS}".encode()).decode()


def given(namespace: str, connection: dict[str, Any]) -> dict[str, Any]:
    """A merge into the document of somebody else."""
    entry = {"registry": "ours.example.com", "username": "ci", "password": OURS}
    return {
        **connection,
        "name": "regcred",
        "namespaces": [namespace],
        "registries": [entry],
        "purge_registries": False,
        "adopt": True,
    }


def make_stored(access: Access, namespace: str) -> None:
    access.make_namespaces([namespace])
    access.kubectl(
        "create", "secret", "docker-registry", "regcred", "-n", namespace,
        "--docker-server=stranger.example.com", "--docker-username=stranger", f"--docker-password={STRANGER}",
    )  # fmt: skip


def refused(ansible: Ansible, options: dict[str, Any]) -> str:
    """The message of the one row; and nothing of a secret anywhere in output or result."""
    variables = ansible.folder / f"given-{secrets.token_hex(4)}.json"
    variables.write_text(json.dumps({"given": options}))
    task = {"pullpass.registry.pull_secret": {name: f"{{{{ given['{name}'] }}}}" for name in options}}
    run = ansible.tasks([task], "-vvvv", "--diff", "-e", f"@{variables}")
    result = run.of("pull_secret")
    finder = Finder([OURS, STRANGER, OUR_AUTH])
    assert finder.found(run.output) == []
    assert finder.found(json.dumps(run.results, ensure_ascii=False)) == []
    assert result["namespaces"][0]["action"] == "failed", run.output
    message: str = result["namespaces"][0]["message"]
    return message


def admission(name: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, **spec}


def wait_for(access: Access, namespace: str, word: str) -> None:
    probe = {"metadata": {"name": "probe", "annotations": {"x": "y"}}}

    def in_force() -> bool:
        try:
            access.core.create_namespaced_secret(namespace, probe, dry_run="All")
        except Exception as error:
            return word in str(error)
        return False

    wait_until(in_force, 30, "admission that is in force")


def test_a_policy_that_repeats_the_secret(c2: Access, ansible: Ansible, prefix: str) -> None:
    make_stored(c2, prefix)
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": prefix}}
    says = "'no: ' + (has(object.data) ? object.data.map(k, k + '=' + string(object.data[k])).join(',') : 'nothing')"
    policy = {
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "false", "message": "no", "messageExpression": says}],
        }
    }
    binding = {"spec": {"policyName": prefix, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": chosen}}}
    c2.apply(
        admission(prefix, "ValidatingAdmissionPolicy", policy), admission(prefix, "ValidatingAdmissionPolicyBinding", binding)
    )
    try:
        wait_for(c2, prefix, "no")
        message = refused(ansible, given(prefix, c2.connection))
    finally:
        c2.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", prefix)
    assert message.startswith(f"admission policy '{prefix}' refused 'patch secrets regcred in namespace {prefix}' (422 Invalid)")


def repeating_webhook() -> Callable[[Request], Reply]:
    def answer(request: Request) -> Reply:
        review = json.loads(request.body)
        text = repeated(Request("POST", "/", request.headers, json.dumps(review["request"]["object"]).encode()))
        causes = [{"reason": text, "message": text, "field": text}]
        status = {"message": text, "reason": text, "code": 422, "details": {"name": text, "causes": causes}}
        response = {"uid": review["request"]["uid"], "allowed": False, "status": status}
        return Reply(200, (("Content-Type", "application/json"),), {**review, "request": None, "response": response})

    return answer


def test_a_webhook_that_repeats_the_secret(c2: Access, ansible: Ansible, prefix: str, serve: Serving) -> None:
    make_stored(c2, prefix)
    server = serve(repeating_webhook())
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    webhook = {
        "name": f"{prefix}.example.com",
        "clientConfig": {"url": f"{server.origin}/", "caBundle": base64.b64encode(serve.authority.pem.read_bytes()).decode()},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": prefix}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    c2.apply(admission(prefix, "ValidatingWebhookConfiguration", {"webhooks": [webhook]}))
    try:
        wait_for(c2, prefix, prefix)
        message = refused(ansible, given(prefix, c2.connection))
    finally:
        c2.kubectl("delete", "validatingwebhookconfiguration", prefix)
    assert message.startswith(f"admission webhook '{prefix}.example.com' refused 'patch secrets regcred in namespace {prefix}' (")
    assert server.requests


@pytest.mark.parametrize("status", [403, 422])
def test_a_proxy_that_repeats_the_secret(
    c2: Access, ansible: Ansible, prefix: str, serve: Serving, status: int, tmp_path: Path
) -> None:
    make_stored(c2, prefix)
    server = serve(hostile_api(prefix, c2.secret(prefix), status))
    ca = tmp_path / "ca.pem"
    ca.write_bytes(serve.authority.pem.read_bytes())
    connection = {"host": server.origin, "ca_cert": str(ca), "api_key": "Zq7-token-of-ours"}
    message = refused(ansible, given(prefix, connection))
    assert f"({'HTTP ' if status else ''}{status})" in message
