# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_canary on a real node and real registries: what is proven, what is not, and that no Pod of it stays."""

from __future__ import annotations

import base64
import json
import platform
import ssl
import urllib.request
from pathlib import Path

import pytest
from canaries import (
    UNREACHABLE,
    by_namespace,
    canaries,
    canary,
    only,
    ready,
    restricted,
    rewriting,
    right,
    secret,
    task,
    writes_to,
)

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab
from lab.images import write_layout
from lab.push import push_layout


def test_each_namespace_has_its_own_answer_and_no_pod_stays(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    good, wrong, missing, account = names = [f"{prefix}-{name}" for name in ("good", "wrong", "missing", "account")]
    ready(c1, *names)
    restricted(c1, good)
    host = lab.registry("basic").host
    c1.apply(right(lab, good), secret(wrong, "regcred", host, "puller", "Geheim-Zauberwort"), right(lab, account))
    c1.core.patch_namespaced_service_account("default", account, {"imagePullSecrets": [{"name": "regcred"}]})
    audit = c1.audit()

    result = canary(
        ansible, c1.connection, [good, wrong, missing], lab.images["basic"], nodes="all", secrets=["regcred"], fails=True
    )

    rows = by_namespace(result)
    assert {row["node"] for row in rows.values()} == {node}
    assert (rows[good]["action"], rows[good]["pulled"]) == ("pulled", True)
    assert rows[good]["seconds"] > 0
    assert (rows[wrong]["action"], rows[wrong]["pulled"]) == ("not_pulled", False)
    assert "401 Unauthorized" in rows[wrong]["message"]
    assert "could not get pull secret regcred" not in rows[wrong]["message"]
    assert "could not get pull secret regcred: create it" in rows[missing]["message"]
    assert result["summary"] == {"pulled": 1, "not_pulled": 2, "unproven": 0, "skipped": 0, "failed": 0}
    assert f"{wrong}/{node}: denied" in result["msg"]
    assert "Zauberwort" not in json.dumps(result)
    assert canaries(c1, *names) == []
    created = [event for event in writes_to(audit, names) if event["verb"] == "create"]
    assert sorted(event["responseStatus"]["code"] for event in created)[:3] == [201] * 3

    by_account = canary(ansible, c1.connection, [account], lab.images["basic"])
    assert only(by_account)["node"] == node
    assert only(by_account)["message"] == "a Pod of ServiceAccount default with pull secret regcred can pull it"
    assert canaries(c1, account) == []


@pytest.fixture
def for_others(lab: Lab, tmp_path: Path) -> str:
    """An image index that has nothing for this machine's architecture."""
    registry, login = lab.registry("basic"), ("pusher", lab.users["pusher"])
    machine, architecture = ("aarch64", "arm64") if platform.machine() == "x86_64" else ("x86_64", "amd64")
    layout = write_layout(lab.bin / "app", tmp_path / "layout", machine)
    context = ssl.create_default_context(cafile=str(lab.ca))
    push_layout(layout, registry, "team/others", "manifest", login, context)
    (manifest,) = json.loads((layout / "index.json").read_text())["manifests"]
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**manifest, "platform": {"architecture": architecture, "os": "linux"}}],
    }
    authorization = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    request = urllib.request.Request(
        f"https://{registry.host}/v2/team/others/manifests/1.0",
        json.dumps(index).encode(),
        {"Authorization": authorization, "Content-Type": str(index["mediaType"])},
        method="PUT",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=30):
        return f"{registry.host}/team/others:1.0"


def test_an_image_that_is_not_there_or_for_other_machines(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str, for_others: str
) -> None:
    ready(c1, prefix)
    c1.apply(right(lab, prefix))
    host = lab.registry("basic").host

    absent = only(canary(ansible, c1.connection, [prefix], f"{host}/team/app:77", secrets=["regcred"], fails=True))
    other = canary(ansible, c1.connection, [prefix], for_others, secrets=["regcred"], nodes="all", fails=True)
    chosen = only(canary(ansible, c1.connection, [prefix], for_others, secrets=["regcred"], fails=True))

    assert absent["action"] == "not_pulled"
    assert absent["message"].startswith("not found: ")
    assert (other["summary"]["skipped"], other["summary"]["failed"]) == (1, 1)
    assert "does not exist for the architecture of this node" in other["nodes"][1]["message"]
    assert "nothing is proven" in other["msg"]
    assert chosen["action"] == "not_pulled"
    assert "kubernetes.io/arch=" in chosen["message"]


def test_an_image_that_the_cluster_rewrites_is_what_is_proven(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    ready(c1, prefix)
    c1.apply(right(lab, prefix))

    with rewriting(c1, prefix, "/spec/containers/0/image", lab.images["basic"]):
        result = canary(ansible, c1.connection, [prefix], UNREACHABLE, secrets=["regcred"], results="changed")
        checked = canary(ansible, c1.connection, [prefix], UNREACHABLE, "--check", secrets=["regcred"])

    row = only(result)
    assert row["pulled"] is True
    assert f"changed the image to {lab.images['basic']}, and only this is proven" in row["message"]
    assert only(checked)["pulled"] is None
    assert f"changed the image to {lab.images['basic']}" in only(checked)["message"]


def test_a_pull_policy_that_the_cluster_changes_leaves_nothing_to_prove(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    ready(c1, prefix)
    with rewriting(c1, prefix, "/spec/containers/0/imagePullPolicy", "IfNotPresent"):
        row = only(canary(ansible, c1.connection, [prefix], lab.images["basic"], fails=True))

    assert (row["action"], row["pulled"]) == ("failed", None)
    assert "from Always to IfNotPresent" in row["message"]
    assert canaries(c1, prefix) == []


def test_many_namespaces_share_one_list_for_each_look(lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-{number:02}" for number in range(12)]
    ready(c1, *names)
    c1.apply(*(right(lab, name) for name in names))
    audit = c1.audit()

    run = ansible.tasks([task(c1.connection, [f"{prefix}-*"], lab.images["basic"], secrets=["regcred"], results="changed")])

    result = run.of("pull_canary")
    assert run.exit_code == 0, run.output
    assert (result["summary"]["pulled"], result["nodes"]) == (len(names), [])
    assert "12 Pods pull the image once each" in run.output
    looks = [event for event in audit.requests() if event["requestURI"].partition("?")[2].count("canary%3D")]
    print(f"{len(names)} Pods: {result['api_requests']} requests, {len(looks)} of them looks")
    # the last three are asked for one by one
    places = {event["requestURI"].partition("?")[0] for event in looks}
    assert "/api/v1/pods" in places
    assert len(places) <= 1 + 3
    assert canaries(c1, *names) == []
