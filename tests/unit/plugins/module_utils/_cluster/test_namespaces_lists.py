# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/namespaces: one list of the whole cluster, or one list of each namespace."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON, Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import FEW, NamespaceLists, list_cluster
from ansible_collections.pullpass.registry.plugins.module_utils._errors import FailureKind, RequestError

PLACES = ["team-a", "team-b", "team-c", "team-d"]
CLUSTER = "*"


class Server:
    """Has a Secret in each of PLACES and in one more. ``errors``: namespace (or CLUSTER) -> why it cannot be listed."""

    def __init__(self, errors: dict[str, FailureKind] | None = None, malformed: str | None = None) -> None:
        self.errors = errors or {}
        self.malformed = malformed
        self.lists: list[str] = []

    def send(self, request: Request, _path: str, _query: Any = None, _body: Any = None, accept: str = JSON) -> dict[str, Any]:
        assert (request.verb, accept) == ("list", JSON)
        place = request.namespace or CLUSTER
        self.lists.append(place)
        if place in self.errors:
            raise RequestError(place, self.errors[place], 0)
        places = [*PLACES, "elsewhere"] if request.namespace is None else [place]
        return {"kind": "SecretList" if request.resource == "secrets" else "PodList", "items": [self.item(one) for one in places]}

    def item(self, namespace: str) -> dict[str, Any]:
        labels: Any = 5 if namespace == self.malformed else {}
        metadata = {"name": "web", "namespace": namespace, "uid": "u", "resourceVersion": "1", "labels": labels}
        return {"metadata": metadata, "spec": {}}


def place(item: dict[str, Any]) -> str:
    return str(item["metadata"]["namespace"])


def lists(server: Server, whole: bool | None = True) -> NamespaceLists:
    return NamespaceLists(cast(Api, server), 1, whole)


def test_one_list_of_the_cluster_holds_the_chosen_namespaces_only() -> None:
    server = Server()
    assert lists(server).items("secrets", place, PLACES[:2]) == (PLACES[:2], {})
    assert server.lists == [CLUSTER]


@pytest.mark.parametrize(("whole", "count", "cluster"), [(None, FEW, False), (None, FEW + 1, True), (False, FEW + 1, False)])
def test_a_few_namespaces_are_listed_one_by_one(whole: bool | None, count: int, cluster: bool) -> None:
    server = Server()
    lists(server, whole).items("secrets", place, PLACES[:count])
    assert server.lists == ([CLUSTER] if cluster else PLACES[:count])


def test_no_namespace_costs_no_request() -> None:
    server = Server()
    assert lists(server).items("secrets", place, []) == ([], {})
    assert server.lists == []


def test_a_list_of_the_cluster_that_is_forbidden_is_not_tried_again_for_this_resource() -> None:
    server = Server({CLUSTER: FailureKind.FORBIDDEN})
    reader = lists(server)
    assert reader.items("secrets", place, PLACES) == (PLACES, {})
    assert reader.items("secrets", place, PLACES[:1]) == (PLACES[:1], {})
    assert server.lists == [CLUSTER, *PLACES, PLACES[0]]
    reader.items("pods", place, PLACES[:1])
    assert server.lists[-2:] == [CLUSTER, PLACES[0]]


def test_a_list_of_the_cluster_that_is_malformed_is_tried_again() -> None:
    server = Server({CLUSTER: FailureKind.MALFORMED})
    reader = lists(server)
    for _time in range(2):
        assert reader.items("secrets", place, PLACES[:1]) == (PLACES[:1], {})
    assert server.lists == [CLUSTER, PLACES[0]] * 2


def test_a_namespace_that_cannot_be_listed_leaves_the_others() -> None:
    server = Server({CLUSTER: FailureKind.FORBIDDEN, "team-b": FailureKind.FORBIDDEN})
    found, failed = lists(server).items("secrets", place, PLACES)
    assert (found, list(failed)) == (["team-a", "team-c", "team-d"], ["team-b"])


@pytest.mark.parametrize("whole", [True, False])
def test_a_malformed_item_is_an_error_of_its_namespace(whole: bool) -> None:
    found, failed = lists(Server(malformed="team-b"), whole).items("secrets", place, PLACES)
    assert (found, [(name, error.kind) for name, error in failed.items()]) == (
        ["team-a", "team-c", "team-d"],
        [("team-b", FailureKind.MALFORMED)],
    )


def test_a_malformed_item_of_another_namespace_does_not_matter() -> None:
    assert lists(Server(malformed="elsewhere")).items("secrets", place, PLACES) == (PLACES, {})


def test_another_failure_of_the_list_of_the_cluster_is_raised() -> None:
    with pytest.raises(RequestError) as caught:
        lists(Server({CLUSTER: FailureKind.UNCERTAIN})).items("secrets", place, PLACES)
    assert caught.value.kind == FailureKind.UNCERTAIN


@pytest.mark.parametrize("kind", [FailureKind.FORBIDDEN, FailureKind.MALFORMED])
def test_list_cluster_is_null_where_there_is_no_such_list(kind: FailureKind) -> None:
    assert list_cluster(cast(Api, Server({CLUSTER: kind})), "secrets", place) is None


def test_list_cluster_has_the_items_of_all_namespaces() -> None:
    listed = list_cluster(cast(Api, Server(malformed="team-b")), "secrets", place)
    assert listed is not None
    assert (listed[0], list(listed[1])) == (["team-a", "team-c", "team-d", "elsewhere"], ["team-b"])
