# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of modules and of roles, as their own files specify them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.module_utils._module.text_options import RawOption

ROOT = Path(__file__).resolve().parents[2]
# those that have an action plugin are documentation and nothing else
ACTIONS = {path.stem for path in (ROOT / "plugins" / "action").glob("*.py")}
MODULES = sorted({path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - ACTIONS)
TYPES: dict[str, type | tuple[type, ...]] = {
    "raw": object,
    "str": str,
    "path": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "list": list,
    "dict": dict,
}


def imported(name: str) -> ModuleType:
    return importlib.import_module(f"ansible_collections.pullpass.registry.plugins.modules.{name}")


def arguments(name: str) -> dict[str, Any]:
    """What the module hands to AnsibleModule."""
    module = imported(name)
    caught: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "run", lambda _flow, **rest: caught.update(rest))
        module.main()
    return caught


def options(name: str) -> dict[str, Any]:
    return arguments(name)["argument_spec"]


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def as_reported(option: dict[str, Any]) -> dict[str, Any]:
    """A suboption as an argument spec of a role has it."""
    return {**option, "type": option.kind} if isinstance(option, RawOption) else option
