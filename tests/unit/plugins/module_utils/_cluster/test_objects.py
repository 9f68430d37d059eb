# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/objects: what is sent. Every write is guarded, and a dry run can never be for real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kinds import resource_path
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects, Seen
from ansible_collections.pullpass.registry.plugins.module_utils._errors import FailureKind, RequestError

SEEN = Seen("uid-1", "7")
NEW = {"kind": "Secret", "metadata": {"name": "regcred"}}


class Sent:
    """Notes the one request instead of sending it."""

    def __init__(self, error: RequestError | None = None) -> None:
        self.error = error
        self.request: Any = None

    def send(
        self, request: Request, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        self.request = (str(request), path, query, body)
        if self.error:
            raise self.error
        metadata = {"name": "regcred", "namespace": "team-a", "uid": "u", "resourceVersion": "1"}
        return {"kind": "Secret", "metadata": metadata, "type": "there"}


def objects(sent: Sent, dry_run: bool = False) -> Objects:
    return Objects(cast(Api, sent), "secrets", dry_run)


@pytest.mark.parametrize("dry_run", [False, True], ids=["for real", "dry run"])
def test_create_and_patch_say_who_writes_and_whether_it_is_a_dry_run(dry_run: bool) -> None:
    query = {"fieldManager": "pullpass.registry", **({"dryRun": "All"} if dry_run else {})}
    sent = Sent()
    objects(sent, dry_run).create("team-a", NEW)
    assert sent.request == (
        "create secrets in namespace team-a",
        "/api/v1/namespaces/team-a/secrets",
        query,
        NEW,
    )
    objects(sent, dry_run).patch("team-a", "regcred", SEEN, {"data": {}})
    assert sent.request == (
        "patch secrets regcred in namespace team-a",
        "/api/v1/namespaces/team-a/secrets/regcred",
        query,
        {"data": {}, "metadata": {"uid": "uid-1", "resourceVersion": "7"}},
    )


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "path"),
    [
        ("secrets", "team-a", "regcred", "/api/v1/namespaces/team-a/secrets/regcred"),
        ("namespaces", None, "team-a", "/api/v1/namespaces/team-a"),
        ("nodes", None, None, "/api/v1/nodes"),
        ("deployments", "team-a", "shop", "/apis/apps/v1/namespaces/team-a/deployments/shop"),
        ("cronjobs", None, None, "/apis/batch/v1/cronjobs"),
    ],
)
def test_each_kind_of_object_is_asked_for_in_its_group(resource: str, namespace: str | None, name: str | None, path: str) -> None:
    assert resource_path(resource, namespace, name) == path


def test_the_guard_of_a_patch_stands_beside_its_own_metadata_and_wins() -> None:
    sent = Sent()
    changes = {"metadata": {"labels": {"a": "b"}, "resourceVersion": "1"}}
    objects(sent).patch("team-a", "regcred", SEEN, changes)
    guarded = {"labels": {"a": "b"}, "uid": "uid-1", "resourceVersion": "7"}
    assert sent.request[3] == {"metadata": guarded}
    assert changes == {"metadata": {"labels": {"a": "b"}, "resourceVersion": "1"}}


@pytest.mark.parametrize("dry_run", [False, True], ids=["for real", "dry run"])
def test_a_delete_is_guarded_and_its_dry_run_stands_in_the_body_where_it_counts(dry_run: bool) -> None:
    sent = Sent()
    objects(sent, dry_run).delete("team-a", "regcred", SEEN)
    request, path, query, body = sent.request
    assert (request, path) == (
        "delete secrets regcred in namespace team-a",
        "/api/v1/namespaces/team-a/secrets/regcred",
    )
    assert not query
    assert body["preconditions"] == {"uid": "uid-1", "resourceVersion": "7"}
    assert body.get("dryRun") == (["All"] if dry_run else None)
    assert body["kind"] == "DeleteOptions"


def test_an_object_that_is_not_there_is_none_and_other_refusals_are_reported() -> None:
    found = objects(Sent()).get("team-a", "regcred")
    assert found is not None
    assert found["type"] == "there"
    assert objects(Sent(RequestError("gone", FailureKind.NOT_FOUND, 404))).get("team-a", "regcred") is None
    with pytest.raises(RequestError, match="no"):
        objects(Sent(RequestError("no", FailureKind.REFUSED, 400))).get("team-a", "regcred")
