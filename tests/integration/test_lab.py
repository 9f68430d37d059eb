# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab itself: kept when it runs, mended when a part of it died, and gone without a trace, also after a crash."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab
from cluster_access import wait_until


@pytest.fixture
def instance() -> Iterator[str]:
    name = f"t{secrets.token_hex(3)}"
    try:
        yield name
    finally:
        lab.down(name)


def processes_of(directory: Path) -> dict[str, int]:
    """Program -> process id, of all that was started with this lab's folder in its arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(str(directory) in word for word in words):
            found[Path(words[0]).name] = int(entry.name)
    return found


def test_kept_mended_and_ended(instance: str) -> None:
    first = lab.up(instance, clusters=2, node=False)
    running = processes_of(first.directory)
    assert {"etcd", "kube-apiserver", "kube-controller-manager", "registry"} <= running.keys()

    kept = lab.up(instance, clusters=2, node=False)
    assert kept == first
    assert processes_of(first.directory) == running

    os.kill(running["etcd"], signal.SIGKILL)
    wait_until(lambda: "etcd" not in processes_of(first.directory), 10, "an end of etcd")
    lab.up(instance, clusters=2, node=False)
    assert processes_of(first.directory)["etcd"] != running["etcd"]

    lab.down(instance)
    assert processes_of(first.directory) == {}
    assert not (first.directory / "lab.json").exists()
    with pytest.raises(lab.LabError, match="is not up"):
        lab.Lab.load(instance)


def test_a_start_that_is_killed_halfway_leaves_nothing_after_down(instance: str) -> None:
    command = [sys.executable, "-m", "lab", "up", "--instance", instance, "--no-node"]
    starting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert starting.stdout is not None
    for line in starting.stdout:
        if "control plane" in line:
            break
    starting.kill()
    starting.wait()
    starting.stdout.close()

    lab.down(instance)

    assert processes_of(Path(f"/{instance}")) == {}


def test_a_node_is_ended_with_its_shims_and_mounts(instance: str, node: str) -> None:
    running = lab.up(instance, node=True)
    containerd = processes_of(running.directory)["containerd"]
    os.kill(containerd, signal.SIGKILL)

    lab.down(instance)

    assert processes_of(running.directory) == {}
    assert str(running.directory) not in Path("/proc/self/mountinfo").read_text()
