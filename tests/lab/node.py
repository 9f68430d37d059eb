# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node: containerd and a kubelet of our own, which pull images and run Pods."""

from __future__ import annotations

import json
import platform
import socket
import subprocess
from pathlib import Path
from typing import Any

from .errors import LabError
from .files import write_private, write_private_json
from .ground import Ground
from .images import pack, write_layout
from .model import Cluster, Registry
from .node_support import plugin_folder
from .packages import find_program
from .servers import http_get, http_status, start_server, wait_until

PROCESSES = ("kubelet", "containerd")
_PAUSE = "pullpass.example/pause:1"
_POD_NETWORK = "10.88.0.0/16"
_CLUSTER_DNS = "10.96.0.10"


def start_node(ground: Ground, cluster: Cluster, registries: list[Registry]) -> None:
    """Start a node of `cluster` that trusts the registries; return when it is Ready."""
    _start_containerd(ground, registries)
    _start_kubelet(ground, cluster)
    context = ground.authority.trusting()
    url = f"{cluster.server}/api/v1/nodes/{cluster.node}"
    wait_until(
        f"node {cluster.node} was Ready",
        lambda: _takes_pods(*http_get(url, context, cluster.token)),
        ground.processes,
        *PROCESSES,
        f"{cluster.name}-kube-scheduler",
    )


def _takes_pods(status: int | None, body: bytes) -> bool:
    if status != 200:
        return False
    node = json.loads(body)
    conditions = {item["type"]: item["status"] for item in node["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _start_containerd(ground: Ground, registries: list[Registry]) -> None:
    folder = ground.instance.node
    _write_network(ground, folder)
    for registry in registries:
        _trust(folder, registry, ground.authority.certificate)
    settings = write_private(folder / "containerd.toml", _containerd_settings(folder))
    containerd, control = find_program("containerd"), find_program("ctr")
    if not containerd or not control:
        raise LabError("containerd and ctr are not installed.")
    ground.processes.start("containerd", [containerd, "--config", str(settings)])
    ctr = [control, "--address", str(folder / "containerd.sock"), "--namespace", "k8s.io", "--connect-timeout", "2s"]
    wait_until("it answered", lambda: _succeeds([*ctr, "version"]), ground.processes, "containerd", seconds=60)
    layout = write_layout(ground.bin / "app", folder / "pause", platform.machine(), name=_PAUSE)
    done = subprocess.run(
        [*ctr, "images", "import", "--snapshotter", "native", str(pack(layout))],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError("containerd could not import the pause image.", f"{done.stderr}\n{ground.processes.tail('containerd')}")


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _write_network(ground: Ground, folder: Path) -> None:
    """A bridge without an address of its own: Pods get addresses, the machine's routes stay as they are."""
    network = {
        "cniVersion": "0.4.0",
        "name": ground.instance.bridge,
        "plugins": [
            {
                "type": "bridge",
                "bridge": ground.instance.bridge,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(folder / "addresses"),
                    "ranges": [[{"subnet": _POD_NETWORK}]],
                },
            }
        ],
    }
    (folder / "cni").mkdir(exist_ok=True)
    write_private_json(folder / "cni" / "10-lab.conflist", network)


def _trust(folder: Path, registry: Registry, ca: Path) -> None:
    place = folder / "certs.d" / registry.host
    place.mkdir(parents=True, exist_ok=True)
    server = json.dumps(f"https://{registry.host}")
    # twice: after a 404 containerd asks `server` as well, and that has settings of its own
    trusted = f"ca = {json.dumps(str(ca))}\n"
    trust = f"server = {server}\n{trusted}[host.{server}]\ncapabilities = ['pull', 'resolve']\n{trusted}"
    write_private(place / "hosts.toml", trust)


def _containerd_settings(folder: Path) -> str:
    """Everything it keeps is below `folder`; what a container on an ordinary machine may not do is left out."""

    def quoted(name: str) -> str:
        return json.dumps(str(folder / name))

    return f"""version = 2
root = {quoted("containerd")}
state = {quoted("state")}
[grpc]
address = {quoted("containerd.sock")}
[plugins."io.containerd.internal.v1.opt"]
path = {quoted("opt")}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{_PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = {quoted("runc")}
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {json.dumps(str(plugin_folder()))}
conf_dir = {quoted("cni")}
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {quoted("certs.d")}
"""


def _start_kubelet(ground: Ground, cluster: Cluster) -> None:
    folder, address = ground.instance.node, _own_address()
    pair = ground.authority.server("kubelet", address)
    context = ground.authority.trusting()
    login = ground.instance.directory / cluster.name / "kubelet.kubeconfig"

    def command(port: int) -> list[str]:
        settings = _kubelet_settings(folder, address, port)
        settings["authentication"]["x509"] = {"clientCAFile": str(ground.authority.certificate)}
        settings["tlsCertFile"], settings["tlsPrivateKeyFile"] = str(pair.certificate), str(pair.key)
        return [
            ground.program("kubelet"),
            f"--config={write_private_json(folder / 'kubelet.json', settings)}",
            f"--kubeconfig={login}",
            f"--root-dir={folder / 'kubelet'}",
            f"--cert-dir={folder / 'pki'}",
            f"--hostname-override={cluster.node}",
            f"--node-ip={address}",
        ]

    start_server(
        ground.processes,
        "kubelet",
        command,
        lambda port: http_status(f"https://{address}:{port}/healthz", context) == 401,
    )


def _own_address() -> str:
    """The address that leads out of this machine: a kubelet refuses a loopback one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise LabError("A node needs a network address other than loopback, and this machine has none.") from None
        address: str = probe.getsockname()[0]
    return address


def _kubelet_settings(folder: Path, address: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": port,
        "readOnlyPort": 0,
        "healthzPort": 0,
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{folder / 'containerd.sock'}",
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        # A machine without systemd, perhaps itself a container: no cgroup tree, firewall or swap of its own.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        # Nothing answers there; without an address every Pod gets a warning event.
        "clusterDNS": [_CLUSTER_DNS],
        "syncFrequency": "5s",
        # A nearly full disk is no reason to evict Pods or drop images of a lab.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1Mi", "imagefs.available": "1Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
