# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The variables of one host for a role of this collection: evaluated and checked before anything uses them."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Mapping

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._text_values import not_text
from ._undefined import Evaluate, evaluated
from ._variable_names import misspelt, role_names

_LOADER: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STATES = ("cluster_pull_access_state", "host_registry_login_state")


class RoleVariables:
    """``defaults`` are those of the role, ``variables`` all variables of the host; neither is evaluated."""

    def __init__(
        self, role: str, path: str, defaults: Mapping[str, t.Any], variables: Mapping[str, t.Any], evaluate: Evaluate
    ) -> None:
        self.role = role
        self.path = path
        self.values: dict[str, t.Any] = {}
        self._defaults = defaults
        self._variables = variables
        self._evaluate = evaluate

    def check(self, entry_point: str) -> tuple[list[str], list[str]]:
        """Errors and warnings, in sentences without values. Fills ``values``, whose names have no prefix."""
        names = role_names(self.role, self._defaults)
        errors, warnings = misspelt(self._variables, names)
        spec = self._spec(entry_point)
        present = [name for name in spec if name in self._variables]
        values: dict[str, t.Any] = {}
        problems = [self._evaluated(name, values) for name in present]
        if any(problems):
            return errors + list(dict.fromkeys(filter(None, problems))), warnings
        self.values = {name.removeprefix(names.prefix): value for name, value in values.items()}
        errors += not_text(self.role, values, self._written_as())
        if not errors:
            errors += ArgumentSpecValidator(spec).validate(values, validate_role_argument_spec=True).error_messages
        return errors + self._state_of_the_other_role(), warnings

    def _evaluated(self, name: str, values: dict[str, t.Any]) -> str:
        """Fills ``values``; gives the sentence of evaluated."""
        values[name], problem = evaluated(name, self._variables, self._evaluate)
        return problem

    def _spec(self, entry_point: str) -> dict[str, t.Any]:
        with open(os.path.join(self.path, "meta", "argument_specs.yml"), encoding="utf-8") as file:
            return t.cast("dict[str, t.Any]", yaml.load(file, Loader=_LOADER)["argument_specs"][entry_point]["options"])

    def _written_as(self) -> dict[str, str]:
        """The registries of a role are those of pullpass_registries where the role's own variable is not set."""
        own, shared = f"{self.role}_registries", "pullpass_registries"
        is_default = shared in self._variables and self._variables.get(own) == self._defaults.get(own)
        return {own: shared} if is_default else {}

    def _state_of_the_other_role(self) -> list[str]:
        """``-e cluster_pull_access_state=absent`` for all hosts would log container hosts in, and vice versa."""
        own, (other,) = f"{self.role}_state", [name for name in _STATES if not name.startswith(self.role)]
        is_default = self._variables.get(own) == self._defaults.get(own)
        if other not in self._variables or not is_default or self.values.get("state") != "present":
            return []
        if "pullpass_state" in self._variables:
            return []
        value, _problem = evaluated(other, self._variables, self._evaluate)
        if value != "absent":
            return []
        return [
            f"{other} is absent, and neither pullpass_state nor {own} is set. Set pullpass_state to absent to remove everything, "
            f"or {own} to present or absent for role {self.role}."
        ]
