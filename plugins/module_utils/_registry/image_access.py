# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Images and logins asked for at their registries, and the rows that modules return about them."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from .._concurrency import for_each
from .._credentials.keyring import UnreadableSecrets
from .._credentials.registry_key import shown_key
from .._credentials.shown import HIDDEN, shown_username
from .._text import listed
from .client import image_host
from .verdict import DENIED, GOOD, NO_CREDENTIALS, NOT_FOUND, REJECTED, UNDECIDED, UNVERIFIABLE, Finding

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.credential import Credential
    from .._credentials.image_reference import ImageReference
    from .._credentials.keyring import Keyring, Match
    from .client import Registries


# Of several refusals the one that came furthest tells most
_FURTHEST = (NOT_FOUND, DENIED, REJECTED)
# A Secret is written by a tenant, and holds as many credentials as he likes
MOST_ATTEMPTS = 16
# how many times the time-out of one request all attempts for one image may take together
_PATIENCE = 10


@dataclass(frozen=True)
class Attempt:
    """One credential that was tried for an image."""

    match: Match
    finding: Finding


@dataclass(frozen=True)
class ImageAccess:
    """What became of one image. Without a matching credential there are no ``attempts``: it was asked for as anybody.

    ``untried`` is how many further credentials match it that were not tried.
    """

    image: ImageReference
    finding: Finding
    attempts: tuple[Attempt, ...] = ()
    untried: int = 0

    @property
    def pullable(self) -> bool:
        return self.finding.verdict in GOOD


def check_images(registries: Registries, keyring: Keyring, images: Sequence[ImageReference], workers: int) -> list[ImageAccess]:
    """An ImageAccess for each image, at most ``workers`` asked for at a time.

    The kubelet takes the first credential that works and falls back to none at all only where none matches
    (pkg/kubelet/kuberuntime/kuberuntime_image.go). Raises InputError for an endpoint or a CA that cannot be used.
    """
    return for_each(images, lambda image: _check(registries, keyring, image), workers)


def _check(registries: Registries, keyring: Keyring, image: ImageReference) -> ImageAccess:
    try:
        matches = keyring.lookup(image)
    except UnreadableSecrets as error:
        told = f"the kubelet cannot read {error}. It then uses none of the Pod's Secrets, and pulls nothing. Write it anew."
        return ImageAccess(image, Finding(NO_CREDENTIALS, told))
    asked = replace(image, registry=image_host(image.registry))
    if not matches:
        return ImageAccess(image, registries.check_image(asked, None))
    attempts: list[Attempt] = []
    give_up = time.monotonic() + _PATIENCE * registries.timeout
    for match in matches[:MOST_ATTEMPTS]:
        if attempts and time.monotonic() > give_up:
            break
        # containerd pulls as anybody where the user name is empty
        login = (match.username, match.password) if match.username else None
        attempts.append(Attempt(match, registries.check_image(asked, login)))
        if attempts[-1].finding.verdict in GOOD:
            break
    good = attempts[-1].finding.verdict in GOOD
    untried = 0 if good else len(matches) - len(attempts)
    return ImageAccess(image, _overall([attempt.finding for attempt in attempts], untried), tuple(attempts), untried)


def _overall(findings: Sequence[Finding], untried: int) -> Finding:
    """What the kubelet would come to: the last one where that is good. One that nothing is known of may have been."""
    last = findings[-1]
    if last.verdict in GOOD:
        if len(findings) == 1:
            return last
        return replace(last, message=f"{last.message} Before it the kubelet tries {len(findings) - 1} in vain.")
    if untried:
        told = (
            f"none of the {len(findings)} credentials that were tried can pull it, and {untried} more were not tried: the most "
            f"is {MOST_ATTEMPTS} for one image, for {_PATIENCE} times registry_timeout. Remove the credentials that are wrong."
        )
        return Finding(UNVERIFIABLE, f"{told} The first one: {findings[0].message}", findings[0].http_status)
    undecided = [finding for finding in findings if finding.verdict in UNDECIDED]
    ranked = sorted(findings, key=lambda one: _FURTHEST.index(one.verdict) if one.verdict in _FURTHEST else len(_FURTHEST))
    return (undecided or ranked)[0]


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
