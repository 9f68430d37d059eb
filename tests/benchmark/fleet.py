# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Five hundred namespaces: the Secret and its link in each, for the first time and once more."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kubernetes

from lab import Lab

from .rollout import roll_out
from .row import Row

COUNT = 500


def measure(ground: Lab) -> Iterator[Row]:
    """Whole runs of the rollout, with the login at the registry before it."""
    cluster, registry = ground.clusters[0], ground.registry("basic")
    core: Any = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))
    names = [f"bench-{index}" for index in range(COUNT)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: core.create_namespace({"metadata": {"name": name}}), names))
    while len(core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items) < COUNT:
        time.sleep(0.2)
    variables = {
        "cluster_pull_access_kubeconfig": str(cluster.kubeconfig),
        "cluster_pull_access_namespaces": ["bench-*"],
        "cluster_pull_access_registry_ca_cert": str(ground.ca),
        "pullpass_registries": [{"registry": registry.host, "username": "puller", "password": ground.users["puller"]}],
    }
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder, "inventory.json")
        inventory.write_text(json.dumps({"clusters": {"hosts": {"one": variables}}}))
        for what in ("for the first time", "with nothing to change"):
            before = cluster.audit_log.stat().st_size
            start = time.monotonic()
            roll_out(inventory)
            seconds = time.monotonic() - start
            events = map(json.loads, cluster.audit_log.read_text()[before:].splitlines())
            ours = sum(one["userAgent"].startswith("pullpass.registry") for one in events if one["stage"] == "ResponseComplete")
            yield Row(f"rollout to {COUNT} namespaces {what}", seconds, ours)
