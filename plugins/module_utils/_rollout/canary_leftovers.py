# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Canary Pods that a run left behind because it was killed, told from those of a run that is still at work. Pure.

A Pod says itself how long its run may need it, and the API server says how old it is: as a table it gives the age by its
own clock. The clock of the machine where the task runs has no part in it.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Seen
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.canary_pod import DEADLINE, LABEL
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import MANAGED_BY, MANAGED_BY_LABEL

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"

# apimachinery pkg/util/duration HumanDuration: one or two of these, rounded down
_AGE = re.compile(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECONDS = (365 * 86400, 86400, 3600, 60, 1)
_LIFETIME = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Leftover:
    namespace: str
    name: str
    seen: Seen


def leftovers(table: Mapping[str, t.Any]) -> list[Leftover]:
    """The canary Pods of a table of Pods that are past their own deadline."""
    return [
        Leftover(metadata["namespace"], metadata["name"], Seen(metadata["uid"], metadata["resourceVersion"]))
        for age, metadata in _rows(table)
        if _is_past_its_deadline(age, metadata)
    ]


def _rows(table: Mapping[str, t.Any]) -> Iterator[tuple[str, Mapping[str, t.Any]]]:
    names = [column.get("name") for column in table.get("columnDefinitions") or ()]
    place = names.index("Age") if "Age" in names else None
    for row in table.get("rows") or ():
        cells = row["cells"]
        yield ("" if place is None or place >= len(cells) else str(cells[place])), row["object"]["metadata"]


def _is_past_its_deadline(age: str, metadata: Mapping[str, t.Any]) -> bool:
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if LABEL not in labels or labels.get(MANAGED_BY_LABEL) != MANAGED_BY:
        return False
    lifetime, seconds = annotations.get(DEADLINE, ""), _age(age)
    return seconds is not None and bool(_LIFETIME.fullmatch(lifetime)) and seconds > int(lifetime)


def _age(text: str) -> int | None:
    """Seconds, at least; None for what is no age, such as that of an object that was made later than now."""
    match = _AGE.fullmatch(text)
    if not text or match is None:
        return None
    return sum(int(number) * seconds for number, seconds in zip(match.groups("0"), _SECONDS))
