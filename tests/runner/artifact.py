"""Builds the tarball that Galaxy would get and looks for what does not belong in it."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from .layout import VENV, environment
from .processes import capture

FOLDERS = {"changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"}
FILES = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "requirements.txt",
    "tests/config.yml",
}


def check() -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        # From the checkout and not from a copy, so that what git ignores has to be ignored by galaxy.yml as well.
        status, output = capture(
            [VENV / "bin" / "ansible-galaxy", "collection", "build", "--output-path", folder], env=environment()
        )
        if status:
            return status, output
        strangers = sorted(_strangers(next(Path(folder).glob("*.tar.gz"))))
    return len(strangers), "\n".join(f"does not belong in the tarball: {name}" for name in strangers)


def _strangers(tarball: Path) -> set[str]:
    with tarfile.open(tarball) as archive:
        names = [member.name for member in archive.getmembers() if not member.isdir()]
    return {name for name in names if name not in FILES and PurePosixPath(name).parts[0] not in FOLDERS}
