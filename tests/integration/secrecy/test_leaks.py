# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No form of six secrets anywhere: every module and role, good runs, check mode and every kind of failure, -vvvv --diff.

One play holds each kind of failure once. PULLPASS_TEST_LEAKS=full plays each kind with each module that it concerns.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from leak_cases import Case, Ground, all_cases, covering, document, entries

from ansible_run import Ansible
from cluster_access import Access
from leaks import SECRETS, Finder, watching
from leaks.echo_servers import hostile_api, hostile_registry
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

FULL = os.environ.get("PULLPASS_TEST_LEAKS") == "full"
STATUSES = (403, 422, 500, 302)
STRANGER = "Fr3mdes-Passwort-Zq7"
HELPER = """#!/bin/sh
read -r line
echo "cannot $1: $line $(cat)" >&2
echo "cannot $1: $line"
exit 1
"""


@pytest.fixture
def ground(c2: Access, prefix: str, serve: Serving, tmp_path: Path) -> Ground:
    namespace = f"{prefix}-leaks"
    c2.make_namespaces([namespace])
    c2.wait_for_accounts([namespace])
    c2.kubectl(
        "create", "secret", "docker-registry", "regcred", "-n", namespace, "--save-config",
        "--docker-server=stranger.example.com", "--docker-username=stranger", f"--docker-password={STRANGER}",
    )  # fmt: skip
    stored = c2.secret(namespace)
    for name in ("given", "home", "watched"):
        (tmp_path / name).mkdir()
    helper = tmp_path / "given" / "docker-credential-leaky"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    ca = tmp_path / "given" / "ca.pem"
    ca.write_bytes(serve.authority.pem.read_bytes())
    apis = {status: serve(hostile_api(namespace, stored, status)).origin for status in STATUSES}
    registries = {status: serve(hostile_registry(status)).authority for status in (*STATUSES, 401, 429)}
    return Ground(c2, namespace, str(ca), apis, registries, tmp_path / "given", tmp_path / "home")


def play(ground: Ground, cases: list[Case]) -> tuple[list[dict[str, Any]], list[str]]:
    """Values come from a file of variables, as from a vault: a play's own text Ansible shows itself."""
    variables = ground.folder / f"variables-{secrets.token_hex(4)}.json"
    variables.write_text(json.dumps({"given": [_unsafe(case.options) for case in cases]}))
    tasks = []
    for number, case in enumerate(cases):
        values = {name: f"{{{{ given[{number}]['{name}'] }}}}" for name, value in case.options.items() if value is not None}
        tasks.append({**case.task, f"pullpass.registry.{case.module}": values})
    return tasks, ["-e", f"@{variables}"]


def _unsafe(value: Any) -> Any:
    """A text with braces is no template of ours."""
    if isinstance(value, dict):
        return {key: _unsafe(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unsafe(inner) for inner in value]
    return {"__ansible_unsafe": value} if isinstance(value, str) and "{{" in value else value


def test_no_module_shows_a_secret_anywhere(ground: Ground, ansible: Ansible, tmp_path: Path) -> None:
    cases = all_cases(ground) if FULL else covering(all_cases(ground))
    tasks, variables = play(ground, cases)
    finder = Finder([*SECRETS.values(), STRANGER])
    with watching(tmp_path / "watched", finder) as places:
        run = ansible.tasks(
            tasks,
            "-vvvv",
            "--diff",
            *variables,
            environment={**places.environment, "PATH": f"{ground.folder}{os.pathsep}{os.environ['PATH']}"},
        )
    places.shown = {"output": run.output}
    failed = [case for case, line in zip(cases, run.results, strict=False) if line["outcome"] == "failed"]
    leaks = places.found()
    for case, line in zip(cases, run.results, strict=False):
        leaks += [f"result of {case.module}, {case.way}: {one}" for one in finder.found(json.dumps(line, ensure_ascii=False))]
    assert not leaks, "\n".join(leaks)
    assert len(run.results) == len(cases), run.output[-3000:]
    assert places.processes > 10
    assert "Traceback" not in run.output
    good = [case for case in cases if case.way in ("success", "check mode", "unchanged")]
    assert [case for case in failed if case in good] == [], run.output
    assert len(failed) > (len(cases) - len(good)) * 0.6


def test_no_role_shows_a_secret_anywhere(ground: Ground, ansible: Ansible, tmp_path: Path) -> None:
    repeats = {"cluster_pull_access_host": ground.apis[403], "cluster_pull_access_cluster_ca_cert": ground.ca}
    lab = {"cluster_pull_access_kubeconfig": str(ground.access.cluster.kubeconfig)}
    misspelt = [{**one, "passwd": one["password"]} for one in entries()]
    wrong = {"pullpass_registries": [{**one, "registry": ground.registries[401]} for one in entries()][:1]}
    clusters = {
        "good": {**lab, "cluster_pull_access_secret_name": "first"},
        "repeats": {**repeats, "cluster_pull_access_api_key": SECRETS["plain"], "cluster_pull_access_adopt": True},
        "broken": {**repeats, "cluster_pull_access_api_key": SECRETS["both quotes"] + "\n"},
        "misspelt": {**lab, "cluster_pull_access_secret_name": "third", "pullpass_registries": misspelt},
        "rejected": {
            **lab,
            "cluster_pull_access_secret_name": "second",
            **wrong,
            "cluster_pull_access_verify": "login",
            "cluster_pull_access_registry_ca_cert": ground.ca,
        },
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    users = {
        "host_registry_login_users": [{"path": str(ground.home / "role.json")}],
        "host_registry_login_verify": "none",
        **local,
    }
    shared = {
        "cluster_pull_access_namespaces": [ground.namespace],
        "cluster_pull_access_verify": "none",
        "pullpass_registries": [_unsafe(one) for one in entries()],
    }
    inventory = {
        "all": {
            "vars": shared,
            "children": {
                "clusters": {"hosts": clusters},
                "container_hosts": {"hosts": {"fine": users, "wrong": {**users, "pullpass_registries": misspelt}}},
            },
        }
    }
    finder = Finder([*SECRETS.values(), STRANGER])
    with watching(tmp_path / "watched", finder) as places:
        run = ansible.playbook("pullpass.registry.rollout", inventory, "-vvvv", "--diff", environment=places.environment)
    places.shown = {"output": run.output, "results": json.dumps(run.results, ensure_ascii=False)}
    assert not places.found(), "\n".join(places.found())
    assert run.recap["good"]["failed"] == 0, run.output
    assert run.recap["misspelt"]["failed"] == 1


def test_the_finder_finds(tmp_path: Path) -> None:
    """A search that finds nothing proves nothing."""
    finder = Finder(SECRETS.values())
    code = base64.b64encode(json.dumps(document()).encode()).decode()
    for secret in SECRETS.values():
        for text in (secret, json.dumps([secret]), repr({"a": secret}), base64.b64encode(f"u:{secret}!".encode()).decode()):
            assert finder.found(f"x {text} x")
    assert finder.found(code)
    assert not finder.found("Zq7 kolibri drossel robot")
    with watching(tmp_path, finder) as places:
        (tmp_path / "left").write_text(SECRETS["plain"])
    assert len(places.found()) >= 1
