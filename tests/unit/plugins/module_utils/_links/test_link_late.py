# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_links/accounts, own_lists: what was done is told though the cluster goes, and a warning names only who can mend it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError
from ansible_collections.pullpass.registry.plugins.module_utils._links import accounts as link_accounts
from ansible_collections.pullpass.registry.plugins.module_utils._links.accounts import LinkAccounts, OwnLists
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import stored_workload
from ansible_collections.pullpass.registry.plugins.module_utils._links.report import LinkOutcome
from ansible_collections.pullpass.registry.plugins.module_utils._links.workloads import Listed, WorkloadSurvey
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.change import Step
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.image_pull_secrets import AccountPlan, Links

PLACES = Chosen((Namespace("team-a"), Namespace("team-b")), (), True)
LINKS = Links(("regcred",), present=True, force=False)


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


def test_what_was_linked_is_told_though_the_cluster_goes_while_others_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_accounts.time, "sleep", lambda _seconds: None)
    api = Leaving()
    linking = LinkAccounts(cast(Api, api), PLACES, ["default"], AccountPlan(LINKS), 30, 1, check_mode=False)

    outcomes = {one.namespace: one.step.action for one in linking.run()}

    assert outcomes == {"team-a": "linked", "team-b": "failed"}
    assert api.asked == ["list", "patch", "list"]


def stored(kind: str, name: str, owner: str = "") -> Any:
    references = [{"kind": "Deployment", "name": owner, "controller": True}] if owner else []
    metadata = {"namespace": "team-a", "name": name, "uid": "u", "resourceVersion": "1", "ownerReferences": references}
    template = {"spec": {"imagePullSecrets": [{"name": "own"}]}}
    return stored_workload(kind, {"metadata": metadata, "spec": {"replicas": 1, "template": template}})


def test_the_replica_set_of_a_deployment_is_not_told_beside_it() -> None:
    wholes = {
        "Deployment": Listed([stored("Deployment", "web")]),
        "ReplicaSet": Listed([stored("ReplicaSet", "web-1", owner="web"), stored("ReplicaSet", "alone")]),
    }
    survey = WorkloadSurvey(cast(Api, None), PLACES, 1, wholes)
    account = LinkOutcome("team-a", "default", Step("unchanged"), "ServiceAccount")

    warning = OwnLists(survey, LINKS).unseen([account], [])

    assert warning is not None
    assert "Deployment team-a/web (own; ServiceAccount default)" in warning
    assert "ReplicaSet team-a/alone (own; ServiceAccount default)" in warning
    assert "web-1" not in warning
