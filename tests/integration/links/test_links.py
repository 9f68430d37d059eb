# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of ServiceAccounts: entries of others keep their order, two writers at once lose nothing, owners are recognised."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

from meddler import Asked, meddler
from verify_modules import run_of

from ansible_run import Ansible, finished
from cluster_access import Access, Audit, wait_until


def link(access: Access, namespace: str, secret: str, **options: Any) -> dict[str, Any]:
    given = {**access.connection, "secrets": [secret], "namespaces": [namespace], **options}
    return {"pullpass.registry.pull_secret_link": given}


def set_list(access: Access, namespace: str, *names: str) -> None:
    body = {"imagePullSecrets": [{"name": name} for name in names]}
    access.core.patch_namespaced_service_account("default", namespace, body)


def account(namespace: str, *names: str) -> str:
    metadata = {"name": "default", "namespace": namespace}
    pull_secrets = [{"name": name} for name in names]
    return json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": pull_secrets})


def test_entries_of_others_and_their_order_stay(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    set_list(c2, prefix, "zeta", "default-dockercfg-x2x4z", "alpha")

    run = ansible.tasks([link(c2, prefix, "regcred"), link(c2, prefix, "alpha", state="absent")], "--diff")

    assert run.exit_code == 0, run.output
    assert c2.pull_secrets(prefix) == ["zeta", "default-dockercfg-x2x4z", "regcred"]
    assert '+    "regcred"' in run.output


def test_attach_detach_attach_leaves_what_others_have(c2: Access, ansible: Ansible, prefix: str) -> None:
    others = ["zeta", "default-dockercfg-x2x4z", "alpha"]
    places = [prefix, f"{prefix}-empty"]
    c2.make_namespaces(places)
    c2.wait_for_accounts(places)
    set_list(c2, prefix, *others)

    for state, added in (("present", ["regcred"]), ("absent", []), ("present", ["regcred"])):
        task = link(c2, f"{prefix}*", "regcred", state=state)
        run = run_of(ansible, [task, task])
        assert run.exit_code == 0, run.output
        assert [line["result"]["changed"] for line in run.results] == [True, False]
        assert [c2.pull_secrets(place) for place in places] == [[*others, *added], added]


def test_many_runs_at_once_on_one_account_lose_nothing(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    names = [f"secret-{number}" for number in range(6)]
    play = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [link(c2, prefix, "{{ secret }}")]}]
    playbook = ansible.folder / "one.json"
    playbook.write_text(json.dumps(play))
    python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}

    started = [ansible.start(playbook, {"all": {"hosts": {"x": {**python, "secret": name}}}}) for name in names]
    runs = [finished(process, process.communicate(timeout=240)[0], results) for process, results in started]

    assert [run.exit_code for run in runs] == [0] * len(names), runs[0].output
    assert sorted(c2.pull_secrets(prefix)) == names


def test_twelve_forks_at_once_on_one_account_conflict_and_converge(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    names = sorted(f"secret-{number:02}" for number in range(12))
    task = {**link(c2, prefix, "{{ inventory_hostname }}"), "delegate_to": "localhost"}
    playbook = ansible.folder / "forks.json"
    python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    audit = c2.audit()
    all_planned = threading.Barrier(len(names))
    first = threading.Semaphore(len(names))

    def before(asked: Asked) -> None:
        if asked.method == "PATCH" and first.acquire(blocking=False):
            all_planned.wait(240)

    with meddler(c2, before) as connection:
        task["pullpass.registry.pull_secret_link"].update(connection, request_timeout=240)
        playbook.write_text(json.dumps([{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [task]}]))
        run = ansible.playbook(playbook, {"all": {"hosts": dict.fromkeys(names, python)}}, "--forks=12")

    assert run.exit_code == 0, run.output
    assert sorted(c2.pull_secrets(prefix)) == names
    written = [event for event in audit.writes() if event["objectRef"].get("namespace") == prefix]
    codes = Counter(event["responseStatus"]["code"] for event in written)
    assert codes[200] == len(names)
    assert codes[409] >= len(names) - 1, "they did not come in each other's way"


def test_a_list_of_another_server_side_apply_manager_is_contested(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    c2.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=account(prefix, "theirs"))

    contested = run_of(ansible, [link(c2, prefix, "regcred")])
    assert contested.exit_code == 2
    (row,) = contested.of("pull_secret_link")["links"]
    assert row["action"] == "contested"
    assert "'gitops' (server-side apply)" in row["message"]
    assert c2.pull_secrets(prefix) == ["theirs"]

    present = run_of(ansible, [link(c2, prefix, "theirs")])
    assert present.of("pull_secret_link")["summary"]["unchanged"] == 1

    forced = run_of(ansible, [link(c2, prefix, "regcred", force=True)])
    assert forced.exit_code == 0, forced.output
    assert c2.pull_secrets(prefix) == ["theirs", "regcred"]


def test_a_list_set_by_kubectl_apply_is_contested_and_other_fields_of_it_are_not(
    c2: Access, ansible: Ansible, prefix: str
) -> None:
    c2.make_namespaces([prefix, f"{prefix}-b"])
    c2.wait_for_accounts([prefix, f"{prefix}-b"])
    c2.kubectl("apply", "-f", "-", stdin=account(prefix, "theirs"))
    plain = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": f"{prefix}-b"}}
    c2.apply(plain)

    run = run_of(ansible, [link(c2, f"{prefix}*", "regcred")])

    rows = {row["namespace"]: row["action"] for row in run.of("pull_secret_link")["links"]}
    assert rows == {prefix: "contested", f"{prefix}-b": "linked"}


def test_accounts_by_glob_by_name_and_one_that_comes_late(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    for name in ("build-a", "build-b", "other"):
        c2.kubectl("create", "serviceaccount", "-n", prefix, name)

    run = run_of(
        ansible,
        [
            link(c2, f"{prefix}*", "regcred", service_accounts=["build-*", "other", "default"]),
            {
                **link(c2, prefix, "regcred", service_accounts=["late"], wait_for_service_accounts=1),
                "ignore_errors": True,
            },
        ],
    )

    first, late = (line["result"] for line in run.results)
    assert {row["name"]: row["action"] for row in first["links"]} == dict.fromkeys(
        ("build-a", "build-b", "other", "default"), "linked"
    )
    assert late["links"][0]["action"] == "failed"
    assert "does not exist" in late["links"][0]["message"]

    audit = c2.audit()
    process, results = ansible.start(*late_play(ansible, c2, prefix))
    wait_until(lambda: asked_for_accounts(audit, prefix), 90, "a question for the ServiceAccount")
    assert process.poll() is None, "the module did not wait"
    c2.kubectl("create", "serviceaccount", "-n", prefix, "late")
    run = finished(process, process.communicate(timeout=120)[0], results)
    assert run.exit_code == 0, run.output
    assert c2.pull_secrets(prefix, "late") == ["regcred"]


def asked_for_accounts(audit: Audit, namespace: str) -> bool:
    return any(
        (event["resource"], event["objectRef"].get("namespace")) == ("serviceaccounts", namespace) for event in audit.requests()
    )


def late_play(ansible: Ansible, access: Access, namespace: str) -> tuple[Any, dict[str, Any]]:
    playbook = ansible.folder / "late.json"
    tasks = [link(access, namespace, "regcred", service_accounts=["late"])]
    playbook.write_text(json.dumps([{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    return playbook, {"all": {"hosts": {"x": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}}}
