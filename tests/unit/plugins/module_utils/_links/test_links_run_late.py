# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_links/run, report: what was linked is reported although the cluster is lost later; a warning names what a person can fix."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError
from ansible_collections.pullpass.registry.plugins.module_utils._links import run as room
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import stored_workload
from ansible_collections.pullpass.registry.plugins.module_utils._links.report import hidden_accounts_warning
from ansible_collections.pullpass.registry.plugins.module_utils._links.run import LinkRequest, link_accounts
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change, DesiredLinks, Outcome

PLACES = Chosen((Namespace("team-a"), Namespace("team-b")), (), True)
LINKS = DesiredLinks(("regcred",), present=True, force=False)


class Leaving:
    """Has a ServiceAccount in team-a only, and is gone when it is asked for the second list."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, request: Request, _path: str, _query: Any = None, _body: Any = None, accept: str = JSON) -> Any:
        self.asked.append(request.verb)
        if self.asked.count("list") == 2:
            raise ClusterError("the server is gone")
        metadata = {"namespace": "team-a", "name": "default", "uid": "u", "resourceVersion": "1"}
        account = {"kind": "ServiceAccount", "metadata": metadata, **({} if request.verb == "list" else _body)}
        return {"kind": "ServiceAccountList", "items": [account]} if request.verb == "list" else {**account, "metadata": metadata}


def test_what_was_linked_is_reported_if_the_cluster_is_lost_during_the_wait_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.time, "sleep", lambda _seconds: None)
    api = Leaving()
    request = LinkRequest(LINKS, ["default"], wait=30)

    outcomes = {one.namespace: one.change.action for one in link_accounts(cast(Api, api), PLACES, request, 1, check_mode=False)}

    assert outcomes == {"team-a": "linked", "team-b": "failed"}
    assert api.asked == ["list", "patch", "list"]


def stored(kind: str, name: str, owner: str = "") -> Any:
    references = [{"kind": "Deployment", "name": owner, "controller": True}] if owner else []
    metadata = {"namespace": "team-a", "name": name, "uid": "u", "resourceVersion": "1", "ownerReferences": references}
    template = {"spec": {"imagePullSecrets": [{"name": "own"}]}}
    return stored_workload(kind, {"metadata": metadata, "spec": {"replicas": 1, "template": template}})


def test_the_replica_set_of_a_deployment_is_not_named_beside_it() -> None:
    templates = [
        stored("Deployment", "web"),
        stored("ReplicaSet", "web-1", owner="web"),
        stored("ReplicaSet", "alone"),
    ]
    account = Outcome("team-a", "default", Change("unchanged"), "ServiceAccount")

    warning = hidden_accounts_warning(LINKS, [account], [], templates)

    assert "Deployment team-a/web (own; ServiceAccount default)" in warning
    assert "ReplicaSet team-a/alone (own; ServiceAccount default)" in warning
    assert "web-1" not in warning
