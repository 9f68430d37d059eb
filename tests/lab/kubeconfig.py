# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Login files of kubectl and of the Kubernetes components."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from .files import write_private_json


def write_kubeconfig(path: Path, ca: Path, logins: dict[str, tuple[str, str]]) -> Path:
    """Write one context for each name in `logins`, with its server and token. JSON is valid YAML."""
    authority = base64.b64encode(ca.read_bytes()).decode()
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}
            for name, (server, _token) in logins.items()
        ],
        "users": [{"name": name, "user": {"token": token}} for name, (_server, token) in logins.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in logins],
        "current-context": next(iter(logins)),
    }
    return write_private_json(path, content)
