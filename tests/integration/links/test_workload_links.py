# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of workload templates: what is written, and how often it rolls out; what others keep; two writers; least rights."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from meddler import Asked, meddler
from verify_modules import run_of
from workloads import (
    OTHERS,
    PLURALS,
    TEMPLATES,
    actions,
    answer,
    create,
    deputy,
    found,
    link,
    manifest,
    patches,
    pull_secrets,
    replica_sets,
    requests_of,
    rolled_out,
    status_of,
    template_of,
    writes,
)

from ansible_run import Ansible, Run
from cluster_access import Access, wait_until
from lab import Lab


@pytest.mark.parametrize("there", [[], OTHERS], ids=["no list", "entries of others"])
def test_attach_detach_attach_leaves_what_others_have(c2: Access, ansible: Ansible, prefix: str, there: list[str]) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, *(manifest(kind, prefix, *there) for kind in TEMPLATES))
    wait_until(lambda: rolled_out(c2, prefix), 90, "a first ReplicaSet")
    before = {kind: template_of(found(c2, kind, prefix)) for kind in TEMPLATES}
    # more than one entry means each of them
    entries = [{"kind": kind} for kind in TEMPLATES] + [{"kind": kind, "name": "sh?p"} for kind in TEMPLATES]
    attach, detach = link(c2, prefix, *entries), link(c2, prefix, *entries, state="absent")
    expected = Counter({f"{PLURALS[kind]}/shop": 1 for kind in TEMPLATES})

    for task, after, generation in ((attach, [*there, "regcred"], 2), (detach, there, 3), (attach, [*there, "regcred"], 4)):
        audit = c2.audit()
        run = run_of(ansible, [task, task], "--diff")

        assert run.exit_code == 0, run.output
        first, second = (line["result"] for line in run.results)
        assert first["summary"]["linked"] + first["summary"]["unlinked"] == len(TEMPLATES)
        assert (second["changed"], second["links"][1:]) == (False, []), "only the Deployment's ReplicaSet is reported again"
        # one GET of the namespace and a list of each kind
        assert second["api_requests"] == 1 + len(TEMPLATES)
        assert patches(audit, prefix) == expected
        for kind in TEMPLATES:
            item = found(c2, kind, prefix)
            assert pull_secrets(c2, kind, prefix) == after
            assert item["metadata"]["generation"] == generation
            if after == there:
                assert template_of(item) == before[kind]
        wait_until(lambda: rolled_out(c2, prefix), 90, "a rollout")

    # the template without the entry is the first one again, and that with it the second
    sets = replica_sets(c2, prefix)
    assert [[one["name"] for one in template_of(item)["spec"].get("imagePullSecrets", [])] for item in sets] == [
        there,
        [*there, "regcred"],
    ]


def test_what_a_controller_made_is_owned_and_what_is_fixed_needs_a_replacement(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    operator = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shops", "namespace": prefix}}
    c2.apply(operator)
    uid = c2.core.read_namespaced_config_map("shops", prefix).metadata.uid
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "shops", "uid": uid, "controller": True}
    create(
        c2,
        manifest("Deployment", prefix),
        manifest("Deployment", prefix, name="operated", ownerReferences=[reference]),
        manifest("Job", prefix),
        manifest("Pod", prefix),
        manifest("Pod", prefix, "regcred", name="linked"),
        manifest("Pod", prefix, name="done"),
        manifest("Job", prefix, name="done"),
    )
    c2.core.patch_namespaced_pod_status("done", prefix, {"status": {"phase": "Succeeded"}})
    finish_job(c2, prefix, "done")
    wait_until(lambda: len(replica_sets(c2, prefix)) == 2, 90, "both ReplicaSets")
    owned_set = next(
        item["metadata"]["name"]
        for item in replica_sets(c2, prefix)
        if item["metadata"]["ownerReferences"][0]["name"] == "operated"
    )
    audit = c2.audit()

    run = run_of(
        ansible,
        [link(c2, prefix, *({"kind": kind} for kind in ("Deployment", "ReplicaSet", "Job", "Pod")), results="all", force=True)],
    )

    assert run.exit_code == 0, run.output
    reported = actions(run)
    assert reported["Deployment", "shop"] == "linked"
    assert reported["Deployment", "operated"] == "owned"
    assert reported["ReplicaSet", owned_set] == "owned"
    assert reported["Job", "shop"] == "needs_replacement"
    assert reported["Pod", "shop"] == "needs_replacement"
    assert reported["Pod", "linked"] == "unchanged"
    assert ("Job", "done") not in reported
    assert ("Pod", "done") not in reported
    messages = {(row["kind"], row["name"]): row["message"] for row in answer(run)["links"]}
    assert "ConfigMap shops creates it" in messages["Deployment", "operated"]
    assert "Deployment operated creates it" in messages["ReplicaSet", owned_set]
    assert "link ServiceAccount default" in messages["ReplicaSet", owned_set]
    assert "pull_recovery with replace: [jobs]" in messages["Job", "shop"]
    assert patches(audit, prefix) == {"deployments/shop": 1}
    # what is over is there all the same, and no slip of whoever named it
    over = run_of(ansible, [link(c2, prefix, *({"kind": kind, "name": "done"} for kind in ("Job", "Pod")))])
    assert (over.exit_code, answer(over)["links"]) == (0, []), over.output


def finish_job(access: Access, namespace: str, name: str) -> None:
    """Its Pod is said to have succeeded, and the job controller does the rest."""

    def pods() -> list[Any]:
        return list(access.core.list_namespaced_pod(namespace, label_selector=f"job-name={name}").items)

    wait_until(lambda: bool(pods()), 90, "a Pod of the Job")
    access.core.patch_namespaced_pod_status(pods()[0].metadata.name, namespace, {"status": {"phase": "Succeeded"}})
    wait_until(lambda: "completionTime" in found(access, "Job", namespace, name)["status"], 90, "the end of the Job")


TRACKED = {
    "helm": {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "web"}},
    "argo": {"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:x/argo"}},
    "flux": {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
}


def test_what_another_keeps_is_contested_and_force_writes_it(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, *(manifest("Deployment", prefix, "theirs", name=name, **marks) for name, marks in TRACKED.items()))
    by_server = json.dumps(manifest("Deployment", prefix, "theirs", name="server-side"))
    c2.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=by_server)
    c2.apply(manifest("Deployment", prefix, "theirs", name="applied"))
    names = [*TRACKED, "server-side", "applied"]
    contested = {("Deployment", name): "contested" for name in names}
    audit = c2.audit()

    run = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"})])
    assert run.exit_code == 2
    assert actions(run) == contested
    for owner in ("Helm", "Argo CD", "Flux", "'gitops' (server-side apply)", "last-applied-configuration"):
        assert owner in answer(run)["msg"]
    assert writes(audit, prefix) == []

    there = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"}, secrets=["theirs"])])
    assert answer(there)["summary"]["unchanged"] == len(names)
    taken = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"}, secrets=["theirs"], state="absent")])
    assert actions(taken) == contested
    assert writes(audit, prefix) == []

    forced = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"}, force=True)])
    assert forced.exit_code == 0, forced.output
    for name in names:
        assert pull_secrets(c2, "Deployment", prefix, name) == ["theirs", "regcred"]
    # lists of Pod specs merge by name: what was forced stays when their owners apply again
    c2.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=by_server)
    c2.apply(manifest("Deployment", prefix, "theirs", name="applied"))
    for name in ("server-side", "applied"):
        assert pull_secrets(c2, "Deployment", prefix, name) == ["theirs", "regcred"]


def test_who_applies_other_fields_does_not_contest_and_does_not_undo(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    by_server = json.dumps(manifest("Deployment", prefix, name="server-side"))
    c2.apply(manifest("Deployment", prefix, name="applied"))
    c2.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=by_server)

    run = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"})])

    assert run.exit_code == 0, run.output
    c2.apply(manifest("Deployment", prefix, name="applied"))
    c2.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", stdin=by_server)
    for name in ("applied", "server-side"):
        assert pull_secrets(c2, "Deployment", prefix, name) == ["regcred"]


def test_another_writer_between_look_and_write_loses_nothing(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, manifest("Deployment", prefix, "first"))
    done: list[str] = []
    audit = c2.audit()

    def before(asked: Asked) -> None:
        if asked.method == "PATCH" and not done:
            done.append(asked.path)
            spec = {"imagePullSecrets": [{"name": "raced"}]}
            patch = json.dumps({"spec": {"template": {"spec": spec}}})
            c2.kubectl("patch", "deployment", "-n", prefix, "shop", "-p", patch)

    with meddler(c2, before) as connection:
        run = run_of(ansible, [link(c2, prefix, {"kind": "Deployment"}, **connection)])

    assert run.exit_code == 0, run.output
    assert done
    assert sorted(pull_secrets(c2, "Deployment", prefix)) == ["first", "raced", "regcred"]
    codes = [event["responseStatus"]["code"] for event in writes(audit, prefix)]
    assert (codes[0], codes[-1], codes.count(200)) == (409, 200, 1)
    generation = found(c2, "Deployment", prefix)["metadata"]["generation"]
    assert generation == 3, "made, raced, and linked once"


def test_check_mode_asks_the_server_and_changes_nothing(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, *(manifest(kind, prefix) for kind in TEMPLATES))
    versions = {kind: found(c2, kind, prefix)["metadata"]["generation"] for kind in TEMPLATES}
    audit = c2.audit()

    run = ansible.tasks([link(c2, prefix, *({"kind": kind} for kind in TEMPLATES))], "--check", "--diff")

    assert run.exit_code == 0, run.output
    assert answer(run)["summary"]["linked"] == len(TEMPLATES)
    assert all("dryRun=All" in event["requestURI"] for event in writes(audit, prefix))
    assert len(writes(audit, prefix)) == len(TEMPLATES)
    assert {kind: found(c2, kind, prefix)["metadata"]["generation"] for kind in TEMPLATES} == versions
    assert f"before: Deployment shop in namespace {prefix}" in run.output


def test_two_hundred_deployments_in_fifty_namespaces(c3: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-{number:02}" for number in range(50)]
    c3.make_namespaces(names)
    c3.wait_for_accounts(names)
    create(
        c3,
        *(
            {**one, "spec": {**one["spec"], "replicas": 0}}
            for one in (manifest("Deployment", name, name=f"shop-{number}") for name in names for number in range(4))
        ),
    )
    wait_until(lambda: all_observed(c3, prefix), 90, "a ReplicaSet of each")
    # an account of its own, so that the audit log tells its requests from those of any other test
    connection = deputy(c3, names[0], "list,patch", [], everywhere=True)
    c3.kubectl("create", "clusterrole", f"{prefix}-l", "--verb=list", "--resource=namespaces,serviceaccounts")
    binding = ("create", "clusterrolebinding", f"{prefix}-l", f"--clusterrole={prefix}-l")
    c3.kubectl(*binding, f"--serviceaccount={names[0]}:deputy")
    entries = [{"kind": "Deployment", "name": "shop-*"}, {"kind": "Deployment", "name": "shop-1"}]
    task = link(c3, f"{prefix}-*", *entries, **connection)
    audit = c3.audit()

    first = run_of(ansible, [task])

    assert first.exit_code == 0, first.output
    assert answer(first)["summary"]["linked"] == 200
    asked = requests_of(audit, names[0])
    patched = [event["objectRef"] for event in asked if event["verb"] == "patch" and status_of(event) == 200]
    taken = Counter(f"{one['namespace']}/{one['name']}" for one in patched)
    assert (len(taken), max(taken.values())) == (200, 1), "one rollout each"
    assert len(asked) == answer(first)["api_requests"]
    # namespaces and Deployments, and once the ServiceAccounts whose lists are hidden from now on
    assert {event["resource"] for event in asked if event["verb"] == "list"} == {"namespaces", "deployments", "serviceaccounts"}

    audit = c3.audit()
    second = run_of(ansible, [task])

    assert answer(second)["summary"]["unchanged"] == 200
    assert answer(second)["changed"] is False
    asked = requests_of(audit, names[0])
    assert {(event["verb"], event["resource"]) for event in asked} == {("list", "namespaces"), ("list", "deployments")}
    pages = Counter(event["resource"] for event in asked)
    assert pages["deployments"] <= -(-deployments(c3) // 500), "more than the pages of one list"
    assert len(asked) == answer(second)["api_requests"]


def deployments(access: Access) -> int:
    return len(access.kubectl("get", "deployments", "-A", "-o", "name").split())


def all_observed(access: Access, prefix: str) -> bool:
    items = json.loads(access.kubectl("get", "deployments", "-A", "-o", "json"))["items"]
    ours = [item for item in items if item["metadata"]["namespace"].startswith(prefix)]
    return all(item["status"].get("observedGeneration") for item in ours)


def test_names_that_are_nowhere(c2: Access, ansible: Ansible, prefix: str) -> None:
    """An exact name in exact namespaces is a slip; elsewhere it may well be missing."""
    places = [prefix, f"{prefix}-b"]
    c2.make_namespaces(places)
    c2.wait_for_accounts(places)
    create(c2, manifest("Deployment", prefix, "regcred", labels={"tier": "web"}))
    slip = [{"kind": "Deployment", "name": "shoop"}]
    some = [{"kind": "Deployment", "name": "shop", "selector": "tier in (web, cache)"}]

    def linked(*arguments: str, **options: Any) -> Run:
        return ansible.tasks([link(c2, prefix, **options)], *arguments)

    failed = linked(namespaces=places, workloads=slip)
    assert failed.exit_code == 2
    assert [(row["namespace"], row["name"], row["action"]) for row in answer(failed)["links"]] == [
        (prefix, "shoop", "failed"),
        (places[1], "shoop", "failed"),
    ]
    assert "the Deployment does not exist in any chosen namespace; create it first" in answer(failed)["msg"]
    checked = linked("--check", namespaces=places, workloads=slip)
    assert answer(checked)["summary"]["skipped"] == 2
    for options in ({"namespaces": [f"{prefix}*"]}, {"namespaces": places, "state": "absent"}):
        warned = linked(workloads=slip, **options)
        assert warned.exit_code == 0, warned.output
        (warning,) = answer(warned)["warnings"]
        assert "no object in the chosen namespaces has this name: Deployment shoop" in warning
    quiet = linked(namespaces=places, workloads=some)
    assert answer(quiet)["summary"] == {**dict.fromkeys(answer(quiet)["summary"], 0), "unchanged": 1}
    assert "WARNING" not in quiet.output
    nothing = linked(workloads=[{"kind": "CronJob", "name": "x*"}])
    assert "no CronJob in the chosen namespaces matches" in nothing.output
    bad = linked(workloads=[*some, {"kind": "Pod", "selector": "tier in web"}])
    assert bad.exit_code == 2
    assert "workloads, entry 2 (Pod * (tier in web)): the server cannot read the selector" in answer(bad)["msg"]
    gone = linked(namespaces=[f"{prefix}-c"], workloads=some)
    assert [(row["kind"], row["name"], row["action"]) for row in answer(gone)["links"]] == [("Deployment", "shop", "failed")]
    assert "the namespace does not exist" in answer(gone)["msg"]


def test_list_and_patch_on_deployments_are_enough_even_after_a_conflict(c2: Access, ansible: Ansible, prefix: str) -> None:
    places = [prefix, f"{prefix}-b"]
    c2.make_namespaces(places)
    c2.wait_for_accounts(places)
    create(c2, *(manifest("Deployment", place) for place in places))
    connection = deputy(c2, prefix, "list,patch", places[:1])
    raced: list[str] = []

    def before(asked: Asked) -> None:
        if asked.method == "PATCH" and not raced:
            raced.append(asked.path)
            c2.kubectl("annotate", "deployment", "-n", prefix, "shop", "raced=yes")

    with meddler(c2, before) as through:
        task = link(c2, prefix, {"kind": "Deployment"}, **connection)
        task["pullpass.registry.pull_secret_link"].update({"host": through["host"], "namespaces": places})
        run = run_of(ansible, [task])

    assert raced
    assert run.exit_code == 2
    rows = {row["namespace"]: (row["action"], row["name"], row["message"]) for row in answer(run)["links"]}
    assert rows[prefix] == ("linked", "shop", "added: regcred")
    action, name, message = rows[places[1]]
    assert (action, name) == ("failed", "*")
    assert f"no right to list deployments in namespace {places[1]}" in message
    assert pull_secrets(c2, "Deployment", prefix) == ["regcred"]


def test_without_the_right_to_write_each_is_reported(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    create(c2, manifest("Deployment", prefix))
    connection = deputy(c2, prefix, "list", [], everywhere=True)
    task = link(c2, prefix, {"kind": "Deployment"}, **connection)

    run = run_of(ansible, [task])
    checked = run_of(ansible, [task], "--check")

    assert run.exit_code == 2
    assert f"{prefix}/Deployment/shop: no right to patch deployments shop" in answer(run)["msg"]
    assert checked.exit_code == 0, checked.output
    assert "not checked by the server: no right to patch" in answer(checked)["links"][0]["message"]


def test_a_deployment_on_the_node_pulls_with_the_linked_secret(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    c1.make_namespaces([prefix])
    c1.wait_for_accounts([prefix])
    one = manifest("Deployment", prefix, "foreign")
    one["spec"]["template"]["spec"].update(
        {"containers": [{"name": "c", "image": lab.images["basic"], "imagePullPolicy": "Always"}], "nodeName": node}
    )
    create(c1, one)
    registry = {"registry": lab.images["basic"].split("/")[0], "username": "puller", "password": lab.users["puller"]}
    secret = {**c1.connection, "name": "regcred", "namespaces": [prefix], "registries": [registry]}

    run = run_of(ansible, [{"pullpass.registry.pull_secret": secret}, link(c1, prefix, {"kind": "Deployment"})])

    assert run.exit_code == 0, run.output
    c1.kubectl("rollout", "status", "-n", prefix, "deployment/shop", "--timeout=110s")
    pods = c1.core.list_namespaced_pod(prefix, label_selector="app=shop-deployment").items
    running = [pod for pod in pods if pod.status.phase == "Running"]
    assert [[ref.name for ref in pod.spec.image_pull_secrets] for pod in running] == [["foreign", "regcred"]]
    c1.kubectl("delete", "namespace", prefix, "--wait=false")
