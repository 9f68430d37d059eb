# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logins of other accounts: root gives up its rights for them, and nobody leads root elsewhere. And a real host by ssh."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helper_programs import HELPER
from login_tasks import actions, asking, auths, credential, each, entry, info, login, logout, played, program, reported
from login_watch import account
from ssh_host import owner, sshd

from ansible_run import Ansible
from lab import Lab

GIVEN = {"registry": "a.example.com", "username": "bot", "password": "Zauberwort"}
OFFLINE = {"verify": "none"}


@pytest.fixture
def user() -> Iterator[pwd.struct_passwd]:
    with account() as made:
        yield made


@pytest.fixture
def helpers() -> Iterator[str]:
    """A PATH with a helper that everybody may run."""
    folder = Path(tempfile.mkdtemp(prefix="pp-"))
    folder.chmod(0o755)
    (folder / "docker-credential-kept").write_text(HELPER)
    (folder / "docker-credential-kept").chmod(0o755)
    yield f"{folder}{os.pathsep}{os.environ['PATH']}"
    shutil.rmtree(folder)


def test_root_works_as_the_user(ansible: Ansible, user: pwd.struct_passwd, helpers: str) -> None:
    home = Path(user.pw_dir)
    name = user.pw_name
    kept = {"registry": "kept.example.com", "username": "bot", "password": "Zauberwort"}

    made, by_path, for_podman, unknown, helped, again, rows, out, refused = played(
        ansible,
        [
            login(GIVEN, user=name, **OFFLINE),
            login(GIVEN, user=name, path="~/other/config.json", mode="0640", **OFFLINE),
            login(GIVEN, user=name, format="containers", persistent=True, **OFFLINE),
            login(GIVEN, user="no-such-account", **OFFLINE),
            login(kept, user=name, store="kept", **OFFLINE),
            login(kept, user=name, **OFFLINE),
            info(user=name),
            logout("kept.example.com", user=name),
            login(GIVEN, path=f"{home}/.docker/config.json", **OFFLINE),
        ],
        environment={"PATH": helpers, "DOCKER_CONFIG": "/root/elsewhere", "VAULT_TOKEN": "of root"},
    )

    config = home / ".docker" / "config.json"
    assert [actions(one) for one in (made, by_path, for_podman, helped, again, out)] == [
        ["stored"],
        ["stored"],
        ["stored"],
        ["stored"],
        ["unchanged"],
        ["removed"],
    ]
    assert made["path"] == str(config)
    ids = user.pw_uid, user.pw_gid
    assert owner(config) == (*ids, 0o600)
    assert owner(config.parent) == (*ids, 0o700)
    assert owner(home / "other" / "config.json") == (*ids, 0o640)
    assert owner(home / ".config" / "containers" / "auth.json") == (*ids, 0o600)
    assert "is not an account of this host" in unknown["msg"]
    assert json.loads(config.read_text()) == {
        "auths": {"a.example.com": entry("bot", "Zauberwort")},
        "credHelpers": {"kept.example.com": "kept"},
    }
    assert [(row["registry"], row["username"], row["store"]) for row in rows["logins"]] == [
        ("a.example.com", "bot", "file"),
        ("kept.example.com", "bot", "kept"),
    ]
    assert (home / "kept" / ".uid").read_text().split() == [str(user.pw_uid), str(user.pw_gid)]
    environment = (home / "kept" / ".env").read_text()
    assert f"HOME={home}\n" in environment
    assert environment.endswith(f"{home}\n")
    assert "VAULT_TOKEN" not in environment
    assert f"Set user to {name}" in refused["msg"]


def test_nobody_leads_root_elsewhere(ansible: Ansible, user: pwd.struct_passwd, tmp_path: Path) -> None:
    home = Path(user.pw_dir)
    shadow = Path("/etc/shadow")
    before = shadow.read_bytes(), owner(shadow)
    (tmp_path / "config.json").write_text("{}")
    folders = [home / name for name in ("link", "linked", "root", "own", "dotfiles")]
    for folder in (folders[0], *folders[2:]):
        folder.mkdir()
    (folders[0] / "config.json").symlink_to(shadow)
    folders[1].symlink_to(tmp_path)
    (folders[2] / "config.json").write_text("{}")
    (folders[4] / "config.json").write_text("{}")
    (folders[3] / "config.json").symlink_to("../dotfiles/config.json")
    subprocess.run(["chown", "-R", "-h", f"{user.pw_uid}:{user.pw_gid}", str(home)], check=True)
    os.chown(folders[2] / "config.json", 0, 0)
    (folders[2] / "config.json").chmod(0o644)
    as_user = [login(GIVEN, user=user.pw_name, path=f"{folder}/config.json", owner=None, **OFFLINE) for folder in folders]

    link, linked, of_root, own, dotfiles, plain, chown = each(
        ansible,
        [
            *as_user,
            login(GIVEN, path=f"{home}/link/config.json", owner=user.pw_name, **OFFLINE),
            login(GIVEN, user=user.pw_name, owner=user.pw_name, **OFFLINE),
        ],
    )

    assert (shadow.read_bytes(), owner(shadow)) == before
    assert f"{folders[0]}/config.json leads through /etc, which belongs to root. It is rejected" in link["msg"]
    assert "cannot be reached: Permission denied" in linked["msg"]
    assert "belongs to root" in of_root["msg"]
    assert (tmp_path / "config.json").read_text() == (folders[2] / "config.json").read_text() == "{}"
    assert [actions(one) for one in (own, dotfiles)] == [["stored"], ["unchanged"]]
    assert (folders[3] / "config.json").is_symlink()
    assert f"Set user to {user.pw_name}" in plain["msg"]
    assert "remove owner" in chown["msg"]


def given_to(user: pwd.struct_passwd, path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, user.pw_uid, user.pw_gid)
    return path


def linked_by(user: pwd.struct_passwd, path: Path, target: Path) -> str:
    path.symlink_to(target)
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return str(path)


def test_files_of_an_account_are_read_with_its_rights_alone(ansible: Ansible, user: pwd.struct_passwd, tmp_path: Path) -> None:
    """A link to the config.json of root gave the account the password of root."""
    home, of_root = Path(user.pw_dir), tmp_path / "config.json"
    of_root.write_text(json.dumps({"auths": {"a.example.com": entry("root", "Zauberwort")}}))
    document = json.dumps({"auths": {"a.example.com": entry("bot", "eigenes")}})
    link = linked_by(user, home / "link.json", of_root)
    own = str(given_to(user, home / "own.json", document))
    os.mkfifo(home / "pipe.json")
    shared = Path(tempfile.mkdtemp(prefix="pp-"))
    shared.chmod(0o1777)
    planted = linked_by(user, shared / "planted.json", of_root)
    mine = {"registries": None, "user": user.pw_name, **OFFLINE}
    roots = {"registries": None, "path": str(tmp_path / "out.json"), "mode": "0644", **OFFLINE}
    try:
        as_user, out, of_roots, by_root, plant, by_user, by_tilde, from_own, from_roots, pipe, missing = each(
            ansible,
            [
                login(**mine, config_file=link, path="~/new.json"),
                login(**mine, config_file=link, state="absent"),
                login(**mine, config_file=str(of_root)),
                login(**roots, config_file=link),
                login(**roots, config_file=planted),
                login(**mine, config_file=own),
                login(**mine, config_file="~/own.json", path="~/by-tilde.json"),
                login(**roots, config_file=own),
                login(**{**roots, "path": str(tmp_path / "own.json")}, config_file=str(of_root)),
                login(**roots, config_file=str(home / "pipe.json")),
                login(**roots, config_file=str(home / "missing.json")),
            ],
        )
    finally:
        shutil.rmtree(shared)

    for refused in (as_user, out, of_roots, by_root, plant):
        assert "Permission denied" in refused["msg"]
        assert "Zauberwort" not in json.dumps(refused)
    for refused in (by_root, plant):
        assert f"It was read as user {user.pw_name}" in refused["msg"]
    assert not (home / "new.json").exists()
    assert [actions(one) for one in (by_user, by_tilde, from_own, from_roots)] == [["stored"]] * 4
    for path in (home / ".docker" / "config.json", home / "by-tilde.json", tmp_path / "out.json"):
        assert auths(path) == {"a.example.com": entry("bot", "eigenes")}
    assert auths(tmp_path / "own.json") == {"a.example.com": entry("root", "Zauberwort")}
    assert "is not JSON" in pipe["msg"]
    assert "does not exist" in missing["msg"]


def test_helpers_that_an_account_chooses_run_with_its_rights_alone(
    ansible: Ansible, user: pwd.struct_passwd, helpers: str, tmp_path: Path
) -> None:
    home = Path(user.pw_dir)
    document = json.dumps({"auths": {"a.example.com": {}}, "credHelpers": {"a.example.com": "kept"}})
    own = str(given_to(user, home / "own.json", document))
    given = str(given_to(user, tmp_path / "given.json", document, 0o644))
    open_file = given_to(user, tmp_path / "open.json", document, 0o666)
    os.chown(open_file, 0, 0)
    for folder, name in ((ansible.folder, "root"), (home, "bot")):
        (folder / "kept").mkdir()
        secret = {"ServerURL": "a.example.com", "Username": name, "Secret": f"Zauberwort of {name}"}
        (folder / "kept" / "a.example.com").write_text(json.dumps(secret))
    subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(home)], check=True)
    helped = {"registry": "a.example.com", "credential_helper": "kept"}
    inline = json.loads(document)
    mine = {"user": user.pw_name, "resolve_helpers": True, "registries": None, "store": "file", **OFFLINE}
    roots = {**OFFLINE, "path": str(tmp_path / "out.json")}

    by_file, by_config, by_entry, of_root, *refused, rows, for_file = each(
        ansible,
        [
            login(**mine, config_file=own, path="~/1.json"),
            login(**mine, config=inline, path="~/2.json"),
            login(helped, user=user.pw_name, path="~/3.json", **OFFLINE),
            login(helped, **roots),
            login(**roots, config_file=own, resolve_helpers=True),
            login(**roots, config_file=given, resolve_helpers=True),
            login(**roots, config_file=str(open_file), resolve_helpers=True),
            login(GIVEN, path=given, **OFFLINE),
            logout("a.example.com", path=given),
            login(GIVEN, path=str(open_file), **OFFLINE),
            info(path=given),
            login(GIVEN, path=given, store="file", **OFFLINE),
        ],
        environment={"PATH": helpers},
    )

    assert [actions(one) for one in (by_file, by_config, by_entry, of_root)] == [["stored"]] * 4
    for number in (1, 2, 3):
        assert auths(home / f"{number}.json") == {"a.example.com": entry("bot", "Zauberwort of bot")}
    # what the options name, root asks as root
    assert auths(tmp_path / "out.json") == {"a.example.com": entry("root", "Zauberwort of root")}
    for one in refused:
        assert "so root does not run the credential helper that it names" in one["msg"]
    assert "root does not run the credential helper that it names" in rows["logins"][0]["problem"]
    assert "Zauberwort" not in json.dumps([refused, rows])
    assert actions(for_file) == ["stored"]
    assert not (ansible.folder / "kept" / ".uid").exists()


def test_an_account_does_not_choose_what_root_reads_as_a_certificate(
    ansible: Ansible, user: pwd.struct_passwd, tmp_path: Path
) -> None:
    """A pipe that nobody writes to held up the task for ever."""
    home = Path(user.pw_dir)
    os.mkfifo(home / "ca.pem")
    (tmp_path / "of-root.pem").write_text("Zauberwort")
    link = linked_by(user, home / "link.pem", tmp_path / "of-root.pem")
    began = time.monotonic()

    pipe, linked, per_registry = each(
        ansible,
        [
            login(GIVEN, user=user.pw_name, registry_ca_cert=str(home / "ca.pem")),
            login(GIVEN, user=user.pw_name, registry_ca_cert=link),
            login({**GIVEN, "ca_cert": link}, user=user.pw_name),
        ],
    )

    assert time.monotonic() - began < 20
    assert "CA file" in pipe["msg"]
    assert "Permission denied" in linked["msg"]
    assert "Permission denied" in per_registry["msg"]


def test_root_does_not_write_where_an_access_list_lets_others_write(
    ansible: Ansible, user: pwd.struct_passwd, tmp_path: Path
) -> None:
    """A rename in such a folder gave the file of root to the account."""
    setfacl = program("setfacl", "acl")
    given, handed_down = tmp_path / "given", tmp_path / "handed-down"
    for folder, rights in ((given, f"u:{user.pw_name}:rwx"), (handed_down, f"d:u:{user.pw_name}:rwx")):
        folder.mkdir()
        done = subprocess.run([setfacl, "-m", rights, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs a file system with access control lists: {done.stderr}")

    refused, stored = each(
        ansible,
        [
            login(GIVEN, path=f"{given}/config.json", **OFFLINE),
            login(GIVEN, path=f"{handed_down}/config.json", mode="0640", **OFFLINE),
        ],
    )

    assert "can be written by other accounts" in refused["msg"]
    assert os.listdir(given) == []
    assert actions(stored) == ["stored"]
    assert os.listxattr(handed_down / "config.json") == []
    assert owner(handed_down / "config.json") == (0, 0, 0o640)


def test_an_unprivileged_account_by_ssh(lab: Lab, ansible: Ansible, user: pwd.struct_passwd) -> None:
    """Without acl, sudo, docker or any package of Python's."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("needs a Python that every account may run")
    home = Path(user.pw_dir)
    shutil.copy(lab.ca, home / "ca.pem")
    (home / "ca.pem").chmod(0o644)
    (home / "shadowed").mkdir()
    (home / "shadowed" / "config.json").symlink_to("/etc/shadow")
    os.chown(home / "shadowed", user.pw_uid, user.pw_gid)
    before = set(os.listdir("/tmp"))
    given = [credential(lab), credential(lab, "bearer")]
    trust = {**asking(lab), "registry_ca_cert": f"{home}/ca.pem"}
    with sshd(user) as host:
        play = ansible.play(
            [
                login(*given, **trust),
                login(*given, **trust),
                login(*given, path="~/shadowed/config.json", **trust),
                login(*given, user="root", **trust),
                info(),
                logout(given[0]["registry"]),
            ]
        )
        text = play.read_text().replace('"hosts": "localhost"', '"hosts": "all"').replace('"connection": "local", ', "")
        play.write_text(text.replace('{{ ansible_playbook_python }}"', '/usr/bin/python3"'))
        run = ansible.playbook(play, {"all": {"hosts": {"box": host}}})
    stored, again, shadow, other, rows, out = reported(run)

    assert (actions(stored), actions(again), actions(out)) == (["stored"] * 2, ["unchanged"] * 2, ["removed"])
    assert [row["verified"] for row in again["logins"]] == [True, True]
    assert "cannot be read: Permission denied" in shadow["msg"]
    assert (home / "shadowed" / "config.json").is_symlink()
    assert "Set become: true" in other["msg"]
    assert [row["usable"] for row in rows["logins"]] == [True, True]
    config = home / ".docker" / "config.json"
    assert owner(config) == (user.pw_uid, user.pw_gid, 0o600)
    assert list(auths(config)) == [given[1]["registry"]]
    left = home / ".ansible" / "tmp"
    assert not left.exists() or os.listdir(left) == []
    assert os.listdir(config.parent) == ["config.json"]
    owned = [
        name
        for name in set(os.listdir("/tmp")) - before
        if Path("/tmp", name).exists() and owner(Path("/tmp", name))[0] == user.pw_uid
    ]
    assert owned == []
