# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The places where a run of Ansible can leave a secret."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .secret_forms import Finder

SYSLOG = Path("/dev/log")


@dataclass
class Places:
    """``environment`` makes a run use folders of this test. ``shown`` takes what a test has itself: output and results."""

    folder: Path
    finder: Finder
    shown: dict[str, str] = field(default_factory=dict)
    syslog: list[str] | None = None
    processes: int = 0
    of_processes: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "facts"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_ASYNC_DIR": str(self.folder / "async"),
            "ANSIBLE_RETRY_FILES_ENABLED": "true",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(self.folder / "retry"),
            "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "false",
            "TMPDIR": str(self.folder / "tmp"),
        }

    def found(self) -> list[str]:
        """Each secret, where and in which form. Empty is what is wanted."""
        texts = {**self.shown, "syslog": "\n".join(self.syslog or []), "processes": "\n".join(sorted(self.of_processes))}
        for file in self.folder.rglob("*"):
            if file.is_file():
                texts[f"file {file.relative_to(self.folder)}"] = file.read_text(errors="replace")
        return [f"{place}: {one}" for place, text in texts.items() for one in self.finder.found(text)]


@contextmanager
def watching(folder: Path, finder: Finder) -> Iterator[Places]:
    """``folder`` must hold nothing of the test's own. Without root, or where a syslog runs, syslog is not looked at."""
    places = Places(folder, finder)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    threads = [threading.Thread(target=_look, args=(places, ended))]
    listener = _listener()
    if listener:
        places.syslog = []
        threads.append(threading.Thread(target=_listen, args=(listener, places.syslog, ended)))
    for thread in threads:
        thread.start()
    try:
        yield places
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        if listener:
            listener.close()
            SYSLOG.unlink()


def _listener() -> socket.socket | None:
    if SYSLOG.exists() or os.geteuid() != 0:
        return None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        listener.bind(str(SYSLOG))
    except OSError:
        listener.close()
        return None
    listener.settimeout(0.2)
    return listener


def _listen(listener: socket.socket, received: list[str], ended: threading.Event) -> None:
    while not ended.is_set():
        with suppress(TimeoutError):
            received.append(listener.recv(1 << 20).decode("utf-8", "replace"))


def _look(places: Places, ended: threading.Event) -> None:
    """Arguments and environment of every process, again and again. Each different one is kept once."""
    own, seen = str(os.getpid()), set()
    while not ended.wait(0.02):
        for process in (entry for entry in os.listdir("/proc") if entry.isdigit() and entry != own):
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    content = Path("/proc", process, name).read_bytes()
                    if hash(content) in seen:
                        continue
                    seen.add(hash(content))
                    places.processes += 1
                    text = content.replace(b"\0", b" ").decode("utf-8", "replace")
                    if places.finder.found(text):
                        places.of_processes.add(f"{name}: {text}")
