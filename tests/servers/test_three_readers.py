# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One document, three readers: what docker, skopeo (as podman) and the kubelet's own code make of it, and what we say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint import examine
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint_keys import DOCKER, KUBELET, PODMAN

from lab.packages import install
from lab.programs import build
from oracle import Case, Oracle

HOST = "127.0.0.1:5999"

# the auth of an entry -> user name that each reader gets, None for none, as semantics has it
AUTHS = [
    pytest.param("dTpwYQ==", "u", "u", "u", id="as docker writes it"),
    pytest.param("dTpwYQ", "u", None, None, id="without padding"),
    pytest.param("dTpwYQ==\n", "u", "u", "u", id="line break at the end"),
    pytest.param(" dTpwYQ==", None, None, None, id="blank at the beginning"),
    pytest.param("dTp-_w==", None, None, None, id="alphabet of URLs"),
    pytest.param("bm9jb2xvbg==", None, None, None, id="no colon"),
    pytest.param("YTpiOmM=", "a", "a", "a", id="two colons"),
]
# key of the entry -> who finds it for an image HOST/team/app
KEYS = [
    pytest.param(HOST, True, True, True, id="host and port"),
    pytest.param(f"https://{HOST}", True, True, True, id="with https"),
    pytest.param(f"http://{HOST}/", True, True, True, id="with http and a slash"),
    pytest.param(f"https://{HOST}/v2/", True, True, True, id="with v2 and a slash"),
    pytest.param(f"https://{HOST}/v2", False, True, True, id="with v2 and no slash"),
    pytest.param(f"{HOST}/team", True, True, True, id="a path"),
    pytest.param("127.0.0.2:5999", False, False, False, id="another host"),
]


@pytest.fixture(scope="module")
def kubelet() -> Iterator[Oracle]:
    with Oracle(build() / "kubelet-oracle") as asked:
        yield asked


def kubelet_user(kubelet: Oracle, document: str) -> str | None:
    secret = PullSecret("x", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": document.encode()})
    answer = kubelet.ask(Case([secret], f"{HOST}/team/app"))
    return answer.credentials[0][0].decode() if answer.credentials else None


def docker_user(folder: Path, document: str, host: str = HOST) -> str | None:
    """docker tells whom it logs in again before it looks for its daemon, which is not there."""
    program = shutil.which("docker")
    if program is None:
        pytest.skip("needs the docker command")
    (folder / "config.json").write_text(document)
    done = subprocess.run(
        [program, "--config", str(folder), "login", host],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{folder}/no-daemon"},
        check=False,
    )
    found = re.search(r"Username: (.*)\]", done.stdout + done.stderr)
    assert found or "Error parsing config file" in done.stderr or "interactive login" in done.stderr, done.stderr
    return found[1] if found else None


def podman_user(folder: Path, document: str, name: str) -> str | None:
    """skopeo reads with the same code as podman."""
    missing = install(["skopeo"], lambda: shutil.which("skopeo") is not None, print)
    if missing:
        pytest.skip(missing)
    (folder / "auth.json").write_text(document)
    done = subprocess.run(
        ["skopeo", "login", "--get-login", "--authfile", str(folder / "auth.json"), name],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else None


@pytest.mark.parametrize(("auth", "kubelet_gets", "docker_gets", "podman_gets"), AUTHS)
def test_forms_of_auth(
    kubelet: Oracle,
    tmp_path: Path,
    auth: str,
    kubelet_gets: str | None,
    docker_gets: str | None,
    podman_gets: str | None,
) -> None:
    document = json.dumps({"auths": {HOST: {"auth": auth}}})

    assert kubelet_user(kubelet, document) == kubelet_gets
    assert docker_user(tmp_path, document) == docker_gets
    assert podman_user(tmp_path, document, HOST) == podman_gets
    reported = examine(document.encode())
    for reader, gets in ((KUBELET, kubelet_gets), (DOCKER, docker_gets), (PODMAN, podman_gets)):
        assert (reported.readable(reader) and reported.usable(HOST, reader)) is (gets is not None), reader


@pytest.mark.parametrize(("key", "kubelet_finds", "docker_finds", "podman_finds"), KEYS)
def test_forms_of_keys(
    kubelet: Oracle, tmp_path: Path, key: str, kubelet_finds: bool, docker_finds: bool, podman_finds: bool
) -> None:
    document = json.dumps({"auths": {key: {"auth": "dTpwYQ=="}}})
    asked = f"{HOST}/team" if key.endswith("/team") else HOST

    assert (kubelet_user(kubelet, document) == "u") is kubelet_finds
    assert (docker_user(tmp_path, document) == "u") is docker_finds
    assert (podman_user(tmp_path, document, asked) == "u") is podman_finds


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "https://index.docker.io/v1", "index.docker.io", "docker.io", "registry-1.docker.io"]
)
def test_keys_of_docker_hub_that_podman_finds_and_the_kubelet_may_not(kubelet: Oracle, tmp_path: Path, key: str) -> None:
    document = json.dumps({"auths": {key: {"auth": "dTpwYQ=="}}})
    secret = PullSecret("x", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": document.encode()})

    found = bool(kubelet.ask(Case([secret], "nginx")).credentials)

    assert found is (key not in ("https://index.docker.io/v1", "registry-1.docker.io"))
    assert podman_user(tmp_path, document, "docker.io") == "u"
    assert (KUBELET in {reader for problem in examine(document.encode()).problems for reader in problem.readers}) is not found


@pytest.mark.parametrize("key", ["registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com", "REG.io", "reg.io:443"])
def test_a_registry_that_is_taken_for_another_serves_images_of_its_own_name_alone(
    kubelet: Oracle, tmp_path: Path, key: str
) -> None:
    document = json.dumps({"auths": {key: {"auth": "dTpwYQ=="}}})
    secret = PullSecret("x", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": document.encode()})

    assert kubelet.ask(Case([secret], f"{key}/team/app")).credentials[0][0] == b"u"
    assert not kubelet.ask(Case([secret], "nginx")).credentials
    assert not kubelet.ask(Case([secret], "reg.io/team/app")).credentials
    assert docker_user(tmp_path, document, key) == "u"
    assert docker_user(tmp_path, document, "docker.io") is None
    assert podman_user(tmp_path, document, key) == "u"
    reported = examine(document.encode())
    assert [reported.usable(key, reader) for reader in (KUBELET, DOCKER, PODMAN)] == [True] * 3
    assert reported.problems


def test_empty_halves_of_auth(kubelet: Oracle, tmp_path: Path) -> None:
    """The kubelet and podman read them; docker login passes an empty password over, and refuses an empty user."""
    no_password, no_user = (json.dumps({"auths": {HOST: {"auth": auth}}}) for auth in ("dTo=", "OnRvaw=="))

    assert (kubelet_user(kubelet, no_password), kubelet_user(kubelet, no_user)) == ("u", "")
    assert podman_user(tmp_path, no_password, HOST) == "u"
    assert docker_user(tmp_path, no_password) is docker_user(tmp_path, no_user) is None
    for document in (no_password, no_user):
        assert not examine(document.encode()).usable(HOST, KUBELET)
