# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The answers of registries in a run of Ansible, and the conclusion for each host.

A host's ``ask`` is a mapping of ``kind`` (registries, config or config_file), ``units`` and ``images``. A unit is a list of two:
connection options (CA, time-out, realms, addresses), and an entry of registries or a docker config. Rows are those of
image_access_info.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Mapping

from ..module_utils._credentials.registry_key import canonical_registry
from ..module_utils._errors import InputError
from ..module_utils._registry.origin import registry_host
from ..module_utils._registry.verdict import Verdict

_REFUSED = (Verdict.REJECTED, Verdict.DENIED, Verdict.NOT_FOUND, Verdict.NO_CREDENTIALS)
# "failed" is the verdict of failure()
VERDICTS = (*Verdict.GOOD, *Verdict.UNDECIDED, *_REFUSED, "failed")
_MASKS = ("********", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "$REDACTED$")

Rows = list[dict[str, t.Any]]
Ask = Mapping[str, t.Any]


class Answers:
    """Rows by question: a unit, or a whole ask for its images.

    A rejected login is also recorded by registry, endpoint, user and password, so that another spelling of the registry or
    another time-out does not send it again.
    """

    def __init__(self, known: Mapping[str, Rows]) -> None:
        self.rows = dict(known)

    def of(self, question: t.Any) -> Rows | None:
        return self.rows.get(_login_key(question)) or self.rows.get(key_of(question))

    def record(self, question: t.Any, rows: Rows) -> None:
        self.rows[key_of(question)] = rows
        rejected = [row for row in rows if _is_rejected(row["verdict"])]
        if rejected and _login_key(question):
            self.rows[_login_key(question)] = rejected

    def record_images(self, ask: Ask, rows: Rows) -> None:
        """A registry may accept every login, and reject the password only in a request for an image."""
        self.record(ask, rows)
        for row in rows:
            users = [one["username"] for one in row.get("attempts") or () if _is_rejected(one["verdict"])]
            for unit in ask["units"] if _is_rejected(row["verdict"]) else ():
                if not _login_key(unit) or not _may_be(row["registry"], _host(unit[1])):
                    continue
                if any(_may_be(user, str(unit[1]["username"])) for user in users):
                    self.record(unit, [row])


def batches(asks: t.Iterable[Ask]) -> list[list[t.Any]]:
    """The units with a username and a password, one list for equal connection options.

    In one call the module does not send a rejected login twice.
    """
    found: dict[str, dict[str, t.Any]] = {}
    for unit in (unit for ask in asks for unit in ask["units"] if _login_key(unit)):
        found.setdefault(key_of(unit[0]), {})[key_of(unit[1])] = unit
    return [list(units.values()) for units in found.values()]


def obstacles(rows: Rows) -> list[str]:
    """The reasons why nothing may be written, in sentences."""
    return [row["message"] for row in rows if row["verdict"] not in (*Verdict.GOOD, *Verdict.UNDECIDED)]


def login_rows(ask: Ask, answers: Answers) -> Rows:
    return [row for unit in ask["units"] for row in answers.of(unit) or failure({})]


def conclusion(ask: Ask, answers: Answers, undecided: str) -> dict[str, t.Any]:
    """``refusal`` (a text, empty if the credentials may be used), ``warnings``, and ``undecided``.

    The last is a mapping of ``registry`` and ``reason`` for each unverified credential. The argument is fail, warn or accept.
    """
    images = answers.of(ask) or []
    rows = [*login_rows(ask, answers), *images]
    refusals, doubts = obstacles(rows), [row["message"] for row in rows if row["verdict"] in Verdict.UNDECIDED]
    unverified = [one for unit in ask["units"] for one in _unverified(unit, answers.of(unit) or (), images)]
    # Ansible masked the registry of a document: the entry of the Secret that must stay is unknown
    hidden = any(_is_masked(one["registry"]) for one in unverified)
    if undecided == "fail" or (hidden and undecided != "accept"):
        refusals += doubts
    return {
        "refusal": "; ".join(dict.fromkeys(refusals)),
        "warnings": list(dict.fromkeys(doubts)),
        "undecided": unverified,
    }


def _unverified(unit: t.Any, logins: t.Iterable[dict[str, t.Any]], images: Rows) -> t.Iterator[dict[str, str]]:
    """The undecided logins of a unit, without those that could pull an image."""
    for row in logins:
        # the registry in the caller's spelling: that of a row may be masked
        given = unit[1].get("registry") if isinstance(unit[1], Mapping) else None
        registry = str(given or row.get("registry") or "")
        if row["verdict"] in Verdict.UNDECIDED and not any(_proves(image, row) for image in images):
            yield {"registry": registry, "reason": row["message"]}


def _proves(image: Mapping[str, t.Any], login: Mapping[str, t.Any]) -> bool:
    user = (login["registry"], login["username"])
    return not _is_masked(" ".join(map(str, user))) and any(
        attempt["verdict"] in Verdict.GOOD and (attempt["registry"], attempt["username"]) == user
        for attempt in image.get("attempts") or ()
    )


def secrets_in(arguments: Mapping[str, t.Any]) -> list[str]:
    """The secret parts of the options of image_access_info: passwords, and the content of a docker config."""
    passwords = [entry.get("password") for entry in arguments.get("registries") or () if isinstance(entry, Mapping)]
    return [*_leaves(passwords), *_leaves(arguments.get("config"))]


def _leaves(value: t.Any) -> list[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in _leaves(one)]
    return [] if value is None else [str(value)]


def failure(reply: Mapping[str, t.Any]) -> Rows:
    """For a reply without rows."""
    return [{"verdict": "failed", "message": str(reply.get("msg") or "no request was sent to the registries")}]


def _login_key(question: t.Any) -> str:
    """Empty for a question that is not a username and a password at a registry."""
    if isinstance(question, Mapping) or not isinstance(question[1], Mapping):
        return ""
    entry = question[1]
    try:
        given = [str(entry[name]) for name in ("username", "password")]
        return key_of(["login", _host(entry), str(entry.get("endpoint") or ""), *given])
    except (KeyError, InputError):
        return ""


def _is_rejected(verdict: str) -> bool:
    """Also a verdict that Ansible masked because it contains the password: the login may be a rejected one."""
    return verdict == Verdict.REJECTED or verdict not in VERDICTS


def _may_be(text: str, own: str) -> bool:
    """Whether a text of a result is this name. Ansible masks a name that contains a password: a masked text may be any name."""
    return text == own or _is_masked(text)


def _is_masked(text: str) -> bool:
    return any(mark in text for mark in _MASKS)


def _host(entry: Mapping[str, t.Any]) -> str:
    return registry_host(canonical_registry(str(entry["registry"])))


def key_of(question: t.Any) -> str:
    """Equal text for equal questions. Keys of a mapping may have several types, and json does not accept the texts of a vault."""
    if isinstance(question, Mapping):
        return "{" + ",".join(sorted(f"{key_of(name)}:{key_of(value)}" for name, value in question.items())) + "}"
    if isinstance(question, (list, tuple)):
        return "[" + ",".join(map(key_of, question)) + "]"
    return json.dumps(question, default=str)
