# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is there: the objects of one name in the chosen namespaces, from one list, or left to be read one by one."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.listing import list_all
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import FORBIDDEN
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import Outcome, Subject
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step
from ansible_collections.pullpass.registry.plugins.module_utils._workers import for_each

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace

Stored = t.TypeVar("Stored")


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
    """Namespace -> Subject for each object of this name in the cluster; None where that may not be listed."""
    try:
        listed = list_all(api, resource, lambda item: _subject(item, parse), {"fieldSelector": f"metadata.name={name}"})
    except RequestError as error:
        if error.kind != FORBIDDEN:
            raise
        return None
    return {subject.namespace: subject for subject in listed}


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

    def keep(item: Mapping[str, t.Any]) -> Subject[Stored]:
        return _subject(item, parse)

    def listed(namespace: str) -> list[Subject[Stored]] | Outcome:
        try:
            return list_all(api, resource, keep, namespace=namespace)
        except RequestError as error:
            return Outcome(namespace, "*", Step("failed", str(error)))

    lists: Sequence[list[Subject[Stored]] | Outcome] | None = None
    if chosen.listed:
        try:
            lists = [list_all(api, resource, keep)]
        except RequestError as error:
            if error.kind != FORBIDDEN:
                raise
    if lists is None:
        lists = for_each(namespaces, listed, workers)
    found = [subject for one in lists if not isinstance(one, Outcome) for subject in one]
    wanted = set(namespaces)
    return (
        [subject for subject in found if subject.namespace in wanted and matches(subject.name)],
        [one for one in lists if isinstance(one, Outcome)],
    )


def _subject(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> Subject[Stored]:
    return Subject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item))
