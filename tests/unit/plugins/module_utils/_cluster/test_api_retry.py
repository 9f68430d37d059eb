# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/api, retry: which attempts are repeated, how often, and after which pauses."""

from __future__ import annotations

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import api as room
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import GaveUp, Patience, retry
from ansible_collections.pullpass.registry.plugins.module_utils._errors import (
    FailureKind,
    PullpassError,
    RequestError,
)


class Clock:
    """Time passes only in pauses."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


class Attempts:
    """Each call raises the next error; afterwards a call returns its number."""

    def __init__(self, *errors: PullpassError) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.count


def failure(kind: FailureKind = FailureKind.CONFLICT, pause: float | None = None) -> RequestError:
    error = RequestError(kind.value, kind, 409)
    error.pause = pause
    return error


def always(_error: PullpassError) -> bool:
    return True


def test_the_first_success_is_the_result_and_pauses_double_up_to_the_longest(clock: Clock) -> None:
    patience = Patience(pause=0.5, longest=3.0)
    assert retry(Attempts(*[failure() for _number in range(5)]), patience, always) == 6
    assert clock.pauses == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_server_may_ask_for_a_longer_pause(clock: Clock) -> None:
    retry(Attempts(failure(pause=7.0), failure(pause=0.0)), Patience(pause=0.5), always)
    assert clock.pauses == [7.0, 14.0]


def test_random_pauses_are_at_most_as_long(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.random, "uniform", lambda low, high: (low + high) / 2)
    retry(Attempts(failure(), failure()), Patience(pause=1.0, random_pauses=True), always)
    assert clock.pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    ("patience", "kind", "attempts"),
    [
        (Patience(attempts=3), FailureKind.CONFLICT, 3),
        (Patience(attempts=9, uncertain=2), FailureKind.UNCERTAIN, 2),
        (Patience(attempts=4, uncertain=2), FailureKind.CONFLICT, 4),
        (Patience(seconds=10.0, pause=1.0), FailureKind.CONFLICT, 4),  # at 0, 1, 3 and 7 seconds
    ],
)
@pytest.mark.usefixtures("clock")
def test_patience_ends_with_the_last_error(patience: Patience, kind: FailureKind, attempts: int) -> None:
    attempt = Attempts(*[failure(kind, 0.0) for _number in range(9)])
    with pytest.raises(GaveUp, match=f"gave up after {attempts} attempts: {kind.value}") as raised:
        retry(attempt, patience, always)
    assert attempt.count == attempts
    assert raised.value.error.pause is None


def test_a_pause_beyond_the_limit_is_not_begun(clock: Clock) -> None:
    with pytest.raises(GaveUp):
        retry(Attempts(failure(pause=3600.0)), Patience(seconds=30.0), always)
    assert clock.pauses == []


def test_what_cannot_pass_is_raised_at_once(clock: Clock) -> None:
    attempt = Attempts(failure(), failure(FailureKind.FORBIDDEN), failure())
    with pytest.raises(RequestError, match="forbidden"):
        retry(attempt, Patience(), lambda error: error.kind == FailureKind.CONFLICT)
    assert (attempt.count, clock.pauses) == (2, [0.0])


def test_the_state_is_checked_after_each_failure_the_last_one_included(clock: Clock) -> None:
    seen: list[str] = []

    def check(error: PullpassError) -> int | None:
        seen.append(str(error))
        return None if len(seen) < 3 else 0

    attempt = Attempts(*[failure() for _number in range(9)])
    assert retry(attempt, Patience(attempts=3, pause=0.1, longest=0.1), always, check) == 0
    assert (attempt.count, seen, clock.pauses) == (3, ["conflict"] * 3, [0.1] * 3)
