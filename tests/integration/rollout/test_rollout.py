# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook over an inventory of clusters: one summary at the end whatever failed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab

SERVES_CLUSTERS = "Give clusters their registry access"
ROLLOUT = Path(__file__).parents[3] / "playbooks" / "rollout.yml"


@pytest.fixture
def registry(lab: Lab) -> dict[str, Any]:
    """A credential that the lab's registry takes: the role asks it before it writes anything."""
    entry = {"registry": lab.registry("basic").host, "username": "puller", "password": lab.users["puller"]}
    return {**entry, "ca_cert": str(lab.ca)}


def inventory(namespace: str, registry: dict[str, Any], **clusters: dict[str, Any]) -> dict[str, Any]:
    shared = {"cluster_pull_access_namespaces": [namespace], "pullpass_registries": [registry]}
    return {"clusters": {"hosts": clusters, "vars": shared}}


def reached(access: Access) -> dict[str, Any]:
    return {f"cluster_pull_access_{name}": value for name, value in access.connection.items()}


DOWN = {"cluster_pull_access_host": "https://127.0.0.1:9", "cluster_pull_access_api_key": "some-token"}


def summary(run: Run) -> str:
    assert "Say what was done on each cluster" in run.output, run.output
    text = run.output.rpartition("Say what was done on each cluster")[2].partition("PLAY RECAP")[0]
    return re.sub(r'["\\]', "", text)


def versions_in(access: Access, namespace: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {key: value for key, value in access.versions().items() if key[1] == namespace}


def with_play_keywords(folder: Path, **keywords: Any) -> Path:
    """Our playbook as a site would copy it to set serial and the like for the play that serves clusters."""
    plays = yaml.safe_load(ROLLOUT.read_text())
    assert [play["name"] for play in plays].count(SERVES_CLUSTERS) == 1
    copy = folder / "site.json"
    copy.write_text(json.dumps([{**play, **(keywords if play["name"] == SERVES_CLUSTERS else {})} for play in plays]))
    return copy


def test_three_clusters_then_nothing_to_do(
    c1: Access, c2: Access, c3: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    accesses = {"c1": c1, "c2": c2, "c3": c3}
    for access in accesses.values():
        access.make_namespaces([prefix])
    clusters = inventory(prefix, registry, **{name: reached(access) for name, access in accesses.items()})

    first = ansible.playbook("pullpass.registry.rollout", clusters)
    audits = [access.audit() for access in accesses.values()]
    second = ansible.playbook("pullpass.registry.rollout", clusters)

    assert first.exit_code == second.exit_code == 0, first.output
    for name, access in accesses.items():
        assert access.pull_secrets(prefix) == ["regcred"]
        assert first.recap[name]["changed"] == 2
        assert second.recap[name]["changed"] == 0
        reported = f"{name}: ok; secrets: 1 unchanged; links: 1 unchanged; recovery: no Pod is stuck; 6 API requests"
        assert reported in summary(second)
    for audit in audits:
        assert [event["verb"] for event in audit.requests() if prefix in json.dumps(event["objectRef"])] == ["get"] * 5 + ["list"]


def test_a_cluster_that_is_down_stops_only_itself(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    c2.make_namespaces([prefix])

    run = ansible.playbook("pullpass.registry.rollout", inventory(prefix, registry, down=DOWN, up=reached(c2)))

    assert run.exit_code == 2
    assert run.recap["up"] == {**run.recap["up"], "changed": 2, "failed": 0}
    assert "down: FAILED; 1 API request" in summary(run)
    assert "https://127.0.0.1:9 cannot be reached" in summary(run)
    assert "up: changed; secrets: 1 created; links: 1 linked" in summary(run)


@pytest.mark.parametrize(
    "keywords",
    [{"serial": 1}, {"serial": 1, "max_fail_percentage": 0}, {"max_fail_percentage": 0}, {"any_errors_fatal": True}],
    ids=", ".join,
)
def test_the_summary_comes_whatever_stops_the_play(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any], keywords: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    clusters = inventory(prefix, registry, a_down=DOWN, b_up=reached(c2))

    run = ansible.playbook(with_play_keywords(ansible.folder, **keywords), clusters)

    assert run.exit_code != 0
    assert "a_down: FAILED" in summary(run), run.output
    assert "b_up: " in summary(run)


def test_a_limit_names_only_its_hosts(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    c2.make_namespaces([prefix])
    clusters = inventory(prefix, registry, a_down=DOWN, b_up=reached(c2))

    run = ansible.playbook("pullpass.registry.rollout", clusters, "--limit", "b_up")

    assert run.exit_code == 0, run.output
    assert "b_up: changed" in summary(run)
    assert "a_down" not in summary(run)


def test_removal_unlinks_before_it_deletes(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    c2.make_namespaces([prefix])
    clusters = inventory(prefix, registry, c2=reached(c2))
    ansible.playbook("pullpass.registry.rollout", clusters)
    audit = c2.audit()

    run = ansible.playbook("pullpass.registry.rollout", clusters, "-e", "pullpass_state=absent")

    assert run.exit_code == 0, run.output
    writes = [event for event in audit.writes() if event["objectRef"]["namespace"] == prefix]
    assert [(event["verb"], event["resource"]) for event in writes] == [
        ("patch", "serviceaccounts"),
        ("delete", "secrets"),
    ]
    assert c2.secret(prefix) is None
    assert c2.pull_secrets(prefix) == []


def test_check_mode_of_the_whole_playbook_changes_nothing(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    before = versions_in(c2, prefix)

    run = ansible.playbook("pullpass.registry.rollout", inventory(prefix, registry, c2=reached(c2)), "--check", "--diff")

    assert run.exit_code == 0, run.output
    assert "c2: changed; secrets: 1 created; links: 1 linked" in summary(run)
    assert versions_in(c2, prefix) == before


def test_strings_of_a_survey_are_understood(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    """AWX sends what was left open as an empty text, and numbers and booleans as text."""
    c2.make_namespaces([prefix])
    survey = {
        "cluster_pull_access_adopt": "false",
        "cluster_pull_access_workers": "8",
        "cluster_pull_access_host": "",
        "cluster_pull_access_config_file": "",
        "cluster_pull_access_namespace_selectors": "",
        "cluster_pull_access_wait_for_service_accounts": "5",
    }

    run = ansible.playbook("pullpass.registry.rollout", inventory(prefix, registry, c2=reached(c2)), "-e", json.dumps(survey))

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["summary"]["created"] == 1


def test_the_file_of_the_environment_is_the_last_resort(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    config = ansible.folder / "config.json"
    config.write_text('{"auths": {"ghcr.io": {"auth": "dTpwYXNzd29yZA=="}}}')
    host = {**reached(c2), "cluster_pull_access_namespaces": [prefix], "cluster_pull_access_verify": "none"}
    clusters = {"clusters": {"hosts": {"c2": host}}}

    nothing = ansible.playbook("pullpass.registry.rollout", clusters)
    run = ansible.playbook("pullpass.registry.rollout", clusters, environment={"PULLPASS_CONFIG_FILE": str(config)})

    assert nothing.exit_code == 2
    assert "No credentials are given for c2" in summary(nothing)
    assert run.exit_code == 0, run.output
    assert c2.document(prefix)["auths"]["ghcr.io"]["password"] == "password"
