# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The document for one registry is byte for byte the one that the real kubectl writes."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import make_credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import kubectl_document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab

# what an argument of a program can hold, ends that kubectl keeps included
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=24)
USER = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=":"), min_size=1, max_size=24)


def kubectl_writes(kubectl: Path, registry: str, username: str, password: str, email: str = "") -> bytes:
    command = [str(kubectl), "create", "secret", "docker-registry", "x", "--dry-run=client", "-o", "json"]
    command += [f"--docker-server={registry}", f"--docker-username={username}", f"--docker-password={password}"]
    command += [f"--docker-email={email}"] if email else []
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    return base64.b64decode(json.loads(done.stdout)["data"][".dockerconfigjson"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(username=USER, password=TEXT, email=st.just("") | st.just("bot+<ci>@example.com"))
def test_any_text_is_written_as_kubectl_writes_it(lab: Lab, username: str, password: str, email: str) -> None:
    ours = kubectl_document([make_credential("test", "registry.example.com:5000", username, password, email)])

    assert ours == kubectl_writes(lab.bin / "kubectl", "registry.example.com:5000", username, password, email)


@pytest.mark.parametrize(
    ("registry", "key"),
    [
        ("docker.io", "https://index.docker.io/v1/"),
        ("https://Registry.Example.com/v2/", "registry.example.com"),
        ("ghcr.io/acme", "ghcr.io/acme"),
    ],
)
def test_the_secret_in_the_cluster_is_kubectls(
    lab: Lab, c2: Access, ansible: Ansible, prefix: str, registry: str, key: str
) -> None:
    c2.make_namespaces([prefix])
    credential = {"registry": registry, "username": "u", "password": "pa<ss>&\u2028word"}

    run = ansible.tasks(
        [
            {
                "pullpass.registry.pull_secret": {
                    **c2.connection,
                    "name": "x",
                    "namespaces": [prefix],
                    "registries": [credential],
                }
            }
        ]
    )

    assert run.exit_code == 0, run.output
    assert run.of("pull_secret")["registries"] == [key]
    secret = c2.secret(prefix, "x")
    assert secret is not None
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert base64.b64decode(secret["data"][".dockerconfigjson"]) == kubectl_writes(
        lab.bin / "kubectl", key, "u", credential["password"]
    )
