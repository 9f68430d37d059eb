# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit reports of a namespace: its Secrets, ServiceAccounts, images and stuck Pods. Pure."""

from __future__ import annotations

import fnmatch
import typing as t

from .._cluster.namespaces import is_glob
from .._cluster.validation import is_name
from .._credentials.credential import shown_username
from .._credentials.image_reference import ImageReference, parse_image
from .._credentials.keyring import Match, UnreadableSecrets
from .._credentials.registry_key import shown_key
from .._diagnosis.causes import cause
from .._diagnosis.pod_secrets import SecretLookup, expired_at
from .._reconcile.report import with_reasons
from .._text import counted, in_words, listed, shown, shown_image
from .model import NOTE, PROBLEM, AuditProblem, NamespaceReport, SecretReport
from .secrets import DocumentReviewer, secret_report

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._diagnosis.snapshot import AccountSnapshot, PodSnapshot, SecretSnapshot, Survey
    from .model import AuditQuery


DEFAULT_ACCOUNT = "default"
# stands for all public images of Docker Hub
_PUBLIC_IMAGE = ImageReference("docker.io", "library/busybox")
_OFFERED_TO_DOCKER_HUB = (
    "every Pod of ServiceAccount {} offers it to Docker Hub. The kubelet never falls back to a pull without a credential, so "
    "public images fail too when Docker Hub rejects it."
)
_NO_FALLBACK = "if all of these fail, the kubelet does not pull the image without a credential."
_COUNTS = {
    "namespaces": ("namespace", "namespaces"),
    "secrets": ("Secret", "Secrets"),
    "unusable": ("not usable for the kubelet", "not usable for the kubelet"),
    "missing": ("missing", "missing"),
    "with_problems": ("with problems", "with problems"),
    "service_accounts": ("ServiceAccount", "ServiceAccounts"),
    "stuck_pods": ("Pod stuck on a pull", "Pods stuck on a pull"),
}


class NamespaceReporter:
    """Answers a query for one namespace after the other. What is equal in many is read once."""

    def __init__(self, query: AuditQuery, survey: Survey) -> None:
        self._query = query
        self._survey = survey
        self._lookup = SecretLookup(survey, query.now)
        self._review = DocumentReviewer()
        self._images = [(image, parse_image(image)) for image in query.images]
        # names of Secrets that should exist wherever they are linked
        self._expected = {*(query.names or ()), *(one.name for one in survey.secrets.values() if one.owner is not None)}
        self._by_namespace: dict[str, list[SecretSnapshot]] = {}
        for secret in survey.secrets.values():
            self._by_namespace.setdefault(secret.namespace, []).append(secret)

    def report(self, namespace: str) -> NamespaceReport:
        accounts = self._accounts(namespace)
        pods = sorted(self._survey.pods.get(namespace, ()), key=lambda one: one.name) if self._query.check_pods else ()
        refusal = self._refusal(namespace)
        return NamespaceReport(
            namespace,
            problems=[AuditProblem(text) for text in self._problems(namespace, accounts, refusal)],
            secrets=self._secrets(namespace, accounts),
            service_accounts=[self._account_row(one) for one in accounts],
            images=self._image_rows(namespace, accounts),
            stuck_pods=[row for pod in pods for row in self._pod_rows(pod)],
            failed=bool(refusal),
        )

    def _refusal(self, namespace: str) -> str:
        """Why the requested Secrets of a namespace could not be read, or an empty text."""
        refused = self._survey.unlisted.get("secrets", {}).get(namespace, "")
        unread = (self._survey.unread.get((namespace, name)) for name in self._query.names or ())
        return refused or next((reason for reason in unread if reason), "")

    def _accounts(self, namespace: str) -> list[AccountSnapshot]:
        wanted = self._query.accounts
        existing = sorted(self._survey.accounts.get(namespace, ()), key=lambda one: one.name)
        if wanted is None:
            return [one for one in existing if one.pull_secrets or one.name == DEFAULT_ACCOUNT]
        return [one for one in existing if any(fnmatch.fnmatchcase(one.name, pattern) for pattern in wanted)]

    def _problems(self, namespace: str, accounts: Sequence[AccountSnapshot], refusal: str) -> list[str]:
        unlisted = self._survey.unlisted
        refused = {kind: unlisted.get(kind, {}).get(namespace) for kind in ("serviceaccounts", "pods")}
        problems = [f"{kind} could not be read: {why}" for kind, why in {"secrets": refusal, **refused}.items() if why]
        if namespace not in unlisted.get("serviceaccounts", {}):
            existing = {one.name for one in accounts}
            exact = [name for name in self._query.accounts or () if not is_glob(name)]
            problems += [f"ServiceAccount {shown(name)} does not exist" for name in exact if name not in existing]
        return problems + self._dangling_links(namespace, accounts)

    def _dangling_links(self, namespace: str, accounts: Sequence[AccountSnapshot]) -> list[str]:
        """Links to Secrets that do not exist: requested ones, and those that the collection manages in another namespace."""
        linked_by: dict[str, list[str]] = {}
        for account in accounts:
            for name in account.pull_secrets:
                if name in self._expected and self._lookup.is_missing(namespace, name):
                    linked_by.setdefault(name, []).append(account.name)
        return [
            f"ServiceAccount {listed(names, 3)} names Secret {shown(name)}, which does not exist: create the Secret, or remove "
            "the link with pull_secret_link and state absent"
            for name, names in linked_by.items()
        ]

    def _account_row(self, account: AccountSnapshot) -> dict[str, t.Any]:
        missing = (name for name in account.pull_secrets if self._lookup.is_missing(account.namespace, name))
        return {
            "name": shown(account.name),
            "image_pull_secrets": [shown(name) for name in account.pull_secrets],
            "missing": [shown(name) for name in missing],
        }

    def _secrets(self, namespace: str, accounts: Sequence[AccountSnapshot]) -> list[SecretReport]:
        """The requested Secrets, and those without effect that a ServiceAccount names."""
        linked_by: dict[str, list[str]] = {}
        for account in accounts:
            for name in account.pull_secrets:
                linked_by.setdefault(name, []).append(account.name)
        existing = {one.name: one for one in self._by_namespace.get(namespace, ())}
        if self._query.names is None:
            names = {name for name, one in existing.items() if one.document is not None}
        else:
            names = set(self._query.names)
        without_effect = {name for name in linked_by if name not in existing or existing[name].document is None}
        offered = self._offered_to_docker_hub(accounts)
        reports = []
        for name in sorted(names | without_effect):
            secret, links = existing.get(name), linked_by.get(name, ())
            if secret is None:
                reports.append(self._absent_secret(namespace, name, links))
            else:
                reports.append(self._secret(secret, links, offered.get(name, ())))
        return reports

    def _absent_secret(self, namespace: str, name: str, linked_by: Sequence[str]) -> SecretReport:
        unknown = self._lookup.unknown(namespace, [name])
        if unknown:
            return SecretReport(shown(name), None, problems=[AuditProblem(unknown)])
        text = "it does not exist"
        if linked_by:
            create = "Create it, or remove" if is_name("secrets", name) else "No Secret can have this name: remove"
            text += f", but ServiceAccount {listed(linked_by, 3)} names it. {create} the link"
        return SecretReport(shown(name), False, problems=[AuditProblem(f"{text}.")])

    def _secret(self, secret: SecretSnapshot, linked_by: Sequence[str], offered_by: Sequence[str]) -> SecretReport:
        more = []
        if secret.document is None and linked_by:
            more.append(AuditProblem(f"ServiceAccount {listed(linked_by, 3)} names it with no effect."))
        if secret.document is not None and offered_by:
            more.append(AuditProblem(_OFFERED_TO_DOCKER_HUB.format(listed(offered_by, 3)), NOTE))
        document = None if secret.document is None else self._review(secret)
        return secret_report(secret, document, self._query.now, more)

    def _offered_to_docker_hub(self, accounts: Sequence[AccountSnapshot]) -> dict[str, list[str]]:
        """Secret -> ServiceAccounts whose Pods use it for every pull from Docker Hub, and never pull without a credential."""
        offered: dict[str, list[str]] = {}
        for account in accounts:
            keyring = self._lookup.keyring(account.namespace, account.pull_secrets)
            matches = [] if keyring.problems else keyring.lookup(_PUBLIC_IMAGE)
            if all(one.username for one in matches):
                for name in {one.secret for one in matches}:
                    offered.setdefault(name, []).append(account.name)
        return offered

    def _image_rows(self, namespace: str, accounts: Sequence[AccountSnapshot]) -> list[dict[str, t.Any]]:
        """A row for each image and each requested ServiceAccount, by default only for ``default``."""
        chosen = [one for one in accounts if self._query.accounts is not None or one.name == DEFAULT_ACCOUNT]
        if chosen:
            return [self._image_row(image, reference, one) for image, reference in self._images for one in chosen]
        refused = self._survey.unlisted.get("serviceaccounts", {}).get(namespace, "")
        why = f"the Secrets of its Pods are not known: {refused}" if refused else "the ServiceAccount does not exist."
        return [
            {"image": shown_image(image), "service_account": None, "matches": [], "problem": why} for image in self._query.images
        ]

    def _image_row(self, image: str, reference: ImageReference, account: AccountSnapshot) -> dict[str, t.Any]:
        matches: list[Match] = []
        try:
            matches = self._lookup.keyring(account.namespace, account.pull_secrets).lookup(reference)
            problem = self._image_problem(account, matches)
        except UnreadableSecrets as error:
            broken = "; ".join(f"Secret {shown(one.secret)} {one.problem}" for one in error.problems)
            problem = f"a Pod with this ServiceAccount cannot pull anything with its Secrets: {broken}. Write this Secret again."
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

    def _image_problem(self, account: AccountSnapshot, matches: Sequence[Match]) -> str | None:
        unknown = self._lookup.unknown(account.namespace, account.pull_secrets)
        notes = [_NO_FALLBACK] if matches and all(one.username for one in matches) else []
        expired = [f"{shown_key(one.key)} of Secret {shown(one.secret)}" for one in matches if expired_at(one, self._query.now)]
        notes += [f"Expired: {listed(expired, 3)}."] if expired else []
        texts = [unknown] if unknown else []
        texts += [str(AuditProblem(" ".join(notes), NOTE))] if notes else []
        return " ".join(texts) or None

    def _pod_rows(self, pod: PodSnapshot) -> list[dict[str, str]]:
        secrets = self._lookup.of_pod(pod)
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


def audit_result(reports: Sequence[NamespaceReport]) -> dict[str, t.Any]:
    summary = audit_summary(reports)
    failures = [(one.namespace, in_words([str(problem) for problem in one.problems])) for one in reports if one.failed]
    return {
        "changed": False,
        "failed": bool(failures),
        "msg": with_reasons(", ".join(counted(summary[name], *words) for name, words in _COUNTS.items()), failures),
        "summary": summary,
        "namespaces": [report.row() for report in reports],
    }


def audit_summary(reports: Sequence[NamespaceReport]) -> dict[str, int]:
    """Counts. A Secret that has notes only is not counted as one with problems."""
    secrets = [secret for report in reports for secret in report.secrets]
    existing = [secret for secret in secrets if secret.exists]
    return {
        "namespaces": len(reports),
        "secrets": len(existing),
        "unusable": sum(not secret.usable for secret in existing),
        "missing": sum(secret.exists is False for secret in secrets),
        "with_problems": sum(any(one.severity == PROBLEM for one in secret.problems) for secret in existing),
        "service_accounts": sum(len(report.service_accounts) for report in reports),
        "stuck_pods": sum(len({stuck["pod"] for stuck in report.stuck_pods}) for report in reports),
    }
