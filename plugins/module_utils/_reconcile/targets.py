# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is there: the objects of one name in the chosen namespaces, from one list, or left to be read one by one."""

from __future__ import annotations

import typing as t

from .._cluster.namespaces import open_namespaces
from .._cluster.objects import list_all, list_in
from .._cluster.validation import fields_equal
from .._errors import FailureKind, RequestError
from .apply import Outcome, Subject
from .change import Step

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen


Stored = t.TypeVar("Stored")
Item = t.TypeVar("Item")


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
        if error.kind not in (FailureKind.FORBIDDEN, FailureKind.MALFORMED):
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


def _subject(item: Mapping[str, t.Any], parse: Callable[[Mapping[str, t.Any]], Stored]) -> Subject[Stored]:
    return Subject(item["metadata"]["namespace"], item["metadata"]["name"], parse(item))
