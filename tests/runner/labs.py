"""The lab as the runner sees it: its programs, and the names of the labs that it lets tests leave up."""

from __future__ import annotations

from .layout import VENV, environment
from .outcomes import Outcome
from .processes import Command, capture, stream

# names the lab that tests use and leave up
LAB_VARIABLE = "PULLPASS_TEST_LAB"
# the first build takes about 9 minutes on two cores that do nothing else
_BUILD_LIMIT = 3000
_END_LIMIT = 120


def build() -> Outcome:
    """Build the programs of the lab that are missing or out of date."""
    outcome = Outcome("programs")
    outcome.add("build", stream([VENV / "bin" / "python", "-m", "lab", "build"], env=environment(), limit=_BUILD_LIMIT))
    return outcome


def end_lab(name: str) -> None:
    """End a lab if it is up, whoever started it."""
    command: Command = [VENV / "bin" / "python", "-m", "lab", "down", "--instance", name]
    status, output = capture(command, env=environment(), limit=_END_LIMIT)
    if status:
        print(f"lab {name} could not be ended:\n{output.rstrip()}", flush=True)
