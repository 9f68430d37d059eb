# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Asks registries about the credentials of many hosts, each once. What role registry_verification runs.

Arguments: ``asks``, as the role takes them, one for each host; ``answers``, as an earlier task of the run returned them; and
``undecided`` (fail or warn). The result has ``results``, a mapping of ``refusal`` and ``warnings`` for each of ``asks``, and, if
something new was asked, ``answers``. Those are no ansible_facts, which a fact cache would write to a disk with the credentials.
"""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Rows = list[dict[str, t.Any]]

MODULE = "pullpass.registry.image_access_info"
UNDECIDED = ("rate_limited", "unreachable", "unverifiable")
GOOD = ("accepted", "pullable", "anonymous")


class Answers:
    """What registries have said in this run: rows of image_access_info, by what they were asked."""

    def __init__(self, told: Mapping[str, t.Any]) -> None:
        self.rows: dict[str, Rows] = dict(told.get("rows") or {})

    def of(self, question: t.Any) -> Rows | None:
        return self.rows.get(name(question))

    def note(self, question: t.Any, rows: Rows) -> None:
        self.rows[name(question)] = rows

    def told(self) -> dict[str, t.Any]:
        """As the next task takes them. Those with the highest count are the latest."""
        return {"count": len(self.rows), "rows": self.rows}


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("asks", "answers", "undecided"))

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        asks, undecided = self._task.args["asks"], self._task.args.get("undecided", "warn")
        answers = Answers(self._task.args["answers"])
        known = len(answers.rows)

        for asking, entries in together(asks, answers):
            rows = self._ask(task_vars, asking, {"registries": entries}).get("logins")
            # where the call failed, one of the entries is no good: each is asked about by itself
            for entry, row in zip(entries, rows or ()):
                answers.note([asking, entry], [row])
        for kind, unit in alone(asks, answers):
            reply = self._ask(task_vars, unit[0], credentials(kind, [unit]))
            answers.note(unit, reply.get("logins") or failure(reply))
        for ask in asks:
            # a login that was rejected is not sent again
            if ask["images"] and ask["units"] and not obstacles(logins(ask, answers)) and answers.of(ask) is None:
                options = {**credentials(ask["kind"], ask["units"]), "images": ask["images"]}
                reply = self._ask(task_vars, ask["units"][0][0], options)
                answers.note(ask, reply.get("images") or failure(reply))

        result["results"] = [judged(ask, answers, undecided) for ask in asks]
        if len(answers.rows) > known:
            result["answers"] = answers.told()
        return result

    def _ask(self, task_vars: t.Any, asking: Mapping[str, t.Any], options: Mapping[str, t.Any]) -> dict[str, t.Any]:
        arguments = {
            **options,
            "registry_ca_cert": asking["ca_cert"] or None,
            "registry_validate_certs": asking["validate_certs"],
            "registry_timeout": asking["timeout"],
            "realms": asking["realms"],
            "allow_addresses": asking["allow_addresses"],
        }
        reply = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        for warning in reply.get("warnings") or ():
            Display().warning(str(warning))
        return t.cast("dict[str, t.Any]", reply)


def name(question: t.Any) -> str:
    # texts of a vault are no texts to json
    return json.dumps(question, sort_keys=True, default=str)


def together(asks: Iterable[Mapping[str, t.Any]], answers: Answers) -> list[tuple[t.Any, list[t.Any]]]:
    """Users with a password that are not known yet, for each way of asking: however one writes a registry, the module sends it no
    rejected login twice."""
    found: dict[str, tuple[t.Any, dict[str, t.Any]]] = {}
    for ask in asks:
        for asking, entry in ask["units"] if ask["kind"] == "registries" else ():
            if {"username", "password"} <= entry.keys() and answers.of([asking, entry]) is None:
                found.setdefault(name(asking), (asking, {}))[1][name(entry)] = entry
    return [(asking, list(entries.values())) for asking, entries in found.values()]


def alone(asks: Iterable[Mapping[str, t.Any]], answers: Answers) -> list[tuple[str, t.Any]]:
    """All that is not known, each with its kind. One that is no good stops only the hosts that are to get it."""
    found = {name(unit): (ask["kind"], unit) for ask in asks for unit in ask["units"] if answers.of(unit) is None}
    return list(found.values())


def credentials(kind: str, units: Sequence[t.Any]) -> dict[str, t.Any]:
    """The options of the module that hand it the credentials of ``units``."""
    if kind == "registries":
        return {"registries": [entry for _asking, entry in units]}
    document = units[0][1]
    return {
        **{option: document[option] for option in ("config", "config_file", "config_registries") if document[option]},
        "resolve_helpers": document["resolve_helpers"],
    }


def failure(reply: Mapping[str, t.Any]) -> Rows:
    return [{"verdict": "failed", "message": str(reply.get("msg") or "the registries could not be asked")}]


def logins(ask: Mapping[str, t.Any], answers: Answers) -> Rows:
    return [row for unit in ask["units"] for row in answers.of(unit) or failure({})]


def obstacles(rows: Rows) -> list[str]:
    return [row["message"] for row in rows if row["verdict"] not in (*GOOD, *UNDECIDED)]


def judged(ask: Mapping[str, t.Any], answers: Answers, undecided: str) -> dict[str, t.Any]:
    rows = [*logins(ask, answers), *(answers.of(ask) or ())]
    refusals, doubts = obstacles(rows), [row["message"] for row in rows if row["verdict"] in UNDECIDED]
    if undecided == "fail":
        refusals += doubts
    return {"refusal": "; ".join(dict.fromkeys(refusals)), "warnings": list(dict.fromkeys(doubts))}
