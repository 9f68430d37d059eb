# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An audit of the pull secrets of a cluster: a survey, a row for each namespace, and the counts."""

from __future__ import annotations

import typing as t

from .._diagnosis.namespace_rows import NamespaceTeller, Question
from .._diagnosis.survey import Surveyor
from .._text import counted, in_groups

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen


NOTE = "note: "
_WORDS = {
    "namespaces": ("namespace", "namespaces"),
    "secrets": ("Secret", "Secrets"),
    "unusable": ("not usable for the kubelet", "not usable for the kubelet"),
    "missing": ("missing", "missing"),
    "with_problems": ("with problems", "with problems"),
    "service_accounts": ("ServiceAccount", "ServiceAccounts"),
    "stuck_pods": ("Pod stuck on a pull", "Pods stuck on a pull"),
}


def audit(api: Api, chosen: Chosen, question: Question, workers: int, check_mode: bool) -> dict[str, t.Any]:
    """``namespaces``, ``summary``, ``msg`` and ``failed``: a namespace that is missing, or whose Secrets may not be read."""
    survey = Surveyor(api, chosen, workers).survey(question.names, question.check_pods)
    teller = NamespaceTeller(question, survey)
    rows = []
    failures = set(() if check_mode else chosen.missing)
    for namespace in chosen.namespaces:
        if namespace.terminating:
            rows.append(_closed(namespace.name, f"{NOTE}the namespace is being deleted, and was not looked at"))
        else:
            rows.append(teller.row(namespace.name))
            failures.update([namespace.name] if teller.refusal(namespace.name) else [])
    for name in chosen.missing:
        later = " (yet)" if check_mode else "; create it first, or correct its name"
        rows.append(_closed(name, f"the namespace does not exist{later}"))
    rows.sort(key=lambda row: row["namespace"])
    summary = summarised(rows)
    return {
        "changed": False,
        "failed": bool(failures),
        "msg": sentence(summary, rows, failures),
        "summary": summary,
        "namespaces": rows,
    }


def summarised(rows: Sequence[Mapping[str, t.Any]]) -> dict[str, int]:
    """Counts. A note on a Secret is no problem."""
    secrets = [secret for row in rows for secret in row["secrets"]]
    there = [secret for secret in secrets if secret["exists"]]
    return {
        "namespaces": len(rows),
        "secrets": len(there),
        "unusable": sum(not secret["usable"] for secret in there),
        "missing": sum(secret["exists"] is False for secret in secrets),
        "with_problems": sum(any(not told.startswith(NOTE) for told in secret["problems"]) for secret in there),
        "service_accounts": sum(len(row["service_accounts"]) for row in rows),
        "stuck_pods": sum(len({stuck["pod"] for stuck in row["stuck_pods"]}) for row in rows),
    }


def sentence(summary: Mapping[str, int], rows: Iterable[Mapping[str, t.Any]], failures: Iterable[str]) -> str:
    """The counts in words, and what failed."""
    told = ", ".join(counted(summary[name], *words) for name, words in _WORDS.items())
    failed = set(failures)
    reasons = [(row["namespace"], "; ".join(row["problems"])) for row in rows if row["namespace"] in failed]
    if not reasons:
        return told
    return f"{told}. {in_groups(reasons)}"


def _closed(namespace: str, problem: str) -> dict[str, t.Any]:
    return {"namespace": namespace, "problems": [problem], "secrets": [], "service_accounts": [], "images": [], "stuck_pods": []}
