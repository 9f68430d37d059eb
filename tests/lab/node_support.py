# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether this machine can be a Kubernetes node, and the packages which make it one."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from .places import locked
from .processes import system_path

_PACKAGES = ("containerd", "runc", "containernetworking-plugins")
_UPDATE = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "update"]
_INSTALL = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"]
_PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
# The kubelet has /var/lib/kubelet/device-plugins built in, whatever its root folder is: two would disturb each other.
OTHER_KUBELET = Path("/var/lib/kubelet/pods")


def find_program(name: str) -> str | None:
    return shutil.which(name, path=system_path())


def plugin_folder() -> Path | None:
    """The folder of the CNI plugins."""
    return next((folder for folder in _PLUGIN_FOLDERS if (folder / "bridge").exists()), None)


def why_no_node(report: Callable[[str], None]) -> str | None:
    """None if a node can run here, after installing what it takes; else the reason why not."""
    if platform.system() != "Linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root, and this user is not root"
    if OTHER_KUBELET.exists():
        return f"this machine already is a Kubernetes node (it has {OTHER_KUBELET})"
    with locked("packages", "another process installs packages", report):
        return None if _complete() else _install(report)


def _complete() -> bool:
    return all(find_program(name) for name in ("containerd", "ctr", "runc")) and plugin_folder() is not None


def _install(report: Callable[[str], None]) -> str | None:
    names = " ".join(_PACKAGES)
    if not find_program("apt-get"):
        return f"containerd, runc and the CNI plugins are not installed, and there is no apt-get to install {names}"
    report(f"installing {names} with apt-get: the node runs containers with them ...")
    # At runlevel 1 a package leaves its services alone: containerd is not started for the whole machine.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (_UPDATE, [*_INSTALL, *_PACKAGES]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode and command is not _UPDATE:
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            return f"apt-get could not install {names}: {last}"
    return None if _complete() else f"{names} are installed but their programs are not where they are looked for"
