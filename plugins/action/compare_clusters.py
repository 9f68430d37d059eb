# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import typing as t

from ..plugin_utils._cluster_claim import collisions
from ..plugin_utils._controller_action import ControllerAction, checked

CHECKED = "__cluster_pull_access_checked"


class ActionModule(ControllerAction):
    """Documented in modules/compare_clusters.py."""

    _VALID_ARGS = frozenset(("claim",))

    def facts(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        own = variables["inventory_hostname"]
        claims = {host: _claim(variables["hostvars"], host) for host in variables["ansible_play_hosts_all"] if host != own}
        others = {host: claim for host, claim in claims.items() if claim}
        return checked(*collisions(own, self._task.args["claim"], others))


def _claim(hostvars: t.Any, host: str) -> dict[str, t.Any]:
    """The result of check_variables for another host of the play; empty without one.

    Reading all variables of a host takes milliseconds, and of all hosts for each host minutes: only registered results are read.
    """
    registered = getattr(hostvars._variable_manager, "_nonpersistent_fact_cache", None)
    variables = hostvars.raw_get(host) if registered is None else registered.get(host) or {}
    result = variables.get(CHECKED)
    return dict(result["claim"]) if isinstance(result, dict) and result.get("claim") else {}
