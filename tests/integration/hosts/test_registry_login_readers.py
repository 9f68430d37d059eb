# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""registry_login_info says of each file what docker and podman themselves get out of it."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_file import LoginFile
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_format import FORMATS
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_report import survey
from login_tasks import HUB, each, entry, info, login, logout, program
from recording_daemon import docker_takes

from ansible_run import Ansible

R = "r.example.com:5000"
U = entry("u", "p")
BROKEN = {"bad.example.com": {"auth": "bm9jb2xvbg=="}}
ANSWERS = {
    "good": '{"Username":"hu","Secret":"hs"}',
    "empty": "{}",
    "null": "null",
    "lower": '{"username":"hu","secret":"hs"}',
    "nouser": '{"Username":"","Secret":"hs"}',
    "array": "[]",
    "number": '{"Username":1,"Secret":"hs"}',
    "behind": '{"Username":"hu","Secret":"hs"} more',
    "nothing": "",
}


def of(auths: Any = None, **members: Any) -> str:
    return json.dumps({**({} if auths is None else {"auths": auths}), **members})


# id -> the file, and the registry that is asked for
CASES: dict[str, tuple[str, str]] = {
    "no entry": (of({}), R),
    "blanks alone": (" \n", R),
    "empty file": ("", R),
    "array": ("[]", R),
    "byte order mark": ("\ufeff" + of({R: U}), R),
    "identity token without auth": (of({R: {"identitytoken": "t"}}), R),
    "identity token and user name": (of({R: {"username": "u", "identitytoken": "t"}}), R),
    "identity token beside auth": (of({R: {**entry("u", ""), "identitytoken": "t"}}), R),
    "user name and password": (of({R: {"username": "u", "password": "p"}}), R),
    "registry token": (of({R: {"registrytoken": "t"}}), R),
    "empty user name": (of({R: entry("", "p")}), R),
    "empty entry": (of({R: {}}), R),
    "null": (of({R: None}), R),
    "auth without padding": (of({R: {"auth": "dTpwYQ"}}), R),
    "auth with a line break": (of({R: {"auth": "dTpw\nYQ=="}}), R),
    "auth of another alphabet": (of({R: {"auth": "dTp-_w=="}}), R),
    "a sibling without a colon": (of({R: U, **BROKEN}), R),
    "a sibling that is no base64": (of({R: U, "bad.example.com": {"auth": "%%%"}}), R),
    "a sibling without a user": (of({R: U, "bad.example.com": entry("", "x")}), R),
    "a sibling that is text": (of({R: U, "bad.example.com": "x"}), R),
    "a sibling with a number as auth": (of({R: U, "bad.example.com": {"auth": 5}}), R),
    "a sibling with a number as user": (of({R: U, "bad.example.com": {"username": 5}}), R),
    "a sibling with a number as e-mail": (of({R: U, "bad.example.com": {"email": 5}}), R),
    "a sibling with a number as token": (of({R: U, "bad.example.com": {"identitytoken": 5}}), R),
    "HttpHeaders a number": (of({R: U}, HttpHeaders=5), R),
    "credsStore a number": (of({R: U}, credsStore=5), R),
    "credHelpers a number": (of({R: U}, credHelpers=5), R),
    "a helper that is a number": (of({R: U}, credHelpers={"x.example.com": 5}), R),
    "a helper that is null": (of({R: U}, credHelpers={R: None}), R),
    "an empty helper": (of({R: U}, credHelpers={R: ""}), R),
    "an empty helper without an entry": (of(credHelpers={R: ""}), R),
    "an empty helper beside a credsStore": (of({R: U}, credsStore="good", credHelpers={R: ""}), R),
    "a helper under a URL": (of(credHelpers={f"https://{R}": "good"}), R),
    "a helper under a URL beside an entry": (of({R: U}, credHelpers={f"https://{R}": "good"}), R),
    "a helper for a path": (of(credHelpers={f"{R}/team": "good"}), R),
    "a helper in upper case": (of(credHelpers={R.upper(): "good"}), R),
    "a helper for an entry that is a URL": (of({f"https://{R}": U}, credHelpers={R: "null"}), R),
    "a helper that fails for an entry that is a URL": (of({f"https://{R}": U}, credHelpers={R: "missing"}), R),
    "a helper that is missing beside an entry": (of({R: U}, credHelpers={R: "missing"}), R),
    "a helper that fails beside an entry": (of({R: U}, credHelpers={R: "fails"}), R),
    "a helper that has none beside an entry": (of({R: U}, credHelpers={R: "none"}), R),
    "a helper of an impossible name": (of({R: {}}, credHelpers={R: "../x"}), R),
    "a credsStore that is missing": (of({R: U}, credsStore="missing"), R),
    "a credsStore alone": (of(credsStore="good"), "listed.example.com"),
    "a credsStore and an entry": (of({R: U}, credsStore="good"), R),
    "the Hub's helper under its URL": (of(credHelpers={HUB: "good"}), "docker.io"),
    "the Hub's helper under its name": (of(credHelpers={"docker.io": "good"}), "docker.io"),
    "the Hub's helper under index": (of(credHelpers={"index.docker.io": "good"}), "docker.io"),
    "the Hub's helper under its URL beside an entry": (of({"docker.io": U}, credHelpers={HUB: "good"}), "docker.io"),
    "a user before a host": (of({f"u@{R}": U}), R),
    "a user in a URL": (of({f"https://u@{R}": U}), R),
    "a user and a password in a URL": (of({f"https://u:x@{R}/v1/": U}), R),
    "a query": (of({f"{R}?x=1": U}), R),
    "a query in a URL": (of({f"https://{R}?x=1": U}), R),
    "a fragment in a URL": (of({f"https://{R}#x": U}), R),
    "a scheme of another kind": (of({f"ftp://{R}": U}), R),
    "a scheme in upper case": (of({f"HTTPS://{R}": U}), R),
    "an empty port": (of({"r.example.com:": U}), "r.example.com"),
    "an empty port in a URL": (of({"https://r.example.com:": U}), "r.example.com"),
    "a blank behind": (of({f"https://{R} ": U}), R),
    "an escape in the host": (of({f"https://{R}%2f": U}), R),
    "a slash behind": (of({f"{R}/": U}), R),
    "IPv6 without a port": (of({"[::1]": U}), "[::1]"),
    "IPv6 in a URL without a port": (of({"https://[::1]": U}), "[::1]"),
    "IPv6 with a port": (of({"[::1]:5000": U}), "[::1]:5000"),
    "IPv6 with a port in a URL": (of({"https://[::1]:5000/v2/": U}), "[::1]:5000"),
    "upper case": (of({R.upper(): U}), R),
    "the Hub's URL": (of({HUB: U}), "docker.io"),
    **{f"a helper that answers {name}": (of({R: {}}, credHelpers={R: name}), R) for name in ANSWERS},
    **{f"a helper that {name}": (of({R: {}}, credHelpers={R: name}), R) for name in ("none", "fails", "missing")},
}
# docker stops at the first bad entry, and goes through them in random order: not to be relied upon
HALF_READ = {"a sibling without a colon", "a sibling that is no base64", "a sibling without a user"}
# usable, but for images whose registry is written in upper case, too
OTHERWISE = {"upper case", "a helper in upper case"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "programs"
    folder.mkdir()
    lines = {name: f"echo '{answer}'" if answer else ":" for name, answer in ANSWERS.items()}
    lines["fails"] = "echo the store is locked; exit 1"
    lines["none"] = "echo credentials not found in native keychain; exit 1"
    for name, line in lines.items():
        file = folder / f"docker-credential-{name}"
        listed = """[ "$1" = list ] && { echo '{"listed.example.com":"lu"}'; exit; }\n"""
        file.write_text(f"#!/bin/sh\ncat > /dev/null\n{listed}{line}\n")
        file.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def podman_takes(file: Path, registry: str, environment: dict[str, str]) -> bool:
    done = subprocess.run(
        [program("podman", "podman"), "login", "--get-login", "--authfile", file, registry],
        env={"HOME": str(file.parent), **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0


def theirs(file: Path, registry: str, environment: dict[str, str]) -> tuple[bool, bool]:
    sent = docker_takes(file.read_text(encoding="utf-8"), f"{registry}/app", environment)
    has = bool(sent.get("password") and sent.get("username")) or any(one.endswith("token") for one in sent)
    return has, podman_takes(file, registry, environment)


def ours(file: Path, helpers: CredentialHelpers) -> tuple[bool, bool]:
    surveys = [survey(LoginFile(str(file), None), FORMATS[kind], helpers) for kind in ("docker", "containers")]
    usable = [any(row["usable"] for row in one["logins"]) for one in surveys]
    return usable[0], usable[1]


def test_info_agrees_with_docker_and_podman(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", environment["PATH"])
    with patch_module_args({}):
        helpers = CredentialHelpers(AnsibleModule({}))
    files = [tmp_path / f"{number}.json" for number in range(len(CASES))]
    for file, (text, _registry) in zip(files, CASES.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    with ThreadPoolExecutor(4) as pool:
        real = list(pool.map(lambda file, case: theirs(file, case[1], environment), files, CASES.values()))

    found = {name: (ours(file, helpers), answer) for name, file, answer in zip(CASES, files, real, strict=True)}

    different = {name: f"ours {mine}, docker and podman {answer}" for name, (mine, answer) in found.items() if mine != answer}
    assert {name: reported for name, reported in different.items() if name not in HALF_READ | OTHERWISE} == {}


def test_a_store_that_cannot_be_asked_is_reported(ansible: Ansible, tmp_path: Path, environment: dict[str, str]) -> None:
    texts = {"missing": of(credsStore="missing"), "fails": of(credsStore="locked"), "containers": of(credsStore="missing")}
    locked = tmp_path / "programs" / "docker-credential-locked"
    locked.write_text("#!/bin/sh\ncat > /dev/null\necho the store is locked\nexit 1\n")
    locked.chmod(0o755)
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    empty = tmp_path / "empty"
    empty.write_text("")
    tasks = [info(path=str(tmp_path / name), format="containers" if name == "containers" else "docker") for name in texts]
    tasks += [info(path=str(empty)), info(path=str(empty), format="containers")]

    missing, fails, containers, for_docker, for_podman = each(ansible, tasks, environment=environment)

    assert "docker-credential-missing cannot be run" in missing["problem"]
    assert "docker-credential-locked failed for its list: the store is locked" in fails["problem"]
    assert (containers["problem"], for_docker["problem"]) == (None, None)
    assert "is empty, which podman rejects" in for_podman["problem"]


def test_docker_takes_the_file_where_the_helper_fails(ansible: Ansible, tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "config.json"
    file.write_text(of({R: U}, credHelpers={R: "fails"}))

    for_docker, for_podman = each(
        ansible, [info(path=str(file)), info(path=str(file), format="containers")], environment=environment
    )

    (row,) = for_docker["logins"]
    assert (row["username"], row["usable"], row["store"]) == ("u", True, "file")
    assert row["problem"].endswith("docker uses the login in the file.")
    (row,) = for_podman["logins"]
    assert (row["username"], row["usable"], row["store"]) == (None, False, "fails")


OTHERS = ("registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com", "https://hub.docker.com", "DOCKER.IO", R.upper())


@pytest.mark.parametrize("kind", ["docker", "containers"])
def test_entries_of_other_registries_stay(ansible: Ansible, tmp_path: Path, kind: str) -> None:
    """docker itself keeps them apart, as its own client says: an image of one gets no login of another."""
    file = tmp_path / "config.json"
    file.write_text(of({one: U for one in OTHERS}))
    given = [{"registry": one, "username": "bot", "password": "word"} for one in ("docker.io", R)]
    place = {"path": str(file), "format": kind, "verify": "none"}

    each(ansible, [login(*given, **place)])
    stored = json.loads(file.read_text())["auths"]
    each(ansible, [logout("docker.io", R, **place)])

    assert {one: stored[one] for one in OTHERS} == {one: U for one in OTHERS}
    assert json.loads(file.read_text())["auths"] == {one: U for one in OTHERS}
    sent = {name: docker_takes(json.dumps({"auths": stored}), f"{name}/app", {}) for name in ("docker.io", *OTHERS[:3])}
    docker_finds = "bot" if kind == "docker" else None
    assert sent.pop("docker.io").get("username") == docker_finds
    assert {one.get("username") for one in sent.values()} == {"u"}
