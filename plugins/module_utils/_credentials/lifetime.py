# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""How long a credential lives, where it says so itself."""

from __future__ import annotations

import base64
import binascii
import json
import typing as t
from datetime import datetime, timezone

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.identity_token import AZURE_USERNAME

# user names that cloud registries give to minted tokens, and what their vendors say of the lifetime
SHORT_LIVED = {"AWS": "12 hours", AZURE_USERNAME: "about 3 hours", "oauth2accesstoken": "1 hour"}


def expiry(username: str, password: str) -> datetime | None:
    """When the password ends (UTC): the `exp` of a JWT, or the `expiration` in an ECR token; None where it does not say."""
    if username == "AWS":
        return _moment(_json(password).get("expiration"))
    return _moment(jwt_claims(password).get("exp"))


def has_expired(username: str, password: str) -> bool:
    """Whether the password has ended by its own date; one without a date has not."""
    ends = expiry(username, password)
    return ends is not None and ends <= datetime.now(timezone.utc)


def lifetime_words(username: str, password: str) -> str:
    """What to warn of, or an empty text for a credential that does not end by itself."""
    ends = expiry(username, password)
    if ends is not None:
        return f"ends at {timestamp(ends)}"
    return f"lives {SHORT_LIVED[username]} at most" if username in SHORT_LIVED else ""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def jwt_claims(token: str) -> dict[str, t.Any]:
    """What a JWT says, unverified; empty for any other text."""
    parts = token.split(".")
    return _json(parts[1]) if len(parts) == 3 else {}


def _json(encoded: str) -> dict[str, t.Any]:
    """The object in base64 (of either alphabet, padded or not), empty where it is none."""
    try:
        text = encoded.encode("ascii").translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        parsed = json.loads(base64.b64decode(text + b"=" * (-len(text) % 4), validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _moment(seconds: t.Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
