# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The requests of a canary: its Pods are created, listed and removed.

Only the server's text shows why admission refused a Pod (kubernetes plugin/pkg/admission/limitranger, resourcequota and
serviceaccount, apiserver pkg/admission/plugin/webhook and policy/validating).
"""

from __future__ import annotations

import re
import typing as t

from .._cluster.answers import checked_table
from .._cluster.api import GaveUp, Patience, retry
from .._cluster.errors import Request
from .._cluster.kinds import resource_path
from .._cluster.namespaces import NamespaceLists
from .._cluster.objects import Objects, Seen, list_all
from .._cluster.validation import fields_equal, labels_equal
from .._credentials.redact import foreign_text
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .model import LABEL, SMALL, TABLE_FORMAT, Leftover, leftovers, manifest
from .verdict import PodEvent, pod_event

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._cluster.api import Api
    from .model import Canary, CanaryTarget, Resources


Item = t.Mapping[str, t.Any]
# A kubelet writes the status of its Pod a few times in a second
_REMOVAL = Patience(attempts=6, pause=0.05, longest=1.6)
# A new namespace has no default ServiceAccount yet, and several writers may use the same quota
_CREATION = Patience(seconds=10.0, uncertain=3, pause=0.25, longest=0.25)
# A LimitRange reports its limits for a container and for a Pod one after the other
_FITTINGS = 4
_BOUND = re.compile(r"(?:minimum|maximum) (\S+) usage per (?:Container|Pod) is ([0-9][0-9A-Za-z.]*[0-9A-Za-z])(?=[,.])")
_NO_ACCOUNT = re.compile(r"error looking up service ?account |no API token found for service account")
_BY_POLICY = "refuses the Pod. Exempt Pods with label pullpass.registry/canary from it, or choose other namespaces"
# pattern in the server's text -> what it means and what to do; the first match counts
_MEANINGS = (
    (
        _NO_ACCOUNT,
        "its ServiceAccount does not exist. Create it first, or correct service_account",
    ),
    (
        re.compile(r"failed quota: .*must specify"),
        "a quota of the namespace demands resources that the Pod does not name. Name them in resources",
    ),
    (
        re.compile(r"(?:usage per (?:Container|Pod) is |limit to request ratio per )"),
        "a LimitRange of the namespace does not allow its resources. Set resources to what it allows",
    ),
    (
        re.compile(r"violates PodSecurity "),
        "PodSecurity of the namespace refuses the Pod. It satisfies level restricted when it is sent, so a webhook may have "
        "changed it",
    ),
    (
        re.compile(r"security context constraint"),
        "none of the SecurityContextConstraints that its ServiceAccount may use admits the Pod. Grant one that does",
    ),
    (
        re.compile(r"failed calling webhook"),
        "an admission webhook of the cluster fails, so no Pod can be created. Fix the webhook",
    ),
)


def lacks_account(error: RequestError) -> bool:
    """Whether the ServiceAccount does not exist. A new namespace gets its own a moment later."""
    return bool(_NO_ACCOUNT.search(error.detail))


def limit_range_resources(resources: Resources, error: RequestError) -> Resources | None:
    """Resources within the limits that a LimitRange reports; None for any other error."""
    bounds = {name: amount for name, amount in _BOUND.findall(error.detail) if resources["limits"].get(name) != amount}
    if not bounds:
        return None
    amounts = {**resources["limits"], **bounds}
    return {"requests": amounts, "limits": amounts}


def refusal_message(error: RequestError) -> str:
    """Why the Pod was not created."""
    if error.kind == FailureKind.QUOTA:
        return f"{error}. Raise the quota, or ask for less with resources"
    if error.kind == FailureKind.NOT_FOUND:
        return "the namespace does not exist"
    by_policy = f"{error.refused_by} {_BY_POLICY}" if error.refused_by else ""
    meaning = next((meaning for pattern, meaning in _MEANINGS if pattern.search(error.detail)), by_policy)
    return foreign_text(f"{meaning}. The server says: {error.detail}", 560) if meaning else str(error)


class CanaryCluster:
    """``whole``: the namespaces come from a list of the cluster, so lists of all namespaces may be allowed. Thread-safe."""

    def __init__(self, api: Api, canary: Canary, whole: bool, workers: int, check_mode: bool) -> None:
        self._api = api
        self._canary = canary
        self._lists = NamespaceLists(api, workers, None if whole else False)
        self._pods = Objects(api, "pods", check_mode)
        self._trial = Objects(api, "pods", dry_run=True)

    def leftovers(self, namespaces: Sequence[str]) -> tuple[list[Leftover], dict[str, RequestError]]:
        """Pods of earlier runs that are past their deadline, and namespace -> why its Pods could not be listed."""

        def read(namespace: str | None) -> list[Leftover]:
            path = resource_path("pods", namespace)
            table = self._api.send(Request("list", "pods", namespace), path, {"labelSelector": LABEL}, accept=TABLE_FORMAT)
            return [one for one in leftovers(checked_table(table, "pods", namespace)) if one.namespace in namespaces]

        return self._lists.read("pods", read, namespaces)

    def delete_error(self, target: CanaryTarget) -> RequestError | None:
        """Why a Pod could not be deleted: None with the right to do it. Asked by a dry run before there is a Pod."""
        try:
            self._trial.delete(target.namespace, target.name, Seen("none", "0"))
        except RequestError as error:
            return error if error.kind == FailureKind.FORBIDDEN else None
        return None

    def create(self, target: CanaryTarget) -> Item:
        """The Pod after admission. Failures that may pass are retried. Raises RequestError or ClusterError."""
        own = self._canary.resources
        resources, fittings = (own, 0) if own else (SMALL, _FITTINGS)

        def attempt() -> Item:
            """With the resources that a LimitRange asks for, unless the task names them."""
            nonlocal resources, fittings
            while True:
                try:
                    return self._pods.create(target.namespace, manifest(self._canary, target, resources))
                except RequestError as error:
                    fitting = limit_range_resources(resources, error) if fittings else None
                    if fitting is None:
                        raise
                resources, fittings = fitting, fittings - 1

        try:
            return retry(attempt, _CREATION, self._may_pass, lambda _error: self._created(target))
        except GaveUp as gave_up:
            raise gave_up.error from None

    def list_pods(self, namespaces: Sequence[str]) -> tuple[dict[str, Item], dict[str, RequestError]]:
        """The Pods of this run by name, and namespace -> why its Pods could not be listed."""
        found, failed = self._lists.items("pods", _itself, namespaces, self._label)
        return {item["metadata"]["name"]: item for item in found}, failed

    def events(self, namespace: str, uid: str) -> list[PodEvent]:
        """About one Pod; empty where events cannot be read."""
        try:
            selector = fields_equal({"involvedObject.uid": uid})
            return list_all(self._api, "events", pod_event, selector, namespace=namespace, malformed={})
        except (ClusterError, RequestError):
            return []

    def remove(self, namespace: str, name: str, seen: Seen) -> str:
        """Removes this Pod and no other one of that name. Why it failed, or an empty text."""

        def attempt() -> str:
            try:
                self._pods.delete(namespace, name, seen)
            except RequestError as error:
                if error.kind != FailureKind.NOT_FOUND:
                    raise
            return ""

        def check(_error: PullpassError) -> str | None:
            nonlocal seen
            now = self._named(namespace, name, {})
            if now is None or now["metadata"]["uid"] != seen.uid:
                return ""
            seen = seen_in(now)
            return None

        try:
            return retry(attempt, _REMOVAL, lambda error: error.kind in (FailureKind.CONFLICT, FailureKind.UNCERTAIN), check)
        except GaveUp as gave_up:
            return str(gave_up.error)
        except (ClusterError, RequestError) as error:
            return str(error)

    @property
    def _label(self) -> dict[str, str]:
        return labels_equal({LABEL: self._canary.run})

    def _may_pass(self, error: PullpassError) -> bool:
        if self._pods.dry_run or not isinstance(error, RequestError):
            return False
        new = self._canary.account == "default" and lacks_account(error)
        return new or error.kind in (FailureKind.CONFLICT, FailureKind.UNCERTAIN)

    def _created(self, target: CanaryTarget) -> Item | None:
        """The Pod, if only the answer to its creation was lost: it has the label of this run."""
        try:
            return self._named(target.namespace, target.name, self._label)
        except RequestError as error:
            raise RequestError(
                f"it is not known whether the Pod was created: {error}", FailureKind.UNCERTAIN, error.status
            ) from None

    def _named(self, namespace: str, name: str, label: Mapping[str, str]) -> Item | None:
        selectors = {**label, **fields_equal({"metadata.name": name})}
        found = list_all(self._api, "pods", _itself, selectors, namespace=namespace)
        return found[0] if found else None


def seen_in(item: Mapping[str, t.Any]) -> Seen:
    return Seen(item["metadata"]["uid"], item["metadata"]["resourceVersion"])


def _itself(item: Item) -> Item:
    return item
