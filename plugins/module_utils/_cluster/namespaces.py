# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The namespaces that a task selects, by names, globs, label selectors and exclusions; and lists of the objects in them."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from .._concurrency import for_each
from .._errors import FailureKind, InputError, RequestError
from .._text import shown
from .answers import checked_object
from .api import JSON
from .errors import Request
from .kinds import resource_path
from .objects import METADATA_ONLY, list_all
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .api import Api


_NO_LIST_OF_CLUSTER = (FailureKind.FORBIDDEN, FailureKind.MALFORMED)
Item = t.TypeVar("Item")
# Up to this many exact names are read one by one, since the cluster may have many more namespaces
FEW = 3
# Selected by exact name only: a wrong credential there can stop what the cluster itself runs, or be read by it
SYSTEM_NAMESPACES = ("kube-*", "openshift", "openshift-*")


@dataclass(frozen=True)
class Namespace:
    name: str
    terminating: bool = False


@dataclass(frozen=True)
class NamespaceSelection:
    """Checked options. ``names`` is null where only selectors are given."""

    names: tuple[str, ...] | None
    selectors: tuple[str, ...]
    exclude: tuple[str, ...]

    @property
    def exact(self) -> tuple[str, ...]:
        return tuple(name for name in self.names or () if not is_glob(name))

    @property
    def only_exact(self) -> bool:
        return self.names is not None and not self.selectors and len(self.exact) == len(self.names)

    @property
    def empty(self) -> bool:
        return self.names == ()


@dataclass(frozen=True)
class Chosen:
    """``missing`` are exact names that do not exist; ``listed``: the cluster allowed a list of all namespaces."""

    namespaces: tuple[Namespace, ...]
    missing: tuple[str, ...]
    listed: bool


def wanted_namespaces(
    names: Sequence[str] | None, selectors: Sequence[str] | None, exclude: Sequence[str] | None
) -> NamespaceSelection:
    """The checked options. Raises InputError if there is none, for an empty text and for an invalid name."""
    if names is None and selectors is None:
        extra = " exclude_namespaces alone selects nothing." if exclude else ""
        raise InputError(f"no namespace is chosen. Give namespaces (['*'] is all) or namespace_selectors.{extra}")
    for option, patterns in (("namespaces", names), ("exclude_namespaces", exclude)):
        for pattern in patterns or ():
            _check_pattern(option, pattern)
    for selector in selectors or ():
        if not selector.strip():
            raise InputError(
                "namespace_selectors holds an empty text, which would select every namespace. Use namespaces: ['*']."
            )
    if selectors is not None and not selectors:
        names = ()
    return NamespaceSelection(
        None if names is None else tuple(dict.fromkeys(names)), tuple(selectors or ()), tuple(exclude or ())
    )


def choose_namespaces(api: Api, wanted: NamespaceSelection, workers: int) -> Chosen:
    """The namespaces, sorted by name: from one list, or read one by one for a few exact names and where a list is forbidden."""
    if wanted.empty:
        return Chosen((), (), False)
    if wanted.only_exact and len(wanted.exact) <= FEW:
        return _one_by_one(api, wanted, workers)
    try:
        return _from_lists(api, wanted)
    except RequestError as error:
        if error.kind != FailureKind.FORBIDDEN or not wanted.only_exact:
            raise
        return _one_by_one(api, wanted, workers)


def select(namespaces: Sequence[Namespace], wanted: NamespaceSelection) -> list[Namespace]:
    """The namespaces that match the names and no exclusion. Pure: the server has applied the label selectors."""
    return sorted(
        (one for one in namespaces if _is_named(one.name, wanted) and not _matches(one.name, wanted.exclude)),
        key=lambda one: one.name,
    )


def _from_lists(api: Api, wanted: NamespaceSelection) -> Chosen:
    found: dict[str, Namespace] = {}
    for selector in wanted.selectors or (None,):
        selectors = {"labelSelector": selector} if selector else {}
        for one in list_all(api, "namespaces", _namespace, selectors, METADATA_ONLY):
            found[one.name] = one
    # with selectors the others were not listed: a name that is missing in the list may exist without the label
    missing = () if wanted.selectors else sorted(set(wanted.exact) - found.keys())
    return Chosen(tuple(select(list(found.values()), wanted)), tuple(_left(missing, wanted)), True)


def _one_by_one(api: Api, wanted: NamespaceSelection, workers: int) -> Chosen:
    names = sorted(_left(wanted.exact, wanted))
    read = for_each(names, lambda name: _read(api, name), workers)
    missing = tuple(name for name, one in zip(names, read) if one is None)
    return Chosen(tuple(one for one in read if one is not None), missing, False)


def _read(api: Api, name: str) -> Namespace | None:
    try:
        found = api.send(Request("get", "namespaces", None, name), resource_path("namespaces", name=name))
        return _namespace(checked_object(found, "namespaces", None, name))
    except RequestError as error:
        if error.kind == FailureKind.NOT_FOUND:
            return None
        if error.kind == FailureKind.FORBIDDEN:  # rights inside a namespace do not include the right to read the namespace itself
            return Namespace(name)
        raise


def _namespace(item: dict[str, t.Any]) -> Namespace:
    metadata = item["metadata"]
    return Namespace(metadata["name"], "deletionTimestamp" in metadata)


def _left(names: Sequence[str], wanted: NamespaceSelection) -> list[str]:
    return [name for name in names if not _matches(name, wanted.exclude)]


def _is_named(name: str, wanted: NamespaceSelection) -> bool:
    if name in wanted.exact:
        return True
    if _matches(name, SYSTEM_NAMESPACES):
        return False
    return wanted.names is None or _matches(name, wanted.names)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_glob(pattern: str) -> bool:
    """Whether the text is a pattern and not a name."""
    return any(char in pattern for char in "*?[")


def _check_pattern(option: str, pattern: str) -> None:
    if not pattern.strip():
        raise InputError(f"{option} holds an empty text. Give names or globs. An empty list selects nothing, ['*'] all.")
    if not is_glob(pattern) and not is_name("namespaces", pattern):
        raise InputError(
            f"{option} holds '{shown(pattern)}', which is not a valid namespace name. Use lower case letters, digits and '-', at "
            "most 63 characters."
        )


def open_namespaces(chosen: Chosen) -> list[Namespace]:
    """The namespaces that are not being deleted."""
    return [namespace for namespace in chosen.namespaces if not namespace.terminating]


def list_cluster(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
) -> tuple[list[Item], dict[str, RequestError]] | None:
    """``keep(item)`` for the items of all namespaces, and namespace -> why an item in it is malformed.

    Null if such a list is forbidden or malformed. Raises ClusterError, and RequestError for all other failures.
    """
    malformed: dict[str, RequestError] = {}
    try:
        return list_all(api, resource, keep, selectors, accept, malformed=malformed), malformed
    except RequestError as error:
        if error.kind not in _NO_LIST_OF_CLUSTER:
            raise
        return None


class NamespaceLists:
    """Lists objects in some namespaces: by one list of the whole cluster, or by one list of each namespace.

    ``whole``: whether to list the whole cluster; null: for more than FEW namespaces. Each namespace is listed as well where a
    list of the cluster is forbidden or malformed. Safe to share among threads.
    """

    def __init__(self, api: Api, workers: int, whole: bool | None = None) -> None:
        self._api = api
        self._workers = workers
        self._whole = whole
        # so that a list which is read again and again costs no further request
        self._forbidden: set[str] = set()

    def items(
        self,
        resource: str,
        keep: Callable[[dict[str, t.Any]], Item],
        namespaces: Sequence[str],
        selectors: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> tuple[list[Item], dict[str, RequestError]]:
        """``keep(item)`` for the items in the namespaces, and namespace -> why a list or an item in it failed.

        Raises ClusterError, and RequestError if a list of the cluster fails for another reason.
        """
        wanted = frozenset(namespaces)
        malformed: dict[str, RequestError] = {}

        def keep_wanted(item: dict[str, t.Any]) -> list[Item]:
            return [keep(item)] if item["metadata"]["namespace"] in wanted else []

        def read(namespace: str | None) -> list[Item]:
            found = list_all(self._api, resource, keep_wanted, selectors, accept, namespace, malformed)
            return [item for items in found for item in items]

        items, failed = self.read(resource, read, namespaces)
        return items, {**{namespace: error for namespace, error in malformed.items() if namespace in wanted}, **failed}

    def read(
        self, resource: str, read: Callable[[str | None], list[Item]], namespaces: Sequence[str]
    ) -> tuple[list[Item], dict[str, RequestError]]:
        """What ``read`` returns for null, which is the whole cluster, or for each namespace; and namespace -> why it failed."""
        whole = len(namespaces) > FEW if self._whole is None else self._whole and bool(namespaces)
        if whole and resource not in self._forbidden:
            try:
                return read(None), {}
            except RequestError as error:
                if error.kind not in _NO_LIST_OF_CLUSTER:
                    raise
                if error.kind == FailureKind.FORBIDDEN:
                    self._forbidden.add(resource)

        def read_one(namespace: str) -> list[Item] | RequestError:
            try:
                return read(namespace)
            except RequestError as error:
                return error

        answers = dict(zip(namespaces, for_each(namespaces, read_one, self._workers)))
        found = [item for answer in answers.values() if not isinstance(answer, RequestError) for item in answer]
        return found, {namespace: answer for namespace, answer in answers.items() if isinstance(answer, RequestError)}
