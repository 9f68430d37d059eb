# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The errors of all rooms. Each message says what was found, where, and what to do. Only modules turn them into fail_json."""

from __future__ import annotations

import enum


class FailureKind(enum.Enum):
    """Why a request to an API server failed."""

    FORBIDDEN = "forbidden"
    QUOTA = "quota"
    TERMINATING = "terminating"
    """The namespace is being deleted."""
    REFUSED = "refused"
    CONFLICT = "conflict"
    NOT_FOUND = "not found"
    EXPIRED = "expired"
    """The continue token of a list."""
    THROTTLED = "throttled"
    BUDGET = "budget"
    """A PodDisruptionBudget does not allow an eviction."""
    UNCERTAIN = "uncertain"
    """A write may have been done: the server failed, or there is no valid answer."""
    MALFORMED = "malformed"
    """A success, but the body is not the object or list that was asked for."""


class PullpassError(Exception):
    """Base of all errors whose message is for a person.

    ``kind``: why a request failed, null for all other errors.
    ``pause``: the least number of seconds before the same request may be sent again, null where a repeat is not safe or has
    no effect.
    """

    kind: FailureKind | None = None
    pause: float | None = None


class InputError(PullpassError):
    """An option, or a document that a person gave, cannot be used."""


class HostError(PullpassError):
    """A file, an account or a credential helper of the host cannot be used."""


class VerificationError(PullpassError):
    """The registries did not confirm the credentials, so nothing was written."""


class ClusterError(PullpassError):
    """The cluster cannot be used: its address, the login there, or its certificate is wrong."""


class Unreachable(ClusterError):
    """There is no connection, so nothing was sent."""


class RequestError(PullpassError):
    """One request to the API server failed.

    ``status``: the HTTP status, 0 without one. ``detail``: the text of the server, empty where it may hold a Secret.
    ``refused_by``: the admission policy or webhook that refused it, with its name, empty where that is not known.
    """

    kind: FailureKind

    def __init__(self, message: str, kind: FailureKind, status: int, detail: str = "", refused_by: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.detail = detail
        self.refused_by = refused_by
