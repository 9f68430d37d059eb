# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ..plugin_utils._masked_result import left_out


class ActionModule(ActionBase):
    """Documented in modules/left_out.py."""

    _VALID_ARGS = frozenset(("module", "result"))
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        found = left_out(self._task.args["module"], self._task.args["result"])
        if found is None:
            result.update(
                failed=True,
                msg=f"{self._task.args['module']} failed in some namespaces, and Ansible masks their names or its words, because "
                "they hold the text of a password. The parts that follow are not done on this cluster, since these namespaces "
                "cannot be left out of them. Correct what failed, or use a password that is not part of such a name.",
            )
        else:
            result["namespaces"] = found
        return result
