"""Finds the Python interpreters of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def find(version: str) -> Path | None:
    """A Python of this minor version that runs and can make virtual environments.

    pyenv puts a python3.X on PATH for every version that it has, and most of them only print an error.
    """
    return next((python for python in _candidates(version) if _runs(python, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder, f"python{version}")
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"), reverse=True)


def _runs(python: Path, version: str) -> bool:
    if not os.access(python, os.X_OK):
        return False
    answer = subprocess.run(
        [python, "-c", PROBE], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return answer.returncode == 0 and answer.stdout.decode().strip() == version
