# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A run that is told to end takes its Pods away first. SIGKILL cannot be heard: what it leaves is swept by a later run."""

from __future__ import annotations

import contextlib
import signal
import threading
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(PullpassError):
    """Whoever runs the task wants it to end."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"ended by {signal.Signals(number).name} before all was decided. The canary Pods of this run were taken away first, "
            "but for those that a warning names."
        )


class Interruption:
    """While it is entered these signals end nothing, but for the first one in a ``with heard()``: Interrupted is raised there.

    Those that came before are told at its beginning. Only in the main thread, and no signal that the caller has ignored (nohup).
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._open = False
        self._before: dict[signal.Signals, t.Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            minded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in minded}
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """What happens in here is broken off; what comes after, such as a ``finally`` around it, is not."""
        self._open = True
        try:
            if self._number is not None:
                raise Interrupted(self._number)
            yield
        finally:
            self._open = False

    def _hear(self, number: int, _frame: object) -> None:
        first, self._number = self._number is None, number
        if first and self._open:
            raise Interrupted(number)
