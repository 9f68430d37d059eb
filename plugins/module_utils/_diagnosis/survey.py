# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Lists the ServiceAccounts, Pods and Secrets of the chosen namespaces: of the whole cluster, else of each namespace."""

from __future__ import annotations

import typing as t

from .._cluster.api import JSON, Api
from .._cluster.namespaces import NamespaceLists, list_cluster, open_namespaces
from .._cluster.objects import METADATA_ONLY, Objects
from .._cluster.validation import fields_equal, is_name
from .._concurrency import for_each
from .._errors import RequestError
from .snapshot import (
    KEY_OF_TYPE,
    PodSnapshot,
    SecretReader,
    SecretSnapshot,
    Survey,
    account_snapshot,
    stuck_pod_snapshot,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .._cluster.namespaces import Chosen


# Up to this many Secrets are listed by name
_NAMED_LISTS = 10
_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
Item = t.TypeVar("Item")


class Surveyor:
    """Lists from one cluster, in the chosen namespaces."""

    def __init__(self, api: Api, chosen: Chosen, workers: int) -> None:
        self._api = api
        self._workers = workers
        self._namespaces = [namespace.name for namespace in open_namespaces(chosen)]
        self._whole = chosen.listed
        self._lists = NamespaceLists(api, workers, chosen.listed)
        self._read_secret = SecretReader()
        self._by_type = False
        self._asked: set[str] = set()

    def survey(self, names: Sequence[str] | None, check_pods: bool) -> Survey:
        """``names``: the Secrets to read, None for all pull secrets. Those that ServiceAccounts and stuck Pods name are read too.

        Raises ClusterError, and RequestError for anything but a missing right.
        """
        found = Survey()
        if not self._namespaces:
            return found
        self.accounts(found)
        if check_pods:
            self.pods(found)
        if names is None or len(names) > _NAMED_LISTS:
            self._secrets_by_type(found)
        else:
            self.secrets_by_name(found, dict.fromkeys(names, self._namespaces))
        self._referenced(found, names or ())
        return found

    def accounts(self, found: Survey) -> None:
        accounts, found.unlisted["serviceaccounts"] = self._list("serviceaccounts", account_snapshot)
        for account in accounts:
            found.accounts.setdefault(account.namespace, []).append(account)

    def pods(self, found: Survey, keep: Callable[[Mapping[str, t.Any]], PodSnapshot | None] = stuck_pod_snapshot) -> None:
        """Of all Pods that have not finished, those that ``keep`` returns."""
        pods, found.unlisted["pods"] = self._list("pods", keep, {"fieldSelector": _UNFINISHED})
        for pod in pods:
            if pod is not None:
                found.pods.setdefault(pod.namespace, []).append(pod)

    def _secrets_by_type(self, found: Survey) -> None:
        self._by_type = True
        unlisted = found.unlisted.setdefault("secrets", {})
        for kind in KEY_OF_TYPE:
            secrets, refused = self._list("secrets", self._read_secret, fields_equal({"type": kind}))
            found.secrets.update({(one.namespace, one.name): one for one in secrets})
            unlisted.update(refused)

    def _referenced(self, found: Survey, names: Sequence[str]) -> None:
        """Secrets that the task, a ServiceAccount or a stuck Pod names and that no list has returned yet."""
        wanted: dict[str, list[str]] = {}
        for namespace in self._namespaces:
            named = [*names]
            for one in (*found.accounts.get(namespace, ()), *found.pods.get(namespace, ())):
                named += one.pull_secrets
            for name in dict.fromkeys(named):
                # no Secret can have such a name: to the kubelet it is missing
                if not is_name("secrets", name):
                    continue
                if (namespace, name) not in found.secrets and name not in self._asked:
                    wanted.setdefault(name, []).append(namespace)
        if len(wanted) <= _NAMED_LISTS:
            self.secrets_by_name(found, wanted)
        elif self._by_type:
            self._others_by_metadata(found, {(namespace, name) for name, places in wanted.items() for namespace in places})
        else:
            self._secrets_by_type(found)
            self._referenced(found, names)

    def _others_by_metadata(self, found: Survey, wanted: Collection[tuple[str, str]]) -> None:
        """Whether Secrets that no list by type returned exist, with another type."""

        def keep(item: dict[str, t.Any]) -> SecretSnapshot | None:
            metadata = item["metadata"]
            return self._read_secret(item) if (metadata["namespace"], metadata["name"]) in wanted else None

        others, refused = self._list("secrets", keep, accept=METADATA_ONLY)
        found.secrets.update({(one.namespace, one.name): one for one in others if one is not None})
        found.unread.update({key: refused[key[0]] for key in wanted if key[0] in refused})

    def secrets_by_name(self, found: Survey, wanted: Mapping[str, Sequence[str]]) -> None:
        """Secrets of any type: name -> namespaces to read. A name that no Secret can have is missing without a request."""
        reads: list[tuple[str, str]] = []
        for name, namespaces in wanted.items():
            if not is_name("secrets", name):
                continue
            listed = None
            if self._whole and len(namespaces) > 1:
                listed = list_cluster(self._api, "secrets", self._read_secret, fields_equal({"metadata.name": name}))
            secrets, unread = listed or ([], namespaces)
            chosen = set(namespaces)
            found.secrets.update({(one.namespace, one.name): one for one in secrets if one.namespace in chosen})
            reads += [(namespace, name) for namespace in namespaces if namespace in unread]
        for key, answer in zip(reads, for_each(reads, self._get, self._workers)):
            if isinstance(answer, SecretSnapshot):
                found.secrets[key] = answer
            elif answer is not None:
                found.unread[key] = answer
        self._asked.update(wanted)

    def _get(self, key: tuple[str, str]) -> SecretSnapshot | str | None:
        try:
            item = Objects(self._api, "secrets", dry_run=True).get(*key)
        except RequestError as error:
            return str(error)
        return None if item is None else self._read_secret(item)

    def _list(
        self,
        resource: str,
        keep: Callable[[dict[str, t.Any]], Item],
        selectors: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> tuple[list[Item], dict[str, str]]:
        """The items, and namespace -> why it could not be listed."""
        found, refused = self._lists.items(resource, keep, self._namespaces, selectors, accept)
        return found, {namespace: str(error) for namespace, error in refused.items()}
