# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an audit tells of one Secret. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice

from .._credentials.credential import expiry, lifetime_words, timestamp
from .._credentials.dockerconfigjson import LEGACY_SECRET_TYPE, PULL_SECRET_KEY, PULL_SECRET_TYPE
from .._credentials.lint import Examined, examine
from .._credentials.lint_keys import KUBELET, Problem
from .._credentials.registry_key import shown_key
from .._credentials.shown import shown_username
from .._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .snapshot import FoundSecret


_SOON = timedelta(days=7)
_MOST_ENTRIES = 10
# of a document with more, a tenant's joke, the first are reported
_MOST_ROWS = 1000
_REMEDY_FOR_TOKENS = "Renew it in time; the lasting remedy is the kubelet's own credential provider."


@dataclass(frozen=True)
class ReadDocument:
    """A document with all that is told of it in whatever namespace it is found.

    ``keys`` are those of its entries as they are written there; ``ends`` when its credentials end, first one first;
    ``registries`` the rows of the result.
    """

    keys: tuple[str, ...]
    usable: bool
    problems: tuple[str, ...]
    registries: tuple[dict[str, t.Any], ...]
    ends: tuple[tuple[datetime, str], ...]


class DocumentReader:
    """Reads each document once, in however many namespaces it is."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, bytes], ReadDocument] = {}

    def __call__(self, secret: FoundSecret) -> ReadDocument:
        key = (secret.type, secret.document or b"")
        if key not in self._read:
            self._read[key] = _read(examine(key[1], legacy=secret.type == LEGACY_SECRET_TYPE, most=_MOST_ROWS))
        return self._read[key]


def secret_row(secret: FoundSecret, document: ReadDocument | None, now: datetime, notes: Sequence[str] = ()) -> dict[str, t.Any]:
    """The row of a Secret that is there. ``document`` is None where its type is no pull secret's."""
    problems = [_wrong_type(secret.type)] if document is None else [*document.problems, *_ending(secret, document, now)]
    if secret.exposed:
        problems.append(
            "its annotation last-applied-configuration shows the credentials to everybody who may read its metadata: remove it "
            "(pull_secret does with adopt), and renew them."
        )
    return {
        "name": shown(secret.name),
        "exists": True,
        "type": shown(secret.type) or None,
        "managed": secret.owner is not None,
        "owner": None if secret.owner is None else shown(secret.owner),
        "revision": None if secret.revision is None else shown(secret.revision),
        "immutable": secret.immutable if secret.type else None,
        "expires": _expires(secret, document),
        "usable": document is not None and document.usable,
        "problems": [*problems, *notes],
        "registries": [] if document is None else list(document.registries),
    }


def absent_row(name: str, exists: bool | None, problem: str) -> dict[str, t.Any]:
    """The row of a Secret that is not there, or (``exists`` None) of which nobody knows."""
    unknown = dict.fromkeys(("owner", "revision", "immutable", "expires"))
    row = {"name": shown(name), "exists": exists, "type": None, "managed": False, **unknown}
    return {**row, "usable": False, "problems": [problem], "registries": []}


def _wrong_type(kind: str) -> str:
    told = shown(kind) or "no pull secret's"
    return (
        f"its type is {told}, and the kubelet passes over it without a word. Expected {PULL_SECRET_TYPE} "
        f"with key {PULL_SECRET_KEY}. A type "
        "cannot be changed: delete it and create it anew (pull_secret does with recreate)."
    )


def _read(examined: Examined) -> ReadDocument:
    readable = examined.readable()
    fatal = [one for one in examined.problems if one.fatal and KUBELET in one.readers]
    of_entries = [one for one in examined.problems if one.key is not None and KUBELET in one.readers and not one.fatal]
    of_document = [one.text for one in examined.of_document() if not one.fatal]
    more = len(of_entries) - _MOST_ENTRIES
    problems = [*map(_told, fatal[:_MOST_ENTRIES]), *of_document, *map(_told, of_entries[:_MOST_ENTRIES])]
    if more > 0:
        problems.append(f"{more} more of its entries have a problem: look at registries.")
    entries = dict(islice(examined.entries.items(), _MOST_ROWS))
    if len(examined.entries) > len(entries):
        problems.append(f"it holds {len(examined.entries)} entries, of which the first {_MOST_ROWS} are reported.")
    usable = {key: readable and examined.usable(key) for key in entries}
    lives = {key: (expiry(one.username, one.password), one) for key, one in entries.items()}
    unknown = {
        key: lifetime_words(one.username, one.password) for key, (ends, one) in lives.items() if ends is None and one.password
    }
    problems += _short_lived(unknown)
    return ReadDocument(
        keys=tuple(examined.entries),
        usable=any(usable.values()),
        problems=tuple(problems),
        registries=tuple(
            {
                "registry": shown_key(key),
                "username": shown_username(entry.username, entry.password),
                "usable": usable[key],
                "problem": _entry_problem(examined, key, readable),
            }
            for key, entry in entries.items()
        ),
        ends=tuple(sorted((ends, shown_key(key)) for key, (ends, _one) in lives.items() if ends is not None)),
    )


def _told(problem: Problem) -> str:
    return problem.text if problem.key is None else f"entry '{shown_key(problem.key)}': {problem.text}"


def _entry_problem(examined: Examined, key: str, readable: bool) -> str | None:
    texts = []
    for one in examined.of_entry(key):
        others = [reader for reader in one.readers if not one.text.startswith(reader)]
        about = "" if KUBELET in one.readers or not others else f"for {' and '.join(others)}: "
        texts.append(about + one.text)
    if not texts and not readable:
        texts.append("it is as it should be, but the kubelet reads nothing of this document for another fault in it.")
    return " ".join(texts) or None


def _short_lived(words: t.Mapping[str, str]) -> list[str]:
    """One sentence for all the credentials that live so long."""
    grouped: dict[str, list[str]] = {}
    for key, told in words.items():
        if told:
            grouped.setdefault(told, []).append(shown_key(key))
    return [f"the credential of {listed(keys, 5)} {told}. {_REMEDY_FOR_TOKENS}" for told, keys in grouped.items()]


def _ending(secret: FoundSecret, document: ReadDocument, now: datetime) -> list[str]:
    past = [key for ends, key in document.ends if ends <= now]
    soon = [key for ends, key in document.ends if now < ends <= now + _SOON]
    told = []
    if past:
        first = timestamp(document.ends[0][0])
        told.append(f"the credential of {listed(past, 5)} has expired (at {first}), and registries refuse it. Renew it.")
    if soon:
        first = timestamp(next(ends for ends, _key in document.ends if ends > now))
        told.append(f"the credential of {listed(soon, 5)} ends soon (at {first}). {_REMEDY_FOR_TOKENS}")
    noted = None if document.ends else _moment(secret.expires)
    if noted is not None and noted <= now + _SOON:
        when = "has expired" if noted <= now else "ends soon"
        told.append(f"a credential in it {when} (at {timestamp(noted)}, by its annotation). Renew it.")
    return told


def _expires(secret: FoundSecret, document: ReadDocument | None) -> str | None:
    if document is not None and document.ends:
        return timestamp(document.ends[0][0])
    noted = _moment(secret.expires)
    return None if noted is None else timestamp(noted)


def _moment(text: str | None) -> datetime | None:
    try:
        # a tenant may write the first or the last day of the calendar, which has no UTC time in every zone
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
