# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import typing as t

from ..plugin_utils._controller_action import ControllerAction, checked
from ..plugin_utils._masked_result import left_out


class ActionModule(ControllerAction):
    """Documented in modules/left_out.py."""

    _VALID_ARGS = frozenset(("module", "result"))

    def facts(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        module = self._task.args["module"]
        namespaces = left_out(module, self._task.args["result"])
        if namespaces is not None:
            return {"namespaces": namespaces}
        error = (
            f"{module} failed in some namespaces, and Ansible masks their names or actions, because they contain the text of a "
            "password. The next parts cannot exclude these namespaces, so they are not done on this cluster. Correct the "
            "failure, or use a password that is not part of such a name."
        )
        return checked([error], [])
