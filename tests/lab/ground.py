# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the parts of an instance need of each other while it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .certificates import Authority
from .places import Instance
from .processes import Processes


@dataclass(frozen=True)
class Ground:
    instance: Instance
    processes: Processes
    authority: Authority
    bin: Path
    report: Callable[[str], None]

    def folder(self, name: str) -> Path:
        folder = self.instance.directory / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def program(self, name: str) -> str:
        return str(self.bin / name)
