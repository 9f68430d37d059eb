# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The edge between Ansible and the rooms: one module class, and one place that turns our exceptions into fail_json."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pullpass.registry.plugins.module_utils._errors import PullpassError

if t.TYPE_CHECKING:
    from collections.abc import Callable

# Never repeated as "invocation" and never sent to syslog: a misspelt suboption is a secret that no argument spec knows, and
# a password with quotes in it is not found again, and so not masked, in the text of the list that it stands in
_NEVER_SHOWN = ("registries", "config", "api_key", "proxy")
_NOT_SHOWN = "(not shown)"


class PullpassModule(AnsibleModule):
    """An AnsibleModule whose results and log lines repeat no option that holds a credential, misspelt or not.

    ``so_far`` gives what a failure is to tell beside its message.
    """

    so_far: t.Callable[[], dict[str, t.Any]] = dict

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**{"invocation": self._invocation(), **kwargs})

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        super().fail_json(msg, **{"invocation": self._invocation(), **kwargs})

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        if log_args:
            log_args = _without_credentials(log_args)
            msg = "Invoked with " + " ".join(f"{name}={value}" for name, value in log_args.items())
        super().log(msg, log_args)

    def _invocation(self) -> dict[str, t.Any]:
        known = {name: value for name, value in self.params.items() if name in self.argument_spec}
        return {"module_args": _without_credentials(known)}


def _without_credentials(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: _NOT_SHOWN if name in _NEVER_SHOWN and value else value for name, value in options.items()}


def run(flow: Callable[[PullpassModule], dict[str, t.Any]], **arguments: t.Any) -> None:
    """Make the module from AnsibleModule's ``arguments``, run ``flow``, and end with its result or with our error's message."""
    module = PullpassModule(**arguments)
    try:
        result = flow(module)
    except PullpassError as error:
        module.fail_json(str(error), **module.so_far())
    if result.pop("failed", False):
        module.fail_json(result.pop("msg"), **result)
    module.exit_json(**result)
