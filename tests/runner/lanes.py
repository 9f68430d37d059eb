"""Runs parts beside each other: each lane takes the next part when it has ended one.

The first lane prefers parts that need a lab, and the others prefer those that need none: a lab takes a tenth of a
processor even where nobody uses it. A lane that takes a part with a lab has a lab of its own from then on. A part is a
process of the runner in a session of its own, so that ending it ends all that it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .labs import LAB_VARIABLE, end_lab
from .layout import REPORTS, ROOT
from .outcomes import OUTCOMES_VARIABLE, Outcome, read_handed_over
from .parts import Part
from .processes import SECONDS_TO_TIDY_UP

LANES = 2
_HEARTBEAT_SECONDS = 60


class Lanes:
    """Several parts at a time. ``outcomes`` has those of every part that has ended."""

    def __init__(self, parts: Sequence[Part], before: Mapping[str, list[Outcome]] | None = None) -> None:
        """``before`` has the outcomes of parts that have ended already."""
        self.outcomes: dict[str, list[Outcome]] = dict(before or {})
        unknown = {part.after for part in parts if part.after} - {part.name for part in parts} - self.outcomes.keys()
        if unknown:
            raise ValueError(f"parts wait for what is no part: {', '.join(sorted(unknown))}")
        self._waiting = list(parts)
        self._changed = threading.Condition()
        self._running: dict[Part, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopped = False

    def run(self) -> None:
        """Return when every part has ended; on an interrupt, when all that was started has."""
        threads = [threading.Thread(target=self._lane, args=(number,)) for number in range(1, LANES + 1)]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads)
        except BaseException:
            self._stop()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        """Wait in the main thread, which is the one that an interrupt reaches, and say now and then what runs."""
        reported = time.monotonic()
        for thread in threads:
            while thread.is_alive():
                thread.join(1)
                if time.monotonic() - reported > _HEARTBEAT_SECONDS:
                    reported = time.monotonic()
                    _say(f"... {self._what_runs(reported)}")

    def _what_runs(self, now: float) -> str:
        with self._changed:
            running = [f"{part.name} ({now - start:.0f} s)" for part, (_process, start) in self._running.items()]
        return f"running: {', '.join(running)}" if running else "between two parts"

    def _lane(self, number: int) -> None:
        lab = lab_of(number)
        while part := self._next(prefers_lab=number == 1):
            outcomes = [Outcome(part.name, failed=["not run"])]
            try:
                outcomes = self._outcomes_of(part, lab)
            except (OSError, ValueError, TypeError, KeyError) as error:
                outcomes = [Outcome(part.name, failed=[f"the runner failed: {error}"])]
            finally:
                self._finish(part, outcomes)

    def _next(self, prefers_lab: bool) -> Part | None:
        """The next part whose condition is met, the longest first; wait while there is none."""
        with self._changed:
            while not self._stopped and self._waiting:
                ready = [part for part in self._waiting if part.after is None or part.after in self.outcomes]
                if ready:
                    part = min(ready, key=lambda one: (one.lab is not prefers_lab, -one.seconds))
                    self._waiting.remove(part)
                    return part
                self._changed.wait()
            return None

    def _outcomes_of(self, part: Part, lab: str) -> list[Outcome]:
        failed = [one for one in self.outcomes.get(part.after or "", []) if one.failed]
        if failed:
            return [Outcome(part.name, failed=[f"not run: {part.after} failed"])]
        name = part.name.replace(",", "").replace(" ", "-")
        log, result = REPORTS / f"{name}.log", REPORTS / f"{name}.json"
        result.unlink(missing_ok=True)
        start = time.monotonic()
        status = self._run(part, lab, log, result)
        seconds = time.monotonic() - start
        # a part that only skips ends with a status of its own, and hands over what it skipped
        ended = [Outcome(part.name, failed=[f"ended with {status}, without an outcome"])]
        outcomes = read_handed_over(result) if result.exists() else ended
        for outcome in outcomes:
            outcome.seconds = outcome.seconds or seconds
        self._print_outcomes(part, outcomes, seconds, log)
        return outcomes

    def _run(self, part: Part, lab: str, log: Path, result: Path) -> int:
        env = {**os.environ, "PYTHONUNBUFFERED": "1", LAB_VARIABLE: lab, OUTCOMES_VARIABLE: str(result)}
        with self._changed, log.open("wb") as output:
            if self._stopped:
                return 1
            process = subprocess.Popen(
                [sys.executable, "-m", "runner", *part.words],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running[part] = (process, time.monotonic())
        status = process.wait()
        _signal(process, signal.SIGKILL)
        with self._changed:
            del self._running[part]
        return status

    def _finish(self, part: Part, outcomes: list[Outcome]) -> None:
        with self._changed:
            self.outcomes[part.name] = outcomes
            self._changed.notify_all()

    def _print_outcomes(self, part: Part, outcomes: Sequence[Outcome], seconds: float, log: Path) -> None:
        if self._stopped:
            return
        passed, failed, skipped = (
            sum(numbers) for numbers in zip(*((one.passed, len(one.failed), len(one.skipped)) for one in outcomes), strict=True)
        )
        _say(f"--- {part.name}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.1f} s")
        if failed:
            _say(log.read_text(errors="replace").rstrip())
            _say(f"--- end of the output of {part.name}, which is in {log.relative_to(ROOT)}")

    def _stop(self) -> None:
        """Ask all parts to end as Ctrl-C does, and then make them. A second Ctrl-C does not disturb that."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            running = [process for process, _start in self._running.values()]
        for process in running:
            _signal(process, signal.SIGINT)
        until = time.monotonic() + SECONDS_TO_TIDY_UP + 10
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            _signal(process, signal.SIGKILL)


def lab_of(lane: int) -> str:
    return f"test-{lane}"


def end_labs() -> None:
    """End the labs of all lanes; after a crash one may still be up when the next run begins."""
    for lane in range(1, LANES + 1):
        end_lab(lab_of(lane))


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the part and to all that it started in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _say(text: str) -> None:
    print(text, flush=True)
