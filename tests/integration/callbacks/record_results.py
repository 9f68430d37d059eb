# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = """
name: record_results
type: aggregate
short_description: Append each result of a task as a line of JSON to a file
description: [For tests only. The file is named by PULLPASS_TEST_RESULTS.]
requirements: []
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record_results"

    def _record(self, outcome: str, result: Any) -> None:
        # the names without underscore are there since ansible-core 2.19
        task = getattr(result, "task", None) or result._task
        host = getattr(result, "host", None) or result._host
        content = getattr(result, "result", None) or result._result
        line = {
            "outcome": outcome,
            "host": host.get_name(),
            "task": task.get_name(),
            "action": task.action,
            "result": content,
        }
        with open(os.environ["PULLPASS_TEST_RESULTS"], "a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record("skipped", result)
