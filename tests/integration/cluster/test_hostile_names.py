# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that a tenant writes where the API server takes any text: with the operator's rights nothing else is read or called."""

from __future__ import annotations

import json
from typing import Any

from stuck_pods import create, named, pod_spec, pull_secret, set_status

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab

NAMES = (
    "../../{victim}/secrets/payroll",
    "../../{victim}/services/http:web:80/proxy/admin/delete?all=1",
    "../../../nodes/n1/proxy/configz",
    "../../../../../version",
    "/healthz",
    "%2e%2e/%2e%2e/{victim}/secrets/payroll",
    "a,b=c",
    "payroll?x#y;z",
    "Übel\u202e\n",
)


def owner(name: str) -> list[dict[str, Any]]:
    # a version that does not exist: the garbage collector cannot look for the owner, and keeps the Pod
    return [{"apiVersion": "apps/v9", "kind": "ReplicaSet", "name": name, "uid": "4f1c", "controller": True}]


def attack(access: Access, lab: Lab, tenant: str, victim: str, other: str) -> list[str]:
    """The victim's Secret is good for the image; the tenant's Pods and ServiceAccount name it, and more, from outside."""
    names = [name.format(victim=victim) for name in NAMES]
    registry, image = lab.registry("basic").host, lab.images["basic"]
    access.make_namespaces([tenant, victim, other])
    access.wait_for_accounts([tenant, victim, other])
    create(access, pull_secret(victim, "payroll", {registry: ("puller", lab.users["puller"])}))
    pods = [named("Pod", other, "web", pod_spec(image, secrets=("gone",)))]
    for number, name in enumerate(names):
        spec = pod_spec(image, secrets=(name,))
        pods.append(named("Pod", tenant, f"web-{number}", spec, ownerReferences=owner(name)))
    create(access, *pods)
    for namespace in (tenant, other):
        found = json.loads(access.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
        for pod in found:
            set_status(access, pod, "ImagePullBackOff")
    access.core.patch_namespaced_service_account("default", tenant, {"imagePullSecrets": [{"name": one} for one in names]})
    return names


def strays(access: Access, audit: Any, victim: str) -> list[str]:
    """Requests of ours that reach the victim, or what is not a list or an object of the kinds that are read."""
    known = ("namespaces", "secrets", "serviceaccounts", "pods", "events", "replicasets", None)
    return [
        event["requestURI"]
        for event in audit.requests()
        if (event.get("objectRef") or {}).get("namespace") == victim
        or (event.get("objectRef") or {}).get("resource") not in known
        or (event.get("objectRef") or {}).get("subresource")
        or ".." in event["requestURI"]
        or not event["requestURI"].startswith("/api")
    ]


def test_names_from_a_tenant_lead_nowhere_and_change_no_other_row(c2: Access, lab: Lab, ansible: Ansible, prefix: str) -> None:
    tenant, victim, other = (f"{prefix}-{name}" for name in ("tenant", "victim", "other"))
    names = attack(c2, lab, tenant, victim, other)
    places = {**c2.connection, "namespaces": [tenant, other]}
    access = {
        **c2.connection,
        "namespace": tenant,
        "images": [lab.images["basic"]],
        "registry_ca_cert": str(lab.ca),
        "allow_addresses": ["127.0.0.0/8"],
    }
    tasks: list[dict[str, Any]] = [
        {"pullpass.registry.pull_secret_info": {**places}},
        {"pullpass.registry.pull_recovery": {**places, "results": "all", "wait": False}, "check_mode": True},
        {"pullpass.registry.image_access_info": {**access, "pod": "web-0"}},
        {"pullpass.registry.image_access_info": {**access}},
        # what the caller wrote is an error at once
        {"pullpass.registry.image_access_info": {**access, "secrets": [names[0]]}, "ignore_errors": True},
        {"pullpass.registry.image_access_info": {**access, "pod": names[3]}, "ignore_errors": True},
        {"pullpass.registry.pull_secret_info": {**places, "names": [names[0]]}, "ignore_errors": True},
        {
            "pullpass.registry.pull_secret": {
                **places,
                "name": "regcred",
                "from_secret": {"namespace": tenant, "name": names[0]},
                "verify": "none",
            },
            "ignore_errors": True,
        },
    ]
    audit = c2.audit()

    run = ansible.tasks(tasks)

    assert run.exit_code == 0, run.output
    assert "Traceback" not in run.output
    assert "KeyError" not in run.output
    assert strays(c2, audit, victim) == []
    info, recovery, of_pod, of_account, *refused = [line["result"] for line in run.results]
    rows = {row["namespace"]: row for row in info["namespaces"]}
    assert len(rows[tenant]["service_accounts"][0]["missing"]) == len(names)
    assert all(one["cause"].startswith("missing Secret: no Secret can have the name") for one in rows[tenant]["stuck_pods"])
    assert len(rows[tenant]["stuck_pods"]) == len(names)
    assert rows[other]["stuck_pods"][0]["cause"].startswith("missing Secret: gone does not exist")
    assert {row["namespace"] for row in recovery["pods"]} == {tenant, other}
    assert {row["action"] for row in recovery["pods"]} == {"left"}
    for answer in (of_pod, of_account):
        assert answer["images"][0]["verdict"] != "pullable"
        assert not any(attempt["secret"] for attempt in answer["images"][0]["attempts"])
    assert [line["outcome"] for line in run.results[4:]] == ["failed"] * 4
    assert [answer["msg"].split(" ")[0] for answer in refused[:3]] == ["secrets", "pod", "names"]
    assert "does not exist" in refused[3]["msg"]
