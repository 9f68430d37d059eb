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


class Interruption:
    """While it is entered, the first of these signals raises Interrupted in the main thread; later ones are passed over."""

    def __init__(self) -> None:
        self._heard = False
        self._shielded = False
        self._before: dict[signal.Signals, t.Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """What happens in here is not broken off."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def _hear(self, number: int, _frame: object) -> None:
        if self._heard or self._shielded:
            return
        self._heard = True
        name = signal.Signals(number).name
        raise Interrupted(f"ended by {name} before all was decided. The canary Pods of this run were taken away first.")
