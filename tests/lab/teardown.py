# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ends a lab, whatever is left of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from .node_cleanup import clean_node, unmount_below
from .places import Instance
from .processes import Processes


def down(instance: str = "demo", report: Callable[[str], None] = print) -> None:
    """End every process of the lab, its mounts and its network, and remove its folder."""
    place = Instance.named(instance)
    with place.locked(report):
        if not place.directory.exists():
            report(f"lab {instance} is not up")
            return
        end(place)
        shutil.rmtree(place.directory)
        report(f"lab {instance} is down")


def end(place: Instance) -> None:
    """End what runs and keep the folder; the caller holds the lock."""
    place.state.unlink(missing_ok=True)
    processes = Processes(place)
    processes.stop(processes.recorded())
    clean_node(place)
    unmount_below(place.directory)
