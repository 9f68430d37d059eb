# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit tells of one namespace: its Secrets, ServiceAccounts, images and stuck Pods put together. Pure."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from .._cluster.namespaces import is_glob
from .._cluster.validation import is_name
from .._credentials.credential import expiry, timestamp
from .._credentials.image_reference import ImageReference, parse_image
from .._credentials.keyring import Keyring, Match, PullSecret, UnreadableSecrets, kubelet_keyring
from .._credentials.registry_key import shown_key
from .._credentials.shown import shown_image, shown_username
from .._text import listed, shown
from .causes import PodSecrets, cause
from .secret_rows import DocumentReader, absent_row, secret_row
from .snapshot import KEYS, FoundAccount, FoundPod, FoundSecret

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from .survey import Survey


DEFAULT = "default"
# stands for all public images of Docker Hub
_PUBLIC = ImageReference("docker.io", "library/busybox")
_BLOCKS = (
    "note: every Pod of ServiceAccount {} offers it to Docker Hub. The kubelet never falls back to a pull without a credential, "
    "so public images fail as well once this one is refused."
)
_NO_FALLBACK = "if all of these fail, the kubelet does not pull the image without a credential any more."


@dataclass(frozen=True)
class Question:
    """What is to be told. ``names`` and ``accounts`` None: all pull secrets, and all ServiceAccounts that name one."""

    names: Sequence[str] | None
    accounts: Sequence[str] | None
    images: Sequence[str]
    check_pods: bool
    now: datetime


class NamespaceTeller:
    """Answers a question for one namespace after the other; what is equal in many is read once."""

    def __init__(self, question: Question, survey: Survey) -> None:
        self._question = question
        self._survey = survey
        self._read = DocumentReader()
        self._keyrings: dict[tuple[t.Any, ...], Keyring] = {}
        self._images = [(image, parse_image(image)) for image in question.images]
        self._ours = {*(question.names or ()), *(one.name for one in survey.secrets.values() if one.owner is not None)}
        self._by_namespace: dict[str, list[FoundSecret]] = {}
        for secret in survey.secrets.values():
            self._by_namespace.setdefault(secret.namespace, []).append(secret)

    def row(self, namespace: str) -> dict[str, t.Any]:
        accounts = self._accounts(namespace)
        rows = {
            "namespace": namespace,
            "problems": self._problems(namespace, accounts),
            "secrets": self._secrets(namespace, accounts),
            "service_accounts": [self._account(one) for one in accounts],
            "images": self._image_rows(namespace, accounts),
            "stuck_pods": [],
        }
        if self._question.check_pods:
            pods = sorted(self._survey.pods.get(namespace, ()), key=lambda one: one.name)
            rows["stuck_pods"] = [row for pod in pods for row in self._pod_rows(pod)]
        return rows

    def refusal(self, namespace: str) -> str:
        """Why the Secrets that are asked for could not be looked at there, or an empty text."""
        refused = self._survey.unlisted.get("secrets", {}).get(namespace, "")
        unread = (self._survey.unread.get((namespace, name)) for name in self._question.names or ())
        return refused or next((reason for reason in unread if reason), "")

    def _accounts(self, namespace: str) -> list[FoundAccount]:
        wanted = self._question.accounts
        there = sorted(self._survey.accounts.get(namespace, ()), key=lambda one: one.name)
        if wanted is None:
            return [one for one in there if one.pull_secrets or one.name == DEFAULT]
        return [one for one in there if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in wanted)]

    def _problems(self, namespace: str, accounts: Sequence[FoundAccount]) -> list[str]:
        unlisted = self._survey.unlisted
        refused = {kind: unlisted.get(kind, {}).get(namespace) for kind in ("serviceaccounts", "pods")}
        told = [
            f"{kind} could not be looked at: {reason}"
            for kind, reason in {"secrets": self.refusal(namespace), **refused}.items()
            if reason
        ]
        exact = [name for name in self._question.accounts or () if not is_glob(name)]
        if namespace not in unlisted.get("serviceaccounts", {}):
            there = {one.name for one in accounts}
            told += [f"ServiceAccount {shown(name)} does not exist" for name in exact if name not in there]
        return told + self._dangling(namespace, accounts)

    def _dangling(self, namespace: str, accounts: Sequence[FoundAccount]) -> list[str]:
        """Links to Secrets of ours that do not exist: those that are asked for, and those that are ours in another namespace."""
        naming: dict[str, list[str]] = {}
        for account in accounts:
            for name in account.pull_secrets:
                if name in self._ours and self._is_missing(namespace, name):
                    naming.setdefault(name, []).append(account.name)
        return [
            f"ServiceAccount {listed(names, 3)} names Secret {shown(name)}, which does not exist: create the Secret, or remove "
            "the link with pull_secret_link and state absent"
            for name, names in naming.items()
        ]

    def _account(self, account: FoundAccount) -> dict[str, t.Any]:
        return {
            "name": shown(account.name),
            "image_pull_secrets": [shown(name) for name in account.pull_secrets],
            "missing": [shown(name) for name in account.pull_secrets if self._is_missing(account.namespace, name)],
        }

    def _is_missing(self, namespace: str, name: str) -> bool:
        return (namespace, name) not in self._survey.secrets and not self._unknown(namespace, name)

    def _unknown(self, namespace: str, name: str) -> str:
        """Why it is not known whether a Secret is there, or an empty text."""
        key = (namespace, name)
        refused = None if key in self._survey.secrets else self._survey.unread.get(key)
        return f"Secret {shown(name)} could not be looked at: {refused}" if refused else ""

    def _secrets(self, namespace: str, accounts: Sequence[FoundAccount]) -> list[dict[str, t.Any]]:
        """Rows of the Secrets that are asked for, and of those that a ServiceAccount names in vain."""
        named_by: dict[str, list[str]] = {}
        for account in accounts:
            for name in account.pull_secrets:
                named_by.setdefault(name, []).append(account.name)
        there = {one.name: one for one in self._by_namespace.get(namespace, ())}
        if self._question.names is None:
            names = {name for name, one in there.items() if one.document is not None}
        else:
            names = set(self._question.names)
        in_vain = {name for name in named_by if name not in there or there[name].document is None}
        blocking = self._blocking(accounts)
        return [
            self._secret(namespace, name, there.get(name), named_by.get(name, ()), blocking.get(name, ()))
            for name in sorted(names | in_vain)
        ]

    def _secret(
        self, namespace: str, name: str, secret: FoundSecret | None, named_by: Sequence[str], blocks: Sequence[str]
    ) -> dict[str, t.Any]:
        users = f"ServiceAccount {listed(named_by, 3)}" if named_by else ""
        if secret is None:
            unknown = self._unknown(namespace, name)
            if unknown:
                return absent_row(name, None, unknown)
            create = "create it, or take" if is_name("secrets", name) else "no Secret can have this name: take"
            remedy = f", but {users} names it: {create} its name out there" if users else ""
            return absent_row(name, False, f"it does not exist{remedy}.")
        notes = [_BLOCKS.format(listed(blocks, 3))] if blocks else []
        if secret.document is None:
            return secret_row(secret, None, self._question.now, [f"{users} names it in vain."] if users else [])
        return secret_row(secret, self._read(secret), self._question.now, notes)

    def _blocking(self, accounts: Sequence[FoundAccount]) -> dict[str, list[str]]:
        """Secrets that are offered to Docker Hub, without one that makes a pull without a credential: the ServiceAccounts."""
        blocking: dict[str, list[str]] = {}
        for account in accounts:
            keyring = self._keyring(account.namespace, account.pull_secrets)
            matches = [] if keyring.problems else keyring.lookup(_PUBLIC)
            if all(one.username for one in matches):
                for name in {one.secret for one in matches}:
                    blocking.setdefault(name, []).append(account.name)
        return blocking

    def _keyring(self, namespace: str, names: Iterable[str]) -> Keyring:
        secrets = [self._survey.secrets.get((namespace, name)) for name in names]
        found = tuple((one.name, one.type, one.document) for one in secrets if one is not None and one.document is not None)
        if found not in self._keyrings:
            self._keyrings[found] = kubelet_keyring(
                PullSecret(name, kind, {KEYS[kind]: document}) for name, kind, document in found
            )
        return self._keyrings[found]

    def _image_rows(self, namespace: str, accounts: Sequence[FoundAccount]) -> list[dict[str, t.Any]]:
        """A row for each image and each ServiceAccount that was asked for, by default only for ``default``."""
        chosen = [one for one in accounts if self._question.accounts is not None or one.name == DEFAULT]
        rows = [self._image(image, reference, one) for image, reference in self._images for one in chosen]
        if chosen:
            return rows
        refused = self._survey.unlisted.get("serviceaccounts", {}).get(namespace, "")
        why = f"it is not known which Secrets a Pod would have: {refused}" if refused else "there is no such ServiceAccount."
        return [
            {"image": shown_image(image), "service_account": None, "matches": [], "problem": why}
            for image in self._question.images
        ]

    def _image(self, image: str, reference: ImageReference, account: FoundAccount) -> dict[str, t.Any]:
        unknown = [told for told in (self._unknown(account.namespace, name) for name in account.pull_secrets) if told]
        matches = []
        try:
            matches = self._keyring(account.namespace, account.pull_secrets).lookup(reference)
            problem = " ".join([*unknown, *self._notes(matches)]) or None
        except UnreadableSecrets as error:
            broken = "; ".join(f"Secret {shown(one.secret)} {one.problem}" for one in error.problems)
            problem = f"a Pod with this ServiceAccount can pull nothing with its Secrets: {broken}. Write it anew."
        return {
            "image": shown_image(image),
            "service_account": shown(account.name),
            "matches": [
                {
                    "secret": shown(one.secret),
                    "registry": shown_key(one.key),
                    "username": shown_username(one.username, one.password),
                }
                for one in matches
            ],
            "problem": problem,
        }

    def _notes(self, matches: Sequence[Match]) -> list[str]:
        told = [_NO_FALLBACK] if matches and all(one.username for one in matches) else []
        expired = [f"{shown_key(one.key)} of Secret {shown(one.secret)}" for one in matches if self._expired(one)]
        told += [f"Expired: {listed(expired, 3)}."] if expired else []
        return ["note:", *told] if told else []

    def _pod_rows(self, pod: FoundPod) -> list[dict[str, str]]:
        secrets = self.pod_secrets(pod)
        return [
            {
                "pod": shown(pod.name),
                "container": shown(one.name),
                "image": shown_image(one.image),
                "reason": shown(one.reason),
                "cause": cause(pod, one, secrets),
            }
            for one in pod.stuck
        ]

    def pod_secrets(self, pod: FoundPod) -> PodSecrets:
        """What the pull secrets that a Pod names give at this moment."""
        namespace = pod.namespace
        found = [self._survey.secrets.get((namespace, name)) for name in pod.pull_secrets]
        unknown = [told for told in (self._unknown(namespace, name) for name in pod.pull_secrets) if told]
        accounts = self._survey.accounts.get(namespace, ())
        refused = self._survey.unlisted.get("serviceaccounts", {}).get(namespace)
        if not pod.pull_secrets and refused:
            unknown.append(f"Its ServiceAccount could not be looked at: {refused}")
        readable = [self._read(one) for one in found if one is not None and one.document is not None]
        return PodSecrets(
            missing=tuple(name for name in pod.pull_secrets if self._is_missing(namespace, name)),
            wrong_type=tuple(one.name for one in found if one is not None and one.document is None),
            keyring=self._keyring(namespace, pod.pull_secrets),
            keys=tuple(key for document in readable for key in document.keys),
            unknown=" ".join(unknown),
            linked=tuple(name for one in accounts if one.name == pod.account for name in one.pull_secrets),
            expired=self._expired,
        )

    def _expired(self, match: Match) -> str:
        ends = expiry(match.username, match.password)
        return f", expired at {timestamp(ends)}" if ends is not None and ends <= self._question.now else ""
