# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_canary that is killed, terminated, or run beside another: which Pods are removed, and which stay."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from canaries import LABEL, UNREACHABLE, canaries, canary, ready, task

from ansible_run import Ansible, finished
from cluster_access import Access, wait_until
from lab import Lab

DEADLINE = "pullpass.registry/canary-deadline"
# seconds in which ansible-playbook comes to its task on a machine with too much to do
LOADED = 120


def descendants(process: int) -> list[int]:
    """Process ids of its children and theirs."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: list[int] = []
    parent_ids = [process]
    while parent_ids:
        children = [child for child, parent in parents.items() if parent in parent_ids]
        found += children
        parent_ids = children
    return found


def modules(process: int) -> list[int]:
    """Those of them that are the module itself, and not what started it."""
    found = []
    for child in descendants(process):
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"python" in words[0] and words[1].endswith(b"AnsiballZ_pull_canary.py"):
            found.append(child)
    return found


def start(ansible: Ansible, access: Access, namespace: str, timeout: int) -> tuple[subprocess.Popen[str], Path]:
    """A run that is not decided before its time-out."""
    return ansible.start(
        ansible.play([task(access.connection, [namespace], UNREACHABLE, timeout=timeout)]),
        {"all": {"hosts": {"localhost": {}}}},
    )


def deadline(pod: Any) -> str:
    return str(pod.metadata.annotations[DEADLINE])


def run_ids(access: Access, namespace: str) -> set[str]:
    return {pod.metadata.labels[LABEL] for pod in canaries(access, namespace)}


def test_what_a_killed_run_left_is_swept_and_a_neighbours_pod_is_not(
    lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str
) -> None:
    ready(c1, prefix)
    killed, _results = start(ansible, c1, prefix, timeout=3000)
    neighbour, results = start(ansible, c1, prefix, timeout=300)
    wait_until(lambda: len(canaries(c1, prefix)) == 2, LOADED, "a Pod of each run")
    for process in [killed.pid, *descendants(killed.pid)]:
        os.kill(process, signal.SIGKILL)
    killed.communicate(timeout=LOADED)
    (dead,) = (pod.metadata.labels[LABEL] for pod in canaries(c1, prefix) if deadline(pod) == "3030")
    (alive,) = run_ids(c1, prefix) - {dead}

    early = canary(ansible, c1.connection, [prefix], UNREACHABLE, timeout=1, fails=True)
    assert early["swept"] == []
    assert run_ids(c1, prefix) == {dead, alive}
    # as if its 3030 seconds were over: its age is the server's word
    c1.kubectl("annotate", "pod", "-n", prefix, f"pullpass-canary-{dead}-1", f"{DEADLINE}=1", "--overwrite")
    checked = ansible.tasks([task(c1.connection, [prefix], UNREACHABLE)], "--check")
    assert checked.of("pull_canary")["swept"] == []
    assert f"would be removed: {prefix}/pullpass-canary-{dead}-1" in " ".join(checked.output.split())
    assert run_ids(c1, prefix) == {dead, alive}

    late = canary(ansible, c1.connection, [prefix], UNREACHABLE, timeout=1, fails=True)

    assert late["swept"] == [f"{prefix}/pullpass-canary-{dead}-1"]
    assert run_ids(c1, prefix) == {alive}
    (module,) = modules(neighbour.pid)
    os.kill(module, signal.SIGTERM)
    ended = finished(neighbour, neighbour.communicate(timeout=LOADED)[0], results)
    assert ended.exit_code == 2
    assert "ended by SIGTERM" in ended.of("pull_canary")["msg"]
    assert "left behind" not in ended.output
    assert canaries(c1, prefix) == []


def test_a_pod_that_somebody_else_removes_is_reported(lab: Lab, c1: Access, node: str, ansible: Ansible, prefix: str) -> None:
    ready(c1, prefix)
    process, results = start(ansible, c1, prefix, timeout=LOADED)
    wait_until(lambda: len(canaries(c1, prefix)) == 1, LOADED, "a Pod")
    c1.kubectl("delete", "pods", "-n", prefix, "-l", LABEL)

    row = finished(process, process.communicate(timeout=LOADED)[0], results).of("pull_canary")["nodes"][0]

    assert (row["action"], row["pulled"]) == ("failed", None)
    assert "somebody else removed the Pod" in row["message"]
