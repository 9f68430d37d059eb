# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The frame of the action plugins, which run on the controller.

An exception ends as a message without secrets: Ansible would show its text, which can contain a password.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleAction
from ansible.plugins.action import ActionBase
from ansible.release import __version__

from ..module_utils._errors import PullpassError
from ..module_utils._module.base import core_problem, unexpected_message

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class ControllerAction(ActionBase):
    """A subclass defines ``facts``, which returns its part of the result."""

    TRANSFERS_FILES = False

    def facts(self, variables: dict[str, t.Any]) -> dict[str, t.Any]:
        raise NotImplementedError

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        return {**result, **guarded(lambda: self.facts(task_vars or {}))}


def guarded(work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """The result of ``work``, or a failed one whose message contains no secret."""
    problem = core_problem(__version__)
    if problem:
        return {"failed": True, "msg": problem}
    try:
        return work()
    except AnsibleAction:  # a skip, or a failure with its own message
        raise
    except PullpassError as error:
        return {"failed": True, "msg": str(error)}
    except Exception as error:  # the last resort: its text may contain a secret
        return {"failed": True, "msg": unexpected_message(error)}


def checked(errors: Sequence[str], warnings: Sequence[str], **facts: t.Any) -> dict[str, t.Any]:
    """A result with ``facts``, or a failed one with ``errors``."""
    result = {"failed": True, "msg": "\n".join(errors)} if errors else facts
    return {**result, "warnings": list(warnings)} if warnings else result
