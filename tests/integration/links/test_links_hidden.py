# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Pod template with a list of its own gets nothing of its ServiceAccount's list: a warning says so."""

from __future__ import annotations

from collections import Counter
from typing import Any

from verify_modules import run_of
from workloads import create, deputy, link, manifest, requests_of, status_of

from ansible_run import Ansible, Run
from cluster_access import Access

HIDDEN = "because imagePullSecrets in the Pod template hide those of the ServiceAccount"
LOST = "no longer use other pull Secrets of their ServiceAccount"


def warnings(run: Run) -> list[str]:
    return list(run.of("pull_secret_link").get("warnings", []))


def hiding(access: Access, namespace: str) -> None:
    """Three workloads hide the list of ServiceAccount default, the others do not."""
    builder = manifest("Deployment", namespace, "own", name="of-builder")
    builder["spec"]["template"]["spec"]["serviceAccountName"] = "builder"
    create(
        access,
        manifest("Deployment", namespace, "own", "other", name="hides"),
        manifest("CronJob", namespace, "own", name="hides"),
        manifest("DaemonSet", namespace, "own", name="hides"),
        manifest("StatefulSet", namespace, "own", "regcred", name="has-it"),
        manifest("Deployment", namespace, name="none-of-its-own"),
        builder,
    )


def test_linking_a_service_account_names_the_workloads_that_do_not_see_it(c2: Access, ansible: Ansible, prefix: str) -> None:
    places = [f"{prefix}-{number}" for number in range(5)]
    c2.make_namespaces(places)
    c2.wait_for_accounts(places)
    hiding(c2, places[0])
    few, all_of_them = link(c2, places[0]), link(c2, f"{prefix}*")

    checked = run_of(ansible, [few], "--check")
    audit = c2.audit()
    first = run_of(ansible, [all_of_them])
    asked = Counter(event["resource"] for event in audit.requests() if event["verb"] == "list")
    audit = c2.audit()
    second = run_of(ansible, [all_of_them])

    for run in (checked, first):
        assert run.exit_code == 0, run.output
        (warning,) = warnings(run)
        assert HIDDEN in warning
        assert "Pods of these workloads cannot use regcred" in warning
        assert f"Deployment {places[0]}/hides (own, other; ServiceAccount default)" in warning
        assert f"CronJob {places[0]}/hides" in warning
        assert f"DaemonSet {places[0]}/hides" in warning
        for name in ("has-it", "none-of-its-own", "of-builder"):
            assert name not in warning
    # one list of each kind for all namespaces, and none of them when nothing was linked
    workloads = {"deployments": 1, "statefulsets": 1, "daemonsets": 1, "cronjobs": 1}
    assert {kind: asked[kind] for kind in workloads} == workloads
    assert warnings(second) == []
    assert not workloads.keys() & {event["resource"] for event in audit.requests()}


def test_what_is_linked_in_the_same_run_hides_nothing(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    hiding(c2, prefix)
    both: dict[str, Any] = {"service_accounts": ["default"]}
    entries = [{"kind": "Deployment", "name": "h*"}, {"kind": "DaemonSet"}]

    run = run_of(ansible, [link(c2, prefix, *entries, **both)])

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret_link")["summary"]["linked"] == 3
    (warning,) = warnings(run)
    assert f"CronJob {prefix}/hides" in warning
    assert "Deployment" not in warning
    assert "DaemonSet" not in warning
    # what is listed anyway is looked through when no ServiceAccount has changed, too
    again = run_of(ansible, [link(c2, prefix, {"kind": "CronJob", "name": "x*"}, **both)])
    assert again.of("pull_secret_link")["changed"] is False
    (warning,) = warnings(again)
    assert f"CronJob {prefix}/hides" in warning
    # one for each of the namespace, the ServiceAccount and the CronJobs
    assert again.of("pull_secret_link")["api_requests"] == 3


def test_nobody_misses_what_was_taken_away(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    hiding(c2, prefix)
    task = link(c2, prefix, {"kind": "StatefulSet", "name": "x*"}, service_accounts=["default"])
    absent = link(c2, prefix, {"kind": "StatefulSet", "name": "x*"}, service_accounts=["default"], state="absent")

    run = run_of(ansible, [task, absent, absent])

    assert run.exit_code == 0, run.output
    assert [line["result"]["changed"] for line in run.results] == [True, True, False]
    assert [len(line["result"].get("warnings", [])) for line in run.results] == [1, 0, 0]


def test_a_first_entry_takes_the_service_accounts_away_and_says_so(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    entries = [{"name": "regcred"}, {"name": "default-dockercfg-x2x4z"}]
    c2.core.patch_namespaced_service_account("default", prefix, {"imagePullSecrets": entries})
    create(c2, manifest("Deployment", prefix, name="empty"), manifest("Deployment", prefix, "own", name="full"))
    task = link(c2, prefix, {"kind": "Deployment"})

    checked = run_of(ansible, [task], "--check")
    run = run_of(ansible, [task])
    again = run_of(ansible, [task])

    for one in (checked, run):
        assert one.exit_code == 0, one.output
        (warning,) = warnings(one)
        assert LOST in warning
        assert f"Deployment {prefix}/empty (default-dockercfg-x2x4z of ServiceAccount default)" in warning
        assert "full" not in warning
    assert warnings(again) == []


def test_who_may_not_list_workloads_links_all_the_same(c2: Access, ansible: Ansible, prefix: str) -> None:
    places = [f"{prefix}-{number}" for number in range(5)]
    c2.make_namespaces([prefix, *places])
    c2.wait_for_accounts([prefix, *places])
    hiding(c2, places[0])
    connection = deputy(c2, prefix, "list", [])
    c2.kubectl("create", "clusterrole", f"{prefix}-l", "--verb=get,list", "--resource=namespaces")
    c2.kubectl("create", "clusterrole", f"{prefix}-a", "--verb=list,patch", "--resource=serviceaccounts")
    for role in ("l", "a"):
        binding = ("create", "clusterrolebinding", f"{prefix}-{role}", f"--clusterrole={prefix}-{role}")
        c2.kubectl(*binding, f"--serviceaccount={prefix}:deputy")
    audit = c2.audit()

    run = run_of(ansible, [link(c2, f"{prefix}-*", **connection)])

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret_link")["summary"]["linked"] == len(places)
    assert warnings(run) == []
    refused = [event["resource"] for event in requests_of(audit, prefix) if status_of(event) == 403]
    assert sorted(refused) == ["cronjobs", "daemonsets", "deployments", "statefulsets"], "one try for each kind"
