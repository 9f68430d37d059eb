# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Target objects, the change that a plan makes to each, and its outcome. Targets come from one list or are read one by one."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._cluster.namespaces import NamespaceLists, list_cluster, open_namespaces
from .._cluster.validation import fields_equal
from .._errors import RequestError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .._cluster.objects import Seen


CHANGED_ACTIONS = ("created", "updated", "replaced", "deleted", "linked", "unlinked")
FAILED_ACTIONS = ("failed", "refused", "contested")
SKIPPED = "skipped"
Stored = t.TypeVar("Stored")


@dataclass(frozen=True)
class Write:
    """``verb`` is create, patch, delete or replace; ``body`` the object or the merge patch; ``seen`` guards all but create."""

    verb: str
    body: Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    seen: Seen | None = None


@dataclass(frozen=True)
class Change:
    """What a plan decides about one object. ``action`` is the word in the result; without ``write`` nothing is sent.

    ``before`` and ``after`` are for --diff and hold no secret. ``warning`` is for a person although nothing failed.
    ``transient``: a failure that may go away in a moment. ``stale``: kubelets may use the old content for some time.
    ``written``: a write was sent although ``action`` does not say so.
    """

    action: str
    message: str = ""
    write: Write | None = None
    before: Mapping[str, t.Any] = field(default_factory=dict)
    after: Mapping[str, t.Any] = field(default_factory=dict)
    purged: tuple[str, ...] = ()
    warning: str = ""
    transient: bool = False
    stale: bool = False
    written: bool = False

    @property
    def complete(self) -> bool:
        """Whether the object is in the desired state and nobody else owns it."""
        return self.action == "unchanged" and not self.warning

    def with_message(self, text: str, **fields: t.Any) -> Change:
        """The same change with ``text`` at the end of its message."""
        message = f"{self.message}; {text}" if self.message and text else self.message or text
        return replace(self, message=message, **fields)


@dataclass(frozen=True)
class TargetObject(t.Generic[Stored]):
    """An object to bring into its desired state. ``listed``: a list reported ``stored``, null for an object that is missing.

    A target that is not listed is read before it is planned.
    """

    namespace: str
    name: str
    stored: Stored | None = None
    listed: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was done with one object."""

    namespace: str
    name: str
    change: Change
    kind: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.namespace, self.name


def unavailable_outcomes(chosen: Chosen, name: str, check_mode: bool, kind: str = "") -> list[Outcome]:
    """An outcome of object ``name`` for each chosen namespace that is being deleted or does not exist."""
    outcomes = [
        Outcome(namespace.name, name, Change(SKIPPED, "the namespace is being deleted"), kind)
        for namespace in chosen.namespaces
        if namespace.terminating
    ]
    if check_mode:  # an earlier task of the same run may be the one that creates it
        change = Change(SKIPPED, "the namespace does not exist (yet)")
    else:
        change = Change("failed", "the namespace does not exist; create it first, or correct its name")
    return outcomes + [Outcome(missing, name, change, kind) for missing in chosen.missing]


def targets_by_namespace(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Stored], name: str
) -> dict[str, TargetObject[Stored]] | None:
    """Namespace -> the object of this name, for the whole cluster; null where such a list is forbidden or malformed.

    A malformed object is a target that is not listed: reading it reports the error of its namespace alone.
    """
    found = list_cluster(api, resource, lambda item: _target(item, parse), fields_equal({"metadata.name": name}))
    if found is None:
        return None
    targets, malformed = found
    return {target.namespace: target for target in (*targets, *(TargetObject[Stored](place, name) for place in malformed))}


def targets_in(chosen: Chosen, name: str, found: dict[str, TargetObject[Stored]] | None) -> list[TargetObject[Stored]]:
    """A target for each open namespace; without a list (null) each is read later."""
    namespaces = [namespace.name for namespace in open_namespaces(chosen)]
    if found is None:
        return [TargetObject(namespace, name) for namespace in namespaces]
    return [found.get(namespace) or TargetObject(namespace, name, listed=True) for namespace in namespaces]


def named_targets(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Stored], name: str, chosen: Chosen
) -> list[TargetObject[Stored]]:
    """A target for each open namespace, from one list if the namespaces themselves were listed."""
    found = targets_by_namespace(api, resource, parse, name) if chosen.listed and open_namespaces(chosen) else None
    return targets_in(chosen, name, found)


def matching_targets(
    api: Api,
    resource: str,
    parse: Callable[[Mapping[str, t.Any]], Stored],
    matches: Callable[[str], bool],
    chosen: Chosen,
    workers: int,
) -> tuple[list[TargetObject[Stored]], dict[str, RequestError]]:
    """A target for each object in an open namespace whose name ``matches``, and namespace -> why a list of it failed."""
    namespaces = [namespace.name for namespace in open_namespaces(chosen)]
    lists = NamespaceLists(api, workers, chosen.listed)
    found, refused = lists.items(resource, lambda item: _target(item, parse), namespaces)
    return [target for target in found if matches(target.name)], refused


def _target(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> TargetObject[Stored]:
    return TargetObject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item), listed=True)
