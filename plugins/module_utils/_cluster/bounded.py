# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One answer of the API server, complete within a time and of a bounded size.

The time-out of a library starts again with each byte, so that a server that sends one now and then would never be given up.
"""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHUNK = 65536


class TooLarge(OSError):
    """The answer has more bytes than one may have."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes


def bounded_answer(ask: Callable[[], t.Any], seconds: float, most_bytes: int) -> Answer:
    """The answer to ``ask``, a request that leaves the answer unread. Raises TimeoutError, TooLarge, and as ``ask`` does."""
    outcome: list[Answer | BaseException] = []
    given_up = threading.Event()

    def work() -> None:
        try:
            outcome.append(_read(ask(), most_bytes, given_up))
        except BaseException as error:
            outcome.append(error)

    # a thread that waits for a server cannot be ended: it is left behind, with its connection
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        given_up.set()
        raise TimeoutError("timed out")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _read(response: t.Any, most_bytes: int, given_up: threading.Event) -> Answer:
    content = bytearray()
    try:
        for chunk in response.stream(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > most_bytes:
                raise TooLarge(f"more than {most_bytes // 1024 // 1024} MiB")
            if given_up.is_set():
                raise TimeoutError("timed out")
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return Answer(response.status, response.headers, bytes(content))
