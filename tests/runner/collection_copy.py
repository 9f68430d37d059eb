"""A copy of the checkout below ansible_collections/pullpass/registry.

Python imports the collection by that path, and ansible-test insists on it and refuses links.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from .layout import BUILD, COLLECTION, ROOT


def refresh(collections: Path = BUILD) -> Path:
    """Make the copy below this folder equal to the checkout, and return its path."""
    target = collections / COLLECTION
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"copy-{collections.name.strip('.')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _files_of_checkout()
        _remove_others(target, wanted)
        for name in sorted(wanted):
            _copy(ROOT / name, target / name)
    return target


def _files_of_checkout() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    # A tracked file that was deleted is still listed.
    return {name for name in listed.split("\0") if name and os.path.lexists(ROOT / name)}


def _remove_others(target: Path, wanted: set[str]) -> None:
    for folder, _subfolders, names in os.walk(target, topdown=False):
        here = Path(folder)
        for name in names:
            if (here / name).relative_to(target).as_posix() not in wanted:
                (here / name).unlink()
        if not any(here.iterdir()):
            here.rmdir()


def _copy(source: Path, target: Path) -> None:
    if _same(source, target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Moved into place, so that a run that is under way never reads half a file.
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(source, fresh, follow_symlinks=False)
    fresh.replace(target)


def _same(source: Path, target: Path) -> bool:
    if not os.path.lexists(target):
        return False
    old, new = target.lstat(), source.lstat()
    return (old.st_mtime_ns, old.st_size, old.st_mode) == (new.st_mtime_ns, new.st_size, new.st_mode)
