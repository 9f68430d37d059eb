# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that other processes read while they are replaced, or that nobody else may read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_private(path: Path, content: str | bytes) -> Path:
    """Replace `path` in one step; a reader sees the old or the new content, and only its owner may read it."""
    data = content.encode() if isinstance(content, str) else content
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
    new.replace(path)
    return path


def write_private_json(path: Path, content: Any) -> Path:
    return write_private(path, json.dumps(content, indent=2, default=str) + "\n")


def tail(path: Path, lines: int = 20) -> str:
    """The end of a log, headed by its path."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        text = ""
    last = "\n".join(text.splitlines()[-lines:])
    return f"--- {path} (last {lines} lines)\n{last or '(empty)'}"
