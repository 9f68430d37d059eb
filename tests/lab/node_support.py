# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether this machine can be a Kubernetes node, and the packages which make it one."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

from .packages import find_program, install

_PACKAGES = ("containerd", "runc", "containernetworking-plugins")
_PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
# The kubelet has /var/lib/kubelet/device-plugins built in, whatever its root folder is: two would disturb each other.
OTHER_KUBELET = Path("/var/lib/kubelet/pods")


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
    return install(_PACKAGES, _complete, report)


def _complete() -> bool:
    return all(find_program(name) for name in ("containerd", "ctr", "runc")) and plugin_folder() is not None
