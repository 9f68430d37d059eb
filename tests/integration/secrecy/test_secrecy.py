# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No form of a password in any output, at the highest verbosity with --diff, nor in syslog: of good and of failed runs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from secret_traces import around, forms

from ansible_run import Ansible
from cluster_access import Access

PASSWORD = "Geheim<&>\"'+$%/-Zauberwort"
OLD_PASSWORD = "Verflossen<&>-Zauberwort"
TOKEN = "unknown-token-Zauberwort"


def secret_options(access: Access, namespace: str, **options: Any) -> dict[str, Any]:
    """Options of pull_secret; one that is None is left out."""
    credential = {"registry": "registry.example.com", "username": "bot", "password": PASSWORD}
    given = {**access.connection, "name": "regcred", "namespaces": [namespace], "registries": [credential], **options}
    return {name: value for name, value in given.items() if value is not None}


def all_runs(access: Access, namespace: str, folder: Path) -> list[dict[str, Any]]:
    auth = base64.b64encode(f"bot:{PASSWORD}".encode()).decode()
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {"registry.example.com": {"auth": auth}}}))
    broken = folder / "broken.json"
    broken.write_text('{"auths": {"registry.example.com": {"auth": "' + auth + '"}},}')
    truncated = folder / "truncated.json"
    truncated.write_text(json.dumps({"auths": {"registry.example.com": {"auth": auth[:-3]}}}))
    credential = {"registry": "registry.example.com", "username": "bot"}
    return [
        secret_options(access, namespace),
        secret_options(access, namespace, registries=None, config_file=str(config)),
        secret_options(access, namespace, registries=None, config_file=str(broken)),
        secret_options(access, namespace, registries=None, config_file=str(truncated)),
        secret_options(access, "not-there"),
        secret_options(access, namespace, registries=[{**credential, "passwd": PASSWORD}]),
        secret_options(access, namespace, registries=[{**credential, "password": PASSWORD, "secret": PASSWORD}]),
        secret_options(access, namespace, registries=[{**credential, "username": f"bot:{PASSWORD}", "password": PASSWORD}]),
        secret_options(access, namespace, registries=[{**credential, "password": {"value": PASSWORD}}]),
        secret_options(access, namespace, kubeconfig=None, context=None, host=access.cluster.server, api_key=TOKEN),
        secret_options(access, namespace, registries=None, config={"auths": {"registry.example.com": {"auth": auth}}}),
        secret_options(access, namespace, registries=None, config={"auths": {"registry.example.com": {"auth": [auth]}}}),
        secret_options(access, namespace, registries=None, config=" " + broken.read_text()),
        secret_options(access, namespace, state="absent"),
    ]


def played(options: list[dict[str, Any]], folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Tasks, and arguments: values come from a file of variables, as from a vault. A play's own text Ansible shows itself."""
    variables = folder / "vars.json"
    variables.write_text(json.dumps({"given": options}))
    tasks = [
        {
            "pullpass.registry.pull_secret": {name: f"{{{{ given[{number}]['{name}'] }}}}" for name in given},
            "ignore_errors": True,
        }
        for number, given in enumerate(options)
    ]
    return tasks, ["-e", f"@{variables}"]


def check_hidden(written: str) -> None:
    assert around("Zauberwort", written) == []
    for form in forms("bot", PASSWORD) | forms("bot", OLD_PASSWORD):
        assert around(form, written) == []


def test_no_run_shows_a_password(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    c2.kubectl(
        "create", "secret", "docker-registry", "regcred", "-n", prefix, "--save-config", "--docker-server=registry.example.com",
        "--docker-username=bot", f"--docker-password={OLD_PASSWORD}",
    )  # fmt: skip
    options = [secret_options(c2, prefix), secret_options(c2, prefix, adopt=True), *all_runs(c2, prefix, tmp_path)]
    for mode in (["--check"], []):
        # the first ones tell whether check mode is another story, all of them take long
        given = options[:5] if mode else options
        play, variables = played(given, tmp_path)
        run = ansible.tasks(play, "-vvvv", "--diff", *variables, *mode)

        assert len(run.results) == len(given)
        # refused, adopted, and nothing more to do (or refused still): the values did get there
        assert [line["result"]["changed"] for line in run.results[:3]] == [False, True, False], run.output
        check_hidden(run.output + json.dumps(run.results))
        assert "Traceback" not in run.output
    assert c2.secret(prefix) is None


def test_syslog_shows_none_either(c2: Access, ansible: Ansible, prefix: str, syslog: list[str], tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    # what is refused before it reaches a server does just as well: the options are logged before
    options = [given for given in all_runs(c2, prefix, tmp_path) if "config_file" not in given and "api_key" not in given]
    play, variables = played(options, tmp_path)

    ansible.tasks(play, *variables)

    # one with an option that no specification knows may end before anything is logged
    assert sum("pull_secret" in line for line in syslog) >= len(options) - 2, "this proves nothing of what was not logged"
    check_hidden("".join(syslog))


def test_the_roles_output_shows_none_either(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    hosts = {
        "good": {"cluster_pull_access_namespaces": [prefix]},
        "bad": {"cluster_pull_access_namespaces": ["not-there"]},
        "misspelt": {
            "cluster_pull_access_namespaces": [prefix],
            "pullpass_registries": [{"registry": "registry.example.com", "username": "bot", "passwd": PASSWORD}],
        },
    }
    shared = {
        "cluster_pull_access_kubeconfig": str(c2.cluster.kubeconfig),
        # nobody is asked who is not on this machine; what asking shows is test_rollout_verify's
        "cluster_pull_access_verify": "none",
        "pullpass_registries": [{"registry": "registry.example.com", "username": "bot", "password": PASSWORD}],
    }

    run = ansible.playbook("pullpass.registry.rollout", {"clusters": {"hosts": hosts, "vars": shared}}, "-vvvv", "--diff")

    assert run.recap["good"]["failed"] == 0
    assert run.recap["bad"]["failed"] == run.recap["misspelt"]["failed"] == 1
    check_hidden(run.output + json.dumps(run.results))
