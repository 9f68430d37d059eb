"""Starts programs: live on the terminal, or with the output kept until the program has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .layout import ROOT

TIMED_OUT = 124
SECONDS_TO_TIDY_UP = 60

Command = Sequence[str | Path]


def stream(command: Command, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT, limit: float | None = None) -> int:
    with subprocess.Popen(_words(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL) as process:
        return _wait(process, limit)


def capture(
    command: Command, *, env: Mapping[str, str] | None = None, cwd: Path = ROOT, limit: float | None = None
) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(
            _words(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process:
            status = _wait(process, limit)
        output.seek(0)
        return status, output.read().decode(errors="replace")


def _words(command: Command) -> list[str]:
    return [os.fspath(word) for word in command]


def _wait(process: subprocess.Popen[bytes], limit: float | None) -> int:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        # As Ctrl-C would: pytest then still ends what its fixtures started.
        process.send_signal(signal.SIGINT)
    except KeyboardInterrupt:
        _end(process)
        raise
    _end(process)
    return TIMED_OUT


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS_TO_TIDY_UP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
