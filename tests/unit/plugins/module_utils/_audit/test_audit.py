# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_audit/run*: rows of Secrets, images and namespaces, and the requests that they take. The API answers from a table."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._audit.model import AuditQuery
from ansible_collections.pullpass.registry.plugins.module_utils._audit.run import audit
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import RESOURCES
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import METADATA_ONLY
from ansible_collections.pullpass.registry.plugins.module_utils._errors import FailureKind, RequestError

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
CONFIG, LEGACY = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
EXPIRES = "pullpass.registry/expires"
PASSWORD = "Zauberwort"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def auths(*keys: str, username: str = "bot", password: str = PASSWORD) -> dict[str, Any]:
    return {"auths": {key: {"auth": b64(f"{username}:{password}")} for key in keys}}


def seen(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "uid": "u", "resourceVersion": "1"}


def secret(namespace: str, name: str, document: Any, kind: str = CONFIG, **metadata: Any) -> dict[str, Any]:
    key = {CONFIG: ".dockerconfigjson", LEGACY: ".dockercfg"}.get(kind, "x")
    data = {key: b64(json.dumps(document))}
    return {"metadata": {**seen(namespace, name), **metadata}, "type": kind, "data": data}


def account(namespace: str, name: str, *secrets: str) -> dict[str, Any]:
    return {"metadata": seen(namespace, name), "imagePullSecrets": [{"name": one} for one in secrets]}


class TableApi:
    """Answers lists and GETs from ``objects``; ``forbidden`` holds (verb, resource, namespace or None for all)."""

    identity: Mapping[str, str | None] = {"server": "https://api", "context": None}

    def __init__(
        self, secrets: list[dict[str, Any]], accounts: list[dict[str, Any]], *forbidden: tuple[str, str, str | None]
    ) -> None:
        self.objects = {"secrets": secrets, "serviceaccounts": accounts, "pods": []}
        self.forbidden = forbidden
        self.asked: list[str] = []
        self.broken = False

    def send(self, request: Request, path: str, query: Any = None, body: Any = None, accept: str = "") -> dict[str, Any]:
        assert body is None
        selector = (query or {}).get("fieldSelector", "")
        self.asked.append(f"{request} {selector}".strip())
        if (request.verb, request.resource, request.namespace) in self.forbidden:
            raise RequestError(f"no right to {request}", FailureKind.FORBIDDEN, 403)
        if self.broken:
            raise RequestError("broken", FailureKind.UNCERTAIN, 500)
        found = [one for one in self.objects[request.resource] if request.namespace in (None, one["metadata"]["namespace"])]
        if request.verb == "get":
            named = [one for one in found if one["metadata"]["name"] == request.name]
            if not named:
                raise RequestError("not found", FailureKind.NOT_FOUND, 404)
            return {"kind": RESOURCES[request.resource].kind, **named[0]}
        key, _equals, value = selector.partition("=")
        if key in ("type", "metadata.name"):
            found = [one for one in found if value == (one["type"] if key == "type" else one["metadata"]["name"])]
        if accept == METADATA_ONLY:
            self.asked[-1] += " (metadata)"
            found = [{"metadata": one["metadata"]} for one in found]
            return {"kind": "PartialObjectMetadataList", "items": found}
        return {"kind": f"{RESOURCES[request.resource].kind}List", "items": found}


def chosen(*names: str, listed: bool = True) -> Chosen:
    return Chosen(tuple(Namespace(name) for name in names), (), listed)


def ask(api: TableApi, where: Chosen, check_mode: bool = False, **query: Any) -> dict[str, Any]:
    asked = {"names": None, "accounts": None, "images": [], "check_pods": True, "now": NOW, **query}
    answer = audit(api, where, AuditQuery(**asked), 4, check_mode)  # type: ignore[arg-type]
    assert PASSWORD not in json.dumps(answer)
    return answer


def one_secret(document: Any, kind: str = CONFIG, **metadata: Any) -> dict[str, Any]:
    (row,) = ask(TableApi([secret("a", "s", document, kind, **metadata)], []), chosen("a"))["namespaces"]
    (found,) = row["secrets"]
    return found


def test_a_secret_of_ours() -> None:
    annotations = {"pullpass.registry/revision": "reg.io=7", "pullpass.registry/expires": "2027-11-24T22:00:00Z"}
    assert one_secret(auths("reg.io"), labels={"pullpass.registry/owner": "team"}, annotations=annotations) == {
        "name": "s",
        "exists": True,
        "type": CONFIG,
        "managed": True,
        "owner": "team",
        "revision": "reg.io=7",
        "immutable": False,
        "expires": "2027-11-24T22:00:00Z",
        "usable": True,
        "problems": [],
        "registries": [{"registry": "reg.io", "username": "bot", "usable": True, "problem": None}],
    }


def jwt(seconds: int) -> str:
    claims = b64(json.dumps({"exp": seconds})).rstrip("=")
    return f"{b64('{}')}.{claims}.{PASSWORD}"


@pytest.mark.parametrize(
    ("document", "kind", "metadata", "expires", "word"),
    [
        (auths("reg.io", password=jwt(1)), CONFIG, {}, "1970-01-01T00:00:01Z", "expired at"),
        (auths("reg.io", password=jwt(int(NOW.timestamp()) + 3600)), CONFIG, {}, "2026-11-24T13:00:00Z", "expires at"),
        (auths("reg.io", password=jwt(int(NOW.timestamp()) + 10**7)), CONFIG, {}, "2027-03-20T05:46:40Z", None),
        (auths("ecr", username="AWS"), CONFIG, {}, None, "expires after 12 hours at most"),
        (auths("reg.io"), CONFIG, {"annotations": {EXPIRES: "no time"}}, None, None),
        (auths("reg.io"), CONFIG, {"annotations": {EXPIRES: "2026-11-24T00:00:00Z"}}, "2026-11-24T00:00:00Z", "expired"),
        (
            auths("reg.io"),
            CONFIG,
            {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"x": PASSWORD}})}},
            None,
            "last-applied-configuration shows",
        ),
        ({"reg.io": {"username": "u", "password": "p"}}, LEGACY, {}, None, None),
        (auths("reg.io"), LEGACY, {}, None, "config.json under the key"),
        ({"auths": {f"r{number}.io": {} for number in range(30)}}, CONFIG, {}, None, "20 more of its entries"),
    ],
)  # fmt: skip
def test_problems_of_a_secret(document: Any, kind: str, metadata: dict[str, Any], expires: str | None, word: str | None) -> None:
    found = one_secret(document, kind, **metadata)
    assert found["expires"] == expires
    result_rows = " ".join(found["problems"])
    assert (word in result_rows) if word else not result_rows


def test_a_good_entry_beside_one_that_breaks_the_document_is_of_no_use() -> None:
    found = one_secret({"auths": {"good.io": {"auth": b64("u:p")}, "bad.io": {"auth": "?"}}})
    assert found["usable"] is False
    assert [one["usable"] for one in found["registries"]] == [False, False]
    assert "because of another entry" in found["registries"][0]["problem"]
    assert "not base64" in found["registries"][1]["problem"]


def test_a_key_that_shows_a_password_is_hidden() -> None:
    found = one_secret(auths(f"https://bot:{PASSWORD}@reg.io"))
    assert found["registries"][0]["registry"] == "(hidden)@reg.io"


def test_requests_of_a_whole_cluster_do_not_grow_with_it() -> None:
    names = [f"n{number:03}" for number in range(200)]
    api = TableApi(
        [secret(name, "s", auths("reg.io")) for name in names], [account(name, "default", "s", "gone") for name in names]
    )
    answer = ask(api, chosen(*names), images=["reg.io/app"])
    assert sorted(api.asked) == [
        "list pods in all namespaces status.phase!=Succeeded,status.phase!=Failed",
        "list secrets in all namespaces metadata.name=gone",
        f"list secrets in all namespaces type={LEGACY}",
        f"list secrets in all namespaces type={CONFIG}",
        "list serviceaccounts in all namespaces",
    ]
    assert answer["summary"]["missing"] == 200
    (row, *_others) = answer["namespaces"]
    assert row["service_accounts"] == [{"name": "default", "image_pull_secrets": ["s", "gone"], "missing": ["gone"]}]
    assert row["images"][0]["matches"] == [{"secret": "s", "registry": "reg.io", "username": "bot"}]
    assert "ServiceAccount default names it" in row["secrets"][0]["problems"][0]


def test_many_names_that_are_missing_take_no_request_each() -> None:
    names = [f"n{number}" for number in range(20)]
    api = TableApi([], [account(name, "default", f"dockercfg-{name}") for name in names])
    answer = ask(api, chosen(*names), check_pods=False)
    assert len(api.asked) == 4
    assert "it does not exist, but ServiceAccount default" in answer["namespaces"][0]["secrets"][0]["problems"][0]


def stuck(namespace: str, *secrets: str) -> dict[str, Any]:
    waiting = {"reason": "ImagePullBackOff", "message": "401 Unauthorized"}
    return {
        "metadata": seen(namespace, "web"),
        "spec": {"containers": [{"name": "app", "image": "reg.io/app"}], "imagePullSecrets": [{"name": one} for one in secrets]},
        "status": {"containerStatuses": [{"name": "app", "state": {"waiting": waiting}}]},
    }


@pytest.mark.parametrize("asked_for", [True, False])
def test_of_many_names_those_of_another_type_and_missing_ones_are_distinguished(asked_for: bool) -> None:
    names = [f"s{number:02}" for number in range(20)]
    api = TableApi([secret("a", one, {}, "Opaque") for one in names[1:]], [account("a", "default", *names)])
    api.objects["pods"] = [stuck("a", names[1])]
    (row,) = ask(api, chosen("a"), names=names if asked_for else None)["namespaces"]
    assert len(api.asked) == 5
    assert api.asked[-1] == "list secrets in all namespaces (metadata)"
    assert [one["exists"] for one in row["secrets"]] == [False] + [True] * 19
    assert (row["secrets"][1]["type"], row["secrets"][1]["immutable"], row["secrets"][1]["usable"]) == (None, None, False)
    assert "its type is not a pull secret type, and the kubelet" in row["secrets"][1]["problems"][0]
    assert row["service_accounts"][0]["missing"] == ["s00"]
    assert row["stuck_pods"][0]["cause"].startswith("wrong Secret: s01")


def test_of_many_names_none_is_missing_where_secrets_may_not_be_listed() -> None:
    names = [f"s{number:02}" for number in range(20)]
    api = TableApi([], [account("a", "default", *names)], ("list", "secrets", None), ("list", "secrets", "a"))
    answer = ask(api, chosen("a"), names=names)
    assert answer["failed"] is True
    (row,) = answer["namespaces"]
    assert {one["exists"] for one in row["secrets"]} == {None}
    assert row["service_accounts"][0]["missing"] == []


def test_named_secrets_are_asked_for_by_name() -> None:
    api = TableApi([secret("a", "s", auths("reg.io")), secret("b", "s", {}, "Opaque")], [account("a", "default")])
    answer = ask(api, chosen("a", "b", "c"), names=["s"], check_pods=False)
    assert sorted(api.asked) == ["list secrets in all namespaces metadata.name=s", "list serviceaccounts in all namespaces"]
    rows = [row["secrets"][0] for row in answer["namespaces"]]
    assert [(row["exists"], row["type"], row["usable"]) for row in rows] == [
        (True, CONFIG, True),
        (True, "Opaque", False),
        (False, None, False),
    ]


def test_a_forbidden_list_is_made_up_for_by_one_for_each_namespace() -> None:
    objects = [secret("a", "s", auths("reg.io"))], [account("a", "default", "s"), account("b", "default", "s")]
    everywhere = [("list", resource, None) for resource in ("secrets", "serviceaccounts", "pods")]
    api = TableApi(*objects, *everywhere, ("list", "secrets", "b"), ("get", "secrets", "b"), ("list", "pods", "b"))
    answer = ask(api, chosen("a", "b"))
    assert answer["failed"] is True
    assert "b: secrets could not be read: no right to list secrets" in answer["msg"]
    good, bad = answer["namespaces"]
    assert good["problems"] == []
    assert good["secrets"][0]["usable"] is True
    assert [result_rows.partition(" ")[0] for result_rows in bad["problems"]] == ["secrets", "pods"]
    assert (bad["secrets"][0]["exists"], bad["service_accounts"][0]["missing"]) == (None, [])


def test_a_named_secret_that_may_not_be_read_fails_its_namespace() -> None:
    api = TableApi([secret("a", "s", auths("reg.io"))], [account("a", "default", "s")], ("get", "secrets", "a"))
    answer = ask(api, chosen("a", listed=False), names=["s"])
    assert answer["failed"] is True
    (row,) = answer["namespaces"]
    assert (row["secrets"][0]["exists"], row["service_accounts"][0]["missing"]) == (None, [])
    assert row["problems"] == ["secrets could not be read: no right to get secrets s in namespace a"]
    # one that is only referred to is result_rows, and fails nothing
    api = TableApi([], [account("a", "default", "s")], ("get", "secrets", "a"))
    assert ask(api, chosen("a"))["failed"] is False


def test_what_breaks_otherwise_fails_the_whole() -> None:
    api = TableApi([], [])
    api.broken = True
    with pytest.raises(RequestError, match="broken"):
        ask(api, chosen("a"))


def test_images_are_looked_up_for_each_service_account_that_is_asked_for() -> None:
    api = TableApi([secret("a", "s", auths("reg.io"))], [account("a", "default"), account("a", "builder", "s")])
    (row,) = ask(api, chosen("a"), images=["reg.io/x"])["namespaces"]
    assert [(one["service_account"], len(one["matches"])) for one in row["images"]] == [("default", 0)]
    (row,) = ask(api, chosen("a"), images=["reg.io/x"], accounts=["*", "gone"])["namespaces"]
    assert [(one["service_account"], len(one["matches"])) for one in row["images"]] == [("builder", 1), ("default", 0)]
    assert row["problems"] == ["ServiceAccount gone does not exist"]
    (row,) = ask(api, chosen("a"), images=["reg.io/x"], accounts=["gone"])["namespaces"]
    assert row["images"][0]["problem"] == "the ServiceAccount does not exist."


def test_the_order_of_matches_is_the_kubelets() -> None:
    documents = [secret("a", "one", auths("reg.io", "*.io")), secret("a", "two", auths("reg.io/team", "reg.io"))]
    (row,) = ask(TableApi(documents, [account("a", "default", "two", "one")]), chosen("a"), images=["reg.io/team/x"])[
        "namespaces"
    ]
    assert [(one["secret"], one["registry"]) for one in row["images"][0]["matches"]] == [
        ("two", "reg.io/team"),
        ("two", "reg.io"),
        ("one", "reg.io"),
        ("one", "*.io"),
    ]


@pytest.mark.parametrize("name", ["default", "builder"])
@pytest.mark.parametrize("reported", [True, False])
def test_a_credential_that_every_pull_from_docker_hub_uses_is_noted(name: str, reported: bool) -> None:
    api = TableApi([secret("a", "hub", auths("https://index.docker.io/v1/"))], [account("a", name, "hub")])
    answer = ask(api, chosen("a"), accounts=None if reported else ["other"])
    noted = [f"note: every Pod of ServiceAccount {name} offers it"] if reported else []
    assert [result_rows.partition(" to ")[0] for result_rows in answer["namespaces"][0]["secrets"][0]["problems"]] == noted
    assert answer["summary"]["with_problems"] == 0


NO_FALLBACK = "note: if all of these fail, the kubelet does not pull the image without a credential."


@pytest.mark.parametrize(
    ("document", "noted"),
    [
        (auths("reg.io"), NO_FALLBACK),
        (auths("reg.io", password=jwt(1)), f"{NO_FALLBACK} Expired: reg.io of Secret s."),
        (auths("other.io", password=jwt(1)), None),
        ({"auths": {"reg.io": {}}}, None),
    ],
)
def test_that_the_kubelet_never_falls_back_to_a_pull_without_a_credential_is_noted(document: Any, noted: str | None) -> None:
    api = TableApi([secret("a", "s", document)], [account("a", "default", "s")])
    (row,) = ask(api, chosen("a"), images=["reg.io/x"])["namespaces"]
    assert row["images"][0]["problem"] == noted


def test_namespaces_that_are_not_there_or_not_for_long() -> None:
    where = Chosen((Namespace("leaving", terminating=True), Namespace("there")), ("gone",), True)
    answer = ask(TableApi([secret("leaving", "s", auths("x.io"))], []), where)
    assert [row["namespace"] for row in answer["namespaces"]] == ["gone", "leaving", "there"]
    assert answer["failed"] is True
    assert "gone: the namespace does not exist; create it first" in answer["msg"]
    assert answer["summary"]["secrets"] == 0
    assert "is being deleted" in answer["namespaces"][1]["problems"][0]
    assert ask(TableApi([], []), where, check_mode=True)["failed"] is False


def test_nothing_chosen_asks_nothing() -> None:
    api = TableApi([], [])
    assert ask(api, chosen())["namespaces"] == []
    assert api.asked == []
