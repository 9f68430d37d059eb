# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What was found out at registries, as modules return it. Never a password; a user name that is a token is hidden."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.shown import HIDDEN, shown_username
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import Match
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.image_access import Attempt, ImageAccess
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding


def image_row(access: ImageAccess) -> dict[str, t.Any]:
    image, finding = access.image, access.finding
    return {
        "image": str(image),
        "registry": image.registry,
        "repository": image.repository,
        "reference": image.digest or image.tag or "latest",
        "verdict": finding.verdict,
        "digest": finding.digest,
        "can_push": finding.can_push,
        "message": image_message(access, finding),
        "attempts": [_attempt_row(attempt) for attempt in access.attempts],
        "untried": access.untried,
    }


def login_row(credential: Credential, finding: Finding) -> dict[str, t.Any]:
    return {
        "registry": credential.registry,
        "username": shown_username(credential.username, credential.password),
        "verdict": finding.verdict,
        "http_status": finding.http_status,
        "message": login_message(credential, finding),
    }


def login_message(credential: Credential, finding: Finding) -> str:
    user = shown_username(credential.username, credential.password)
    return f"user {user}: {finding.verdict}. {_message(finding, [credential])}"


def image_message(access: ImageAccess, finding: Finding, match: Match | None = None) -> str:
    """``match`` is the credential that ``finding`` is about, where it is about a single one."""
    matches = [match] if match else [attempt.match for attempt in access.attempts]
    users = listed([shown_username(one.username, one.password) for one in matches], 3)
    return f"image {access.image}{f' (user {users})' if users else ''}: {finding.verdict}. {_message(finding, matches)}"


def pushers(accesses: Sequence[ImageAccess]) -> list[str]:
    """A warning for each user who may also push."""
    found: dict[tuple[str, str], list[str]] = {}
    for access in accesses:
        if access.finding.can_push and access.attempts:
            match = access.attempts[-1].match
            key = (access.image.registry, shown_username(match.username, match.password))
            found.setdefault(key, []).append(access.image.repository)
    return [
        f"user {user} may also push to {repositories[0]}{' and others' if len(repositories) > 1 else ''} at {registry}. Whoever "
        "can read the pull secret could then change images: use one that may only pull."
        for (registry, user), repositories in found.items()
    ]


def _message(finding: Finding, logins: Sequence[Credential | Match]) -> str:
    """Registries repeat user names, also those that are a token."""
    message = finding.message
    for login in logins:
        if shown_username(login.username, login.password) == HIDDEN:
            message = message.replace(login.username, HIDDEN)
    return message


def _attempt_row(attempt: Attempt) -> dict[str, t.Any]:
    match, finding = attempt.match, attempt.finding
    return {
        "registry": shown_key(match.key),
        "secret": match.secret or None,
        "username": shown_username(match.username, match.password),
        "verdict": finding.verdict,
        "http_status": finding.http_status,
    }
