# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What the rooms raise. Each message says what was found, where, and what to do; only modules turn them into fail_json."""

from __future__ import annotations


class PullpassError(Exception):
    """Base of all errors that a person is meant to read.

    ``pause``: the least number of seconds before the same request may be sent again, None where a repeat is not safe or has
    no effect.
    """

    pause: float | None = None


class InputError(PullpassError):
    """An option, or a document that a person handed in, cannot be used."""


class VerificationError(PullpassError):
    """The registries do not confirm that the credentials are good, so that nothing was written."""


class ClusterError(PullpassError):
    """The cluster cannot be used at all: how to reach it, who we are there, or whether to trust it."""


class Unreachable(ClusterError):
    """There is no connection, so nothing was sent."""


class RequestError(PullpassError):
    """The API server answered one request with something else than success.

    ``kind`` is one of the constants of _cluster/errors.py, ``status`` the HTTP status.
    """

    def __init__(self, message: str, kind: str, status: int) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
