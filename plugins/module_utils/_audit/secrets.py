# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit reports of a Secret. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice

from .._credentials.credential import expiry, lifetime_words, shown_username, timestamp
from .._credentials.dockerconfigjson import LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE
from .._credentials.lint import Examined, examine
from .._credentials.lint_keys import KUBELET, Problem
from .._credentials.registry_key import shown_key
from .._text import listed, shown
from .model import AuditProblem, SecretReport

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._diagnosis.snapshot import SecretSnapshot


_SOON = timedelta(days=7)
_MOST_PROBLEMS = 10
# a tenant can write any number of entries
_MOST_ROWS = 1000
_REMEDY_FOR_TOKENS = "Renew it in time; the lasting remedy is the kubelet's own credential provider."


@dataclass(frozen=True)
class DocumentReport:
    """What is reported of a document, in whatever namespace it is.

    ``registries``: rows of the result. ``expiries``: when its credentials expire and the key of each, the first one first.
    """

    usable: bool
    problems: tuple[str, ...]
    registries: tuple[dict[str, t.Any], ...]
    expiries: tuple[tuple[datetime, str], ...]


class DocumentReviewer:
    """Reviews each document once, however many namespaces have it."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, bytes], DocumentReport] = {}

    def __call__(self, secret: SecretSnapshot) -> DocumentReport:
        key = (secret.type, secret.document or b"")
        if key not in self._reports:
            self._reports[key] = _review(examine(key[1], legacy=secret.type == LEGACY_SECRET_TYPE, most=_MOST_ROWS))
        return self._reports[key]


def secret_report(
    secret: SecretSnapshot, document: DocumentReport | None, now: datetime, more: Sequence[AuditProblem]
) -> SecretReport:
    """Of an existing Secret. ``document`` is None for a type that is not a pull secret's; ``more``: further problems."""
    problems = [_wrong_type(secret.type)] if document is None else [*document.problems, *_expiry_problems(secret, document, now)]
    if secret.exposed:
        problems.append(
            "its annotation last-applied-configuration shows the credentials to everybody who may read its metadata. Remove it "
            "(pull_secret does so with adopt), and renew them."
        )
    return SecretReport(
        name=shown(secret.name),
        exists=True,
        type=shown(secret.type) or None,
        managed=secret.owner is not None,
        owner=None if secret.owner is None else shown(secret.owner),
        revision=None if secret.revision is None else shown(secret.revision),
        immutable=secret.immutable if secret.type else None,
        expires=_expires(secret, document),
        usable=document is not None and document.usable,
        problems=[*map(AuditProblem, problems), *more],
        registries=() if document is None else document.registries,
    )


def _wrong_type(kind: str) -> str:
    return (
        f"its type is {shown(kind) or 'not a pull secret type'}, and the kubelet ignores it. Expected {PULL_SECRET_TYPE} with "
        f"key {PULL_SECRET_KEY}. A type cannot be changed: delete the Secret and create it again (pull_secret does so with "
        "recreate)."
    )


def _review(examined: Examined) -> DocumentReport:
    readable = examined.readable()
    entries = dict(islice(examined.entries.items(), _MOST_ROWS))
    usable = {key: readable and examined.usable(key) for key in entries}
    expiries = {key: expiry(entry.username, entry.password) for key, entry in entries.items()}
    lifetimes = {
        key: lifetime_words(entry.username, entry.password)
        for key, entry in entries.items()
        if expiries[key] is None and entry.password
    }
    problems = _kubelet_problems(examined)
    if len(examined.entries) > len(entries):
        problems.append(f"it holds {len(examined.entries)} entries, of which the first {_MOST_ROWS} are reported.")
    rows = (
        {
            "registry": shown_key(key),
            "username": shown_username(entry.username, entry.password),
            "usable": usable[key],
            "problem": _entry_problem(examined, key, readable),
        }
        for key, entry in entries.items()
    )
    return DocumentReport(
        usable=any(usable.values()),
        problems=(*problems, *_short_lived(lifetimes)),
        registries=tuple(rows),
        expiries=tuple(sorted((ends, shown_key(key)) for key, ends in expiries.items() if ends is not None)),
    )


def _kubelet_problems(examined: Examined) -> list[str]:
    fatal = [one for one in examined.problems if one.fatal and KUBELET in one.readers]
    of_entries = [one for one in examined.problems if one.key is not None and KUBELET in one.readers and not one.fatal]
    of_document = [one.text for one in examined.of_document() if not one.fatal]
    problems = [*map(_words, fatal[:_MOST_PROBLEMS]), *of_document, *map(_words, of_entries[:_MOST_PROBLEMS])]
    more = len(of_entries) - _MOST_PROBLEMS
    if more > 0:
        problems.append(f"{more} more of its entries have a problem: see registries.")
    return problems


def _words(problem: Problem) -> str:
    return problem.text if problem.key is None else f"entry '{shown_key(problem.key)}': {problem.text}"


def _entry_problem(examined: Examined, key: str, readable: bool) -> str | None:
    texts = []
    for one in examined.of_entry(key):
        others = [reader for reader in one.readers if not one.text.startswith(reader)]
        about = "" if KUBELET in one.readers or not others else f"for {' and '.join(others)}: "
        texts.append(about + one.text)
    if not texts and not readable:
        texts.append("this entry is right, but the kubelet cannot read the document because of another entry.")
    return " ".join(texts) or None


def _short_lived(lifetimes: Mapping[str, str]) -> list[str]:
    """One sentence for all credentials with the same lifetime."""
    grouped: dict[str, list[str]] = {}
    for key, words in lifetimes.items():
        if words:
            grouped.setdefault(words, []).append(shown_key(key))
    return [f"the credential of {listed(keys, 5)} {words}. {_REMEDY_FOR_TOKENS}" for words, keys in grouped.items()]


def _expiry_problems(secret: SecretSnapshot, document: DocumentReport, now: datetime) -> list[str]:
    problems = []
    past = [(ends, key) for ends, key in document.expiries if ends <= now]
    soon = [(ends, key) for ends, key in document.expiries if now < ends <= now + _SOON]
    if past:
        keys = listed([key for _ends, key in past], 5)
        problems.append(f"the credential of {keys} expired at {timestamp(past[0][0])}, and registries reject it. Renew it.")
    if soon:
        keys = listed([key for _ends, key in soon], 5)
        problems.append(f"the credential of {keys} expires at {timestamp(soon[0][0])}. {_REMEDY_FOR_TOKENS}")
    annotated = None if document.expiries else _moment(secret.expires)
    if annotated is not None and annotated <= now + _SOON:
        verb = "expired" if annotated <= now else "expires"
        problems.append(f"by its annotation, a credential in it {verb} at {timestamp(annotated)}. Renew it.")
    return problems


def _expires(secret: SecretSnapshot, document: DocumentReport | None) -> str | None:
    if document is not None and document.expiries:
        return timestamp(document.expiries[0][0])
    annotated = _moment(secret.expires)
    return None if annotated is None else timestamp(annotated)


def _moment(text: str | None) -> datetime | None:
    try:
        # a tenant may write the first or the last day of the calendar, which has no UTC time in every zone
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
