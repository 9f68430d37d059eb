# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docker, podman, skopeo and buildah read what registry_login stores, and it knows what they have stored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from login_password_store import password_store
from login_tasks import HUB, actions, asking, auths, credential, each, info, login, logout, program, ran

from ansible_run import Ansible
from lab import Lab

FLAVOURS = ("basic", "bearer")
OFFLINE = {"verify": "none"}
# docker chooses a helper by itself for a file without a login
SOMETHING = json.dumps({"auths": {"kept.example.com": {"auth": "dTpwYQ=="}}})
Pull = Callable[[str, bool], None]


@pytest.fixture
def trust(lab: Lab, tmp_path: Path) -> Path:
    """A folder of certificates, as podman and skopeo take it."""
    folder = tmp_path / "trust"
    folder.mkdir()
    shutil.copy(lab.ca, folder / "ca.crt")
    return folder


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path that is short enough for podman's storage."""
    with tempfile.TemporaryDirectory(prefix="pp-") as folder:
        yield Path(folder)


def docker_reads(folder: Path, image: str, **environment: str) -> bool:
    """Whether docker finds a login for the image that its registry takes: by the command that needs no daemon.

    An older docker does not know the kind of manifest, and says so once it is let in.
    """
    done = subprocess.run(
        [program("docker", "docker.io"), "--config", folder, "manifest", "inspect", image],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        check=False,
    )
    words = done.stdout + done.stderr
    refused = "unauthorized" in words or "no basic auth credentials" in words
    assert refused or "schemaVersion" in words or "no such manifest" in words, words
    return not refused


def docker(lab: Lab, folder: Path) -> Pull:
    def read(image: str, fails: bool) -> None:
        assert docker_reads(folder, image, SSL_CERT_FILE=str(lab.ca)) is not fails

    return read


def skopeo(trust: Path, file: Path) -> Pull:
    found = program("skopeo", "skopeo")

    def read(image: str, fails: bool) -> None:
        ran(found, "inspect", "--authfile", file, "--cert-dir", trust, f"docker://{image}", fails=fails)

    return read


def puller(tool: str, trust: Path, file: Path, folder: Path) -> Pull:
    """podman or buildah, with storage of its own and without a mount."""
    found = program(tool, tool)
    storage: list[str | Path] = ["--root", folder / tool, "--runroot", folder / f"{tool}-run", "--storage-driver", "vfs"]

    def read(image: str, fails: bool) -> None:
        always = ["--policy", "always"] if tool == "buildah" else []
        command: list[str | Path] = [found, *storage, "pull", *always, "--authfile", file, "--cert-dir", trust, image]
        ran(*command, fails=fails, environment={"HOME": str(folder)})

    return read


@pytest.mark.parametrize("kind", ["docker", "containers"])
def test_they_read_what_we_store(lab: Lab, ansible: Ansible, tmp_path: Path, trust: Path, short: Path, kind: str) -> None:
    file = tmp_path / "config.json"
    if kind == "docker":
        readers = [docker(lab, tmp_path), skopeo(trust, file)]
    else:
        readers = [skopeo(trust, file), puller("podman", trust, file, short), puller("buildah", trust, file, short)]
    place = {"path": str(file), "format": kind, **asking(lab)}
    given = [credential(lab, flavour) for flavour in FLAVOURS]
    images = [lab.images[flavour] for flavour in FLAVOURS]

    (stored,) = each(ansible, [login(*given, **place)])
    for read in readers:
        for image in images:
            read(image, False)
    (removed,) = each(ansible, [logout(*[one["registry"] for one in given], **place)])
    for read in readers:
        for image in images:
            read(image, True)

    assert (actions(stored), actions(removed)) == (["stored"] * 2, ["removed"] * 2)


def test_a_login_for_a_path_is_used_for_that_path_alone(lab: Lab, ansible: Ansible, tmp_path: Path, trust: Path) -> None:
    file = tmp_path / "auth.json"
    host = lab.registry("bearer").host
    here = {"path": str(file), "format": "containers", **asking(lab)}
    given = credential(lab, "bearer", registry=f"{host}/team")

    stored, again = each(ansible, [login(given, **here), login(given, **here)])

    assert (actions(stored), actions(again)) == (["stored"], ["unchanged"])
    skopeo(trust, file)(lab.images["bearer"], False)
    each(ansible, [login({**given, "registry": f"{host}/other"}, **here), logout(f"{host}/team", **here)])
    assert list(auths(file)) == [f"{host}/other"]
    skopeo(trust, file)(lab.images["bearer"], True)


def test_docker_hub_is_found_by_all(ansible: Ansible, tmp_path: Path) -> None:
    given = {"registry": "index.docker.io", "username": "bot", "password": "word"}
    docker_file, podman_file = tmp_path / "config.json", tmp_path / "auth.json"

    each(
        ansible,
        [login(given, path=str(docker_file), **OFFLINE), login(given, path=str(podman_file), format="containers", **OFFLINE)],
    )

    assert (list(auths(docker_file)), list(auths(podman_file))) == ([HUB], ["docker.io"])
    for file in (docker_file, podman_file):
        got = ran(program("skopeo", "skopeo"), "login", "--get-login", "--authfile", file, "docker.io")
        assert got.stdout.strip() == "bot"
    # says so before it looks for its daemon, which is not there
    again = ran(
        program("docker", "docker.io"),
        "--config",
        tmp_path,
        "login",
        "docker.io",
        fails=True,
        environment={"DOCKER_HOST": f"unix://{tmp_path}/no-daemon"},
    )
    assert "Authenticating with existing credentials" in again.stdout + again.stderr


def test_we_know_what_they_have_stored(lab: Lab, ansible: Ansible, tmp_path: Path, trust: Path) -> None:
    docker_file, podman_file = tmp_path / "config.json", tmp_path / "auth.json"
    docker_file.write_text(SOMETHING)
    docker_file.chmod(0o600)
    given = [credential(lab, flavour) for flavour in FLAVOURS]
    password = lab.users["puller"]
    for one in given:
        words = ["login", "--username", "puller", "--password-stdin"]
        ran(
            program("docker", "docker.io"),
            "--config",
            tmp_path,
            *words,
            one["registry"],
            given=password,
            environment={"SSL_CERT_FILE": str(lab.ca)},
        )
        podman = [*words, "--authfile", podman_file, "--cert-dir", trust, one["registry"]]
        ran(program("podman", "podman"), *podman, given=password, environment={"HOME": str(tmp_path)})
    before = docker_file.read_bytes(), podman_file.read_bytes()

    for_docker, for_podman, docker_rows = each(
        ansible,
        [
            login(*given, path=str(docker_file), **asking(lab)),
            login(*given, path=str(podman_file), format="containers", **asking(lab)),
            info(path=str(docker_file)),
        ],
    )

    assert (for_docker["changed"], for_podman["changed"]) == (False, False)
    assert (docker_file.read_bytes(), podman_file.read_bytes()) == before
    assert {row["registry"] for row in docker_rows["logins"] if row["usable"]} == {
        "kept.example.com",
        *(one["registry"] for one in given),
    }
    (removed,) = each(ansible, [logout(given[0]["registry"], path=str(docker_file))])
    assert actions(removed) == ["removed"]
    ran(program("docker"), "--config", tmp_path, "logout", given[1]["registry"])
    assert auths(docker_file) == json.loads(SOMETHING)["auths"]


def test_a_helper_that_docker_filled_and_one_that_docker_empties(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"credsStore": "pass", "psFormat": "x"}')
    given, password = credential(lab), lab.users["puller"]
    host, here = given["registry"], {"path": str(file), **asking(lab)}
    with password_store() as store:
        trusting = {**store, "SSL_CERT_FILE": str(lab.ca)}

        def run(*words: str, given: str = "") -> None:
            ran(program("docker", "docker.io"), "--config", tmp_path, *words, given=given, environment=trusting)

        def reads() -> bool:
            return docker_reads(tmp_path, lab.images["basic"], **trusting)

        run("login", "--username", "puller", "--password-stdin", host, given=password)
        before = file.read_text()
        known, out, again = each(ansible, [login(given, **here), logout(host, **here), login(given, **here)], environment=store)
        assert reads()
        run("logout", host)
        assert not reads()
        gone, back = each(ansible, [logout(host, **here), login(given, **here)], environment=store)
        assert reads()
        # taken into the file: docker, too, has to look there
        (moved,) = each(ansible, [login(given, **here, store="file")], environment=store)
        ran("docker-credential-pass", "erase", given=host, environment=store)
        assert reads()
        (same,) = each(ansible, [login(given, **here)], environment=store)

    assert actions(known) == ["unchanged"]
    assert password not in before
    assert json.loads(before)["auths"] == {host: {}}
    assert [actions(one) for one in (out, again, gone, back)] == [["removed"], ["stored"], ["unchanged"], ["stored"]]
    assert (actions(moved), actions(same)) == (["stored"], ["unchanged"])
    assert json.loads(file.read_text())["credHelpers"] == {host: ""}
