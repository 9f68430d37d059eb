# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a lab up."""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from . import node as kubernetes_node
from .certificates import Authority
from .control_plane import start_cluster, start_etcd
from .errors import LabError
from .ground import Ground
from .kubeconfig import write_kubeconfig
from .model import Cluster, Lab, Registry
from .node_cleanup import clean_node
from .node_support import why_no_node
from .places import Instance
from .processes import Processes
from .programs import build
from .registries import FLAVOURS, new_users, push_image, start_registry
from .servers import http_status
from .teardown import end

Report = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What the caller wants; `node` None means: if it can run here."""

    clusters: int
    node: bool | None
    registries: tuple[str, ...]

    def check(self) -> None:
        if self.clusters < 1:
            raise LabError("A lab has at least one cluster.")
        unknown = [flavour for flavour in self.registries if flavour not in FLAVOURS]
        if unknown:
            raise LabError(f"There is no registry {', '.join(unknown)}: choose among {', '.join(FLAVOURS)}.")

    def missing_in(self, lab: Lab) -> str | None:
        """What is wanted and a running lab does not have."""
        if len(lab.clusters) < self.clusters:
            return f"{self.clusters} clusters (it has {len(lab.clusters)})"
        lacking = set(self.registries) - {registry.name for registry in lab.registries}
        if lacking:
            return f"the registry {', '.join(sorted(lacking))}"
        if self.node and not lab.node_available:
            return f"a node ({lab.node_reason})"
        return None


def bring_up(instance: str, request: Request, report: Report) -> Lab:
    request.check()
    place = Instance.named(instance)
    with place.locked(report):
        running = _running(place, report)
        if running:
            return _kept(running, request, report)
        started = time.monotonic()
        lab = _start(place, request, report)
        report(f"lab {instance} is up after {time.monotonic() - started:.0f} s: kubeconfig {lab.kubeconfig}")
        return lab


def _running(place: Instance, report: Report) -> Lab | None:
    """The lab if all of it runs; what is left of a broken one is ended."""
    if not place.directory.exists():
        return None
    if place.state.exists():
        lab = Lab.load(place.name)
        faults = _faults(place, lab)
        if not faults:
            return lab
        report(f"lab {place.name} is broken ({', '.join(faults)}): ending the rest and starting it again")
    end(place)
    shutil.rmtree(place.directory)
    return None


def _faults(place: Instance, lab: Lab) -> list[str]:
    ended = [f"{process.name} ended" for process in Processes(place).recorded() if not process.alive()]
    if ended:
        return ended
    context = ssl.create_default_context(cafile=str(lab.ca))
    checks = [(f"{cluster.server}/readyz", cluster.token, 200) for cluster in lab.clusters]
    checks += [(f"https://{registry.host}/v2/", "", 401) for registry in lab.registries]
    return [f"{url} does not answer" for url, token, good in checks if http_status(url, context, token) != good]


def _kept(lab: Lab, request: Request, report: Report) -> Lab:
    missing = request.missing_in(lab)
    if missing:
        raise LabError(
            f"Lab {lab.instance} runs already but lacks {missing}: end it first with "
            f"`python -m lab down --instance {lab.instance}`, or choose another --instance."
        )
    report(f"lab {lab.instance} is up already, all of it runs: kubeconfig {lab.kubeconfig}")
    return lab


def _start(place: Instance, request: Request, report: Report) -> Lab:
    reason = "not wanted" if request.node is False else why_no_node(report)
    if request.node and reason:
        raise LabError(f"No node can run here: {reason}.")
    programs = build(report)
    place.prepare()
    try:
        authority = Authority(place.directory / "certificates")
        ground = Ground(place, Processes(place), authority, programs, report)
        lab = _start_parts(ground, request, reason)
        lab.save()
    except BaseException:
        end(place)
        _keep_only_logs(place)
        raise
    return lab


def _keep_only_logs(place: Instance) -> None:
    for path in place.directory.iterdir():
        if path == place.run or path == place.logs:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _start_parts(ground: Ground, request: Request, reason: str | None) -> Lab:
    place, users = ground.instance, new_users()
    node = None if reason else f"{place.name}-node"
    clusters, registries = _start_servers(ground, request, node, users)
    ground.report("pushing the private image ...")
    images = {registry.name: push_image(ground, registry, users) for registry in registries}
    if node:
        reason = _start_node(ground, clusters[0], registries, needed=bool(request.node))
        if reason:
            clusters[0] = replace(clusters[0], node=None)
    if reason:
        ground.report(f"no node: {reason}")
    logins = {cluster.name: (cluster.server, cluster.token) for cluster in clusters}
    return Lab(
        instance=place.name,
        directory=place.directory,
        bin=ground.bin,
        ca=ground.authority.certificate,
        kubeconfig=write_kubeconfig(place.directory / "kubeconfig", ground.authority.certificate, logins),
        clusters=clusters,
        registries=registries,
        users=users,
        images=images,
        node_available=reason is None,
        node_reason=reason,
    )


def _start_servers(
    ground: Ground, request: Request, node: str | None, users: dict[str, str]
) -> tuple[list[Cluster], list[Registry]]:
    """All at the same time: most of their start is waiting."""
    ground.report("starting etcd ...")
    shared = start_etcd(ground)
    names = [f"c{number}" for number in range(1, request.clusters + 1)]
    ground.report(f"starting the control plane of {', '.join(names)} and the registries {', '.join(request.registries)} ...")
    with ThreadPoolExecutor(max_workers=len(names) + len(request.registries)) as pool:
        registries = [pool.submit(start_registry, ground, flavour, users) for flavour in request.registries]
        clusters = [pool.submit(start_cluster, ground, shared, name, node if name == "c1" else None) for name in names]
        try:
            return [part.result() for part in clusters], [part.result() for part in registries]
        except BaseException:
            # The pool waits for all of its threads, and they stop waiting when what they wait for has ended.
            ground.processes.stop(ground.processes.recorded())
            raise


def _start_node(ground: Ground, cluster: Cluster, registries: list[Registry], needed: bool) -> str | None:
    """None once the node is Ready; an optional node may fail, and the reason is reported."""
    ground.report(f"starting node {cluster.node} (containerd and kubelet) for {cluster.name} ...")
    try:
        kubernetes_node.start_node(ground, cluster, registries)
    except LabError as error:
        if needed:
            raise
        ground.processes.stop_named(*kubernetes_node.PROCESSES)
        clean_node(ground.instance)
        ground.report(error.detail)
        return error.message
    return None


def up(instance: str, clusters: int, node: bool | None, registries: Sequence[str], report: Report) -> Lab:
    return bring_up(instance, Request(clusters, node, tuple(dict.fromkeys(registries))), report)
