# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the demo stands on: the lab, or a person's own cluster and registry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lab

INSTANCE = "demo"
OWN_CLUSTER_HELP = """KUBECONFIG and REGISTRY go together, to run the demo on a cluster and registry of your own:
  KUBECONFIG=~/.kube/config REGISTRY=registry.example.com:5000 \\
  REGISTRY_USERNAME=bot REGISTRY_PASSWORD_FILE=./password [IMAGE=registry.example.com:5000/team/app:1] [CONTEXT=name] \\
  [REGISTRY_CA=./ca.pem] [REGISTRY_PLAIN_HTTP=1] make demo
Without any of them the demo brings up a lab of its own."""


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Ground:
    """``image`` is private; None if there is no node that runs it, with the reason in ``no_pods``."""

    folder: Path
    kubeconfig: str
    context: str | None
    registry: str
    username: str
    password: str
    image: str | None
    no_pods: str = ""
    audit_log: Path | None = None
    ca: str | None = None
    plain_http: bool = False

    def credential(self, password: str) -> dict[str, Any]:
        """An entry of pullpass_registries."""
        plain = {"plain_http": True} if self.plain_http else {}
        return {"registry": self.registry, "username": self.username, "password": password, **plain}

    @property
    def own(self) -> bool:
        """Whether the cluster is a person's own, and not the lab's."""
        return self.audit_log is None


def bring_up() -> Ground:
    """The ground that the environment names, or the lab."""
    variables = os.environ
    if variables.get("REGISTRY"):
        return own(variables.get("KUBECONFIG", ""), variables["REGISTRY"])
    return _lab()


def _lab() -> Ground:
    running = lab.up(INSTANCE, clusters=1, node=None, registries=("basic",))
    cluster, registry = running.clusters[0], running.registries[0]
    return Ground(
        folder=running.directory,
        kubeconfig=str(cluster.kubeconfig),
        context=cluster.name,
        registry=registry.host,
        username="puller",
        password=running.users["puller"],
        image=running.images[registry.name] if running.node_available else None,
        no_pods="" if running.node_available else f"there is no node here: {running.node_reason}",
        audit_log=cluster.audit_log,
        ca=str(running.ca),
    )


def own(kubeconfig: str, registry: str) -> Ground:
    variables = os.environ
    username, password_file = variables.get("REGISTRY_USERNAME"), variables.get("REGISTRY_PASSWORD_FILE")
    if not kubeconfig or not username or not password_file:
        raise DemoError(f"REGISTRY is set, but not all of what belongs to it.\n{OWN_CLUSTER_HELP}")
    try:
        password = Path(password_file).expanduser().read_text().rstrip("\r\n")
    except OSError as error:
        raise DemoError(f"REGISTRY_PASSWORD_FILE {password_file} cannot be read: {error.strerror}") from None
    if not any(Path(path).expanduser().is_file() for path in kubeconfig.split(os.pathsep)):
        raise DemoError(f"KUBECONFIG {kubeconfig} does not exist.")
    folder = lab_folder() / "own"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    image = variables.get("IMAGE")
    return Ground(
        folder=folder,
        kubeconfig=os.pathsep.join(str(Path(path).expanduser()) for path in kubeconfig.split(os.pathsep)),
        context=variables.get("CONTEXT"),
        registry=registry,
        username=username,
        password=password,
        image=image,
        no_pods="" if image else "IMAGE names no private image",
        ca=variables.get("REGISTRY_CA"),
        plain_http=_is_set(variables.get("REGISTRY_PLAIN_HTTP", "")),
    )


def _is_set(value: str) -> bool:
    if value.lower() not in ("", "0", "1", "false", "true"):
        raise DemoError(f"REGISTRY_PLAIN_HTTP is '{value}'. Set it to 1 for a registry without TLS, or leave it out.")
    return value.lower() in ("1", "true")


def lab_folder() -> Path:
    """The ignored folder that keeps all state."""
    return Path(os.environ.get("PULLPASS_LAB_DIR") or Path(__file__).parents[2] / ".lab")
