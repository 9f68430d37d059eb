# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whether two choices of namespaces can contain the same namespace, without a request to the cluster. Pure."""

from __future__ import annotations

import enum
import fnmatch
import re
import typing as t
from dataclasses import dataclass

from ..module_utils._cluster.namespaces import SYSTEM_NAMESPACES, is_glob

if t.TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)


class Overlap(enum.Enum):
    CERTAIN = "certain"
    POSSIBLE = "label selectors decide, which only the cluster knows"
    EMPTY = "empty"


@dataclass(frozen=True)
class Choice:
    names: tuple[str, ...]
    selectors: tuple[str, ...]
    exclude: tuple[str, ...]


def overlap(one: Choice, other: Choice) -> Overlap:
    if not _names_overlap(one, other):
        return Overlap.EMPTY
    alike = set(one.selectors) == set(other.selectors) or not one.selectors or not other.selectors
    return Overlap.CERTAIN if alike else Overlap.POSSIBLE


def _names_overlap(one: Choice, other: Choice) -> bool:
    excluded = (*one.exclude, *other.exclude)
    return any(_common(first, second, excluded) for first in one.names or ("*",) for second in other.names or ("*",))


def _common(first: str, second: str, excluded: Sequence[str]) -> bool:
    if not is_glob(first) and not is_glob(second):
        return first == second and not _matches(first, excluded)
    if is_glob(first) and is_glob(second):
        hidden = any(_covers(pattern, glob) for pattern in (*excluded, *SYSTEM_NAMESPACES) for glob in (first, second))
        return not hidden and _globs_meet(first, second)
    name, glob = (second, first) if is_glob(first) else (first, second)
    return fnmatch.fnmatchcase(name, glob) and not _matches(name, (*excluded, *SYSTEM_NAMESPACES))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _covers(pattern: str, glob: str) -> bool:
    """Whether ``pattern`` certainly matches every text that ``glob`` matches."""
    return pattern == glob or (not any(char in pattern for char in "?[") and fnmatch.fnmatchcase(glob, pattern))


def _globs_meet(first: str, second: str) -> bool:
    """Whether some text matches both. A set of characters is treated as any character."""
    one, other = _TOKEN.findall(first), _TOKEN.findall(second)
    reached = {(0, 0)}
    pending = [(0, 0)]
    while pending:
        i, j = pending.pop()
        if i == len(one) and j == len(other):
            return True
        for following in _following(one, other, i, j):
            if following not in reached:
                reached.add(following)
                pending.append(following)
    return False


def _following(one: Sequence[str], other: Sequence[str], i: int, j: int) -> list[tuple[int, int]]:
    a = one[i] if i < len(one) else ""
    b = other[j] if j < len(other) else ""
    found = []
    if a == "*":
        found += [(i + 1, j), *([(i, j + 1)] if b else [])]
    if b == "*":
        found += [(i, j + 1), *([(i + 1, j)] if a else [])]
    if a and b and "*" not in (a, b) and (a == b or "?" in (a, b) or len(a) > 1 or len(b) > 1):
        found.append((i + 1, j + 1))
    return found
