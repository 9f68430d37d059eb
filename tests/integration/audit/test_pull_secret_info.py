# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_secret_info on the real server and node: what is there, what is wrong with it, why Pods are stuck, and what it costs."""

from __future__ import annotations

import base64
import json
import stat
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from verify_modules import result_of

from ansible_run import Ansible
from cluster_access import Access, wait_until
from lab import Lab

CONFIG, LEGACY = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
PASSWORD = "Geheim-Zauberwort"
FLEET = 1000


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(namespace: str, name: str, document: Any, kind: str = CONFIG, **rest: Any) -> dict[str, Any]:
    text = document if isinstance(document, str) else json.dumps(document)
    key = ".dockercfg" if kind == LEGACY else ".dockerconfigjson"
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": {key: b64(text)}, **rest}


def auths(registry: str, username: str, password: str = PASSWORD) -> dict[str, Any]:
    return {"auths": {registry: {"auth": b64(f"{username}:{password}")}}}


def create(access: Access, *manifests: dict[str, Any]) -> None:
    """Without the annotation that kubectl apply leaves."""
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    access.kubectl("create", "-f", "-", stdin=json.dumps(listed))


def info(
    ansible: Ansible,
    connection: dict[str, Any],
    namespaces: list[str],
    *arguments: str,
    fails: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """The module's result, in a play where its output is asked for. It changes nothing and shows no password."""
    task = {"pullpass.registry.pull_secret_info": {**connection, "namespaces": namespaces, **options}}
    if "-vvv" in arguments:
        run = ansible.tasks([task], *arguments)
        assert run.exit_code == (2 if fails else 0), run.output
        assert PASSWORD not in run.output
        result = run.of("pull_secret_info")
    else:
        result = result_of(ansible, task, *arguments, fails=fails)
    assert result["changed"] is False
    assert PASSWORD not in json.dumps(result)
    return result


def only(result: dict[str, Any]) -> dict[str, Any]:
    (row,) = result["namespaces"]
    return row


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def link(access: Access, namespace: str, *names: str) -> None:
    body = {"imagePullSecrets": [{"name": name} for name in names]}
    access.core.patch_namespaced_service_account("default", namespace, body)


def test_the_secrets_of_the_task_page_whole_and_broken(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    c2.kubectl(
        "create", "secret", "docker-registry", "by-hand", "-n", prefix, "--docker-username=bot", f"--docker-password={PASSWORD}"
    )
    docker_wrote = tmp_path / "config.json"
    docker_wrote.write_text(json.dumps({**auths("registry.example.com:5000", "bot"), "currentContext": "x"}, indent="\t"))
    c2.kubectl(
        "create", "secret", "generic", "from-file", "-n", prefix,
        f"--type={CONFIG}", f"--from-file=.dockerconfigjson={docker_wrote}",
    )  # fmt: skip
    cut = {"auths": {"registry.example.com": {"auth": b64("bot:" + PASSWORD)[:-3]}, "ok.example.com": {"auth": b64("u:p")}}}
    create(
        c2,
        secret(prefix, "base64-cut", cut),
        secret(prefix, "auths-odd", {"auths": [1]}),
        secret(prefix, "not-json", "not json", "Opaque"),
        secret(prefix, "desktop", {"auths": {"ghcr.io": {}}, "credsStore": "desktop"}),
        secret(prefix, "token-user", auths("ghcr.io", "ghp_0123456789abcdefghijABCDEFGHIJ123456", "ghp_x")),
        secret(prefix, "legacy", {"quay.io": {"username": "org+robot", "password": PASSWORD}}, LEGACY),
        secret(prefix, "keys", {"auths": {key: {"auth": b64("u:p")} for key in ("https://index.docker.io/v1", "*.example.com")}}),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "builder", "namespace": prefix},
            "imagePullSecrets": [{"name": name} for name in ("gone", "not-json", "from-file")],
        },
    )
    c2.kubectl("annotate", "secret", "-n", prefix, "from-file", "pullpass.registry/expires=2026-01-01T00:00:00Z")
    link(c2, prefix, "by-hand")
    images = ["nginx", "registry.example.com:5000/team/app:1.0"]

    result = info(ansible, c2.connection, [prefix], "-vvv", images=images, service_accounts=["default", "b*"])

    row = only(result)
    by_hand = named(row["secrets"], "by-hand")
    assert {name: value for name, value in by_hand.items() if name not in ("name", "problems", "registries")} == {
        "exists": True,
        "type": CONFIG,
        "managed": False,
        "owner": None,
        "revision": None,
        "immutable": False,
        "expires": None,
        "usable": True,
    }
    hub = {"registry": "https://index.docker.io/v1/", "username": "bot", "usable": True, "problem": None}
    assert by_hand["registries"] == [hub]
    assert [reported[:5] for reported in by_hand["problems"]] == ["note:"]
    from_file = named(row["secrets"], "from-file")
    assert from_file["usable"] is True
    assert from_file["expires"] == "2026-01-01T00:00:00Z"
    assert "expired at 2026-01-01T00:00:00Z" in " ".join(from_file["problems"])
    broken = named(row["secrets"], "base64-cut")
    assert broken["usable"] is False
    assert "entry 'registry.example.com': 'auth' is not base64" in broken["problems"][0]
    assert [one["usable"] for one in broken["registries"]] == [False, False]
    assert "'auths' is an array" in named(row["secrets"], "auths-odd")["problems"][0]
    wrong = named(row["secrets"], "not-json")
    assert (wrong["type"], wrong["usable"], wrong["registries"]) == ("Opaque", False, [])
    assert "its type is Opaque" in wrong["problems"][0]
    assert "ServiceAccount builder" in wrong["problems"][1]
    assert "credential helper" in named(row["secrets"], "desktop")["problems"][0]
    assert named(row["secrets"], "token-user")["registries"][0]["username"] == "(hidden)"
    assert named(row["secrets"], "legacy")["registries"][0]["username"] == "org+robot"
    assert [one["usable"] for one in named(row["secrets"], "keys")["registries"]] == [False, True]
    assert named(row["secrets"], "gone")["exists"] is False
    assert named(row["service_accounts"], "builder") == {
        "name": "builder",
        "image_pull_secrets": ["gone", "not-json", "from-file"],
        "missing": ["gone"],
    }
    tried = {(one["image"], one["service_account"]): [match["secret"] for match in one["matches"]] for one in row["images"]}
    assert tried == {
        ("nginx", "default"): ["by-hand"],
        ("nginx", "builder"): [],
        (images[1], "default"): [],
        (images[1], "builder"): ["from-file"],
    }
    assert result["summary"] == {
        "namespaces": 1,
        "secrets": 9,
        "unusable": 4,
        "missing": 1,
        "with_problems": 6,
        "service_accounts": 2,
        "stuck_pods": 0,
    }

    chosen = only(info(ansible, c2.connection, [prefix], names=["by-hand", "not-json", "nowhere"], service_accounts=["default"]))
    assert [(one["name"], one["exists"], one["usable"]) for one in chosen["secrets"]] == [
        ("by-hand", True, True),
        ("not-json", True, False),
        ("nowhere", False, False),
    ]


def test_one_unreadable_secret_breaks_every_image(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(
        c2,
        secret(prefix, "good", auths("registry.example.com", "bot")),
        secret(prefix, "bad", {"auths": {"x.example.com": {"auth": "?"}}}),
    )
    link(c2, prefix, "good", "bad")

    row = only(info(ansible, c2.connection, [prefix], images=["registry.example.com/a"]))

    assert row["images"][0]["matches"] == []
    assert "Secret bad has an entry " in row["images"][0]["problem"]


def pod(namespace: str, name: str, image: str, *secrets: str, init: bool = False, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": image}
    kinds = (
        {"initContainers": [{**container, "name": "init"}], "containers": [container]} if init else {"containers": [container]}
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            **kinds,
            "imagePullSecrets": [{"name": one} for one in secrets],
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            **spec,
        },
    }


def test_stuck_pods_each_with_its_cause(lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str) -> None:
    image, host = lab.images["basic"], lab.registry("basic").host
    c1.make_namespaces([prefix])
    c1.wait_for_accounts([prefix])
    create(
        c1,
        secret(prefix, "right", auths(host, "puller", lab.users["puller"])),
        secret(prefix, "wrong", auths(host, "puller", PASSWORD)),
        secret(prefix, "other", auths("registry.example.com", "bot")),
        secret(prefix, "broken", {"auths": {host: {"auth": b64("nocolon")}}}),
        secret(prefix, "opaque", auths(host, "puller"), "Opaque"),
        pod(prefix, "missing", image, "nowhere"),
        pod(prefix, "refused", image, "wrong"),
        pod(prefix, "no-match", image, "other"),
        pod(prefix, "unreadable", image, "right", "broken"),
        pod(prefix, "not-found", f"{host}/team/nothing:1", "right"),
        pod(prefix, "init", image, "wrong", init=True),
        pod(prefix, "wrong-type", image, "opaque"),
        pod(prefix, "too-early", image),
        pod(prefix, "bad-name", f"{host}/Team/App:1"),
        pod(prefix, "no-host", "registry.invalid/team/app:1", "right"),
        pod(prefix, "runs", image, "right"),
    )
    expected = {
        "missing": "missing Secret: nowhere does not exist",
        "refused": "credential refused: the registry does not let user puller",
        "no-match": "no credential matches this image: its Secrets have registry.example.com",
        "unreadable": "unreadable Secret: Secret broken has an entry ",
        "not-found": "image not found",
        "init": "credential refused",
        "wrong-type": "wrong Secret: opaque",
        "too-early": "no pull secret: the Pod was admitted before its ServiceAccount was linked",
        "bad-name": "invalid image name",
        "no-host": "DNS: ",
    }

    def all_stuck() -> bool:
        pods = c1.core.list_namespaced_pod(prefix).items
        waiting = [
            one
            for one in pods
            for status in [*(one.status.init_container_statuses or []), *(one.status.container_statuses or [])]
            if status.state.waiting and status.state.waiting.reason not in ("ContainerCreating", "PodInitializing")
        ]
        return len(waiting) == len(expected)

    wait_until(all_stuck, 60, f"{len(expected)} Pods stuck on a pull")
    link(c1, prefix, "right")

    row = only(info(ansible, c1.connection, [prefix]))

    causes = {one["pod"]: one["cause"] for one in row["stuck_pods"]}
    print(json.dumps(row["stuck_pods"], indent=1))
    assert causes.keys() == expected.keys()
    assert {name: cause[: len(expected[name])] for name, cause in causes.items()} == expected
    assert {one["container"] for one in row["stuck_pods"] if one["pod"] == "init"} == {"init"}
    assert only(info(ansible, c1.connection, [prefix], check_pods=False))["stuck_pods"] == []
    c1.kubectl("delete", "namespace", prefix, "--wait=false")


def test_rights_in_one_namespace_are_enough(c2: Access, ansible: Ansible, prefix: str) -> None:
    mine, other = f"{prefix}-mine", f"{prefix}-other"
    c2.make_namespaces([mine, other])
    c2.wait_for_accounts([mine, other])
    create(c2, secret(mine, "regcred", auths("registry.example.com", "bot")))
    link(c2, mine, "regcred")
    c2.kubectl("create", "serviceaccount", "-n", mine, "reader")
    c2.kubectl("create", "role", "reader", "-n", mine, "--verb=get,list", "--resource=secrets")
    c2.kubectl("create", "rolebinding", "reader", "-n", mine, "--role=reader", f"--serviceaccount={mine}:reader")
    connection = c2.connection_as(c2.token_of(mine, "reader"))

    alone = info(ansible, connection, [mine], images=["registry.example.com/a"])

    row = only(alone)
    assert [one["name"] for one in row["secrets"]] == ["regcred"]
    assert [reported.split(":")[0] for reported in row["problems"]] == [
        "serviceaccounts could not be read",
        "pods could not be read",
    ]
    assert "no right to list serviceaccounts" in row["images"][0]["problem"]

    c2.kubectl("create", "role", "one", "-n", other, "--verb=get", "--resource=secrets", "--resource-name=regcred")
    c2.kubectl("create", "rolebinding", "one", "-n", other, "--role=one", f"--serviceaccount={mine}:reader")
    by_name = info(ansible, connection, [other], names=["regcred"])
    assert [(one["name"], one["exists"]) for one in only(by_name)["secrets"]] == [("regcred", False)]

    c2.kubectl("create", "role", "all", "-n", mine, "--verb=get,list", "--resource=serviceaccounts,pods")
    c2.kubectl("create", "rolebinding", "all", "-n", mine, "--role=all", f"--serviceaccount={mine}:reader")
    both = info(ansible, connection, [mine, other], fails=True, images=["registry.example.com/a"])

    assert "no right to list secrets" in both["msg"]
    good, bad = both["namespaces"]
    assert good["problems"] == []
    assert good["images"][0]["matches"] == [{"secret": "regcred", "registry": "registry.example.com", "username": "bot"}]
    assert (bad["secrets"], len(bad["problems"])) == ([], 3)


def test_namespaces_that_are_missing_fail_but_for_check_mode(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])

    result = info(ansible, c2.connection, [prefix, f"{prefix}-x"], fails=True)
    checked = info(ansible, c2.connection, [prefix, f"{prefix}-x"], "--check")

    assert f"{prefix}-x: the namespace does not exist" in result["msg"]
    assert [row["namespace"] for row in result["namespaces"]] == [prefix, f"{prefix}-x"]
    assert checked["summary"]["namespaces"] == 2


@pytest.mark.parametrize("there", [False, True])
def test_output_file_is_private_and_whole(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path, there: bool) -> None:
    c2.make_namespaces([prefix])
    path = tmp_path / "audit.json"
    if there:
        path.write_text("old")
        path.chmod(0o644)

    checked = info(ansible, c2.connection, [prefix], "--check", output_file=str(path))
    assert path.exists() is there
    result = info(ansible, c2.connection, [prefix], output_file=str(path))

    assert result["output_file"] == checked["output_file"] == str(path)
    assert "namespaces" not in result
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = json.loads(path.read_text())
    assert only(written)["namespace"] == prefix
    assert written["summary"] == result["summary"]


def test_a_thousand_namespaces_and_a_secret_of_a_thousand_registries(c3: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-{number:04}" for number in range(FLEET)]
    c3.make_namespaces(names)
    one = auths("registry.example.com", "bot")
    large = {"auths": {f"r{number}.example.com": {"auth": b64(f"bot:{PASSWORD}")} for number in range(FLEET)}}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: c3.core.create_namespaced_secret(name, secret(name, "regcred", one)), names))
    c3.core.create_namespaced_secret(names[0], secret(names[0], "large", large))
    c3.wait_for_accounts(names)
    link(c3, names[0], "large")
    audit = c3.audit()
    file = ansible.folder / "audit.json"
    start = time.monotonic()

    result = info(ansible, c3.connection, [f"{prefix}-*"], images=["r7.example.com/team/app:1.0"], output_file=str(file))

    seconds = time.monotonic() - start
    requests = audit.requests()
    asked = dict(Counter(event["resource"] for event in requests))
    print(f"{FLEET} namespaces and a Secret of {FLEET} registries: {seconds:.1f} s with ansible-playbook, requests {asked}")
    assert result["api_requests"] == len(requests)
    assert result["summary"]["secrets"] == FLEET + 1
    assert {event["verb"] for event in requests} == {"list"}
    # pages of 500 of whatever else is in this cluster; none for a single namespace
    assert len(requests) < 30
    rows = {row["namespace"]: row for row in json.loads(file.read_text())["namespaces"]}
    assert rows.keys() == set(names)
    assert len(named(rows[names[0]]["secrets"], "large")["registries"]) == FLEET
    assert [match["registry"] for match in rows[names[0]]["images"][0]["matches"]] == ["r7.example.com"]
