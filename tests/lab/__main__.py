# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: python -m lab up, down, status, build."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import Any

from . import Lab, LabError, down, up
from .places import Instance
from .processes import Processes
from .programs import build


def report(line: str) -> None:
    print(line, flush=True)


def run_up(options: argparse.Namespace) -> int:
    registries = [name for name in options.registries.split(",") if name]
    up(options.instance, options.clusters, options.node, registries, report)
    return 0


def run_down(options: argparse.Namespace) -> int:
    names = [place.name for place in Instance.all()] if options.all else [options.instance]
    for name in names:
        down(name, report)
    if not names:
        report("no lab is up")
    return 0


def run_status(options: argparse.Namespace) -> int:
    place = Instance.named(options.instance)
    lab = Lab.load(options.instance)
    parts = {process.name: process.alive() for process in Processes(place).recorded()}
    if options.json:
        report(json.dumps({**asdict(lab), "processes": parts}, indent=2, default=str))
    else:
        for line in describe(lab, parts):
            report(line)
    return 0 if all(parts.values()) else 1


def describe(lab: Lab, parts: dict[str, bool]) -> list[str]:
    """For people, without passwords; those are in lab.json."""
    dead = [name for name, alive in parts.items() if not alive]
    condition = f"broken ({', '.join(dead)} ended)" if dead else "up"
    return [
        f"lab {lab.instance}: {condition}, in {lab.directory}",
        *(f"cluster {cluster.name}: {cluster.server}, node {cluster.node or 'none'}" for cluster in lab.clusters),
        *(f"registry {registry.name}: {lab.images[registry.name]}" for registry in lab.registries),
        f"users: {', '.join(lab.users)}",
        *([f"no node: {lab.node_reason}"] if lab.node_reason else []),
        f"export KUBECONFIG={lab.kubeconfig}",
        f"kubectl: {lab.bin / 'kubectl'}",
    ]


def run_build(_options: argparse.Namespace) -> int:
    report(f"all programs are built, in {build(report)}")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=sys.modules["lab"].__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    def instance(to: Any) -> None:
        to.add_argument("--instance", default="demo", metavar="NAME", help="which lab, if there are several (demo)")

    starting = command("up", run_up, "Bring a lab up, or keep the one that runs.")
    instance(starting)
    starting.add_argument("--clusters", type=int, default=1, metavar="N", help="how many clusters (1)")
    starting.add_argument(
        "--node", action=argparse.BooleanOptionalAction, help="insist on a node, or do without (default: if it can run)"
    )
    starting.add_argument("--registries", default="basic", help="which, separated by commas: basic, bearer (basic)")
    ending = command("down", run_down, "End a lab and remove all of it except the built programs.").add_mutually_exclusive_group()
    instance(ending)
    ending.add_argument("--all", action="store_true", help="every lab of this checkout")
    asking = command("status", run_status, "Report what runs; the exit status is 1 if something does not run.")
    instance(asking)
    asking.add_argument("--json", action="store_true", help="all of it, passwords included")
    command("build", run_build, "Only build the programs.")
    return parser.parse_args()


def stop(number: int, _frame: FrameType | None) -> None:
    """Let a lab that is half up be ended before this process is."""
    raise SystemExit(128 + number)


def main() -> int:
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        code: int = options.run(options)
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"error: This lab belongs to another user: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
