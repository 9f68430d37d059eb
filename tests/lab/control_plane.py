# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""etcd, and the control planes that share it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from .certificates import KeyPair
from .files import write_private, write_private_json
from .ground import Ground
from .kubeconfig import write_kubeconfig
from .model import Cluster
from .servers import free_port, http_status, start_server, wait_until

_SERVICE_RANGE, _FIRST_SERVICE = "10.96.0.0/16", "10.96.0.1"
_CONTROLLER_MANAGER = "system:kube-controller-manager"
_SCHEDULER = "system:kube-scheduler"


@dataclass(frozen=True)
class Shared:
    """What all control planes of an instance have in common."""

    etcd: str
    etcd_login: KeyPair
    server: KeyPair
    kubelet_client: KeyPair
    service_account_key: Path
    audit_policy: Path


def start_etcd(ground: Ground) -> Shared:
    """Start etcd and make what the control planes need beside it."""
    login = ground.authority.server("etcd")
    context = ground.authority.trusting(login)
    port = start_server(
        ground.processes,
        "etcd",
        lambda port: _etcd_command(ground, login, port),
        lambda port: http_status(f"https://127.0.0.1:{port}/health", context) == 200,
    )
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
    return Shared(
        etcd=f"https://127.0.0.1:{port}",
        etcd_login=login,
        server=ground.authority.server("kube-apiserver", "kubernetes.default.svc", _FIRST_SERVICE),
        kubelet_client=ground.authority.client("kube-apiserver-kubelet-client", "system:masters"),
        service_account_key=ground.authority.signing_key("service-accounts"),
        audit_policy=write_private_json(ground.instance.directory / "audit-policy.json", policy),
    )


def _etcd_command(ground: Ground, login: KeyPair, port: int) -> list[str]:
    clients, peers = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{free_port()}"
    trusted = str(ground.authority.certificate)
    return [
        ground.program("etcd"),
        f"--data-dir={ground.instance.directory / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        *(f"--{role}cert-file={login.certificate}" for role in ("", "peer-")),
        *(f"--{role}key-file={login.key}" for role in ("", "peer-")),
        *(f"--{role}trusted-ca-file={trusted}" for role in ("", "peer-")),
        "--client-cert-auth",
        "--peer-client-cert-auth",
        "--log-level=warn",
    ]


def start_cluster(ground: Ground, shared: Shared, name: str, node: str | None) -> Cluster:
    """Start the control plane `name`; with a scheduler only if there is a node to schedule to."""
    folder = ground.folder(name)
    tokens = _Tokens.create(folder, node)
    audit_log = folder / "audit.log"
    context = ground.authority.trusting()
    server_name = f"{name}-kube-apiserver"
    port = start_server(
        ground.processes,
        server_name,
        lambda port: _api_server_command(ground, shared, name, port),
        lambda port: http_status(f"https://127.0.0.1:{port}/readyz", context, tokens.admin) == 200,
    )
    server = f"https://127.0.0.1:{port}"
    cluster = Cluster(
        name=name,
        server=server,
        kubeconfig=write_kubeconfig(folder / "kubeconfig", ground.authority.certificate, {name: (server, tokens.admin)}),
        token=tokens.admin,
        audit_log=audit_log,
        node=node,
    )
    _start_controllers(ground, shared, cluster, tokens)
    account = f"{server}/api/v1/namespaces/default/serviceaccounts/default"
    wait_until(
        f"namespace default of {name} had its ServiceAccount",
        lambda: http_status(account, context, tokens.admin) == 200,
        ground.processes,
        f"{name}-kube-controller-manager",
        server_name,
    )
    return cluster


def _start_controllers(ground: Ground, shared: Shared, cluster: Cluster, tokens: _Tokens) -> None:
    components = {
        "kube-controller-manager": (
            tokens.controller_manager,
            [
                f"--root-ca-file={ground.authority.certificate}",
                f"--service-account-private-key-file={shared.service_account_key}",
                "--use-service-account-credentials=true",
                f"--flex-volume-plugin-dir={ground.folder(cluster.name) / 'volume-plugins'}",
                "--kube-api-qps=1000",
                "--kube-api-burst=2000",
            ],
        )
    }
    if cluster.node:
        components["kube-scheduler"] = (tokens.scheduler, [])
    for component, (token, options) in components.items():
        login = ground.folder(cluster.name) / f"{component}.kubeconfig"
        write_kubeconfig(login, ground.authority.certificate, {cluster.name: (cluster.server, token)})
        command = [ground.program(component), f"--kubeconfig={login}", "--secure-port=0", "--leader-elect=false"]
        ground.processes.start(f"{cluster.name}-{component}", command + options)
    if cluster.node:
        kubelet_login = {cluster.name: (cluster.server, tokens.kubelet)}
        write_kubeconfig(ground.folder(cluster.name) / "kubelet.kubeconfig", ground.authority.certificate, kubelet_login)


def _api_server_command(ground: Ground, shared: Shared, name: str, port: int) -> list[str]:
    folder = ground.folder(name)
    return [
        ground.program("kube-apiserver"),
        f"--etcd-servers={shared.etcd}",
        f"--etcd-prefix=/{name}",
        f"--etcd-cafile={ground.authority.certificate}",
        f"--etcd-certfile={shared.etcd_login.certificate}",
        f"--etcd-keyfile={shared.etcd_login.key}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={shared.server.certificate}",
        f"--tls-private-key-file={shared.server.key}",
        f"--cert-dir={folder}",
        "--authorization-mode=Node,RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-issuer=https://127.0.0.1:{port}",
        f"--service-account-key-file={shared.service_account_key}",
        f"--service-account-signing-key-file={shared.service_account_key}",
        f"--service-cluster-ip-range={_SERVICE_RANGE}",
        f"--kubelet-certificate-authority={ground.authority.certificate}",
        f"--kubelet-client-certificate={shared.kubelet_client.certificate}",
        f"--kubelet-client-key={shared.kubelet_client.key}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        f"--audit-policy-file={shared.audit_policy}",
        f"--audit-log-path={folder / 'audit.log'}",
        # A test that reads the log right after a request must find the request there.
        "--audit-log-mode=blocking",
    ]


@dataclass(frozen=True)
class _Tokens:
    admin: str
    controller_manager: str
    scheduler: str
    kubelet: str

    @classmethod
    def create(cls, folder: Path, node: str | None) -> _Tokens:
        tokens = cls(*(secrets.token_urlsafe(32) for _count in range(4)))
        users = [
            (tokens.admin, "admin", "system:masters"),
            (tokens.controller_manager, _CONTROLLER_MANAGER, _CONTROLLER_MANAGER),
            (tokens.scheduler, _SCHEDULER, _SCHEDULER),
        ]
        if node:
            users.append((tokens.kubelet, f"system:node:{node}", "system:nodes"))
        lines = [f"{token},{user},{user},{group}\n" for token, user, group in users]
        write_private(folder / "tokens.csv", "".join(lines))
        return tokens
