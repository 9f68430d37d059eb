# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit is asked, and what it reports of a Secret and of a namespace. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


PROBLEM, NOTE = "problem", "note"


@dataclass(frozen=True)
class AuditQuery:
    """``names`` None: all pull secrets. ``accounts`` None: ``default``, and all ServiceAccounts that name a Secret."""

    names: Sequence[str] | None
    accounts: Sequence[str] | None
    images: Sequence[str]
    check_pods: bool
    now: datetime


@dataclass(frozen=True)
class AuditProblem:
    """``severity`` is PROBLEM, or NOTE for what needs no action."""

    text: str
    severity: str = PROBLEM

    def __str__(self) -> str:
        return f"note: {self.text}" if self.severity == NOTE else self.text


@dataclass(frozen=True)
class SecretReport:
    """``exists`` is None where the Secret could not be read. ``type`` is None where only its metadata was listed."""

    name: str
    exists: bool | None
    type: str | None = None
    managed: bool = False
    owner: str | None = None
    revision: str | None = None
    immutable: bool | None = None
    expires: str | None = None
    usable: bool = False
    problems: Sequence[AuditProblem] = ()
    registries: Sequence[dict[str, t.Any]] = ()

    def row(self) -> dict[str, t.Any]:
        return {**vars(self), "problems": [str(one) for one in self.problems], "registries": list(self.registries)}


@dataclass(frozen=True)
class NamespaceReport:
    """``service_accounts``, ``images`` and ``stuck_pods`` are rows of the result. ``failed``: its Secrets could not be read."""

    namespace: str
    problems: Sequence[AuditProblem] = ()
    secrets: Sequence[SecretReport] = ()
    service_accounts: Sequence[dict[str, t.Any]] = ()
    images: Sequence[dict[str, t.Any]] = ()
    stuck_pods: Sequence[dict[str, str]] = ()
    failed: bool = field(default=False, compare=False)

    def row(self) -> dict[str, t.Any]:
        return {
            "namespace": self.namespace,
            "problems": [str(one) for one in self.problems],
            "secrets": [one.row() for one in self.secrets],
            "service_accounts": list(self.service_accounts),
            "images": list(self.images),
            "stuck_pods": list(self.stuck_pods),
        }
