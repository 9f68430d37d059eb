# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What registries have said in a run of Ansible, and what that means for a host.

A host's ``ask`` is a mapping of ``kind`` (registries, config or config_file), ``units`` and ``images``. A unit is a list of how
to ask (CA, time-out, realms, addresses) and of an entry of registries or a docker config. Rows are those of image_access_info.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping

from ..module_utils._credentials.registry_key import canonical_registry
from ..module_utils._errors import InputError
from ..module_utils._registry.origin import registry_host
from ..module_utils._registry.verdict import DENIED, GOOD, NO_CREDENTIALS, NOT_FOUND, REJECTED, UNDECIDED

# what failure() makes has a verdict of its own
VERDICTS = (*GOOD, *UNDECIDED, REJECTED, DENIED, NOT_FOUND, NO_CREDENTIALS, "failed")
_MASKS = ("********", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "$REDACTED$")

Rows = list[dict[str, t.Any]]
Ask = Mapping[str, t.Any]


class Answers:
    """Rows by what was asked: by a unit, or by a whole ask for its images.

    A rejected login is known by registry, endpoint, user and password, too, so that it is not sent again because someone writes
    the registry otherwise or waits longer for it.
    """

    def __init__(self, known: Mapping[str, Rows]) -> None:
        self.rows = dict(known)

    def of(self, question: t.Any) -> Rows | None:
        return self.rows.get(_login_key(question)) or self.rows.get(key_of(question))

    def note(self, question: t.Any, rows: Rows) -> None:
        self.rows[key_of(question)] = rows
        rejected = [row for row in rows if _is_rejected(row["verdict"])]
        if rejected and _login_key(question):
            self.rows[_login_key(question)] = rejected

    def note_images(self, ask: Ask, rows: Rows) -> None:
        """A registry may let everybody log in, and reject the password only where an image is asked for."""
        self.note(ask, rows)
        for row in rows:
            users = [one["username"] for one in row.get("attempts") or () if _is_rejected(one["verdict"])]
            for unit in ask["units"] if _is_rejected(row["verdict"]) else ():
                if not _login_key(unit) or not _may_be(row["registry"], _host(unit[1])):
                    continue
                if any(_may_be(user, str(unit[1]["username"])) for user in users):
                    self.note(unit, [row])


def together(asks: t.Iterable[Ask]) -> list[list[t.Any]]:
    """The units that are users with a password, one list for each way of asking: in one call, the module sends no rejected login
    twice."""
    found: dict[str, dict[str, t.Any]] = {}
    for unit in (unit for ask in asks for unit in ask["units"] if _login_key(unit)):
        found.setdefault(key_of(unit[0]), {})[key_of(unit[1])] = unit
    return [list(units.values()) for units in found.values()]


def obstacles(rows: Rows) -> list[str]:
    """Why nothing may be written, in sentences."""
    return [row["message"] for row in rows if row["verdict"] not in (*GOOD, *UNDECIDED)]


def login_rows(ask: Ask, answers: Answers) -> Rows:
    return [row for unit in ask["units"] for row in answers.of(unit) or failure({})]


def judged(ask: Ask, answers: Answers, undecided: str) -> dict[str, t.Any]:
    """``refusal`` (a text, empty if the credentials may be used), ``warnings``, and ``undecided``: a mapping of ``registry`` and
    ``reason`` for each credential that no registry has verified. ``undecided`` is fail, warn or accept."""
    images = answers.of(ask) or []
    rows = [*login_rows(ask, answers), *images]
    refusals, doubts = obstacles(rows), [row["message"] for row in rows if row["verdict"] in UNDECIDED]
    unverified = [one for unit in ask["units"] for one in _unverified(unit, answers.of(unit) or (), images)]
    # of a document, where Ansible masked the registry: which entry of the Secret must stay is not known
    hidden = any(_is_masked(one["registry"]) for one in unverified)
    if undecided == "fail" or (hidden and undecided != "accept"):
        refusals += doubts
    return {
        "refusal": "; ".join(dict.fromkeys(refusals)),
        "warnings": list(dict.fromkeys(doubts)),
        "undecided": unverified,
    }


def _unverified(unit: t.Any, logins: t.Iterable[dict[str, t.Any]], images: Rows) -> t.Iterator[dict[str, str]]:
    """The logins of a unit that are undecided, but those with which an image could be pulled."""
    for row in logins:
        # the registry as the caller wrote it: a row has passed through masking
        given = unit[1].get("registry") if isinstance(unit[1], Mapping) else None
        registry = str(given or row.get("registry") or "")
        if row["verdict"] in UNDECIDED and not any(_proves(image, row) for image in images):
            yield {"registry": registry, "reason": row["message"]}


def _proves(image: Mapping[str, t.Any], login: Mapping[str, t.Any]) -> bool:
    return not _is_masked(f"{login['registry']} {login['username']}") and any(
        attempt["verdict"] in GOOD and (attempt["registry"], attempt["username"]) == (login["registry"], login["username"])
        for attempt in image.get("attempts") or ()
    )


def secrets_in(arguments: Mapping[str, t.Any]) -> list[str]:
    """What must not be shown of the options of image_access_info: passwords, and all that a docker config holds."""
    passwords = [entry.get("password") for entry in arguments.get("registries") or () if isinstance(entry, Mapping)]
    return [*_leaves(passwords), *_leaves(arguments.get("config"))]


def _leaves(value: t.Any) -> list[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in _leaves(one)]
    return [] if value is None else [str(value)]


def failure(reply: Mapping[str, t.Any]) -> Rows:
    """For what came without rows."""
    return [{"verdict": "failed", "message": str(reply.get("msg") or "the registries could not be asked")}]


def _login_key(question: t.Any) -> str:
    """Empty for what is no user with a password at a registry."""
    if isinstance(question, Mapping) or not isinstance(question[1], Mapping):
        return ""
    entry = question[1]
    try:
        given = [str(entry[name]) for name in ("username", "password")]
        return key_of(["login", _host(entry), str(entry.get("endpoint") or ""), *given])
    except (KeyError, InputError):
        return ""


def _is_rejected(verdict: str) -> bool:
    """Also a verdict that Ansible masked, since the password is part of that word: better not sent again than sent twice."""
    return verdict == REJECTED or verdict not in VERDICTS


def _may_be(text: str, own: str) -> bool:
    """Whether a text of a result is this name; a masked one may be any. Ansible masks a name that a password is part of."""
    return text == own or _is_masked(text)


def _is_masked(text: str) -> bool:
    return any(mark in text for mark in _MASKS)


def _host(entry: Mapping[str, t.Any]) -> str:
    return registry_host(canonical_registry(str(entry["registry"])))


def key_of(question: t.Any) -> str:
    """The same text for what is the same. Keys of a mapping may be of several types, and texts of a vault are none to json."""
    if isinstance(question, Mapping):
        return "{" + ",".join(sorted(f"{key_of(name)}:{key_of(value)}" for name, value in question.items())) + "}"
    if isinstance(question, (list, tuple)):
        return "[" + ",".join(map(key_of, question)) + "]"
    return json.dumps(question, default=str)
