# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/server: Memo computes a value once, in one thread."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._concurrency import for_each
from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import Memo
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import CheckEnded, Finding, Verdict


def test_threads_wait_for_the_first_of_them() -> None:
    everybody, asked = threading.Barrier(8), []

    def find() -> int:
        asked.append(1)
        time.sleep(0.05)
        return len(asked)

    memo = Memo(find)

    def ask(_number: int) -> int:
        everybody.wait(10)
        return memo()

    assert for_each(range(8), ask, 8) == [1] * 8
    assert len(asked) == 1


def test_a_value_is_found_out_anew_and_a_refusal_is_not() -> None:
    asked: list[int] = []

    def find() -> int:
        asked.append(1)
        if len(asked) > 2:
            raise CheckEnded(Finding(Verdict.REJECTED, "no"))
        return len(asked)

    memo = Memo(find, lifetime=0)
    assert (memo(), memo()) == (1, 2)
    for _time in range(3):
        with pytest.raises(CheckEnded, match="no"):
            memo()
    assert len(asked) == 3


def test_any_other_failure_is_that_of_one_call() -> None:
    failures = [ValueError("not now")]

    def find() -> int:
        if failures:
            raise failures.pop()
        return 7

    memo = Memo(find)
    with pytest.raises(ValueError, match="not now"):
        memo()
    assert (memo(), memo()) == (7, 7)
