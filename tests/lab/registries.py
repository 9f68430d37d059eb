# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registries with TLS and a login, and the private image in them."""

from __future__ import annotations

import json
import platform
import secrets
import sys
from pathlib import Path
from typing import Any

import bcrypt
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .certificates import KeyPair
from .files import write_private, write_private_json
from .ground import Ground
from .images import write_layout
from .model import Registry
from .places import TESTS
from .push import TOKEN_SERVICE, push_layout
from .servers import http_status, start_server

FLAVOURS = ("basic", "bearer")
_REPOSITORY, _TAG = "team/app", "1.0"
_PUSHER = "pusher"
# Prefixes of repositories, and what a user may do below them; only the token server knows of it.
_GRANTS = {"puller": {"team/": ["pull"]}, _PUSHER: {"": ["pull", "push"]}, "stranger": {}}
_ISSUER = "pullpass-lab"
_KEY_ID = "token-server"


def new_users() -> dict[str, str]:
    """Passwords that break whatever forgets to escape them in JSON, HTML, a shell or a template."""
    return {name: f"{secrets.token_urlsafe(15)}+$&<>'\"{{}} %/" + secrets.token_urlsafe(3) for name in _GRANTS}


def start_registry(ground: Ground, flavour: str, users: dict[str, str]) -> Registry:
    folder = ground.folder(f"registry-{flavour}")
    pair = ground.authority.server(f"registry-{flavour}")
    token_server = _start_token_server(ground, folder, users) if flavour == "bearer" else None
    login = _token_login(folder, token_server) if token_server else _htpasswd_login(folder, users)
    context = ground.authority.trusting()

    def command(port: int) -> list[str]:
        settings = write_private_json(folder / "config.json", _settings(folder, pair, port, login))
        return [ground.program("registry"), "serve", str(settings)]

    name = f"registry-{flavour}"
    port = start_server(
        ground.processes,
        name,
        command,
        lambda port: http_status(f"https://127.0.0.1:{port}/v2/", context) == 401,
        # Else it keeps trying to send traces to a collector that is not there.
        {"OTEL_TRACES_EXPORTER": "none"},
    )
    log, token_log = ground.processes.log(name), ground.processes.log("token-server")
    return Registry(flavour, flavour, f"127.0.0.1:{port}", log, token_server, token_log if token_server else None)


def _settings(folder: Path, pair: KeyPair, port: int, login: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "secret": secrets.token_hex(16),
            "tls": {"certificate": str(pair.certificate), "key": str(pair.key)},
        },
        "auth": login,
    }


def _htpasswd_login(folder: Path, users: dict[str, str]) -> dict[str, Any]:
    hashed = {name: bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=5)).decode() for name, password in users.items()}
    path = write_private(folder / "htpasswd", "".join(f"{name}:{value}\n" for name, value in hashed.items()))
    return {"htpasswd": {"realm": "pullpass lab", "path": str(path)}}


def _token_login(folder: Path, token_server: str) -> dict[str, Any]:
    keys = folder / "jwks.json"
    return {"token": {"realm": token_server, "service": TOKEN_SERVICE, "issuer": _ISSUER, "jwks": str(keys)}}


def _start_token_server(ground: Ground, folder: Path, users: dict[str, str]) -> str:
    """Start it and leave the public half of its key where the registry finds it."""
    pair = ground.authority.server("token-server")
    signing_key = ground.authority.signing_key("tokens")
    write_private_json(folder / "jwks.json", {"keys": [_public_jwk(signing_key)]})
    context = ground.authority.trusting()
    settings = {
        "certificate": pair.certificate,
        "key": pair.key,
        "signing_key": signing_key,
        "key_id": _KEY_ID,
        "issuer": _ISSUER,
        "service": TOKEN_SERVICE,
        "users": users,
        "grants": _GRANTS,
    }

    def command(port: int) -> list[str]:
        path = write_private_json(folder / "token-server.json", {**settings, "port": port})
        return [sys.executable, "-m", "lab.token_server", str(path)]

    port = start_server(
        ground.processes,
        "token-server",
        command,
        lambda port: http_status(f"https://127.0.0.1:{port}/", context) == 404,
        {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return f"https://127.0.0.1:{port}/token"


def _public_jwk(signing_key: Path) -> dict[str, Any]:
    key = serialization.load_pem_private_key(signing_key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the lab signs with an elliptic curve key")
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {**jwk, "kid": _KEY_ID, "alg": "ES256", "use": "sig"}


def push_image(ground: Ground, registry: Registry, users: dict[str, str]) -> str:
    """Push the private image with the pusher's login; return its full name."""
    layout = write_layout(ground.bin / "app", ground.folder("image"), platform.machine(), "65532:65532")
    login = (_PUSHER, users[_PUSHER])
    return push_layout(layout, registry, _REPOSITORY, _TAG, login, ground.authority.trusting())
