# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is found out once, by whichever thread asks first."""

from __future__ import annotations

import math
import threading
import time
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Decided

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding

Found = t.TypeVar("Found")


class Once(t.Generic[Found]):
    """What ``find`` gives. Threads that ask meanwhile wait, and get the same.

    A value is found out anew after ``lasts`` seconds. A Decided that ``find`` raises is raised for good: what was refused, or
    not answered, is not asked for again.
    """

    def __init__(self, find: Callable[[], Found], lasts: float = math.inf) -> None:
        self._find = find
        self._lasts = lasts
        self._lock = threading.Lock()
        self._until = -math.inf
        self._found: Found
        self._end: Finding | None = None

    def __call__(self) -> Found:
        with self._lock:
            if self._end is None and time.monotonic() >= self._until:
                begun = time.monotonic()
                try:
                    self._found = self._find()
                except Decided as decided:
                    self._end = decided.finding
                self._until = begun + self._lasts
            if self._end is not None:
                raise Decided(self._end)
            return self._found
