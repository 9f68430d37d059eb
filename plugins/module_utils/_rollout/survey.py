# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is there: the objects of one name in the chosen namespaces, from one list, or left to be read one by one."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import JSON
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
    """``keep(item)`` for the items in these namespaces, and namespace -> why nothing in it may be listed.

    ``whole``: by one list of the cluster, if that is allowed; else by one of each namespace. Raises ClusterError, and
    RequestError for what one list of the cluster could not do for another reason than a missing right.
    """
    wanted = frozenset(namespaces)

    def keep_wanted(item: dict[str, t.Any]) -> list[Item]:
        return [keep(item)] if item["metadata"]["namespace"] in wanted else []

    def read(namespace: str | None) -> list[Item]:
        return [item for kept in list_all(api, resource, keep_wanted, selectors, accept, namespace) for item in kept]

    def try_read(namespace: str) -> list[Item] | RequestError:
        try:
            return read(namespace)
        except RequestError as error:
            return error

    if whole and namespaces:
        try:
            return read(None), {}
        except RequestError as error:
            if error.kind != FORBIDDEN:
                raise
    answers = dict(zip(namespaces, for_each(namespaces, try_read, workers)))
    found = [item for answer in answers.values() if not isinstance(answer, RequestError) for item in answer]
    return found, {namespace: answer for namespace, answer in answers.items() if isinstance(answer, RequestError)}


def _subject(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> Subject[Stored]:
    return Subject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item))
