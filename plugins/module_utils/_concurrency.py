# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Bounded concurrency."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_Item = t.TypeVar("_Item")
_Result = t.TypeVar("_Result")


def for_each(items: Sequence[_Item], work: Callable[[_Item], _Result], workers: int) -> list[_Result]:
    """``work(item)`` for each item, at most ``workers`` at a time; results in the order of the items.

    The first exception of ``work`` is raised after the running calls have ended. Calls that have not started are cancelled.
    """
    if len(items) < 2 or workers == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(workers, len(items))) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
