# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

from ..plugin_utils._cluster_claim import claim_of, no_cluster
from ..plugin_utils._role_variables import RoleVariables

if t.TYPE_CHECKING:
    from collections.abc import Mapping


VAULT_HEADER = b"$ANSIBLE_VAULT;"


def vaulted_config_file(values: Mapping[str, t.Any], environment: Mapping[str, str]) -> str:
    """The file with the credentials of this cluster if ansible-vault has encrypted it, which no module can read; else empty."""
    given = values.get("config_file") or ("" if values.get("registries") else environment.get("PULLPASS_CONFIG_FILE", ""))
    path = Path(os.path.abspath(os.path.expanduser(str(given)))) if given else None
    try:
        # a pipe would be waited for
        if path is None or not path.is_file():
            return ""
        with path.open("rb") as file:
            return str(path) if file.read(len(VAULT_HEADER)) == VAULT_HEADER else ""
    except OSError:
        # the module that reads the file says what is wrong with it
        return ""


class ActionModule(ActionBase):
    """Documented in modules/check_variables.py."""

    _VALID_ARGS = frozenset(("role", "entry_point"))
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        name, entry_point = self._task.args["role"], self._task.args.get("entry_point", "main")
        role = self._task._role
        checked = RoleVariables(name, role._role_path, role._default_vars, variables, self._templar.template)
        errors, warnings = checked.check(entry_point)
        if not errors and name == "cluster_pull_access":
            errors = no_cluster(checked.values)
        if errors:
            result.update(failed=True, msg="\n".join(errors))
        elif name == "cluster_pull_access":
            result["claim"] = claim_of(checked.values, entry_point, self._environment(), self._machine(variables))
            result["vaulted_config_file"] = "" if self._machine(variables) else vaulted_config_file(checked.values, os.environ)
        if warnings:
            result["warnings"] = warnings
        return result

    def _environment(self) -> dict[str, str]:
        """What the modules of this role will find in theirs, if they run on this machine."""
        found: dict[str, str] = dict(os.environ)
        for part in self._task.environment or ():
            found.update({str(key): str(value) for key, value in (self._templar.template(part) or {}).items()})
        return found

    def _machine(self, variables: dict[str, t.Any]) -> str:
        """Where the modules run; empty for this machine."""
        if self._connection.transport.rpartition(".")[2] == "local":
            return ""
        return str(self._play_context.remote_addr or variables.get("inventory_hostname"))
