# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab itself: kept while it runs, repaired when a part of it died, and removed without a trace, also after a crash."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import lab
from cluster_access import Access, wait_until
from lab.places import Instance


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


def ended(pid: int) -> bool:
    """Gone, or waiting for a parent that may never ask; its arguments are empty a moment earlier."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_kept_mended_and_ended(instance: str) -> None:
    first = lab.up(instance, clusters=2, node=False)
    running = processes_of(first.directory)
    assert {"etcd", "kube-apiserver", "kube-controller-manager", "registry"} <= running.keys()

    kept = lab.up(instance, clusters=2, node=False)
    assert kept == first
    assert processes_of(first.directory) == running

    os.kill(running["etcd"], signal.SIGKILL)
    wait_until(lambda: ended(running["etcd"]), 10, "an end of etcd")
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
    left = processes_of(Path(f"/{instance}"))
    assert "etcd" in left, "it was killed too early or too late to prove anything"
    with pytest.raises(lab.LabError, match="is not up"):
        lab.Lab.load(instance)

    lab.down(instance)

    assert processes_of(Path(f"/{instance}")) == {}
    assert all(map(ended, left.values()))


def mounts_below(folder: Path) -> list[str]:
    points = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder)]


def shims_of(folder: Path) -> list[int]:
    """Shims name the socket of their containerd."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = entry.read_bytes().decode().split("\0")
            if Path(words[0]).name.startswith("containerd-shim") and str(folder / "containerd.sock") in words:
                found.append(int(entry.parent.name))
    return found


def test_a_node_is_ended_with_its_shims_and_mounts(instance: str, node: str) -> None:
    running = lab.up(instance, node=True)
    folder = Instance.named(instance).node
    access = Access(running.cluster("c1"), running.bin / "kubectl", running.ca)
    registry = running.registry("basic")
    access.wait_for_accounts(["default"])
    access.kubectl(
        "create", "secret", "docker-registry", "regcred", f"--docker-server={registry.host}", "--docker-username=puller",
        f"--docker-password={running.users['puller']}",
    )  # fmt: skip
    container = {"name": "app", "image": running.images["basic"], "volumeMounts": [{"name": "memory", "mountPath": "/memory"}]}
    volume = {"name": "memory", "emptyDir": {"medium": "Memory"}}
    spec = {"containers": [container], "volumes": [volume], "imagePullSecrets": [{"name": "regcred"}]}
    access.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec})
    wait_until(lambda: access.core.read_namespaced_pod("app", "default").status.phase == "Running", 90, "a running Pod")
    shims, mounts = shims_of(folder), mounts_below(folder)
    assert shims
    assert any("kubernetes.io~empty-dir" in point for point in mounts), mounts
    containerd = processes_of(running.directory)["containerd"]
    os.kill(containerd, signal.SIGKILL)
    wait_until(lambda: ended(containerd), 10, "an end of containerd")
    assert shims_of(folder) == shims, "shims are to outlive containerd"

    lab.down(instance)

    assert processes_of(running.directory) == {}
    assert shims_of(folder) == []
    assert all(map(ended, shims))
    assert mounts_below(folder) == mounts_below(running.directory) == []
    assert not folder.exists()
