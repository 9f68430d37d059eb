# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Ansible for real, and read what it did from its own results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# another ansible-core than that of this Python, for the matrix of cores
ANSIBLE_PLAYBOOK = os.environ.get("PULLPASS_ANSIBLE_PLAYBOOK") or str(Path(sys.executable).with_name("ansible-playbook"))

LOCALHOST: dict[str, Any] = {"all": {"hosts": {"localhost": {}}}}


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook. ``results`` are those of its tasks, in order, as the record_results callback wrote them."""

    exit_code: int
    output: str
    results: list[dict[str, Any]]

    def of(self, action: str, host: str | None = None) -> dict[str, Any]:
        """The result of the last task with this module of ours."""
        found = [
            line["result"]
            for line in self.results
            if line["action"] == f"pullpass.registry.{action}" and host in (None, line["host"])
        ]
        assert found, f"no result of {action} in:\n{self.output}"
        return found[-1]

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Host -> counter -> number, from the play recap."""
        lines = self.output.rpartition("PLAY RECAP")[2].splitlines()[1:]
        pairs = (line.split(":", 1) for line in lines if " : " in line)
        return {
            host.strip(): {word.split("=")[0]: int(word.split("=")[1]) for word in counters.split()} for host, counters in pairs
        }


@dataclass
class Ansible:
    """Runs plays in ``folder``, with nothing of the caller's environment that could name a cluster."""

    folder: Path
    count: int = 0

    def playbook(
        self,
        playbook: str | Path,
        inventory: Mapping[str, Any],
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        process, results = self.start(playbook, inventory, *arguments, environment=environment)
        output, _errors = process.communicate(timeout=300)
        return finished(process, output, results)

    def start(
        self,
        playbook: str | Path,
        inventory: Mapping[str, Any],
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[subprocess.Popen[str], Path]:
        self.count += 1
        inventory_file = self.folder / f"inventory-{self.count}.json"
        inventory_file.write_text(json.dumps(inventory))
        results = self.folder / f"results-{self.count}.jsonl"
        process = subprocess.Popen(
            [ANSIBLE_PLAYBOOK, "-i", str(inventory_file), str(playbook), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**self._environment(results), **(environment or {})},
        )
        return process, results

    def tasks(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run tasks on localhost, with this Ansible's own Python."""
        return self.playbook(self.play(tasks), LOCALHOST, *arguments, environment=environment)

    def play(self, tasks: Sequence[Mapping[str, Any]]) -> Path:
        """A playbook that runs tasks on localhost, with this Ansible's own Python."""
        self.count += 1
        playbook = self.folder / f"play-{self.count}.json"
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": list(tasks),
        }
        playbook.write_text(json.dumps([play]))
        return playbook

    def _environment(self, results: Path) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("K8S_AUTH_", "ANSIBLE_", "PULLPASS_")) and name != "KUBECONFIG"
        }
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "record_results",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_FORKS": "4",
            "ANSIBLE_NOCOLOR": "true",
            "HOME": str(self.folder),
            "PULLPASS_TEST_RESULTS": str(results),
        }


def finished(process: subprocess.Popen[str], output: str, results: Path) -> Run:
    lines = results.read_text().splitlines() if results.exists() else []
    return Run(process.returncode, output, [json.loads(line) for line in lines])
