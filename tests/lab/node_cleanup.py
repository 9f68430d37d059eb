# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ends what containerd and the kubelet leave behind when they end, or are killed."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .errors import LabError
from .node_support import OTHER_KUBELET
from .packages import find_program
from .places import Instance

_DETACH = 2
_SET_INTERFACE_FLAGS, _DELETE_BRIDGE = 0x8914, 0x89A1
_SHIM_SOCKETS = Path("/run/containerd/s")
_NETWORK_RESULTS = Path("/var/lib/cni/results")
_CONTAINER_LOGS = Path("/var/log/containers")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_CGROUPS = Path("/sys/fs/cgroup")


def clean_node(instance: Instance) -> None:
    """Containers, their shims, mounts, the bridge, and files outside the folder of the instance."""
    folder = instance.node
    if (folder / "containerd.toml").exists():
        _delete_containers(folder)
        _end_shims(folder)
        _remove_shim_sockets(folder)
        unmount_below(folder)
        _delete_bridge(instance.bridge)
        _remove_network_results(instance.bridge)
        _remove_log_links(folder)
        _remove_shared_folders()
    if folder.parent != instance.directory:
        shutil.rmtree(folder, ignore_errors=True)


def _delete_containers(folder: Path) -> None:
    """runc works without containerd: it kills what runs and removes the cgroups."""
    runc = find_program("runc")
    root = folder / "runc" / "k8s.io"
    if runc and root.is_dir():
        for container in root.iterdir():
            command = [runc, "--root", str(root), "delete", "--force", container.name]
            subprocess.run(command, capture_output=True, check=False)


def _end_shims(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while shims := list(_shims(folder)):
        for pid in shims:
            _kill(pid)
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _shims(folder: Path) -> Iterator[int]:
    """Shims name the socket of their containerd, which no other instance has."""
    address = os.fsencode(folder / "containerd.sock")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(arguments[0]).startswith(b"containerd-shim") and address in arguments:
            yield int(path.parent.name)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _remove_shim_sockets(folder: Path) -> None:
    """A shim that is killed leaves its socket in a folder that all of containerd on this machine shares."""
    for path in folder.glob("state/io.containerd.runtime.v2.task/*/*/address"):
        shim_socket = Path(path.read_text().strip().removeprefix("unix://"))
        if shim_socket.parent == _SHIM_SOCKETS:
            shim_socket.unlink(missing_ok=True)


def unmount_below(folder: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for point in reversed(_mount_points()):
        if point.is_relative_to(folder):
            libc.umount2(os.fsencode(point), _DETACH)
    left = [str(point) for point in _mount_points() if point.is_relative_to(folder)]
    if left:
        # What is mounted may be a folder of the machine itself: nothing below may be removed.
        raise LabError(f"These mounts cannot be ended: {', '.join(left)}.")


def _mount_points() -> list[Path]:
    """Later mounts come later; spaces and the like are written as octal numbers."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    escaped = [line.split(" ")[4] for line in lines]
    return [Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)) for point in escaped]


def _delete_bridge(name: str) -> None:
    """By system call, since a small machine may have no `ip`; a bridge has to be down before it goes."""
    if not Path("/sys/class/net", name).exists():
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, _SET_INTERFACE_FLAGS, struct.pack("16sh14x", name.encode(), 0))
        fcntl.ioctl(channel, _DELETE_BRIDGE, struct.pack("16s", name.encode()))


def _remove_network_results(bridge: str) -> None:
    """Plugins note what they did to each Pod's network: to ours, by its name, and to its loopback."""
    for path in _NETWORK_RESULTS.glob(f"{bridge}-*-eth0"):
        pod = path.name.removeprefix(f"{bridge}-").removesuffix("-eth0")
        (_NETWORK_RESULTS / f"cni-loopback-{pod}-lo").unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _remove_log_links(folder: Path) -> None:
    for link in _CONTAINER_LOGS.glob("*"):
        if link.is_symlink() and Path(os.readlink(link)).is_relative_to(folder):
            link.unlink(missing_ok=True)


def _remove_shared_folders() -> None:
    """What containerd, the kubelet and the plugins make at fixed places, unless somebody still uses it."""
    if not OTHER_KUBELET.exists():
        shutil.rmtree(_DEVICE_PLUGINS, ignore_errors=True)
    cgroups = [*_CGROUPS.glob("k8s.io"), *_CGROUPS.glob("*/k8s.io")]
    for path in [_DEVICE_PLUGINS.parent, _CONTAINER_LOGS, _NETWORK_RESULTS, _NETWORK_RESULTS.parent, *cgroups]:
        with suppress(OSError):
            path.rmdir()
