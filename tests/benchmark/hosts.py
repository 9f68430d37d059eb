# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two hundred container hosts, each of which has a login of its own."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from registry_servers import Registry, basic
from registry_servers.serving import Authority, Serving

from .rollout import roll_out
from .row import Row

COUNT = 200


def measure() -> Iterator[Row]:
    """Whole runs of the rollout over hosts that are this machine, with the login of each tried before."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = Authority(folder / "ca.pem")
        server = Serving(authority, stack)(Registry(basic(), bool))
        login = {"registry": server.authority, "username": "{{ inventory_hostname }}", "password": "{{ inventory_hostname }}"}
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "host_registry_login_users": [{"path": f"{folder}/{{{{ inventory_hostname }}}}.json"}],
            "pullpass_registries": [login],
            "pullpass_registry_ca_cert": str(authority.pem),
        }
        inventory = folder / "inventory.json"
        hosts = {f"host{number}": None for number in range(COUNT)}
        inventory.write_text(json.dumps({"container_hosts": {"hosts": hosts, "vars": variables}}))
        for what in ("for the first time", "with nothing to change"):
            before, start = len(server.requests), time.monotonic()
            roll_out(inventory)
            seconds = time.monotonic() - start
            yield Row(f"{COUNT} hosts, each with a login of its own, {what}", seconds, len(server.requests) - before)
