"""The virtual environments. Made once, and again when a list of requirements or the Python changes."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .layout import BUILD, ROOT, TESTS, VENV

USER = ROOT / "requirements.txt"
LAB = TESTS / "lab" / "requirements.txt"
UNITS = TESTS / "requirements-units.txt"
DEVELOPMENT = TESTS / "requirements.txt"


def ensure_demo() -> None:
    """What the lab and the collection need to run."""
    ensure(VENV, Path(sys.executable), "demo", ["ansible-core"], [USER, LAB])


def ensure_development() -> None:
    ensure_demo()
    ensure(VENV, Path(sys.executable), "development", [], [DEVELOPMENT, UNITS])


def ensure(venv: Path, python: Path, purpose: str, packages: Sequence[str], files: Sequence[Path]) -> None:
    stamp = venv / f".{purpose}"
    with _one_at_a_time(venv):
        wanted = _fingerprint(python, packages, files)
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        if not _is_made_by(venv, python):
            _run(python, "-m", "venv", "--clear", venv)
        print(f"Installing what {purpose} needs into {venv.relative_to(ROOT)}", flush=True)
        requirements = [word for file in files for word in ("-r", str(file))]
        _run(venv / "bin" / "python", "-m", "pip", "install", "--quiet", *packages, *requirements)
        stamp.write_text(wanted)


@contextmanager
def _one_at_a_time(venv: Path) -> Iterator[None]:
    """Parts that run beside each other want the same environment, and none waits for that of another core."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"venv{venv.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint(python: Path, packages: Sequence[str], files: Sequence[Path]) -> str:
    digest = hashlib.sha256(repr((_version(python), list(packages))).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_made_by(venv: Path, python: Path) -> bool:
    inside = venv / "bin" / "python"
    return inside.exists() and _version(inside) == _version(python)


def _version(python: Path) -> str:
    return subprocess.run([python, "-V"], check=False, stdout=subprocess.PIPE, text=True).stdout.strip()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
