# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One loop that repeats a request, or the steps that lead to a write, as far as its patience goes."""

from __future__ import annotations

import math
import random
import time
import typing as t
from dataclasses import dataclass

from .._errors import FailureKind, PullpassError

if t.TYPE_CHECKING:
    from collections.abc import Callable


Result = t.TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """The limits of a loop: ``attempts``, or the ``seconds`` within which the last one begins.

    ``pause``: seconds after the first attempt. Each further pause is twice as long, up to ``longest``. ``random_pauses``: each
    pause is a random part of that, so that several writers of one object do not collide again.
    ``uncertain``: the limit of attempts that may have been successful although they have no valid answer.
    """

    attempts: float = math.inf
    seconds: float = math.inf
    uncertain: float = math.inf
    pause: float = 0.0
    longest: float = math.inf
    random_pauses: bool = False


class GaveUp(PullpassError):
    """The patience has ended. ``error`` is that of the last attempt."""

    def __init__(self, attempts: int, error: PullpassError) -> None:
        super().__init__(f"gave up after {attempts} attempts: {error}")
        self.error = error


def retry(
    attempt: Callable[[], Result],
    patience: Patience,
    may_pass: Callable[[PullpassError], bool],
    check: Callable[[PullpassError], Result | None] | None = None,
) -> Result:
    """The result of the first ``attempt`` that succeeds.

    ``check`` reads the current state after a failed attempt, the last one included. If it returns a result, the loop ends with
    it. Raises GaveUp, any error for which ``may_pass`` is false, and what ``check`` raises.
    """
    give_up = time.monotonic() + patience.seconds
    attempts = uncertain = 0
    pause = patience.pause
    while True:
        try:
            return attempt()
        except PullpassError as error:
            if not may_pass(error):
                raise
            failure = error
        attempts += 1
        uncertain += failure.kind in (FailureKind.UNCERTAIN, FailureKind.MALFORMED)
        pause = max(pause, failure.pause or 0.0)
        is_last = attempts >= patience.attempts or uncertain >= patience.uncertain or time.monotonic() + pause > give_up
        if check or not is_last:
            time.sleep(random.uniform(0, pause) if patience.random_pauses else pause)
        found = check(failure) if check else None
        if found is not None:
            return found
        if is_last:
            failure.pause = None  # another loop around this one does not wait for it again
            raise GaveUp(attempts, failure) from None
        pause = min(patience.longest, 2 * pause)
