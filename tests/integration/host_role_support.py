# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory hosts of this machine, plays that log them in, and what came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_run import Ansible, Run

ROLE = "pullpass.registry.host_registry_login"
ROLES = Path(__file__).parents[2] / "roles"


def local(*paths: Path, **variables: Any) -> dict[str, Any]:
    """Variables of a host that is this machine, with these files."""
    users = {"host_registry_login_users": [{"path": str(path)} for path in paths]} if paths else {}
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        **users,
        **variables,
    }


def as_role(ansible: Ansible, **keywords: Any) -> Path:
    """A playbook that does nothing but use the role, and tells the result. ``keywords`` are of its play."""
    tasks = {
        "block": [{"ansible.builtin.include_role": {"name": ROLE}}],
        "always": [
            {"ansible.builtin.debug": {"var": "host_registry_login_result"}},
            {"ansible.builtin.include_role": {"name": ROLE, "tasks_from": "summary"}},
        ],
    }
    playbook = ansible.folder / "role.json"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [tasks], **keywords}]))
    return playbook


def use(ansible: Ansible, hosts: Mapping[str, Any], *arguments: str, **rest: Any) -> Run:
    return ansible.playbook(as_role(ansible), {"all": {"hosts": dict(hosts)}}, *arguments, **rest)


def results(run: Run) -> dict[str, Any]:
    """Host -> host_registry_login_result."""
    name = "host_registry_login_result"
    return {line["host"]: line["result"][name] for line in run.results if name in line["result"]}


def summary(run: Run, of: str = "host") -> dict[str, str]:
    """Host -> what the last summary says of it, without server and context of a cluster."""
    text = run.output.rpartition(f"Say what was done on each {of}")[2].partition("\nPLAY ")[0]
    found: dict[str, str] = {}
    for host, words in re.findall(r'^ +"?([a-z][a-z0-9_]*): (.*?)"?,?$', text, re.MULTILINE):
        words = re.sub(r"( API requests?); https?://\S+( context \S+)?$", r"\1", words)
        found[host] = f"{found[host]}\n{words}" if host in found else words
    return found


def helper(folder: Path, suffix: str, script: str) -> None:
    program = folder / f"docker-credential-{suffix}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
