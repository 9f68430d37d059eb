# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ClusterRoles of docs/rbac.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LIST = yaml.safe_load((Path(__file__).parents[2] / "docs" / "rbac.yml").read_text())
_ROLES = {role["metadata"]["name"]: role for role in _LIST["items"]}
NAMES = frozenset(_ROLES)


def documented_role(name: str) -> dict[str, Any]:
    role: dict[str, Any] = _ROLES[name]
    return role


def documented_rules(*names: str) -> list[dict[str, Any]]:
    return [rule for name in names for rule in documented_role(name)["rules"]]
