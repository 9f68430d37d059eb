# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Images requested from their registries with the credentials that match them."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, replace

from .._concurrency import for_each
from .._credentials.credential import shown_username
from .._credentials.dockerconfigjson import PULL_SECRET_KEY, PULL_SECRET_TYPE, kubectl_document
from .._credentials.keyring import PullSecret, UnreadableSecrets, kubelet_keyring
from .._credentials.registry_key import shown_key
from .._text import counted, listed
from .client import Doubt, Verification, check_usable, verify_logins, without_hidden_usernames
from .origin import HUB_NAME
from .verdict import Finding, Verdict

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.credential import Credential
    from .._credentials.image_reference import ImageReference
    from .._credentials.keyring import Keyring, Match
    from .client import Registries


# of several refusals the last of these says most
_REFUSALS = (Verdict.REJECTED, Verdict.DENIED, Verdict.NOT_FOUND)
# a tenant writes a Secret, with any number of credentials
MOST_ATTEMPTS = 16
# all attempts for one image may take so many times the time-out of one request
_TIMEOUTS_PER_IMAGE = 10


@dataclass(frozen=True)
class PullAttempt:
    """One credential that was tried for an image."""

    match: Match
    finding: Finding

    def row(self) -> dict[str, t.Any]:
        match = self.match
        return {
            "registry": shown_key(match.key),
            "secret": match.secret or None,
            "username": shown_username(match.username, match.password),
            "verdict": self.finding.verdict,
            "http_status": self.finding.http_status,
        }


@dataclass(frozen=True)
class ImageAccess:
    """The result for one image. Without a matching credential there are no ``attempts``: the request was anonymous.

    ``untried`` is the number of further credentials that match the image and were not tried.
    """

    image: ImageReference
    finding: Finding
    attempts: tuple[PullAttempt, ...] = ()
    untried: int = 0

    @property
    def pullable(self) -> bool:
        return self.finding.verdict in Verdict.GOOD

    def message(self, attempt: PullAttempt | None = None) -> str:
        """On all attempts, or on a single one."""
        finding = attempt.finding if attempt else self.finding
        matches = [one.match for one in ([attempt] if attempt else self.attempts)]
        users = listed([shown_username(one.username, one.password) for one in matches], 3)
        subject = f"image {self.image}{f' (user {users})' if users else ''}"
        return f"{subject}: {finding.verdict}. {without_hidden_usernames(finding.message, matches)}"

    def row(self) -> dict[str, t.Any]:
        image, finding = self.image, self.finding
        return {
            "image": str(image),
            "registry": image.registry,
            "repository": image.repository,
            "reference": image.reference,
            "verdict": finding.verdict,
            "digest": finding.digest,
            "can_push": finding.can_push,
            "message": self.message(),
            "attempts": [attempt.row() for attempt in self.attempts],
            "untried": self.untried,
        }


@dataclass(frozen=True)
class ImageVerification(Verification):
    """``logins`` are of the credentials that were used for no image."""

    images: Sequence[ImageAccess] = ()

    def rows(self) -> dict[str, t.Any]:
        return {**super().rows(), "images": [access.row() for access in self.images]}

    def rejections(self) -> dict[tuple[str, str], str]:
        rejected = super().rejections()
        for access in self.images:
            for attempt in access.attempts:
                if attempt.finding.verdict == Verdict.REJECTED:
                    rejected.setdefault((access.image.registry, attempt.match.username), access.message(attempt))
        return rejected

    def obstacles(self) -> list[str]:
        others = (*Verdict.GOOD, *Verdict.UNDECIDED, Verdict.REJECTED)
        return [*super().obstacles(), *(one.message() for one in self.images if one.finding.verdict not in others)]

    def doubts(self) -> list[Doubt]:
        """A credential that pulls one image is not in doubt because of another image."""
        proved = {one.match.key for access in self.images for one in access.attempts if one.finding.verdict in Verdict.GOOD}
        doubts = super().doubts()
        for access in self.images:
            if access.finding.verdict in Verdict.UNDECIDED:
                attempts = [one for one in access.attempts if one.finding.verdict in Verdict.UNDECIDED]
                doubts.append(Doubt(access.message(), frozenset(one.match.key for one in attempts) - proved))
        return doubts

    def push_warnings(self) -> list[str]:
        repositories: dict[tuple[str, str], list[str]] = {}
        for access in self.images:
            if access.finding.can_push and access.attempts:
                match = access.attempts[-1].match
                user = (access.image.registry, shown_username(match.username, match.password))
                repositories.setdefault(user, []).append(access.image.repository)
        return [
            f"user {user} may also push to {names[0]}{' and others' if len(names) > 1 else ''} at {registry}. Whoever reads the "
            "pull secret could change images there. Use a credential that may only pull."
            for (registry, user), names in repositories.items()
        ]


def check_images(registries: Registries, keyring: Keyring, images: Sequence[ImageReference], workers: int) -> list[ImageAccess]:
    """An ImageAccess for each image, at most ``workers`` at a time.

    The kubelet uses the first credential that works. It pulls without a credential only where none matches
    (pkg/kubelet/kuberuntime/kuberuntime_image.go). Raises InputError for an endpoint or a CA that cannot be used.
    """
    return for_each(images, lambda image: _check(registries, keyring, image), workers)


def verify_images(
    registries: Registries, credentials: Sequence[Credential], images: Sequence[ImageReference], workers: int
) -> ImageVerification:
    """Each image with the credentials that match it, and by a login the credentials that were used for no image.

    Of several credentials for one registry the first is tried first. Raises InputError as verify_logins.
    """
    check_usable(registries, credentials)
    accesses = check_images(registries, _keyring(credentials), images, workers)
    tried = {(one.match.key, one.match.username, one.match.password) for access in accesses for one in access.attempts}
    others = [one for one in credentials if (one.registry, one.username, one.password) not in tried]
    return ImageVerification(verify_logins(registries, others, workers).logins, accesses)


def _keyring(credentials: Sequence[Credential]) -> Keyring:
    documents = (kubectl_document([credential]) for credential in credentials)
    return kubelet_keyring(PullSecret("", PULL_SECRET_TYPE, {PULL_SECRET_KEY: document}) for document in documents)


def _check(registries: Registries, keyring: Keyring, image: ImageReference) -> ImageAccess:
    try:
        matches = keyring.lookup(image)
    except UnreadableSecrets as error:
        message = f"the kubelet cannot read {error}. It then uses no Secret of the Pod and cannot pull. Write this Secret again."
        return ImageAccess(image, Finding(Verdict.NO_CREDENTIALS, message))
    # the case of a host name has no meaning
    host = image.registry if image.registry == HUB_NAME else image.registry.lower()
    if not matches:
        return ImageAccess(image, registries.check_image(host, image.repository, image.reference, None))
    attempts: list[PullAttempt] = []
    deadline = time.monotonic() + _TIMEOUTS_PER_IMAGE * registries.timeout
    for match in matches[:MOST_ATTEMPTS]:
        if attempts and time.monotonic() > deadline:
            break
        # containerd pulls anonymously with an empty user name
        login = (match.username, match.password) if match.username else None
        attempts.append(PullAttempt(match, registries.check_image(host, image.repository, image.reference, login)))
        if attempts[-1].finding.verdict in Verdict.GOOD:
            break
    good = attempts[-1].finding.verdict in Verdict.GOOD
    untried = 0 if good else len(matches) - len(attempts)
    return ImageAccess(image, _overall([attempt.finding for attempt in attempts], untried), tuple(attempts), untried)


def _overall(findings: Sequence[Finding], untried: int) -> Finding:
    """The kubelet's result: that of the last attempt if it is good. An undecided attempt could have been the good one."""
    last = findings[-1]
    if last.verdict in Verdict.GOOD:
        if len(findings) == 1:
            return last
        others = counted(len(findings) - 1, "other credential")
        return replace(last, message=f"{last.message} The kubelet tries {others} before it, with no effect.")
    if untried:
        message = (
            f"none of the {len(findings)} credentials that were tried can pull it, and {untried} more were not tried: the limit "
            f"is {MOST_ATTEMPTS} for one image and {_TIMEOUTS_PER_IMAGE} times registry_timeout. Remove the wrong credentials."
        )
        return Finding(Verdict.UNVERIFIABLE, f"{message} The first one: {findings[0].message}", findings[0].http_status)
    undecided = [finding for finding in findings if finding.verdict in Verdict.UNDECIDED]
    return undecided[0] if undecided else max(findings, key=lambda one: _rank(one.verdict))


def _rank(verdict: str) -> int:
    return _REFUSALS.index(verdict) + 1 if verdict in _REFUSALS else 0
