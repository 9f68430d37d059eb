# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An audit of the pull secrets of a cluster: a survey, a report of each namespace, and the result."""

from __future__ import annotations

import typing as t

from .._diagnosis.survey import Surveyor
from .model import NOTE, AuditProblem, NamespaceReport
from .report import NamespaceReporter, audit_result

if t.TYPE_CHECKING:
    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .model import AuditQuery


def audit(api: Api, chosen: Chosen, query: AuditQuery, workers: int, check_mode: bool) -> dict[str, t.Any]:
    """``namespaces``, ``summary``, ``msg`` and ``failed``: a namespace does not exist, or its Secrets could not be read.

    Raises ClusterError, and RequestError for anything but a missing right.
    """
    reporter = NamespaceReporter(query, Surveyor(api, chosen, workers).survey(query.names, query.check_pods))
    reports = [_missing(name, check_mode) for name in chosen.missing]
    reports += [_terminating(one.name) if one.terminating else reporter.report(one.name) for one in chosen.namespaces]
    return audit_result(sorted(reports, key=lambda report: report.namespace))


def _missing(name: str, check_mode: bool) -> NamespaceReport:
    later = " (yet)" if check_mode else "; create it first, or correct its name"
    return NamespaceReport(name, [AuditProblem(f"the namespace does not exist{later}")], failed=not check_mode)


def _terminating(name: str) -> NamespaceReport:
    return NamespaceReport(name, [AuditProblem("the namespace is being deleted and was not read", NOTE)])
