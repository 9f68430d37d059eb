# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The pull secrets of a Pod: from a survey, or read one by one for a Pod, a ServiceAccount or given names."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._cluster.objects import Objects, used_pull_secrets
from .._concurrency import for_each
from .._credentials.credential import expiry, timestamp
from .._credentials.image_reference import parse_image
from .._credentials.keyring import Keyring, Match, UnreadableSecrets, kubelet_keyring
from .._errors import InputError, RequestError
from .._text import listed, shown
from .snapshot import SecretReader, SecretSnapshot

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._cluster.api import Api
    from .snapshot import PodSnapshot, Survey


@dataclass(frozen=True)
class PodSecrets:
    """``keyring`` is made of all Secrets that exist, in the order of the Pod's imagePullSecrets.

    ``missing``: names of Secrets that do not exist. ``wrong_type``: names of Secrets that are not pull secrets. ``unknown``: why
    something of this could not be read, or an empty text. ``linked``: the pull secrets of the Pod's ServiceAccount.
    """

    keyring: Keyring
    missing: tuple[str, ...] = ()
    wrong_type: tuple[str, ...] = ()
    unknown: str = ""
    linked: tuple[str, ...] = ()
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    _matches: dict[str, list[Match] | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def matches(self, image: str) -> list[Match] | None:
        """The credentials that the kubelet tries; None where it tries nothing: an invalid image name, or an unreadable Secret."""
        if image not in self._matches:
            try:
                self._matches[image] = self.keyring.lookup(parse_image(image))
            except (InputError, UnreadableSecrets):
                self._matches[image] = None
        return self._matches[image]

    def logins(self, image: str) -> list[Match]:
        """The credentials with a user name and a password among them."""
        return [one for one in self.matches(image) or () if one.username and one.password]

    def expired_at(self, match: Match) -> str:
        """When the credential expired (UTC), or an empty text."""
        return expired_at(match, self.now)


def expired_at(match: Match, now: datetime) -> str:
    """When the credential expired (UTC), or an empty text."""
    ends = expiry(match.username, match.password)
    return timestamp(ends) if ends is not None and ends <= now else ""


class SecretLookup:
    """The pull secrets of Pods, from a survey. Equal documents are parsed once."""

    def __init__(self, survey: Survey, now: datetime) -> None:
        self._survey = survey
        self._now = now
        self._keyrings: dict[tuple[tuple[str, str, bytes | None], ...], Keyring] = {}

    def of_pod(self, pod: PodSnapshot) -> PodSecrets:
        """What the Secrets that a Pod names hold at this moment."""
        namespace, names = pod.namespace, pod.pull_secrets
        unknown = self.unknown(namespace, names)
        refused = self._survey.unlisted.get("serviceaccounts", {}).get(namespace)
        if not names and refused:
            unknown = f"Its ServiceAccount could not be read: {refused}."
        return PodSecrets(
            keyring=self.keyring(namespace, names),
            missing=tuple(name for name in names if self.is_missing(namespace, name)),
            wrong_type=tuple(one.name for one in self._existing(namespace, names) if one.document is None),
            unknown=unknown,
            linked=self.linked(namespace, pod.account),
            now=self._now,
        )

    def linked(self, namespace: str, account: str) -> tuple[str, ...]:
        """The pull secrets of a ServiceAccount."""
        accounts = self._survey.accounts.get(namespace, ())
        return next((one.pull_secrets for one in accounts if one.name == account), ())

    def keyring(self, namespace: str, names: Iterable[str]) -> Keyring:
        secrets = self._existing(namespace, names)
        key = tuple((one.name, one.type, one.document) for one in secrets)
        if key not in self._keyrings:
            self._keyrings[key] = _keyring(secrets)
        return self._keyrings[key]

    def is_missing(self, namespace: str, name: str) -> bool:
        key = (namespace, name)
        return key not in self._survey.secrets and not self._survey.unread.get(key)

    def unknown(self, namespace: str, names: Iterable[str]) -> str:
        """Which of these Secrets could not be read and why, equal reasons once; or an empty text."""
        unread: dict[str, list[str]] = {}
        for name in names:
            reason = self._survey.unread.get((namespace, name))
            if reason and (namespace, name) not in self._survey.secrets:
                unread.setdefault(reason, []).append(name)
        return " ".join(
            f"Secret{'s' if len(alike) > 1 else ''} {listed(alike, 3)} could not be read: {reason}."
            for reason, alike in unread.items()
        )

    def _existing(self, namespace: str, names: Iterable[str]) -> list[SecretSnapshot]:
        found = (self._survey.secrets.get((namespace, name)) for name in names)
        return [one for one in found if one is not None]


def secrets_of_pod(api: Api, namespace: str, pod: str, workers: int) -> PodSecrets:
    """Of an existing Pod: its own list counts, not the list that its ServiceAccount has now. Raises InputError."""
    item = _get(api, "pods", namespace, pod)
    return secrets_named(api, namespace, used_pull_secrets(item["spec"]), workers)


def secrets_of_account(api: Api, namespace: str, account: str, workers: int) -> PodSecrets:
    """Of a new Pod with this ServiceAccount and no list of its own. Raises InputError."""
    item = _get(api, "serviceaccounts", namespace, account)
    return secrets_named(api, namespace, used_pull_secrets(item), workers)


def secrets_named(api: Api, namespace: str, names: Sequence[str], workers: int) -> PodSecrets:
    """Raises InputError for a Secret that may not be read."""
    read = SecretReader()

    def get(name: str) -> SecretSnapshot | None:
        try:
            item = Objects(api, "secrets", dry_run=True).get(namespace, name)
        except RequestError as error:
            raise InputError(f"Secret {shown(namespace)}/{shown(name)} cannot be read: {error}") from None
        return None if item is None else read(item)

    found = dict(zip(names, for_each(names, get, workers)))
    return PodSecrets(
        keyring=_keyring(one for one in found.values() if one is not None),
        missing=tuple(name for name, one in found.items() if one is None),
        wrong_type=tuple(one.name for one in found.values() if one is not None and one.document is None),
    )


def _keyring(secrets: Iterable[SecretSnapshot]) -> Keyring:
    pull_secrets = (one.pull_secret for one in secrets)
    return kubelet_keyring(one for one in pull_secrets if one is not None)


def _get(api: Api, resource: str, namespace: str, name: str) -> Mapping[str, t.Any]:
    what = f"{resource} {shown(namespace)}/{shown(name)}"
    try:
        item = Objects(api, resource, dry_run=True).get(namespace, name)
    except RequestError as error:
        raise InputError(f"{what} cannot be read: {error}") from None
    if item is None:
        raise InputError(f"{what} does not exist on {api.identity['server']}. Correct the name.")
    return item
