# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Target objects, the change that a plan decides for each, and its outcome. Targets come from one list or are read one by one.

Lists imagePullSecrets, which several plans change, are at the end. Such a list has no merge key: a patch replaces all of it. So
it is read, changed and written with the version that was read.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from .._cluster.namespaces import NamespaceLists, list_cluster, open_namespaces
from .._cluster.objects import PULL_SECRETS_FIELD, Seen, other_field_manager, pull_secret_names
from .._cluster.validation import fields_equal
from .._errors import RequestError
from .._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen


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


@dataclass(frozen=True)
class DesiredLinks:
    """Secret names to add to lists, or to remove from them with ``present`` false. ``force``: even if others own a list."""

    secrets: tuple[str, ...]
    present: bool
    force: bool

    def list_change(self, current: Sequence[str]) -> ListChange | None:
        """The change of a list; other entries stay in their order. Null if nothing has to change."""
        if self.present:
            added = [name for name in self.secrets if name not in current]
            after = (*current, *added)
            message = f"added: {listed(added)}"
        else:
            after = tuple(name for name in current if name not in self.secrets)
            message = f"removed: {listed([name for name in self.secrets if name in current])}"
        if len(after) == len(current):
            return None
        return ListChange("linked" if self.present else "unlinked", tuple(current), after, message)


@dataclass(frozen=True)
class ListChange:
    action: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    message: str

    def below(self, path: Sequence[str], seen: Seen, effect: str = "") -> Change:
        """The guarded write of the list below ``path``; ``effect`` ends the message. An empty list is removed."""
        body: dict[str, t.Any] = {PULL_SECRETS_FIELD: [{"name": name} for name in self.after] or None}
        for key in reversed(path):
            body = {key: body}
        before, after = ({PULL_SECRETS_FIELD: [shown(name) for name in names]} for names in (self.before, self.after))
        return Change(self.action, self.message, Write("patch", body, seen), before, after).with_message(effect)


@dataclass(frozen=True)
class StoredServiceAccount:
    """``other_manager`` is another owner of its list, in words."""

    namespace: str
    name: str
    seen: Seen
    pull_secrets: tuple[str, ...]
    other_manager: str | None


def stored_service_account(item: Mapping[str, t.Any]) -> StoredServiceAccount:
    """A ServiceAccount as the API server sends it."""
    metadata = item["metadata"]
    return StoredServiceAccount(
        namespace=metadata["namespace"],
        name=metadata["name"],
        seen=Seen(metadata["uid"], metadata["resourceVersion"]),
        pull_secrets=pull_secret_names(item),
        other_manager=other_field_manager(metadata, (PULL_SECRETS_FIELD,)),
    )


def service_account_change(desired: DesiredLinks, stored: StoredServiceAccount | None) -> Change:
    """The plan for one ServiceAccount, null for one that does not exist."""
    if stored is None:
        if not desired.present:
            return Change("unchanged")
        return Change("failed", "the ServiceAccount does not exist; create it first, or correct its name", transient=True)
    change = desired.list_change(stored.pull_secrets)
    if change is None:
        return Change("unchanged")
    if stored.other_manager and not desired.force:
        return Change(
            "contested",
            f"its {PULL_SECRETS_FIELD} are managed by {stored.other_manager}, which would undo the change: change the list "
            "there, use another ServiceAccount, or set force",
        )
    return change.below((), stored.seen)
