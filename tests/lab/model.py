# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a running lab consists of, as tests and the demo see it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import LabError
from .files import write_private_json
from .places import Instance


@dataclass(frozen=True)
class Cluster:
    """A control plane. `kubeconfig` logs in as a cluster admin; its context is called like the cluster."""

    name: str
    server: str
    kubeconfig: Path
    token: str = field(repr=False)
    audit_log: Path
    node: str | None = None


@dataclass(frozen=True)
class Registry:
    """A registry with TLS; `flavour` says how clients log in: "basic" (htpasswd) or "bearer" (token server)."""

    name: str
    flavour: str
    host: str
    log: Path
    token_server: str | None = None
    token_server_log: Path | None = None


@dataclass(frozen=True)
class Lab:
    """A lab that is up; written to lab.json in its folder."""

    instance: str
    directory: Path
    bin: Path
    ca: Path
    kubeconfig: Path
    clusters: list[Cluster]
    registries: list[Registry]
    users: dict[str, str] = field(repr=False)
    images: dict[str, str]
    node_available: bool
    node_reason: str | None = None

    @classmethod
    def load(cls, instance: str = "demo") -> Lab:
        place = Instance.named(instance)
        try:
            content = json.loads(place.state.read_text())
        except FileNotFoundError:
            raise LabError(f"Lab {instance} is not up: start it with `python -m lab up --instance {instance}`.") from None
        try:
            return cls.from_dict(content)
        except (KeyError, TypeError) as error:
            raise LabError(
                f"Lab {instance} was started by another version of the lab ({error}): "
                f"end it with `python -m lab down --instance {instance}`."
            ) from error

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Lab:
        for name in ("directory", "bin", "ca", "kubeconfig"):
            content[name] = Path(content[name])
        content["clusters"] = [Cluster(**_with_paths(item, "kubeconfig", "audit_log")) for item in content["clusters"]]
        content["registries"] = [Registry(**_with_paths(item, "log", "token_server_log")) for item in content["registries"]]
        return cls(**content)

    def save(self) -> None:
        write_private_json(self.directory / "lab.json", asdict(self))

    def cluster(self, name: str) -> Cluster:
        return next(cluster for cluster in self.clusters if cluster.name == name)

    def registry(self, name: str) -> Registry:
        return next(registry for registry in self.registries if registry.name == name)


def _with_paths(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: Path(value) if key in names and value is not None else value for key, value in item.items()}
