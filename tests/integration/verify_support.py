# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials for the lab's registries, tasks that ask about them, and what the registries saw, for the tests of asking."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab

WRONG = "quite-Wrong-Zauberwort"


def entry(lab: Lab, flavour: str = "basic", user: str = "puller", **changes: Any) -> dict[str, Any]:
    """An entry of ``registries``; with the wrong password for a user whom the lab does not know."""
    return {
        "registry": lab.registry(flavour).host,
        "username": user,
        "password": lab.users.get(user, WRONG),
        **changes,
    }


def trust(lab: Lab) -> dict[str, Any]:
    """Options with which both registries of the lab can be asked; the token server is on a port of its own."""
    token_server = lab.registry("bearer").token_server
    assert token_server
    return {"registry_ca_cert": str(lab.ca), "realms": [urlsplit(token_server).netloc]}


def as_variables(options: dict[str, Any]) -> dict[str, Any]:
    """The same for the role."""
    return {f"cluster_pull_access_{name}": value for name, value in options.items()}


def asking(**options: Any) -> tuple[str, dict[str, Any]]:
    """A call for verify_modules."""
    return "image_access_info", options


def played(ansible: Ansible, calls: Sequence[tuple[str, dict[str, Any]]], *arguments: str) -> Run:
    """The same calls as tasks. Values come from a file of variables, as from a vault, since a play's own text is shown."""
    variables = ansible.folder / f"given-{ansible.count}.json"
    variables.write_text(json.dumps({"given": [options for _module, options in calls]}))
    tasks = [
        {
            f"pullpass.registry.{module}": {name: f"{{{{ given[{number}]['{name}'] }}}}" for name in options},
            "ignore_errors": True,
        }
        for number, (module, options) in enumerate(calls)
    ]
    run = ansible.tasks(tasks, "-e", f"@{variables}", *arguments)
    assert len(run.results) == len(calls), run.output
    assert "Traceback" not in run.output
    return run


def verdicts(result: dict[str, Any], of: str = "images") -> list[str]:
    assert of in result, result
    return [row["verdict"] for row in result[of]]


def attempts(row: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    """Secret, key and verdict of each."""
    return [(one["secret"], one["registry"], one["verdict"]) for one in row["attempts"]]


def auths(**entries: tuple[str, str]) -> str:
    found = {key: {"auth": base64.b64encode(":".join(login).encode()).decode()} for key, login in entries.items()}
    return json.dumps({"auths": found})


def secret(
    namespace: str, name: str, document: str, kind: str = "kubernetes.io/dockerconfigjson", key: str = ".dockerconfigjson"
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": {key: document}}


def pod(namespace: str, name: str, image: str, *secrets: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": [{"name": "app", "image": image, "imagePullPolicy": "Always"}],
        "terminationGracePeriodSeconds": 0,
    }
    if secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in secrets]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


class TokenLog:
    """Requests to the token server since this was made."""

    def __init__(self, lab: Lab) -> None:
        path = lab.registry("bearer").token_server_log
        assert path
        self._path: Path = path
        self._start = path.stat().st_size

    def of(self, user: str) -> list[dict[str, Any]]:
        with self._path.open() as file:
            file.seek(self._start)
            lines = [json.loads(line) for line in file if line.startswith("{")]
        return [line for line in lines if line.get("user") == user]


def reached(access: Access) -> dict[str, Any]:
    return as_variables(access.connection)
