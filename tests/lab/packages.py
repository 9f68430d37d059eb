# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages of Debian and Ubuntu, installed where we are root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

from .places import locked
from .processes import system_path

_UPDATE = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "update"]
_INSTALL = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends"]


def find_program(name: str) -> str | None:
    return shutil.which(name, path=system_path())


def install(packages: Sequence[str], complete: Callable[[], bool], report: Callable[[str], None]) -> str | None:
    """None once ``complete()`` holds, after installing the packages if need be; else why it does not."""
    with locked("packages", "another process installs packages", report):
        return None if complete() else _install(packages, complete, report)


def _install(packages: Sequence[str], complete: Callable[[], bool], report: Callable[[str], None]) -> str | None:
    names = " ".join(packages)
    if os.geteuid() != 0:
        return f"{names} are not installed, and only root can install them"
    if not find_program("apt-get"):
        return f"{names} are not installed, and there is no apt-get to install them"
    report(f"installing {names} with apt-get ...")
    # At runlevel 1 a package leaves its services alone: containerd is not started for the whole machine.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (_UPDATE, [*_INSTALL, *packages]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode and command is not _UPDATE:
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            return f"apt-get could not install {names}: {last}"
    return None if complete() else f"{names} are installed, but their programs are not where they are looked for"
