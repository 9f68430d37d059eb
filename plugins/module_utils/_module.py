# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The edge between Ansible and the rooms: one module class, and one place that turns our exceptions into fail_json."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError

if t.TYPE_CHECKING:
    from collections.abc import Callable

# A misspelt suboption is a secret that no argument spec knows: these are never repeated as "invocation"
_NEVER_SHOWN = ("registries", "api_key")


class PullpassModule(AnsibleModule):
    """An AnsibleModule whose results repeat no credential, however the option that holds it was misspelt."""

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**{"invocation": self._invocation(), **kwargs})

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        super().fail_json(msg, **{"invocation": self._invocation(), **kwargs})

    def _invocation(self) -> dict[str, t.Any]:
        params = getattr(self, "params", None) or {}
        shown = {key: "(not shown)" if key in _NEVER_SHOWN and value else value for key, value in params.items()}
        return {"module_args": shown}


def run(flow: Callable[[PullpassModule], dict[str, t.Any]], **arguments: t.Any) -> None:
    """Make the module from AnsibleModule's ``arguments``, run ``flow``, and end with its result or with our error's message."""
    module = PullpassModule(**arguments)
    try:
        result = flow(module)
    except PullpassError as error:
        module.fail_json(str(error))
    if result.pop("failed", False):
        module.fail_json(result.pop("msg"), **result)
    module.exit_json(**result)
