# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role by its entry points, with the texts of a survey, and with every mistake reported at its end."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_run import ANSIBLE_PLAYBOOK, Ansible, Run
from cluster_access import Access
from lab import Lab

UNDEFINED = {"pullpass_registries": [{"registry": "r.io", "username": "u", "password": "{{ nobody_set_this }}"}]}


def lab_registry(lab: Lab) -> dict[str, Any]:
    """A credential that the lab's registry takes: the role asks it before it writes anything."""
    entry = {"registry": lab.registry("basic").host, "username": "puller", "password": lab.users["puller"]}
    return {**entry, "ca_cert": str(lab.ca)}


@pytest.fixture
def registry(lab: Lab) -> dict[str, Any]:
    return lab_registry(lab)


def run_role(
    ansible: Ansible,
    access: Access,
    variables: dict[str, Any],
    *uses: dict[str, Any],
    environment: dict[str, str] | None = None,
) -> Run:
    """A play that uses the role once for each of ``uses`` (arguments of include_role beside its name)."""
    tasks = [
        {
            "ansible.builtin.include_role": {"name": "pullpass.registry.cluster_pull_access", **use.get("role", {})},
            "vars": use.get("vars", {}),
        }
        for use in uses or ({},)
    ]
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [*tasks, {"ansible.builtin.debug": {"var": "cluster_pull_access_result"}}],
    }
    playbook = ansible.folder / f"role-{ansible.count}.json"
    playbook.write_text(json.dumps([play]))
    connection = {f"cluster_pull_access_{name}": value for name, value in access.connection.items()}
    return ansible.playbook(playbook, {"all": {"hosts": {"c": {**connection, **variables}}}}, environment=environment)


def test_one_half_each_with_the_same_checks_and_result(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    variables = {"cluster_pull_access_namespaces": [prefix], "pullpass_registries": [registry]}
    secrets, links = {"role": {"tasks_from": "secrets"}}, {"role": {"tasks_from": "links"}}

    only_secrets = run_role(ansible, c2, variables, secrets)
    assert only_secrets.exit_code == 0, only_secrets.output
    assert c2.secret(prefix) is not None
    assert c2.pull_secrets(prefix) == []

    only_links = run_role(ansible, c2, {"cluster_pull_access_namespaces": [prefix]}, links)
    assert only_links.exit_code == 0, only_links.output
    assert c2.pull_secrets(prefix) == ["regcred"]

    failed = run_role(ansible, c2, {**variables, "cluster_pull_access_namespaces": [prefix, "not-there"]}, secrets)
    assert failed.exit_code == 2
    assert "Secret regcred: 1 unchanged, 1 failed. not-there: the namespace does not exist" in failed.output

    unchosen = run_role(ansible, c2, {"pullpass_registries": [registry]}, links)
    assert "No namespace is selected for c" in unchosen.output


def test_a_second_use_in_one_play_knows_nothing_of_the_first(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = [f"{prefix}-a", f"{prefix}-b"]
    c2.make_namespaces(names)
    c2.kubectl("create", "secret", "docker-registry", "first", "-n", names[0], "--docker-username=u", "--docker-password=p")
    variables = {"cluster_pull_access_namespaces": names, "pullpass_registries": [registry]}

    run = run_role(
        ansible,
        c2,
        variables,
        {"vars": {"cluster_pull_access_secret_name": "first", "cluster_pull_access_adopt": True}},
        {"vars": {"cluster_pull_access_secret_name": "second"}},
    )

    assert run.exit_code == 0, run.output
    assert [c2.pull_secrets(name) for name in names] == [["first", "second"]] * 2


def test_a_docker_config_that_ansible_vault_encrypted(
    c2: Access, lab: Lab, ansible: Ansible, prefix: str, registry: dict[str, Any], tmp_path: Path
) -> None:
    """The role reads it on the controller, as host_registry_login does; given by a variable and by the environment."""
    c2.make_namespaces([prefix, f"{prefix}-too"])
    word, document = tmp_path / "word", tmp_path / "config.json"
    word.write_text("of-the-vault")
    auth = base64.b64encode(f"puller:{registry['password']}".encode()).decode()
    document.write_text(json.dumps({"auths": {registry["registry"]: {"auth": auth}}}))
    program = Path(ANSIBLE_PLAYBOOK).with_name("ansible-vault")
    subprocess.run([program, "encrypt", "--vault-password-file", word, document], check=True, capture_output=True)
    trust = {"cluster_pull_access_registry_ca_cert": str(lab.ca)}
    by_name = {**trust, "cluster_pull_access_config_file": str(document), "cluster_pull_access_namespaces": [prefix]}
    by_environment = {**trust, "cluster_pull_access_namespaces": [f"{prefix}-too"]}
    environment = {"ANSIBLE_VAULT_PASSWORD_FILE": str(word), "PULLPASS_CONFIG_FILE": str(document)}

    runs = [
        run_role(ansible, c2, variables, {"role": {"tasks_from": "secrets"}}, environment=environment)
        for variables in (by_name, by_environment)
    ]

    for run, namespace in zip(runs, (prefix, f"{prefix}-too"), strict=True):
        assert run.exit_code == 0, run.output
        assert c2.document(namespace)["auths"][registry["registry"]]["username"] == "puller"
        assert registry["password"] not in run.output


def test_texts_of_a_survey(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    """AWX sends what was left open as an empty text, and numbers, booleans and text areas as text."""
    names = [f"{prefix}-a", f"{prefix}-b", f"{prefix}-c"]
    c2.make_namespaces(names)
    empty = (
        *("namespace_selectors", "config_file", "config_registries", "host", "api_key", "cluster_ca_cert", "client_cert"),
        *("client_key", "proxy", "no_proxy", "impersonate_user", "impersonate_groups", "from_secret", "config"),
    )
    texts = {
        "namespaces": f"{names[0]}, {names[1]}\n{names[2]}",
        "exclude_namespaces": f"{names[1]},kube-*",
        "service_accounts": "default",
        "adopt": "false",
        "force": "no",
        "prune": "False",
        "recreate": "false",
        "purge_registries": "true",
        "in_cluster": "false",
        "validate_certs": "true",
        "workers": "8",
        "request_timeout": "30",
        "wait_for_service_accounts": "5",
    }
    variables = {f"cluster_pull_access_{name}": "" for name in empty}
    variables |= {f"cluster_pull_access_{name}": text for name, text in texts.items()}

    run = run_role(ansible, c2, {**variables, "pullpass_registries": [registry]})

    assert run.exit_code == 0, run.output
    assert [c2.pull_secrets(name) for name in names] == [["regcred"], [], ["regcred"]]
    opened = run_role(ansible, c2, {**variables, "cluster_pull_access_exclude_namespaces": "", "pullpass_registries": [registry]})
    assert opened.exit_code == 0, opened.output
    assert c2.pull_secrets(names[1]) == ["regcred"]


def test_one_selector_with_a_comma_stays_one(c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]) -> None:
    for name, stage in ((f"{prefix}-a", "live"), (f"{prefix}-b", "test")):
        c2.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"app": prefix, "stage": stage}}})

    run = run_role(
        ansible,
        c2,
        {"cluster_pull_access_namespace_selectors": f"app={prefix},stage!=test", "pullpass_registries": [registry]},
    )

    assert run.exit_code == 0, run.output
    assert c2.secret(f"{prefix}-a") is not None
    assert c2.secret(f"{prefix}-b") is None


def test_globs_of_accounts_with_rights_in_one_namespace_only(c2: Access, ansible: Ansible, prefix: str) -> None:
    names = [f"{prefix}-a", f"{prefix}-b"]
    c2.make_namespaces(names)
    c2.wait_for_accounts(names)
    c2.kubectl("create", "serviceaccount", "-n", names[0], "tenant")
    c2.kubectl("create", "role", "own", "-n", names[0], "--verb=list,patch", "--resource=serviceaccounts")
    c2.kubectl("create", "rolebinding", "own", "-n", names[0], "--role=own", f"--serviceaccount={names[0]}:tenant")
    connection = c2.connection_as(c2.token_of(names[0], "tenant"))
    given = {**connection, "secrets": ["regcred"], "namespaces": names, "service_accounts": ["*"]}

    run = ansible.tasks([{"pullpass.registry.pull_secret_link": given}])

    result = run.of("pull_secret_link")
    assert {(row["namespace"], row["name"], row["action"]) for row in result["links"]} == {
        (names[0], "default", "linked"),
        (names[0], "tenant", "linked"),
        (names[1], "*", "failed"),
    }
    assert "no right to list serviceaccounts" in result["msg"]


# host -> what its newcomer got wrong, and what the summary says of it
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "argument": ({"cluster_pull_access_state": "removed"}, "cluster_pull_access_state"),
    "undefined": (UNDEFINED, "nobody_set_this"),
    "unreachable": ({"ansible_remote_tmp": "/proc/nope"}, "Failed to create temporary directory"),
    "glob": ({"cluster_pull_access_namespaces": ["no-such-glob-*"]}, "secrets: no namespace matches"),
}


@pytest.fixture(scope="module")
def newcomers(lab: Lab, c2: Access, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One rollout with a host for each mistake."""
    folder = tmp_path_factory.mktemp("newcomers")
    namespace = f"t{folder.stat().st_ino:x}-newcomers"
    c2.make_namespaces([namespace])
    shared = {
        **{f"cluster_pull_access_{name}": value for name, value in c2.connection.items()},
        "cluster_pull_access_namespaces": [namespace],
        "pullpass_registries": [lab_registry(lab)],
    }
    hosts = {name: variables for name, (variables, _reported) in MISTAKES.items()}
    rollout = Path(__file__).parents[3] / "playbooks" / "rollout.yml"
    return Ansible(folder).playbook(rollout, {"clusters": {"hosts": hosts, "vars": shared}})


@pytest.mark.parametrize("host", MISTAKES)
def test_the_summary_tells_a_newcomers_mistakes(newcomers: Run, host: str) -> None:
    _variables, reported = MISTAKES[host]
    summary = newcomers.output.rpartition("Say what was done on each cluster")[2].partition("PLAY RECAP")[0]
    lines = [line for line in summary.splitlines() if line.strip().lstrip('"').startswith(f"{host}: ")]
    assert any(reported in line for line in lines), newcomers.output
    # a glob that matches nothing is worth a warning only
    assert (newcomers.recap[host]["failed"] == 0) is (host == "glob")
    assert newcomers.exit_code == 2
