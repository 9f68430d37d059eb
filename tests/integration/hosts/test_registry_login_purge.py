# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logins that a task stored and does not name any more are removed, and nobody else's."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helper_programs import HELPER_PROGRAM
from host_role_support import local, results, summary, use
from login_tasks import Task, actions, auths, checked, each, entry, login, logout, program, ran
from login_watch import account

from ansible_run import Ansible

A, B, C = ({"registry": f"{name}.example.com", "username": "bot", "password": "Zauberwort"} for name in "abc")
STORED = entry("bot", "Zauberwort")
ENDING = ".pullpass-logins"


@pytest.fixture
def user() -> Iterator[pwd.struct_passwd]:
    with account() as made:
        yield made


def purging(*given: dict[str, Any], **options: Any) -> Task:
    return login(*given, **{"verify": "none", "purge_registries": True, **options})


def memo(file: Path) -> Path:
    return file.with_name(file.name + ENDING)


def listed(file: Path) -> list[tuple[str, str, str, str]]:
    rows = json.loads(memo(file).read_text())["logins"]
    return [(row["registry"], row["username"], row["store"], row["owner"]) for row in rows]


def write(file: Path, **entries: Any) -> None:
    file.write_text(json.dumps({"auths": {name.replace("_", "."): value for name, value in entries.items()}}))
    file.chmod(0o600)


@pytest.mark.parametrize("kind", ["docker", "containers"])
def test_what_is_not_named_any_more_goes(ansible: Ansible, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "config.json"
    write(file, old_example_com=entry("alice", "x"), c_example_com=STORED)
    here = {"path": str(file), "format": kind}

    first, again, would, done, over = each(
        ansible,
        [
            purging(A, B, C, {**A, "registry": "docker.io"}, **here),
            purging(A, B, C, {**A, "registry": "docker.io"}, **here),
            checked(purging(A, **here)),
            purging(A, **here),
            purging(A, **here),
        ],
        diff=True,
    )

    assert actions(first) == ["stored", "stored", "unchanged", "stored"]
    assert (again["changed"], again["purged"], over["changed"], over["purged"]) == (False, [], False, [])
    assert {name: would[name] for name in ("changed", "logins", "purged", "diff")} == {
        name: done[name] for name in ("changed", "logins", "purged", "diff")
    }
    hub = "https://index.docker.io/v1/" if kind == "docker" else "docker.io"
    assert sorted(done["purged"]) == sorted(["b.example.com", hub])
    assert {"registry": "b.example.com", "username": "bot", "action": "removed", "verified": None} in done["logins"]
    assert "b.example.com: user bot, password (before)" in done["diff"]["before"]
    # C was there before
    assert auths(file) == {"old.example.com": entry("alice", "x"), "c.example.com": STORED, "a.example.com": STORED}
    assert listed(file) == [("a.example.com", "bot", "file", "default")]
    assert stat.S_IMODE(memo(file).stat().st_mode) == 0o600
    assert not any(word in memo(file).read_text() for word in ("Zauberwort", STORED["auth"]))


def test_logins_of_others_stay(ansible: Ansible, tmp_path: Path) -> None:
    """Also after docker has written the file, and whoever logged in."""
    file = tmp_path / "config.json"
    here = {"path": str(file)}
    given = [{**A, "registry": f"{name}.example.com"} for name in ("kept", "alice", "gone", "token", "again", "url")]
    each(ansible, [purging(*given, **here)])
    ran(program("docker", "docker.io"), "--config", tmp_path, "logout", "gone.example.com")
    content = json.loads(file.read_text())
    content["auths"]["alice.example.com"] = entry("alice", "x")
    content["auths"]["token.example.com"] = {**entry("bot", ""), "identitytoken": "t"}
    content["auths"]["again.example.com"] = entry("bot", "another password")
    content["auths"]["https://url.example.com"] = content["auths"]["url.example.com"]
    file.write_text(json.dumps(content))

    done, again = each(ansible, [purging(given[0], **here), purging(given[0], **here)])

    # of one who logs in again as the same user nobody can see that
    assert sorted(done["purged"]) == ["again.example.com", "url.example.com"]
    assert sorted(auths(file)) == ["alice.example.com", "https://url.example.com", "kept.example.com", "token.example.com"]
    assert [warning.split(":")[0] for warning in done["warnings"]] == ["alice.example.com", "token.example.com"]
    assert "somebody else's login" in done["warnings"][0]
    assert (again["changed"], again["warnings"], len(listed(file))) == (False, [], 1)


def test_without_the_option_tasks_add_up(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    here = {"path": str(file), "verify": "none"}

    each(ansible, [login(A, **here), login(B, **here)])
    assert (sorted(auths(file)), memo(file).exists()) == (["a.example.com", "b.example.com"], False)
    (first,) = each(ansible, [purging(C, **here)])
    assert (sorted(auths(file)), first["purged"]) == (["a.example.com", "b.example.com", "c.example.com"], [])
    # stored by another task since then
    each(ansible, [login({**C, "password": "another"}, **here)])
    assert listed(file) == []
    (second,) = each(ansible, [purging(B, **here)])
    assert (second["purged"], "c.example.com" in auths(file)) == ([], True)


def test_two_owners_of_one_file(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    ours, theirs = ({"path": str(file), "purge_owner": name} for name in ("ours", "theirs"))

    each(ansible, [purging(A, B, **ours), purging(B, C, **theirs)])
    assert sorted(auths(file)) == ["a.example.com", "b.example.com", "c.example.com"]
    first, second = each(ansible, [purging(A, **ours), purging(C, **theirs)])

    assert (first["purged"], second["purged"]) == ([], ["b.example.com"])
    assert sorted(auths(file)) == ["a.example.com", "c.example.com"]


def test_absent_removes_all_that_was_stored(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    write(file, old_example_com=STORED)
    here = {"path": str(file), "purge_registries": True}

    each(ansible, [purging(A, B, C, **here)])
    out, again = each(ansible, [logout("a.example.com", **here), logout("a.example.com", **here)])
    file.unlink()
    missing, gone = each(ansible, [logout("a.example.com", **here), logout("a.example.com", **here)])

    assert (actions(out), out["purged"]) == (["removed"] * 3, ["b.example.com", "c.example.com"])
    assert (again["changed"], missing["changed"], gone["changed"], file.exists()) == (False, False, False, False)


def test_helpers(ansible: Ansible, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("one", "all", "away"):
        (folder / f"docker-credential-{name}").write_text(HELPER_PROGRAM)
        (folder / f"docker-credential-{name}").chmod(0o755)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"credsStore": "all", "credHelpers": {"b.example.com": "away"}}))
    here = {"path": str(file)}

    def kept(name: str) -> list[str]:
        return sorted(json.loads((folder / f"docker-credential-{name}.json").read_text()))

    each(ansible, [purging(A, B, **here), purging(C, purge_owner="x", store="one", **here)], environment=environment)
    assert (kept("all"), kept("away"), kept("one")) == (["a.example.com"], ["b.example.com"], ["c.example.com"])
    (folder / "docker-credential-away").rename(folder / "away")
    other = {**A, "registry": "d.example.com"}
    tasks = [checked(purging(other, **here)), purging(other, **here), purging(other, purge_owner="x", store="one", **here)]
    would, done, last = each(ansible, tasks, environment=environment)
    assert (would["purged"], done["purged"], last["purged"]) == (["a.example.com"], ["a.example.com"], ["c.example.com"])
    assert "b.example.com: the login cannot be removed: docker-credential-away cannot be run" in done["warnings"][0]
    (folder / "away").rename(folder / "docker-credential-away")
    (back,) = each(ansible, [purging(other, **here)], environment=environment)

    assert back["purged"] == ["b.example.com"]
    assert (kept("all"), kept("away"), kept("one")) == (["d.example.com"], [], ["d.example.com"])
    assert json.loads(file.read_text())["credHelpers"] == {"b.example.com": "away", "d.example.com": "one"}


@pytest.mark.parametrize("fault", ["damaged", "folder", "link to nothing"])
def test_a_list_that_cannot_be_read_stops_the_purge_alone(ansible: Ansible, tmp_path: Path, fault: str) -> None:
    file = tmp_path / "config.json"
    write(file, old_example_com=STORED)
    if fault == "damaged":
        memo(file).write_text('{"version": 1, "logins": [')
    elif fault == "folder":
        memo(file).mkdir()
    else:
        memo(file).symlink_to(tmp_path / "nowhere")
    before = file.read_bytes()

    refused, plain = each(ansible, [purging(A, path=str(file)), login(A, path=str(file), verify="none")])

    assert refused["failed"]
    assert str(memo(file)) in refused["msg"]
    assert (before, actions(plain)) == (before, ["stored"])
    assert not (tmp_path / "nowhere").exists()
    assert sorted(auths(file)) == ["a.example.com", "old.example.com"]


def test_a_list_of_somebody_else_is_refused_for_root(ansible: Ansible, user: pwd.struct_passwd, tmp_path: Path) -> None:
    home = Path(user.pw_dir)
    file = home / ".docker/config.json"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"version": 1, "logins": []}))
    task = purging(A, B, user=user.pw_name)
    (first,) = each(ansible, [task])
    info = memo(file).stat()
    assert (first["changed"], info.st_uid, stat.S_IMODE(info.st_mode)) == (True, user.pw_uid, 0o600)
    (dropped,) = each(ansible, [purging(A, user=user.pw_name)])
    assert (dropped["purged"], list(auths(file))) == (["b.example.com"], ["a.example.com"])

    os.chown(memo(file), 0, 0)
    (of_root,) = each(ansible, [task])
    memo(file).unlink()
    memo(file).symlink_to(elsewhere)
    (linked,) = each(ansible, [task])

    assert (of_root["failed"], linked["failed"]) == (True, True)
    assert "belongs to root. It is rejected" in of_root["msg"]
    assert list(auths(file)) == ["a.example.com"]
    assert json.loads(elsewhere.read_text()) == {"version": 1, "logins": []}


def test_the_list_lies_where_the_path_leads_to_and_is_lost_with_a_file_in_memory(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "real" / "config.json"
    file.parent.mkdir()
    file.write_text("{}")
    link = tmp_path / "link.json"
    link.symlink_to(file)
    memory = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        each(ansible, [purging(A, path=str(link)), purging(A, B, path=str(memory / "auth.json"), format="containers")])
        (dropped,) = each(ansible, [purging(A, path=str(memory / "auth.json"), format="containers")])
        assert (dropped["purged"], sorted(path.name for path in memory.iterdir())) == (
            ["b.example.com"],
            ["auth.json", f"auth.json{ENDING}"],
        )
    finally:
        shutil.rmtree(memory)

    assert (memo(file).exists(), memo(link).exists()) == (True, False)
    (done,) = each(ansible, [purging(B, path=str(file))])
    assert done["purged"] == ["a.example.com"]


def test_tasks_at_the_same_time_lose_nothing_from_the_list(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    names = [f"n{number}" for number in range(4)]
    tasks = {name: purging({**A, "registry": f"{name}.example.com"}, path=str(file), purge_owner=name) for name in names}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda task: each(ansible, [task]), tasks.values()))
    assert [row[3] for row in listed(file)] == names
    assert sorted(auths(file)) == [f"{name}.example.com" for name in names]


def test_the_role_logs_out_of_what_was_taken_from_the_registries(ansible: Ansible, tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    write(first, old_example_com=STORED)
    off = {"host_registry_login_verify": "none"}

    def run(*given: dict[str, Any], **more: Any) -> Any:
        return use(ansible, {"box": local(first, second, pullpass_registries=list(given), **off, **more)})

    run(A, B, C)
    dropped = run(A, C)
    out = run(A, host_registry_login_state="absent")

    assert (dropped.exit_code, out.exit_code) == (0, 0)
    assert (results(dropped)["box"]["purged"], results(out)["box"]["purged"]) == (["b.example.com"], [])
    assert results(dropped)["box"]["logins"] == {"stored": 0, "removed": 2, "unchanged": 4}
    assert "removed, since it is not in the registries any more: b.example.com" in summary(dropped)["box"]
    # a logout is for what it names
    assert (auths(first), auths(second)) == ({"old.example.com": STORED, "c.example.com": STORED}, {"c.example.com": STORED})
