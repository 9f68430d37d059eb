# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that outlive the command which starts them, and are found again by whoever ends them.

Each one writes its own record (boot, pid, start time) before it becomes the program it is meant to be, so that none
can run without being recorded, even if the command that starts it is killed at that very moment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import tail
from .places import Instance

_RECORD_THEN_BECOME = 'cat /proc/sys/kernel/random/boot_id "/proc/$$/stat" >"$0.new" && mv "$0.new" "$0" && exec "$@"'
_STATE, _START_TIME = 0, 19
_GRACE_SECONDS, _KILL_SECONDS = 1.5, 10.0


def system_path() -> str:
    """PATH with the sbin folders, where runc and the like are and which users often lack."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _parse_stat(stat: str) -> tuple[int, list[str]]:
    """The pid, and the fields after the program's name, which may itself hold spaces and brackets."""
    return int(stat.split(" ", 1)[0]), stat.rpartition(")")[2].split()


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@dataclass(frozen=True)
class Process:
    name: str
    boot: str
    pid: int
    start_time: str

    @classmethod
    def read(cls, record: Path) -> Process:
        boot, stat = record.read_text().split("\n", 1)
        pid, fields = _parse_stat(stat)
        return cls(record.stem, boot, pid, fields[_START_TIME])

    def alive(self) -> bool:
        """Whether this very process still runs, and not another one that was given its pid."""
        try:
            _name, fields = _parse_stat(Path(f"/proc/{self.pid}/stat").read_text())
        except (OSError, ValueError):
            return False
        if fields[_START_TIME] != self.start_time or self.boot != _boot_id():
            return False
        if fields[_STATE] in "ZX":
            _reap(self.pid)
            return False
        return True

    def send(self, number: signal.Signals) -> None:
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Processes:
    """The processes of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def log(self, name: str) -> Path:
        return self._instance.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        return tail(self.log(name))

    def recorded(self) -> list[Process]:
        return [Process.read(path) for path in sorted(self._instance.run.glob("*.proc"))]

    def find(self, name: str) -> Process | None:
        record = self._record(name)
        return Process.read(record) if record.exists() else None

    def alive(self, name: str) -> bool:
        process = self.find(name)
        return process is not None and process.alive()

    def start(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start `command` in a session of its own; return once it is recorded."""
        record = self._record(name)
        record.unlink(missing_ok=True)
        log_flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _RECORD_THEN_BECOME, str(record), *command],
            {"PATH": system_path(), "HOME": str(self._instance.directory), "LANG": "C.UTF-8", **(environment or {})},
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log(name)), log_flags, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        deadline = time.monotonic() + 10
        while not record.exists():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                raise LabError(f"{name} could not be started.", self.tail(name))
            time.sleep(0.005)

    def stop(self, processes: Iterable[Process]) -> None:
        """End them all at once: asked first, then made to."""
        ending = [process for process in processes if process.alive()]
        for process in ending:
            process.send(signal.SIGTERM)
        if not _wait_for_end(ending, _GRACE_SECONDS):
            for process in ending:
                process.send(signal.SIGKILL)
            if not _wait_for_end(ending, _KILL_SECONDS):
                names = ", ".join(f"{process.name} ({process.pid})" for process in ending if process.alive())
                raise LabError(f"These processes do not end: {names}.")

    def stop_named(self, *names: str) -> None:
        self.stop([process for process in self.recorded() if process.name in names])
        for name in names:
            self._record(name).unlink(missing_ok=True)

    def _record(self, name: str) -> Path:
        return self._instance.run / f"{name}.proc"


def _wait_for_end(processes: list[Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(process.alive() for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
