# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A password store of its own, with a key of its own, for docker-credential-pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.packages import install

_PROGRAMS = ("docker-credential-pass", "pass", "gpg", "gpgconf")
_PACKAGES = ("golang-docker-credential-helpers", "pass", "gpg", "gpg-agent")
_KEY = [
    "gpg",
    "--batch",
    "--passphrase",
    "",
    "--pinentry-mode",
    "loopback",
    "--quick-gen-key",
    "bot@example.com",
    "future-default",
]


@contextmanager
def password_store() -> Iterator[dict[str, str]]:
    """The environment in which docker-credential-pass uses it."""
    missing = install(_PACKAGES, lambda: all(map(shutil.which, _PROGRAMS)), print)
    if missing:
        pytest.skip(missing)
    # short, since a socket's path has to be
    home = Path(tempfile.mkdtemp(prefix="pp-"))
    environment = {
        "GNUPGHOME": str(home),
        "PASSWORD_STORE_DIR": str(home / "store"),
        "PATH": os.environ["PATH"],
        "HOME": str(home),
    }
    try:
        for command in (_KEY, ["pass", "init", "bot@example.com"]):
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        yield environment
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False, timeout=30)
        shutil.rmtree(home, ignore_errors=True)
