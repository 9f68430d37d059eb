# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ..plugin_utils._cluster_claim import collisions

CHECKED = "__cluster_pull_access_checked"


class ActionModule(ActionBase):
    """Documented in modules/compare_clusters.py."""

    _VALID_ARGS = frozenset(("claim",))
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        own = variables["inventory_hostname"]
        claims = {host: _claim(variables["hostvars"], host) for host in variables["ansible_play_hosts_all"] if host != own}
        others = {host: claim for host, claim in claims.items() if claim}
        errors, warnings = collisions(own, self._task.args["claim"], others)
        if errors:
            result.update(failed=True, msg="\n".join(errors))
        if warnings:
            result["warnings"] = warnings
        return result


def _claim(hostvars: t.Any, host: str) -> dict[str, t.Any]:
    """What check_variables returned for another host of the play, if it has come to that.

    All variables of a host take milliseconds, and of all hosts for each host minutes: only what tasks have registered is read.
    """
    registered = getattr(hostvars._variable_manager, "_nonpersistent_fact_cache", None)
    variables = hostvars.raw_get(host) if registered is None else registered.get(host) or {}
    checked = variables.get(CHECKED)
    return dict(checked["claim"]) if isinstance(checked, dict) and checked.get("claim") else {}
