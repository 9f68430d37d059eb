# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""python -m benchmark: what runs cost on this machine, in seconds and requests. `make benchmark` calls it.

Nothing here passes or fails: the tests count requests, and seconds differ from machine to machine.
"""

from __future__ import annotations

import sys

import lab

from . import fleet, hosts, images

INSTANCE = "benchmark"


def main() -> int:
    try:
        ground = lab.up(INSTANCE, clusters=1, node=False, registries=("basic", "bearer"))
        rows = [*images.measure(ground), *fleet.measure(ground), *hosts.measure()]
    except lab.LabError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        lab.down(INSTANCE)
    width = max(len(row.what) for row in rows)
    print(f"\n{'':{width}}  seconds  requests")
    for row in rows:
        print(f"{row.what:{width}}  {row.seconds:7.2f}  {row.requests:>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
