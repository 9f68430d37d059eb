"""Where things are, and what a program that is started for the tests finds in its environment."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
BUILD = ROOT / ".build"
REPORTS = BUILD / "reports"
VENV = ROOT / ".venv"
CORE_VENVS = VENV / "cores"

COLLECTION = Path("ansible_collections", "pullpass", "registry")


def environment(venv: Path = VENV, collections: Path = BUILD, **extra: str) -> dict[str, str]:
    """Environment with the venv's programs first and no collection but this one.

    The main venv stays on PATH behind another one: what is not in a venv of a single ansible-core is found there.
    """
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    folders = dict.fromkeys((str(venv / "bin"), str(VENV / "bin"), *os.get_exec_path()))
    variables.update(
        PATH=os.pathsep.join(folders),
        VIRTUAL_ENV=str(venv),
        PYTHONPATH=os.pathsep.join((str(collections), str(TESTS))),
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        ANSIBLE_HOME=str(BUILD / "ansible"),
        ANSIBLE_NOCOWS="1",
        HYPOTHESIS_STORAGE_DIRECTORY=str(BUILD / "hypothesis"),
        **extra,
    )
    return variables
