# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pull secrets made by hand and read back byte for byte, and many tasks of pull_secret in one play."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from verify_modules import run_of

from ansible_run import Ansible, Run
from cluster_access import Access

OWNER = "pullpass.registry/owner"
OURS = {OWNER: "default"}
TYPE = "kubernetes.io/dockerconfigjson"
KEY = ".dockerconfigjson"


def auth(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def entry(registry: str, username: str, password: str) -> str:
    """A member of ``auths`` as kubectl writes it."""
    fields = {"username": username, "password": password, "auth": auth(username, password)}
    text = json.dumps({registry: fields}, separators=(",", ":"), ensure_ascii=False)[1:-1]
    return text.translate({ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def put(
    access: Access,
    namespace: str,
    document: str | bytes,
    *,
    name: str = "regcred",
    kind: str = TYPE,
    key: str = KEY,
    immutable: bool = False,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> str:
    """Create a Secret of ours, unless labels say otherwise, with exactly these bytes; gives its uid."""
    content = document.encode() if isinstance(document, str) else document
    body = {
        "metadata": {"name": name, "labels": dict(OURS if labels is None else labels), "annotations": dict(annotations or {})},
        "type": kind,
        "data": {key: base64.b64encode(content).decode()},
        "immutable": immutable or None,
    }
    return str(access.core.create_namespaced_secret(namespace, body).metadata.uid)


def read(access: Access, namespace: str, name: str = "regcred") -> Any:
    """The Secret as the client library shows it."""
    return access.core.read_namespaced_secret(name, namespace)


def raw(access: Access, namespace: str, name: str = "regcred") -> str:
    """The bytes of its document."""
    return base64.b64decode(read(access, namespace, name).data[KEY]).decode()


def task(access: Access, namespace: str, **options: Any) -> dict[str, Any]:
    """A task for one namespace, or a glob of them; it may fail, and the play goes on."""
    given = {**access.connection, "name": "regcred", "namespaces": [namespace], "results": "all", **options}
    kept = {name: value for name, value in given.items() if value is not None}
    return {"pullpass.registry.pull_secret": kept, "ignore_errors": True}


def results(run: Run) -> list[dict[str, Any]]:
    """The result of each task, in order."""
    assert "Traceback" not in run.output, run.output
    return [line["result"] for line in run.results if line["action"] == "pullpass.registry.pull_secret"]


def each(
    ansible: Ansible, tasks: Sequence[Mapping[str, Any]], *arguments: str, environment: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The result of each task, without a play around them."""
    found = results(run_of(ansible, tasks, *arguments, **(environment or {})))
    assert len(found) == len(tasks)
    return found


def rows(result: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Namespace -> action and message; without what other tests left in namespaces of theirs."""
    assert "namespaces" in result, result.get("msg")
    return {one["namespace"]: (one["action"], one["message"]) for one in result["namespaces"] if one["action"] != "orphaned"}


def row(result: Mapping[str, Any]) -> tuple[str, str]:
    (only,) = rows(result).values()
    return only


def jwt(ends: float, mark: str = "") -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends, "mark": mark}).encode()).decode().rstrip("=")
    return f"aGVhZA.{claims}.Zauberwort"
