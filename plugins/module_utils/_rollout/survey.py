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

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def objects_named(
    api: Api, resource: str, parse: Callable[[Mapping[str, t.Any]], Stored], name: str, chosen: Chosen
) -> list[Subject[Stored]]:
    """A Subject for each open namespace."""
    namespaces = open_namespaces(chosen)
    if not chosen.listed or not namespaces:
        return [Subject(namespace.name, name) for namespace in namespaces]
    try:
        listed = list_all(api, resource, lambda item: _subject(item, parse), {"fieldSelector": f"metadata.name={name}"})
    except RequestError as error:
        if error.kind != FORBIDDEN:
            raise
        return [Subject(namespace.name, name) for namespace in namespaces]
    found = {subject.namespace: subject for subject in listed}
    return [found.get(namespace.name) or Subject(namespace.name, name, None) for namespace in namespaces]


def objects_matching(
    api: Api,
    resource: str,
    parse: Callable[[Mapping[str, t.Any]], Stored],
    matches: Callable[[str], bool],
    chosen: Chosen,
) -> list[Subject[Stored]]:
    """A Subject for each object in an open namespace whose name ``matches``."""
    namespaces = {namespace.name for namespace in open_namespaces(chosen)}
    listings: list[str | None] = [None] if chosen.listed else [*sorted(namespaces)]
    found: list[Subject[Stored]] = []
    for namespace in listings:
        found += list_all(api, resource, lambda item: _subject(item, parse), namespace=namespace)
    return [subject for subject in found if subject.namespace in namespaces and matches(subject.name)]


def _subject(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> Subject[Stored]:
    return Subject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item))
