# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The last resort of an action plugin: Ansible would show the text of an exception, which can hold a password."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleAction
from ansible.release import __version__

from ..module_utils._errors import PullpassError
from ..module_utils._module.base import core_problem, unexpected_words

if t.TYPE_CHECKING:
    from collections.abc import Callable


def guarded(work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """The result of ``work``, which is the result of an action, or a failed one with words that hold no secret."""
    problem = core_problem(__version__)
    if problem:
        return {"failed": True, "msg": problem}
    try:
        return work()
    except AnsibleAction:  # a skip, or a failure with a message of its own
        raise
    except PullpassError as error:
        return {"failed": True, "msg": str(error)}
    except Exception as error:  # of any other nobody knows what its text holds
        return {"failed": True, "msg": unexpected_words(error)}
