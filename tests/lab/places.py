# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the lab keeps its things, and who may touch them at the moment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

TESTS = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?")
_RESERVED = {"bin", "locks", "toolchain"}
# A unix socket's path may have 107 bytes; the kubelet and containerd add up to 40 to the folder of the node.
_LONGEST_NODE_FOLDER = 60


def lab_root() -> Path:
    """The folder of everything: `.lab` of the checkout, or what PULLPASS_LAB_DIR names."""
    root = Path(os.environ.get("PULLPASS_LAB_DIR") or TESTS.parent / ".lab").absolute()
    if not root.is_dir():
        root.mkdir(parents=True)
    ignore = root / ".gitignore"
    if not ignore.exists() and os.access(root, os.W_OK):
        ignore.write_text("*\n")
    return root


@dataclass(frozen=True)
class Instance:
    """One lab beside others: its name and its folders."""

    name: str
    directory: Path

    @classmethod
    def named(cls, name: str) -> Instance:
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise LabError(
                f"{name!r} cannot be the name of a lab: use up to 30 lower case letters, digits and hyphens "
                f"(and not {', '.join(sorted(_RESERVED))})."
            )
        return cls(name, lab_root() / name)

    @classmethod
    def all(cls) -> list[Instance]:
        found = [path.name for path in lab_root().iterdir() if (path / "run").is_dir() and path.name not in _RESERVED]
        return [cls.named(name) for name in sorted(found)]

    @property
    def state(self) -> Path:
        return self.directory / "lab.json"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def run(self) -> Path:
        return self.directory / "run"

    @property
    def fingerprint(self) -> str:
        """Distinguishes this instance from those of other checkouts in names that the whole machine shares."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]

    @property
    def bridge(self) -> str:
        return f"pull-{self.fingerprint}"

    @property
    def node(self) -> Path:
        """The folder of containerd and the kubelet: in the instance, or elsewhere where sockets need a short path."""
        recorded = self.run / "node-folder"
        return Path(recorded.read_text()) if recorded.exists() else self.directory / "node"

    def prepare(self) -> None:
        """Make the folders of a lab which is about to start."""
        for folder in (self.directory, self.logs, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
        if len(os.fsencode(self.directory / "node")) > _LONGEST_NODE_FOLDER:
            (self.run / "node-folder").write_text(tempfile.mkdtemp(prefix="pullpass-"))
        self.node.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self, report: Callable[[str], None]) -> Iterator[None]:
        with locked(self.name, f"another process works on lab {self.name}", report):
            yield


@contextmanager
def locked(name: str, reason: str, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock `name`; the system gives it back when this process ends, however it ends."""
    locks = lab_root() / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / name).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{reason}; waiting until it is done ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
