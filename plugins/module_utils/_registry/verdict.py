# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What asking a registry comes to."""

from __future__ import annotations

from dataclasses import dataclass

ACCEPTED = "accepted"
PULLABLE = "pullable"
ANONYMOUS = "anonymous"
REJECTED = "rejected"
DENIED = "denied"
NOT_FOUND = "not_found"
NO_CREDENTIALS = "no_credentials"
RATE_LIMITED = "rate_limited"
UNREACHABLE = "unreachable"
UNVERIFIABLE = "unverifiable"

GOOD = (ACCEPTED, PULLABLE, ANONYMOUS)
# neither good nor bad: nothing is known of the credential
UNDECIDED = (RATE_LIMITED, UNREACHABLE, UNVERIFIABLE)


@dataclass(frozen=True)
class Finding:
    """``message`` is a sentence that says what was found and what to do. ``http_status`` is that of the answer that decided.

    ``can_push`` is None where the registry does not tell.
    """

    verdict: str
    message: str
    http_status: int | None = None
    digest: str | None = None
    can_push: bool | None = None


class Decided(Exception):
    """Ends a check early, with what was found."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding
