# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Credentials tested before they are written anywhere: by a login, or by the images that they are for."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._concurrency import for_each
from .._credentials.dockerconfigjson import kubectl_document
from .._credentials.keyring import PullSecret, kubelet_keyring
from .image_access import check_images, image_message, image_row, login_message, login_row
from .origin import registry_host
from .verdict import GOOD, REJECTED, UNDECIDED, Decided

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._credentials.credential import Credential
    from .._credentials.image_reference import ImageReference
    from .._credentials.keyring import Keyring
    from .client import Registries
    from .image_access import ImageAccess
    from .verdict import Finding


@dataclass(frozen=True)
class Doubt:
    """What could not be found out, as a sentence. ``registries`` are those of the credentials that stay unverified by it."""

    message: str
    registries: frozenset[str]


@dataclass(frozen=True)
class Verification:
    """``logins`` are of the credentials that no image was asked for with."""

    logins: Sequence[tuple[Credential, Finding]] = ()
    images: Sequence[ImageAccess] = ()

    def rows(self) -> dict[str, t.Any]:
        """As image_access_info returns them."""
        return {
            "logins": [login_row(credential, finding) for credential, finding in self.logins],
            "images": [image_row(access) for access in self.images],
        }

    def obstacles(self) -> list[str]:
        """What is certain to be wrong, in sentences. A rejected login is told once, whatever the number of its images."""
        rejected: dict[tuple[str, str], str] = {}
        told = []
        for credential, finding in self.logins:
            if finding.verdict == REJECTED:
                rejected.setdefault((registry_host(credential.registry), credential.username), login_message(credential, finding))
        for access in self.images:
            for attempt in access.attempts:
                if attempt.finding.verdict == REJECTED:
                    user = (access.image.registry, attempt.match.username)
                    rejected.setdefault(user, image_message(access, attempt.finding, attempt.match))
            if access.finding.verdict not in (*GOOD, *UNDECIDED, REJECTED):
                told.append(image_message(access, access.finding))
        return [*rejected.values(), *told]

    def doubts(self) -> list[Doubt]:
        """What could not be found out. A credential that pulls one image is in no doubt because another image cannot be read."""
        proved = {one.match.key for access in self.images for one in access.attempts if one.finding.verdict in GOOD}
        found = [
            Doubt(login_message(credential, finding), frozenset([credential.registry]))
            for credential, finding in self.logins
            if finding.verdict in UNDECIDED
        ]
        for access in self.images:
            if access.finding.verdict in UNDECIDED:
                asked = frozenset(one.match.key for one in access.attempts if one.finding.verdict in UNDECIDED)
                found.append(Doubt(image_message(access, access.finding), asked - proved))
        return found


def verify_logins(registries: Registries, credentials: Sequence[Credential], workers: int) -> Verification:
    """Each credential by one login. Raises InputError for an endpoint or a CA that cannot be used."""
    _check_usable(registries, credentials)

    def log_in(credential: Credential) -> Finding:
        return registries.check_login(registry_host(credential.registry), (credential.username, credential.password))

    return Verification(list(zip(credentials, for_each(credentials, log_in, workers))))


def verify_images(
    registries: Registries, credentials: Sequence[Credential], images: Sequence[ImageReference], workers: int
) -> Verification:
    """Each image with the credentials that match it, and by a login the credentials that no image was asked for with.

    Of several credentials for one registry the first is tried first. Raises InputError as verify_logins.
    """
    _check_usable(registries, credentials)
    accesses = check_images(registries, _keyring(credentials), images, workers)
    tried = {(one.match.key, one.match.username, one.match.password) for access in accesses for one in access.attempts}
    others = [one for one in credentials if (one.registry, one.username, one.password) not in tried]
    return Verification(verify_logins(registries, others, workers).logins, accesses)


def _check_usable(registries: Registries, credentials: Sequence[Credential]) -> None:
    """Raises InputError before any login is sent: whoever asks again, with that mended, would send a wrong one twice."""
    for credential in credentials:
        with contextlib.suppress(Decided):
            registries.server(registry_host(credential.registry))


def _keyring(credentials: Sequence[Credential]) -> Keyring:
    return kubelet_keyring(
        PullSecret("", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": kubectl_document([credential])})
        for credential in credentials
    )
