# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run of the rollout, as it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def roll_out(inventory: Path) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, "pullpass.registry.rollout"],
        env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
