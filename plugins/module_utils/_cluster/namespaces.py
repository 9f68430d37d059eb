# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Which namespaces a task means: names and globs, label selectors, exclusions."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from .._concurrency import for_each
from .._errors import FailureKind, InputError, RequestError
from .._text import shown
from .answers import checked_object
from .errors import Request
from .kinds import resource_path
from .objects import METADATA_ONLY, list_all
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .api import Api


# Up to this many exact names are read one by one, however many namespaces the cluster has
FEW = 3
# Only by exact name: what the cluster itself runs there breaks, or leaks, with a credential too many
SYSTEM = ("kube-*", "openshift", "openshift-*")


@dataclass(frozen=True)
class Namespace:
    name: str
    terminating: bool = False


@dataclass(frozen=True)
class Wanted:
    """Checked options. ``names`` is None where only selectors choose."""

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
    """``missing`` are exact names that do not exist; ``listed`` tells whether the cluster allowed a list of all."""

    namespaces: tuple[Namespace, ...]
    missing: tuple[str, ...]
    listed: bool


def wanted_namespaces(names: Sequence[str] | None, selectors: Sequence[str] | None, exclude: Sequence[str] | None) -> Wanted:
    """The checked options. Raises InputError for none at all, an empty text, and what can be no namespace's name."""
    if names is None and selectors is None:
        extra = " exclude_namespaces only takes away from these." if exclude else ""
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
    return Wanted(None if names is None else tuple(dict.fromkeys(names)), tuple(selectors or ()), tuple(exclude or ()))


def choose_namespaces(api: Api, wanted: Wanted, workers: int) -> Chosen:
    """The namespaces, sorted by name: from one list, or one by one for a few exact names and where no list is allowed."""
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


def select(namespaces: Sequence[Namespace], wanted: Wanted) -> list[Namespace]:
    """Those that names and exclusions leave. Pure: label selectors were the server's part."""
    return sorted(
        (one for one in namespaces if _is_named(one.name, wanted) and not _matches(one.name, wanted.exclude)),
        key=lambda one: one.name,
    )


def _from_lists(api: Api, wanted: Wanted) -> Chosen:
    found: dict[str, Namespace] = {}
    for selector in wanted.selectors or (None,):
        selectors = {"labelSelector": selector} if selector else {}
        for one in list_all(api, "namespaces", _namespace, selectors, METADATA_ONLY):
            found[one.name] = one
    # with selectors the others were never listed: a name that is not among them may exist without the label
    missing = () if wanted.selectors else sorted(set(wanted.exact) - found.keys())
    return Chosen(tuple(select(list(found.values()), wanted)), tuple(_left(missing, wanted)), True)


def _one_by_one(api: Api, wanted: Wanted, workers: int) -> Chosen:
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
        if error.kind == FailureKind.FORBIDDEN:  # rights inside a namespace do not bring the right to look at it
            return Namespace(name)
        raise


def _namespace(item: dict[str, t.Any]) -> Namespace:
    metadata = item["metadata"]
    return Namespace(metadata["name"], "deletionTimestamp" in metadata)


def _left(names: Sequence[str], wanted: Wanted) -> list[str]:
    return [name for name in names if not _matches(name, wanted.exclude)]


def _is_named(name: str, wanted: Wanted) -> bool:
    if name in wanted.exact:
        return True
    if _matches(name, SYSTEM):
        return False
    return wanted.names is None or _matches(name, wanted.names)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_glob(pattern: str) -> bool:
    """Whether an option's text stands for many names."""
    return any(char in pattern for char in "*?[")


def _check_pattern(option: str, pattern: str) -> None:
    if not pattern.strip():
        raise InputError(f"{option} holds an empty text. Give names or globs; an empty list selects nothing, ['*'] all.")
    if not is_glob(pattern) and not is_name("namespaces", pattern):
        raise InputError(
            f"{option} holds '{shown(pattern)}', which can be no namespace: lower case letters, digits and '-', at most 63."
        )


def open_namespaces(chosen: Chosen) -> list[Namespace]:
    """Those that still take objects."""
    return [namespace for namespace in chosen.namespaces if not namespace.terminating]
