# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ..plugin_utils._cluster_claim import claim_of, no_cluster
from ..plugin_utils._controller_action import ControllerAction, checked
from ..plugin_utils._role_variables import RoleVariables

if t.TYPE_CHECKING:
    from collections.abc import Mapping


VAULT_HEADER = b"$ANSIBLE_VAULT;"


def vaulted_config_file(values: Mapping[str, t.Any], environment: Mapping[str, str]) -> str:
    """The credentials file of this cluster if it is encrypted with ansible-vault, which no module can read; else empty."""
    given = values.get("config_file") or ("" if values.get("registries") else environment.get("PULLPASS_CONFIG_FILE", ""))
    path = Path(os.path.abspath(os.path.expanduser(str(given)))) if given else None
    try:
        # opening a pipe would wait for its writer
        if path is None or not path.is_file():
            return ""
        with path.open("rb") as file:
            return str(path) if file.read(len(VAULT_HEADER)) == VAULT_HEADER else ""
    except OSError:
        # the module that reads the file reports the reason
        return ""


class ActionModule(ControllerAction):
    """Documented in modules/check_variables.py."""

    _VALID_ARGS = frozenset(("role", "entry_point"))

    def facts(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        name, entry_point = self._task.args["role"], self._task.args.get("entry_point", "main")
        role = self._task._role
        host = RoleVariables(name, role._role_path, role._default_vars, variables, self._templar.template)
        errors, warnings = host.check(entry_point)
        if name != "cluster_pull_access" or errors:
            return checked(errors, warnings)
        errors = no_cluster(host.values)
        if errors:
            return checked(errors, warnings)
        machine = self._machine(variables)
        return checked(
            [],
            warnings,
            claim=claim_of(host.values, entry_point, self._environment(), machine),
            vaulted_config_file="" if machine else vaulted_config_file(host.values, os.environ),
        )

    def _environment(self) -> dict[str, str]:
        """The environment of the role's modules, if they run on this machine."""
        found: dict[str, str] = dict(os.environ)
        for part in self._task.environment or ():
            found.update({str(key): str(value) for key, value in (self._templar.template(part) or {}).items()})
        return found

    def _machine(self, variables: dict[str, t.Any]) -> str:
        """The machine where the modules run; empty for this machine."""
        if self._connection.transport.rpartition(".")[2] == "local":
            return ""
        return str(self._play_context.remote_addr or variables.get("inventory_hostname"))
