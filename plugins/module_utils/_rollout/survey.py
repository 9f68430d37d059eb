# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is there: the objects of one name in the chosen namespaces, from one list, or left to be read one by one."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import FORBIDDEN, MALFORMED
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.selectors import fields_equal
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import Outcome, Subject
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace

Stored = t.TypeVar("Stored")
Item = t.TypeVar("Item")


def open_namespaces(chosen: Chosen) -> list[Namespace]:
    """Those that still take objects."""
    return [namespace for namespace in chosen.namespaces if not namespace.terminating]


def closed_outcomes(chosen: Chosen, name: str, check_mode: bool) -> list[Outcome]:
    """An outcome for each namespace that is being deleted or does not exist, as if it were for object ``name``."""
    outcomes = [
        Outcome(namespace.name, name, Step("skipped", "the namespace is being deleted"))
        for namespace in chosen.namespaces
        if namespace.terminating
    ]
    for missing in chosen.missing:
        if check_mode:  # an earlier task of the same check run may be the one that would make it
            step = Step("skipped", "the namespace does not exist (yet)")
        else:
            step = Step("failed", "the namespace does not exist; create it first, or correct its name")
        outcomes.append(Outcome(missing, name, step))
    return outcomes


def list_named(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Stored], name: str
) -> dict[str, Subject[Stored]] | None:
    """Namespace -> Subject for each object of this name in the cluster; None where that may not, or cannot, be listed.

    A malformed object is left to be read by itself, so that its error is that of its namespace.
    """
    spoiled: dict[str, Subject[Stored]] = {}

    def read_alone(namespace: str | None, _name: str, error: RequestError) -> None:
        if namespace is None:
            raise error
        spoiled[namespace] = Subject(namespace, name)

    try:
        selector = fields_equal({"metadata.name": name})
        listed = list_all(api, resource, lambda item: _subject(item, parse), selector, spoiled=read_alone)
    except RequestError as error:
        if error.kind not in (FORBIDDEN, MALFORMED):
            raise
        return None
    return {**{subject.namespace: subject for subject in listed}, **spoiled}


def subjects_in(chosen: Chosen, name: str, found: dict[str, Subject[Stored]] | None) -> list[Subject[Stored]]:
    """A Subject for each open namespace; without a list (None) each is still to be read."""
    namespaces = [namespace.name for namespace in open_namespaces(chosen)]
    if found is None:
        return [Subject(namespace, name) for namespace in namespaces]
    return [found.get(namespace) or Subject(namespace, name, None) for namespace in namespaces]


def objects_named(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Stored], name: str, chosen: Chosen
) -> list[Subject[Stored]]:
    """A Subject for each open namespace, from one list where the namespaces themselves came from one."""
    found = list_named(api, resource, parse, name) if chosen.listed and open_namespaces(chosen) else None
    return subjects_in(chosen, name, found)


def objects_matching(
    api: Api,
    resource: str,
    parse: Callable[[Mapping[str, t.Any]], Stored],
    matches: Callable[[str], bool],
    chosen: Chosen,
    workers: int,
) -> tuple[list[Subject[Stored]], list[Outcome]]:
    """A Subject for each object in an open namespace whose name ``matches``, and an outcome for each that may not be listed."""
    namespaces = [namespace.name for namespace in open_namespaces(chosen)]
    found, refused = list_in(api, resource, lambda item: _subject(item, parse), namespaces, chosen.listed, workers)
    return (
        [subject for subject in found if matches(subject.name)],
        [Outcome(namespace, "*", Step("failed", str(error))) for namespace, error in refused.items()],
    )


def list_in(
    api: Api,
    resource: str,
    keep: Callable[[dict[str, t.Any]], Item],
    namespaces: Sequence[str],
    whole: bool,
    workers: int,
    selectors: Mapping[str, str] | None = None,
    accept: str = JSON,
) -> tuple[list[Item], dict[str, RequestError]]:
    """``keep(item)`` for the items in these namespaces, and namespace -> why something in it could not be listed.

    ``whole``: by one list of the cluster, if that is allowed and well-formed; else by one of each namespace. Raises
    ClusterError, and RequestError for what one list of the cluster could not do for another reason.
    """
    lists = _Lists(api, resource, keep, frozenset(namespaces), selectors, accept)
    if whole and namespaces:
        try:
            return lists.read(None), lists.malformed
        except RequestError as error:
            if error.kind not in (FORBIDDEN, MALFORMED):
                raise
    answers = dict(zip(namespaces, for_each(namespaces, lists.try_read, workers)))
    found = [item for answer in answers.values() if not isinstance(answer, RequestError) for item in answer]
    refused = {namespace: answer for namespace, answer in answers.items() if isinstance(answer, RequestError)}
    return found, {**lists.malformed, **refused}


@dataclass(frozen=True)
class _Lists(t.Generic[Item]):
    """Lists of one resource. ``malformed``: namespace -> what is wrong with an object in it."""

    api: Api
    resource: str
    keep: Callable[[dict[str, t.Any]], Item]
    wanted: frozenset[str]
    selectors: Mapping[str, str] | None
    accept: str
    malformed: dict[str, RequestError] = field(default_factory=dict)

    def read(self, namespace: str | None) -> list[Item]:
        parts = list_all(self.api, self.resource, self._keep_wanted, self.selectors, self.accept, namespace, self._note)
        return [item for part in parts for item in part]

    def try_read(self, namespace: str) -> list[Item] | RequestError:
        try:
            return self.read(namespace)
        except RequestError as error:
            return error

    def _keep_wanted(self, item: dict[str, t.Any]) -> list[Item]:
        return [self.keep(item)] if item["metadata"]["namespace"] in self.wanted else []

    def _note(self, namespace: str | None, _name: str, error: RequestError) -> None:
        if namespace is None:
            raise error
        if namespace in self.wanted:
            self.malformed[namespace] = error


def _subject(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> Subject[Stored]:
    return Subject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item))
