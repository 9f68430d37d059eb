# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logins that credential helpers keep: stored where the file says, erased on the way out, and no harm where one fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
from helper_programs import HELPER_PROGRAM
from login_password_store import password_store
from login_tasks import actions, auths, checked, credential, each, entry, info, login, logout, program

from ansible_run import Ansible
from lab import Lab

OFFLINE = {"verify": "none"}
A = {"registry": "a.example.com", "username": "bot", "password": "Zauberwort"}


class Helpers:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        for name in ("one", "all", "broken"):
            program = folder / f"docker-credential-{name}"
            program.write_text(HELPER_PROGRAM)
            program.chmod(0o755)

    def kept(self, name: str) -> dict[str, Any]:
        file = self.folder / f"docker-credential-{name}.json"
        return json.loads(file.read_text()) if file.exists() else {}

    def put(self, name: str, *servers: str) -> None:
        logins = {server: {"ServerURL": server, "Username": "bot", "Secret": "Zauberwort"} for server in servers}
        (self.folder / f"docker-credential-{name}.json").write_text(json.dumps(logins))

    def asked(self) -> list[str]:
        log = self.folder / "asked"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def helpers(tmp_path: Path) -> Helpers:
    folder = tmp_path / "helpers"
    folder.mkdir()
    return Helpers(folder)


def test_the_file_says_where_a_login_goes(ansible: Ansible, tmp_path: Path, helpers: Helpers) -> None:
    file = tmp_path / "config.json"
    file.write_text('{\n\t"auths": {},\n\t"credsStore": "all",\n\t"credHelpers": {\n\t\t"b.example.com": "one"\n\t}\n}')
    file.chmod(0o600)
    here = {"path": str(file), **OFFLINE}
    both = [A, {**A, "registry": "b.example.com"}]
    hosts = [one["registry"] for one in both]

    would, stored, again, other, not_that_user, rows, would_out, out, out_again = each(
        ansible,
        [
            checked(login(*both, **here)),
            login(*both, **here),
            login(*both, **here),
            login({**A, "password": "other"}, **here),
            logout({"registry": hosts[0], "username": "else"}, **here),
            info(path=str(file)),
            checked(logout(*hosts, **here)),
            logout(*hosts, **here),
            logout(*hosts, **here),
        ],
        environment=helpers.environment,
    )

    assert [actions(one) for one in (would, stored, again, other)] == [["stored"] * 2] * 2 + [["unchanged"] * 2, ["stored"]]
    assert helpers.asked()[:2] == ["get a.example.com", "get b.example.com"]
    assert "store a.example.com" not in helpers.asked()[:2]
    assert (actions(not_that_user), actions(out), actions(out_again)) == (["unchanged"], ["removed"] * 2, ["unchanged"] * 2)
    assert [(row["registry"], row["username"], row["usable"], row["store"]) for row in rows["logins"]] == [
        ("a.example.com", "bot", True, "all"),
        ("b.example.com", "bot", True, "one"),
    ]
    assert actions(would_out) == ["removed"] * 2
    # the helpers still knew them
    assert [row["username"] for row in out["logins"]] == ["bot"] * 2
    assert helpers.kept("all") == helpers.kept("one") == {}
    assert json.loads(file.read_text()) == {"auths": {}, "credsStore": "all", "credHelpers": {"b.example.com": "one"}}


def test_logout_forgets_every_form_of_the_name(ansible: Ansible, tmp_path: Path, helpers: Helpers) -> None:
    """As docker's does."""
    helpers.put("all", "a.example.com", "https://a.example.com", "http://a.example.com", "b.example.com")
    file = tmp_path / "config.json"
    file.write_text('{"credsStore": "all", "auths": {"a.example.com": {}, "https://a.example.com": {}, "b.example.com": {}}}')

    out, rows = each(ansible, [logout("a.example.com", path=str(file)), info(path=str(file))], environment=helpers.environment)

    assert actions(out) == ["removed"]
    assert list(helpers.kept("all")) == ["b.example.com"]
    assert file.read_text() == '{"credsStore": "all", "auths": {"b.example.com": {}}}'
    assert [row["registry"] for row in rows["logins"]] == ["b.example.com"]


def test_a_helper_that_is_chosen_for_a_registry_and_left_again(ansible: Ansible, tmp_path: Path, helpers: Helpers) -> None:
    file, podman = tmp_path / "config.json", tmp_path / "auth.json"
    file.write_text(json.dumps({"auths": {"a.example.com": entry("bot", "old")}}))
    podman.write_text(json.dumps({"credsStore": "broken", "auths": {"a.example.com": entry("bot", "old")}}))
    here, there = {"path": str(file), **OFFLINE}, {"path": str(podman), "format": "containers", **OFFLINE}

    chosen, same, filed, left = each(
        ansible,
        [
            login(A, **here, store="one"),
            login(A, **here),
            login(A, **here, store="file"),
            logout("a.example.com", **here, store="one"),
        ],
        environment=helpers.environment,
    )
    by_podman, scoped, auto, out = each(
        ansible,
        [
            login(A, **there, store="one"),
            login({**A, "registry": "a.example.com/team"}, **there, store="one"),
            login({**A, "registry": "b.example.com"}, **there),
            logout("a.example.com", **there, store="one"),
        ],
        environment=helpers.environment,
    )

    assert [actions(one) for one in (chosen, same, filed, left)] == [["stored"], ["unchanged"], ["stored"], ["removed"]]
    assert json.loads(file.read_text()) == {"auths": {}}
    assert [actions(one) for one in (by_podman, auto, out)] == [["stored"], ["stored"], ["removed"]]
    assert "keeps logins for whole registries only" in scoped["msg"]
    assert json.loads(podman.read_text()) == {"credsStore": "broken", "auths": {"b.example.com": entry("bot", "Zauberwort")}}
    assert helpers.kept("one") == {}


def test_a_helper_that_fails_or_is_missing_leaves_the_file_as_it_was(ansible: Ansible, tmp_path: Path, helpers: Helpers) -> None:
    file = tmp_path / "config.json"
    text = (
        '{"auths": {"erase.example.com": {}, "x": {}}, "credHelpers": {"erase.example.com": "one", "m.example.com": "missing"}}'
    )
    file.write_text(text)
    file.chmod(0o600)
    helpers.put("one", "erase.example.com")
    here = {"path": str(file), **OFFLINE}

    missing, named, broken, store, erase, suffix, rows, gone = each(
        ansible,
        [
            login({**A, "registry": "m.example.com"}, **here),
            login(A, **here, store="missing"),
            login(A, **here, store="broken"),
            login({**A, "registry": "store.example.com"}, **here, store="one"),
            logout("erase.example.com", **here),
            login(A, **here, store="../one"),
            info(path=str(file)),
            logout("m.example.com", **here),
        ],
        environment=helpers.environment,
    )

    assert file.read_text() == text
    for one in (missing, named, gone):
        assert "docker-credential-missing cannot be run" in one["msg"]
    assert "docker-credential-broken failed for a.example.com: the store is locked" in broken["msg"]
    assert "docker-credential-one store failed for store.example.com: the store is locked" in store["msg"]
    assert "docker-credential-one erase failed for erase.example.com: the store is locked" in erase["msg"]
    assert "is not the suffix" in suffix["msg"]
    reported = {row["registry"]: (row["usable"], row["problem"]) for row in rows["logins"]}
    assert reported["erase.example.com"] == (True, None)
    assert reported["m.example.com"][0] is False
    assert "cannot be run" in reported["m.example.com"][1]
    assert "Zauberwort" not in json.dumps([missing, named, broken, store, erase, rows])


def test_a_helper_need_not_read_what_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker-credential-deaf"
    program.write_text("""#!/bin/sh\necho '{"Username": "bot", "Secret": "Zauberwort"}'\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with patch_module_args({}):
        helpers = CredentialHelpers(AnsibleModule(argument_spec={}))

    # more than a pipe holds
    helpers.store("deaf", "a.example.com", "bot", "x" * 500_000)
    assert helpers.find("deaf", "a" * 500_000) == ("bot", "Zauberwort")


def test_no_login_is_lost_while_a_helper_is_asked(lab: Lab, ansible: Ansible, tmp_path: Path, helpers: Helpers) -> None:
    """docker takes no lock: its login renamed a new file into place, and ours took its place."""
    given = credential(lab)
    host, docker = given["registry"], program("docker", "docker.io")
    (tmp_path / "password").write_text(given["password"])
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {"b.example.com": entry("bot", "old")}, "credHelpers": {"a.example.com": "slow"}}))
    file.chmod(0o600)
    slow = helpers.folder / "docker-credential-slow"
    docker_login = f"{docker} --config {tmp_path} login -u {given['username']} --password-stdin {host}"
    slow.write_text(
        f"""#!/bin/sh
echo "$1" >> {helpers.folder}/asked
[ "$1" = get ] || exit 0
SSL_CERT_FILE={lab.ca} {docker_login} < {tmp_path}/password >&2 || exit 1
echo 'credentials not found in native keychain'
exit 1
"""
    )
    slow.chmod(0o755)

    (stored,) = each(
        ansible, [login(A, {**A, "registry": "b.example.com"}, path=str(file), **OFFLINE)], environment=helpers.environment
    )

    assert actions(stored) == ["stored", "stored"]
    assert auths(file) == {
        "a.example.com": {},
        "b.example.com": entry("bot", "Zauberwort"),
        host: entry(given["username"], given["password"]),
    }
    assert helpers.asked() == ["get", "store"]


def test_what_a_store_for_all_keeps_beside_the_file(ansible: Ansible, tmp_path: Path) -> None:
    """With the real docker-credential-pass."""
    file = tmp_path / "config.json"
    file.write_text('{"credsStore": "pass"}')
    here = {"path": str(file), **OFFLINE}
    hub = {**A, "registry": "docker.io"}
    with password_store() as store:
        nothing, stored, again, out, rows = each(
            ansible,
            [
                info(path=str(file)),
                login(A, hub, **here),
                login(A, hub, **here),
                logout("a.example.com", **here),
                info(path=str(file)),
            ],
            environment=store,
        )
        file.write_text('{"credsStore": "pass"}')
        (listed,) = each(ansible, [info(path=str(file))], environment=store)

    assert nothing["logins"] == []
    assert [actions(one) for one in (stored, again, out)] == [["stored"] * 2, ["unchanged"] * 2, ["removed"]]
    row = {"registry": "https://index.docker.io/v1/", "username": "bot", "usable": True, "problem": None, "store": "pass"}
    assert rows["logins"] == listed["logins"] == [row]
