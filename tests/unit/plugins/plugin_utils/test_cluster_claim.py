# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host claims of a cluster, and which hosts of a play collide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.plugin_utils._cluster_claim import claim_of, collisions, no_cluster

PASSWORD = "Zauberwort"
BOT = {"registry": "r.example.com", "username": "bot", "password": PASSWORD}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    clusters = {"c1": "https://10.0.0.1:6443/", "c2": "https://10.0.0.2:6443", "same": "https://10.0.0.1:6443"}
    document = {
        "current-context": "c1",
        "clusters": [{"name": f"k-{name}", "cluster": {"server": server}} for name, server in clusters.items()],
        "contexts": [{"name": name, "context": {"cluster": f"k-{name}", "user": "u"}} for name in clusters],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def claim(entry_point: str = "main", environment: dict[str, str] | None = None, machine: str = "", **values: Any) -> Any:
    given = {"state": "present", "secret_name": "regcred", "namespaces": ["*"], "registries": [BOT], **values}
    return claim_of(given, entry_point, environment or {}, machine)


def test_server_and_context_are_those_that_the_modules_use(kubeconfig: str, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.write_text("clusters: nonsense\ncontexts: [{name: c1, context: {cluster: other}}]\n")
    found = claim(kubeconfig=[kubeconfig, str(second)])
    assert (found["server"], found["context"]) == ("https://10.0.0.1:6443/", "c1")
    assert claim(kubeconfig=kubeconfig, context="c2")["server"] == "https://10.0.0.2:6443"
    assert claim(context="c2", environment={"K8S_AUTH_KUBECONFIG": kubeconfig})["server"] == "https://10.0.0.2:6443"
    assert claim(host="https://API.example.com", api_key="t")["where"] == "https://api.example.com"
    injected = {"K8S_AUTH_HOST": "https://awx.example.com", "K8S_AUTH_API_KEY": "t"}
    assert claim(from_environment=True, environment=injected)["server"] == "https://awx.example.com"


def test_where_the_server_is_not_known_hosts_are_compared_by_what_names_it(kubeconfig: str) -> None:
    ways: list[dict[str, Any]] = [
        {"kubeconfig": "/nowhere"},
        {"kubeconfig": kubeconfig, "context": "nobody"},
        {"kubeconfig": kubeconfig, "machine": "bastion"},
        {"kubeconfig": kubeconfig, "machine": "other-bastion"},
        {"in_cluster": True},
    ]
    assert len({claim(**way)["where"] for way in ways}) == len(ways)
    assert claim(**ways[2])["where"] == claim(**ways[2])["where"]


def test_a_claim_holds_no_secret(kubeconfig: str) -> None:
    for values in (
        {},
        {"registries": [], "config": {"auths": {"r": {"auth": PASSWORD}}}},
        {"api_key": PASSWORD, "host": "https://h"},
    ):
        assert PASSWORD not in json.dumps(claim(**values))


def test_a_host_names_its_cluster_itself() -> None:
    for values in ({}, {"kubeconfig": [], "context": "", "in_cluster": "false"}, {"api_key": "t"}, {"from_environment": "no"}):
        assert no_cluster(values)[0].startswith("this host names no cluster. Set cluster_pull_access_context")
    for name in ("kubeconfig", "context", "host"):
        assert no_cluster({name: "x"}) == []
    assert no_cluster({"in_cluster": "true"}) == no_cluster({"from_environment": "yes"}) == []


OTHER = {**BOT, "password": "another"}


@pytest.mark.parametrize(
    ("mine", "other", "said"),
    [
        ({}, {"context": "c2"}, ""),
        ({}, {"secret_name": "another"}, ""),
        ({}, {}, "warning"),
        ({}, {"context": "same"}, "warning"),
        ({}, {"context": "same", "registries": [OTHER]}, "error"),
        ({"namespaces": ["a"]}, {"namespaces": ["b"], "registries": [OTHER]}, "warning"),
        ({"namespaces": ["a"]}, {"exclude_namespaces": "a,b", "registries": [OTHER]}, "warning"),
        ({"namespaces": [], "namespace_selectors": "t=a"}, {"namespace_selectors": ["t=b"], "registries": [OTHER]}, "warning"),
        ({"namespaces": [], "namespace_selectors": "t=a"}, {"namespace_selectors": ["t=a"], "registries": [OTHER]}, "error"),
        ({}, {"state": "absent"}, "error"),
        ({"state": "absent"}, {"state": "absent", "registries": [OTHER]}, "warning"),
        ({}, {"registries": [BOT, {**BOT, "registry": "s.example.com"}]}, "error"),
        ({}, {"registries": [{**BOT, "registry": "https://R.example.com/v2/", "revision": "7"}]}, "warning"),
        (
            {"purge_registries": False},
            {"purge_registries": "false", "registries": [{**BOT, "registry": "s.example.com"}]},
            "warning",
        ),
        ({"purge_registries": False}, {"purge_registries": False, "registries": [OTHER]}, "error"),
        ({"config": {"auths": {1: {}}}}, {"config": {"auths": {2: {}}}}, "error"),
        ({"config": {"auths": {1: {}}}}, {"config": {"auths": {1: {}}}}, "warning"),
        ({"from_secret": {"namespace": "a", "name": "b"}}, {}, "error"),
    ],
)
def test_collisions(kubeconfig: str, mine: dict[str, Any], other: dict[str, Any], said: str) -> None:
    one, two = ({"kubeconfig": kubeconfig, "context": "c1", **values} for values in (mine, other))
    for first, second in ((one, two), (two, one)):
        errors, warnings = collisions("berlin", claim(**first), {"oslo": claim(**second)})
        assert [len(errors), len(warnings)] == [said == "error", said == "warning"]
        assert all("this host and oslo reach the same cluster" in text for text in errors + warnings)


def test_two_hosts_of_the_environment_are_an_error() -> None:
    errors, _warnings = collisions(
        "berlin", claim(from_environment=True), {"oslo": claim(from_environment=True, secret_name="x")}
    )
    assert "this host and oslo take their cluster from the environment" in errors[0]


def test_parts_that_write_no_secret_do_not_collide(kubeconfig: str) -> None:
    for part in ("recovery", "canary"):
        one, two = (claim(part, kubeconfig=kubeconfig, registries=[entry]) for entry in (BOT, OTHER))
        assert collisions("berlin", one, {"oslo": two}) == ([], [])


def test_a_warning_comes_once_for_all_hosts_and_an_error_for_each(kubeconfig: str) -> None:
    hosts = {f"h{number:02}": claim(kubeconfig=kubeconfig) for number in range(50)}

    def of(host: str, claims: dict[str, Any]) -> tuple[list[str], list[str]]:
        return collisions(host, claims[host], {name: one for name, one in claims.items() if name != host})

    assert [len(of(host, hosts)[1]) for host in ("h00", "h01", "h49")] == [1, 0, 0]
    assert "h01, h02, h03, h04, h05, h06, h07, h08, h09, h10 and 39 more" in of("h00", hosts)[1][0]
    assert all(of(host, {**hosts, "h30": claim(kubeconfig=kubeconfig, registries=[OTHER])})[0] for host in hosts)
