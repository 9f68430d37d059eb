# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ..module_utils._credentials.redact import foreign_text, remember_secrets
from ..plugin_utils._controller_action import ControllerAction
from ..plugin_utils._registry_answers import Answers, batches, conclusion, failure, login_rows, obstacles, secrets_in

if t.TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = "pullpass.registry.image_access_info"


class ActionModule(ControllerAction):
    """Documented in modules/ask_registries.py.

    The answers are not ansible_facts: a fact cache would write them to a disk, with the credentials.
    """

    _VALID_ARGS = frozenset(("asks", "answers", "undecided"))

    def facts(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        self._variables = variables
        asks, undecided = self._task.args["asks"], self._task.args.get("undecided", "warn")
        answers = Answers(self._task.args.get("answers") or {})
        known = len(answers.rows)
        for units in batches(asks):
            self._ask_batch(answers, units)
        for ask in asks:
            # one by one: an error in one unit stops only the hosts that use it
            for unit in ask["units"]:
                if answers.of(unit) is None:
                    reply = self._ask(ask["kind"], [unit])
                    answers.record(unit, reply.get("logins") or failure(reply))
        for ask in asks:
            self._ask_for_images(answers, ask)
        results = {"results": [conclusion(ask, answers, undecided) for ask in asks]}
        return {**results, "answers": answers.rows} if len(answers.rows) > known else results

    def _ask_batch(self, answers: Answers, units: Sequence[t.Any]) -> None:
        units = [unit for unit in units if answers.of(unit) is None]
        rows = self._ask("registries", units).get("logins") if units else None
        # otherwise one of them has an error, and each gets its own request
        if rows and len(rows) == len(units):
            for unit, row in zip(units, rows):
                answers.record(unit, [row])

    def _ask_for_images(self, answers: Answers, ask: t.Any) -> None:
        # a login that was rejected is not sent again
        if ask["images"] and ask["units"] and answers.of(ask) is None and not obstacles(login_rows(ask, answers)):
            reply = self._ask(ask["kind"], ask["units"], images=ask["images"])
            answers.record_images(ask, reply.get("images") or failure(reply))

    def _ask(self, kind: str, units: Sequence[t.Any], **options: t.Any) -> dict[str, t.Any]:
        """The result of the module; only ``msg`` where the module could not run."""
        how, document = units[0]
        if kind == "registries":
            options["registries"] = [entry for _how, entry in units]
        else:
            options.update(
                {option: document[option] for option in ("config", "config_file", "config_registries") if document[option]}
            )
            options["resolve_helpers"] = document["resolve_helpers"]
        arguments = {
            **options,
            "registry_ca_cert": how["ca_cert"] or None,
            "registry_validate_certs": how["validate_certs"],
            "registry_timeout": how["timeout"],
            "realms": how["realms"],
            "allow_addresses": how["allow_addresses"],
        }
        try:
            reply = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=self._variables)
        except AnsibleError as error:
            remember_secrets(secrets_in(arguments))
            return {"msg": f"no request can be sent to the registries on the controller: {foreign_text(str(error))}"}
        for warning in reply.get("warnings") or ():
            # a text, or from ansible-core 2.19 on an object with a text
            Display().warning(str(getattr(getattr(warning, "event", None), "msg", warning)))
        return t.cast("dict[str, t.Any]", reply)
