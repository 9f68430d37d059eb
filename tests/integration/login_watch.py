# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts made for a test, and an eye on what every process of the machine has in its arguments and its environment."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@contextmanager
def account() -> Iterator[pwd.struct_passwd]:
    """A new account with a home, gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make an account")
    name = f"pp{secrets.token_hex(4)}"
    # with a star instead of the lock that sshd heeds
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", name], check=True)
    try:
        yield pwd.getpwnam(name)
    finally:
        subprocess.run(["userdel", "--remove", "--force", name], check=False, capture_output=True)


@dataclass
class Seen:
    """``argv`` and ``environ`` hold the places where a word was seen. ``processes`` counts the processes looked at."""

    argv: set[str] = field(default_factory=set)
    environ: set[str] = field(default_factory=set)
    processes: set[str] = field(default_factory=set)


@contextmanager
def watched(words: set[str]) -> Iterator[Seen]:
    """Look at /proc without a pause while the body runs."""
    seen, ended = Seen(), threading.Event()
    own = str(os.getpid())
    needles = [word.encode() for word in words]

    def look() -> None:
        while not ended.is_set():
            for process in (entry for entry in os.listdir("/proc") if entry.isdigit() and entry != own):
                for name, places in (("cmdline", seen.argv), ("environ", seen.environ)):
                    with suppress(OSError):
                        content = Path("/proc", process, name).read_bytes()
                        seen.processes.add(process)
                        if any(needle in content for needle in needles):
                            places.add(content.replace(b"\0", b" ")[:60].decode("utf-8", "replace"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
