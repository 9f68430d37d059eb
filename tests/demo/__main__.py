# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""python -m demo up | down. make demo and make demo-down call it."""

from __future__ import annotations

import os
import shutil
import sys

import kubernetes

import lab

from .cluster_view import ClusterView
from .ground import INSTANCE, DemoError, bring_up, own
from .story import narrate


def down() -> None:
    if os.environ.get("REGISTRY"):
        ground = own(os.environ.get("KUBECONFIG", ""), os.environ["REGISTRY"])
        names = ClusterView.of(ground).remove()
        shutil.rmtree(ground.folder)
        print(f"removed from your cluster: {', '.join(names) or 'nothing, there was no namespace of the demo'}")
        return
    lab.down(INSTANCE)


def main() -> int:
    commands = {"up": lambda: narrate(bring_up()), "down": down}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        print("usage: python -m demo up|down", file=sys.stderr)
        return 2
    try:
        commands[sys.argv[1]]()
    except (DemoError, lab.LabError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except kubernetes.client.ApiException as error:
        print(f"\nthe API server refused what the demo needs: {error.status} {error.body}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
