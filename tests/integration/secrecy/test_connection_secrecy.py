# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ways in which a connection fails with a secret at hand: each has its own message, and no output has the secret."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from ansible_run import Ansible
from cluster_access import Access
from registry_servers import Reply
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

SECRET = "Zauberwort7Zq"
FILES = {
    "key.pem": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "empty": "",
    "token": f"{SECRET}\nX-Evil: 1\n",
    "broken.yml": f"users:\n- name: u\n  user: {{password: {SECRET}: x}}\n",
}
PLUGIN = f'#!/bin/sh\necho \'token={SECRET}\' >&2\necho \'{{"status": {{"token": "{SECRET}"}}}}\'\nexit 3\n'


def kubeconfig(path: Path, server: str, ca: str, user: dict[str, Any], **cluster: Any) -> str:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": ca, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    return str(path)


def cases(server: str, ca: str, folder: Path) -> list[tuple[dict[str, Any], dict[str, str], str]]:
    """Options, environment, and what the message says."""
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "plugin").write_text(PLUGIN)
    (folder / "plugin").chmod(0o755)
    host = {"host": server, "ca_cert": ca}
    good = {**host, "api_key": "another-token"}

    def user(name: str, **fields: Any) -> dict[str, Any]:
        return {"kubeconfig": kubeconfig(folder / name, server, ca, fields)}

    def cluster(name: str, **fields: Any) -> dict[str, Any]:
        return {"kubeconfig": kubeconfig(folder / name, server, ca, {"token": SECRET}, **fields)}

    def of_exec(**fields: Any) -> dict[str, Any]:
        return {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", **fields}

    document = json.dumps({"users": [{"name": "u", "user": {"token": SECRET}}]})
    key = base64.b64encode(FILES["key.pem"].encode()).decode()
    return [
        ({**host, "api_key": f"{SECRET}\n"}, {}, "api_key ends with a line break"),
        ({**host, "api_key": f"a\0{SECRET}"}, {}, "api_key holds a line break or another control character"),
        ({**host, "api_key": f"{SECRET}ключ"}, {}, "401"),
        ({}, {"K8S_AUTH_HOST": server, "K8S_AUTH_API_KEY": f"{SECRET}\r\n"}, "K8S_AUTH_API_KEY ends with a line break"),
        ({**good, "impersonate_user": f"a\r\nX: {SECRET}"}, {}, "impersonate_user holds a line break"),
        ({**good, "host": f"https://u:{SECRET}@[::1"}, {}, "host holds a user before '@'"),
        ({**good, "proxy": f"http://u:{SECRET}@127.0.0.1:1"}, {}, "the proxy on the way to"),
        ({**good, "request_timeout": "nan"}, {}, "request_timeout is nan"),
        ({**good, "ca_cert": FILES["key.pem"]}, {}, "ca_cert does not look like a path"),
        ({"host": server, "client_cert": ca, "key_file": FILES["key.pem"]}, {}, "client_key does not look like a path"),
        ({"kubeconfig": document}, {}, "kubeconfig does not look like a path"),
        ({"kubeconfig": str(folder / "broken.yml")}, {}, "is not YAML at line 3"),
        (user("token-lf", token=f"{SECRET}\n"), {}, "token ends with a line break"),
        (user("token-file", tokenFile="token"), {}, "tokenFile holds a line break"),
        (user("cut", **{"client-certificate": ca, "client-key-data": key[:-3]}), {}, "client-key-data is not base64"),
        (user("exec", exec=of_exec(command=str(folder / "plugin"))), {}, "Its output is not shown"),
        (cluster("odd-proxy", **{"proxy-url": f"u:{SECRET}@foo"}), {}, "proxy-url 'foo' is not the URL of a proxy"),
    ]


def test_no_output_has_a_secret_of_the_connection(serve: Serving, ansible: Ansible, tmp_path: Path) -> None:
    server = serve(lambda _request: Reply(401, body={"kind": "Status", "message": "Unauthorized"}))
    table = cases(server.origin, str(serve.authority.pem), tmp_path)
    # from a file of variables, as from a vault: a play's own text Ansible shows itself
    (tmp_path / "vars.json").write_text(json.dumps({"given": [options for options, _environment, _words in table]}))
    tasks = [
        {
            "pullpass.registry.pull_secret": {
                "name": "regcred",
                "namespaces": ["default"],
                "state": "absent",
                **{name: f"{{{{ given[{number}]['{name}'] }}}}" for name in options},
            },
            "environment": environment,
            "ignore_errors": True,
        }
        for number, (options, environment, _words) in enumerate(table)
    ]
    log = tmp_path / "log"

    run = ansible.tasks(tasks, "-vvvv", "--diff", "-e", f"@{tmp_path}/vars.json", environment={"ANSIBLE_LOG_PATH": str(log)})

    assert len(run.results) == len(table)
    for line, (options, environment, words) in zip(run.results, table, strict=True):
        assert words in line["result"]["msg"], (options, environment)
        assert "unexpected error" not in line["result"]["msg"]
    # what the task's own environment has, Ansible prints with the command that it runs
    shown = [line for line in (run.output + log.read_text()).splitlines() if "EXEC" not in line and "K8S_AUTH" not in line]
    assert [line[:300] for line in shown if SECRET in line] == []
    assert SECRET not in json.dumps([line["result"] for line in run.results])


def test_a_name_that_is_not_latin_arrives_as_it_was_given(c2: Access, ansible: Ansible) -> None:
    """kubectl sends UTF-8. As Latin-1 it is another identity to the API server."""
    task = {
        "pullpass.registry.pull_secret": {
            **c2.connection,
            "name": "regcred",
            "namespaces": ["default"],
            "state": "absent",
            "impersonate_user": "größe ключ",
            "impersonate_groups": ["gruppe ä"],
        }
    }
    audit = c2.audit()
    assert ansible.tasks([task]).exit_code == 2
    people = [request["impersonatedUser"] for request in audit.requests()]
    assert people
    assert {(person["username"], tuple(person["groups"])) for person in people} == {
        ("größe ключ", ("gruppe ä", "system:authenticated"))
    }
