# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that tenants write into their objects: no request leaves the objects that were asked for, and no other row changes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._audit.model import AuditQuery
from ansible_collections.pullpass.registry.plugins.module_utils._audit.run import audit
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import RESOURCES, resource_path
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.validation import (
    check_object_name,
    fields_equal,
    is_name,
    labels_equal,
)
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.pod_secrets import (
    secrets_named,
    secrets_of_account,
    secrets_of_pod,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import FailureKind, InputError, RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.plan import RecoveryPolicy
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.run import RecoveryOptions, recover
from recording_api_server import RecordingServer, recording_server

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
MANY = 10_000
# what was sent, or crashed, before names were looked at
NAMED = (
    "../../victim/secrets/payroll",
    "../../victim/services/http:web:80/proxy/admin/delete?all=1",
    "../../../nodes/n1/proxy/configz",
    "../../../../../version",
    "/healthz",
    "..",
    ".",
    "a,b=c",
    "a\\,b",
    "",
)
PIECES = [
    *("..", ".", "/", "../", "//", "\\", "%2e", "%2E%2e", "%2f", "%252e", "?", "#", ";", "&", "=", ",", "a", "x-1", "REG", "_"),
    *(
        "é",
        "ß",
        "²",
        "\u202e",
        "\ufeff",
        "\uff0e",
        "\u2024",
        "\x00",
        "\r\n",
        "\t",
        "\x1b",
        "secrets",
        "proxy",
        " ",
        "*",
        "@",
        ":",
    ),
]
# every path that a tenant's object may lead to
HOME = re.compile(
    r"/api/v1/(pods|serviceaccounts|secrets|namespaces/(tenant|other)/(pods|serviceaccounts|secrets|events))(/[a-z0-9-]+)?(\?[^#]*)?"
    r"|/apis/(apps|batch)/v1/namespaces/(tenant|other)/(replicasets|statefulsets|jobs)/[a-z0-9-]+"
)


def hostile_names(count: int, seed: int = 11) -> list[str]:
    rng = random.Random(seed)
    names = [*NAMED, "x" * 10_240, "../" * 3_000]
    while len(names) < count:
        name = "".join(rng.choice(PIECES) for _piece in range(rng.randint(1, 12)))
        # by chance it may be a good one, such as "a"
        names += [] if is_name("secrets", name) else [name]
    return names


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as recorded:
        yield recorded


def meta(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "uid": f"{namespace}-{name}", "resourceVersion": "1", **more}


def stuck(namespace: str, name: str, secrets: list[str], **more: Any) -> dict[str, Any]:
    waiting = {"reason": "ErrImagePull", "message": "401 Unauthorized"}
    return {
        "metadata": meta(namespace, name, **more),
        "spec": {"containers": [{"name": "app", "image": "reg.io/app"}], "imagePullSecrets": [{"name": one} for one in secrets]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "state": {"waiting": waiting}}]},
    }


def owned_by(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": True}]


def fill(server: RecordingServer, names: list[str]) -> None:
    """Two namespaces; the tenant's Pods and ServiceAccount name these Secrets, and its Pods these owners."""
    accounts = [{"metadata": meta(one, "default"), "imagePullSecrets": [{"name": "gone"}]} for one in ("other", "tenant")]
    accounts[1]["imagePullSecrets"] = [{"name": one} for one in names]
    kinds, every = ("ReplicaSet", "StatefulSet", "Job"), len(names) // 100 or 1
    owners = [
        stuck("tenant", f"web-{number}", names[number::every], ownerReferences=owned_by(kinds[number % 3], name))
        for number, name in enumerate(names[:200])
    ]
    pods = [stuck("other", "web", ["gone"]), stuck("tenant", "all", names), *(owners if names else [])]
    server.objects = {"secrets": [], "serviceaccounts": accounts, "pods": pods, "events": []}


CHOSEN = Chosen((Namespace("other"), Namespace("tenant")), (), True)


def ask(server: RecordingServer, names: list[str]) -> list[dict[str, Any]]:
    fill(server, names)
    query = AuditQuery(names=None, accounts=None, images=["reg.io/app"], check_pods=True, now=NOW)
    rows: list[dict[str, Any]] = audit(server.api(), CHOSEN, query, 4, False)["namespaces"]
    return rows


def recovered(server: RecordingServer, names: list[str]) -> list[Any]:
    fill(server, names)
    options = RecoveryOptions(["*"], RecoveryPolicy(evict=True, replace=()), 0.0)
    return recover(server.api(), CHOSEN, options, 4, True)


def strays(server: RecordingServer) -> list[str]:
    return [path for path in server.paths if not HOME.fullmatch(path)]


def test_ten_thousand_hostile_names_in_an_audit_change_no_other_row_and_send_nothing_elsewhere(server: RecordingServer) -> None:
    other = ask(server, ["gone"])[0]
    server.paths.clear()

    rows = ask(server, hostile_names(MANY))

    assert rows[0] == other
    assert strays(server) == []
    assert len(server.paths) < 20
    (account,) = rows[1]["service_accounts"]
    assert len(account["missing"]) == len(set(hostile_names(MANY)) - {""})
    row = next(one for one in rows[1]["secrets"] if one["name"] == NAMED[0])
    assert row["exists"] is False
    assert "No Secret can have this name" in row["problems"][0]
    assert any(stuck["cause"].startswith("missing Secret: no Secret can have the name") for stuck in rows[1]["stuck_pods"])


def test_hostile_names_of_secrets_and_owners_do_not_end_a_recovery(server: RecordingServer) -> None:
    (other,) = [outcome for outcome in recovered(server, ["gone"]) if outcome.namespace == "other"]
    server.paths.clear()

    outcomes = recovered(server, hostile_names(MANY))

    assert strays(server) == []
    (now,) = [outcome for outcome in outcomes if outcome.namespace == "other"]
    assert (now.action, now.message, now.cause) == (other.action, other.message, other.cause)
    tenants = [outcome for outcome in outcomes if outcome.namespace == "tenant"]
    assert len(tenants) == 201
    assert {outcome.action for outcome in tenants} <= {"left", "recovering"}
    # their owners do not exist, whatever they are called
    assert any("no longer exists" in outcome.message for outcome in tenants)


def test_the_secrets_of_a_pod_or_account_with_hostile_names_are_missing(server: RecordingServer) -> None:
    names = hostile_names(MANY)
    fill(server, names)
    missing = [one for one in dict.fromkeys(names) if one]
    assert secrets_of_pod(server.api(), "tenant", "all", 4).missing == tuple(missing)
    assert secrets_of_account(server.api(), "tenant", "default", 4).missing == tuple(missing)
    assert secrets_named(server.api(), "tenant", names[:50], 4).missing == tuple(names[:50])
    assert server.paths == ["/api/v1/namespaces/tenant/pods/all", "/api/v1/namespaces/tenant/serviceaccounts/default"]


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_a_hostile_name_is_in_no_path_of_any_resource(resource: str) -> None:
    for name in hostile_names(2_000):
        for namespace, named in (("tenant", name), (name, "regcred")):
            with pytest.raises(RequestError) as caught:
                resource_path(resource, namespace, named)
            assert caught.value.kind == FailureKind.NOT_FOUND
            assert len(str(caught.value)) < 300
            assert str(caught.value).isprintable()


def test_nothing_is_sent_for_a_name_that_no_object_can_have(server: RecordingServer) -> None:
    objects, seen = Objects(server.api(), "secrets", dry_run=False), Seen("u", "1")
    for name in NAMED:
        assert objects.get("tenant", name) is None
        assert objects.get(name, "regcred") is None
        with pytest.raises(RequestError):
            objects.patch("tenant", name, seen, {})
        with pytest.raises(RequestError):
            objects.delete("tenant", name, seen)
        with pytest.raises(RequestError):
            objects.create(name, {"metadata": {"name": "regcred"}})
        with pytest.raises(RequestError):
            Objects(server.api(), "pods", dry_run=False).evict("tenant", name, seen)
    assert server.paths == []


def test_a_selector_takes_only_what_can_be_a_value() -> None:
    assert fields_equal({"metadata.name": "a.b-c"}) == {"fieldSelector": "metadata.name=a.b-c"}
    assert fields_equal({"type": "kubernetes.io/dockerconfigjson"}) == {"fieldSelector": "type=kubernetes.io/dockerconfigjson"}
    assert labels_equal({"b/c": "", "a": "1"}) == {"labelSelector": "a=1,b/c="}
    for name in hostile_names(MANY):
        if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", name) and len(name) < 64:
            continue
        with pytest.raises(RequestError):
            fields_equal({"metadata.name": name})
    for key, value in (("a", "b,c=d"), ("a,b", "c"), ("a", "b c"), ("a", "x" * 64), ("", "a"), ("a", "!b"), ("a", "b\n")):
        with pytest.raises(RequestError):
            labels_equal({key: value})


def test_the_rule_of_the_api_server_for_each_kind() -> None:
    """apimachinery pkg/util/validation: IsDNS1123Label, IsDNS1123Subdomain."""
    label, subdomain = "a" * 63, ".".join(["a" * 63] * 3) + "." + "a" * 61
    assert is_name("namespaces", label)
    assert not is_name("namespaces", label + "a")
    assert not is_name("namespaces", "a.b")
    assert is_name("secrets", subdomain)
    assert is_name("secrets", "a" * 253)
    assert not is_name("secrets", subdomain + "a")
    for bad in ("", "A", "a_b", "-a", "a-", ".a", "a.", "a..b", "a\n", "а", "a/b", None, 5, ["a"]):
        assert not is_name("secrets", bad)
        assert not is_name("namespaces", bad)


def test_in_an_option_that_the_caller_wrote_it_is_an_error() -> None:
    with pytest.raises(InputError, match="secrets '../x' is not a valid object name"):
        check_object_name("secrets", "../x")
    with pytest.raises(InputError, match="namespace 'a.b' is not a valid namespace name"):
        check_object_name("namespace", "a.b", "namespaces")


def test_a_number_in_an_annotation_of_a_tenant_need_not_be_one(server: RecordingServer) -> None:
    """int() raises ValueError for digits that isdigit() takes, and for thousands of them."""
    for text in ("²", "9" * 5_000, "١٢"):
        fill(server, [])
        annotations = {"batch.kubernetes.io/job-index-failure-count": text}
        server.objects["pods"].append(stuck("tenant", "web-0", [], annotations=annotations))
        options = RecoveryOptions(["*"], RecoveryPolicy(evict=True, replace=()), 0.0)
        assert len(recover(server.api(), CHOSEN, options, 4, True)) == 3


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x", "2026-11-24T00:00:00Z"])
def test_a_date_in_an_annotation_of_a_tenant_need_not_be_one(server: RecordingServer, text: str) -> None:
    fill(server, [])
    document = "eyJhdXRocyI6e319"
    server.objects["secrets"] = [
        {
            "metadata": meta("tenant", "s", annotations={"pullpass.registry/expires": text}),
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": document},
        }
    ]
    query = AuditQuery(names=None, accounts=None, images=[], check_pods=False, now=NOW)
    rows = audit(server.api(), CHOSEN, query, 4, False)["namespaces"]
    assert "s" in json.dumps(rows[1]["secrets"])
