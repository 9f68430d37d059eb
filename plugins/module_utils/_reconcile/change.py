# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a plan says about one object."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._cluster.objects import Seen


CHANGED = ("created", "updated", "replaced", "deleted", "linked", "unlinked")
SKIPPED = "skipped"
FAILED = ("failed", "refused", "contested")
# done, or as it was asked for: counted, and shown only on request
QUIET = ("unchanged",)


@dataclass(frozen=True)
class Write:
    """``verb`` is create, patch, delete or replace; ``body`` the object or the merge patch; ``seen`` guards all but create."""

    verb: str
    body: Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    seen: Seen | None = None


@dataclass(frozen=True)
class Step:
    """``action`` is the word for the result; without ``write`` there is nothing to do.

    ``before`` and ``after`` are for --diff and hold no secret. ``warning`` needs a person's eye though nothing failed.
    ``written``: it was sent, though the action does not say so.
    ``awaited`` marks a failure that may mend itself in a moment, ``stale`` an object that kubelets may go on to use as it was.
    """

    action: str
    message: str = ""
    write: Write | None = None
    before: Mapping[str, t.Any] = field(default_factory=dict)
    after: Mapping[str, t.Any] = field(default_factory=dict)
    purged: tuple[str, ...] = ()
    warning: str = ""
    awaited: bool = False
    stale: bool = False
    written: bool = False
