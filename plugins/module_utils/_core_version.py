# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The oldest ansible-core that works. Ansible itself only warns where meta/runtime.yml asks for a newer one."""

from __future__ import annotations

import re

LOWEST_CORE = (2, 17)


def core_problem(version: str | None) -> str:
    """A sentence for an ansible-core that is too old, else an empty text. ``version`` as in ``ansible_version.full``."""
    found = re.match(r"(\d+)\.(\d+)", version or "")
    # 0.0 is what a module gets that Ansible does not run
    if not found or found[0] == "0.0" or (int(found[1]), int(found[2])) >= LOWEST_CORE:
        return ""
    lowest = ".".join(map(str, LOWEST_CORE))
    return f"ansible-core {found[0]} is too old for collection pullpass.registry. Install ansible-core {lowest} or later."
