# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file itself, on a real file system: links, folders, modes, backups, locks, and writers that die."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import stat
import time
from pathlib import Path

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host import login_file
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_attributes import Attributes
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import Guard, find_place
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_file import LoginFile

PLAIN = Attributes()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str = "new", attributes: Attributes = PLAIN, backup: bool = False) -> dict[str, object]:
    return LoginFile(str(path), None).change(lambda _text: text, attributes, backup)


def test_a_new_file_and_its_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.json"
    old = os.umask(0)
    try:
        assert write(path)["changed"] is True
    finally:
        os.umask(old)
    assert path.read_text() == "new"
    assert [mode(one) for one in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]
    assert os.listdir(path.parent) == ["config.json"]


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o600), (0o666, 0o600)])
def test_modes(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    path.chmod(before)
    unchanged = LoginFile(str(path), None).change(lambda text: text, PLAIN, False)
    assert (unchanged["changed"], mode(path)) == (before != after, after)
    path.chmod(before)
    write(path)
    assert (path.read_text(), mode(path)) == ("new", after)
    write(path, "newer", Attributes(mode=0o660))
    assert mode(path) == 0o660


def test_links_stay_and_what_they_lead_to_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "c.json").write_text("old")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "config.json").symlink_to("folder/../folder/c.json")
    write(tmp_path / "config.json")
    assert (tmp_path / "config.json").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert (real / "c.json").read_text() == "new"
    assert os.listdir(real) == ["c.json"]


def test_what_is_no_file_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "dangling-folder").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_text("x")
    for name, told in {
        "folder": "is a folder",
        "folder/..": "is a folder",
        "pipe": "is no plain file",
        "dangling": "leads through a link to nothing, which does not exist",
        "dangling-folder/config.json": "leads through a link to nowhere, which does not exist",
        "circle": "links in a circle",
        "file/config.json": "cannot be reached|is no folder",
        "absent/../config.json": "goes up from a folder that does not exist",
    }.items():
        for act in (LoginFile(f"{tmp_path}/{name}", None).read, lambda name=name: write(tmp_path / name)):
            with pytest.raises(InputError, match=told):
                act()
    assert sorted(os.listdir(tmp_path)) == ["circle", "dangling", "dangling-folder", "file", "folder", "pipe"]


def test_backup(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert write(path, "one", backup=True)["backup_file"] is None
    path.chmod(0o640)
    saved = Path(str(write(path, "two", backup=True)["backup_file"]))
    assert (saved.read_text(), mode(saved), saved.parent) == ("one", 0o600, tmp_path)
    assert write(path, "two", backup=True) == {"changed": False, "backup_file": None, "attributes": []}
    assert len(os.listdir(tmp_path)) == 2


def test_preview_and_absence_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there.json"
    file = LoginFile(str(path), None)
    assert file.preview(lambda _text: "new", PLAIN)["changed"] is True
    assert file.change(lambda text: text, PLAIN, False, create=False)["changed"] is False
    assert os.listdir(tmp_path) == []


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        LoginFile(str(path), None).read()


def test_whoever_holds_the_lock_too_long_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_file, "_SECONDS", 0.2)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="another process holds the lock"):
        write(tmp_path / "config.json")
    os.close(descriptor)
    assert write(tmp_path / "config.json")["changed"] is True


def test_a_guard_refuses_what_belongs_to_others_or_is_open_to_them(tmp_path: Path) -> None:
    uid = os.geteuid()
    stranger = Guard(uid + 1, "stranger", alone=True)
    path = tmp_path / "config.json"
    path.write_text("x")
    with pytest.raises(InputError, match="and is refused for stranger"):
        find_place(str(path), stranger)
    own = Guard(uid, "me", alone=uid != 0)
    assert find_place(str(path), own).exists
    tmp_path.chmod(0o777)
    with pytest.raises(InputError, match=r"which can be written by other accounts \(mode 0777\)"):
        find_place(str(path), own)
    tmp_path.chmod(0o1777)
    assert find_place(str(path), own).exists


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give things away")
def test_in_a_folder_where_all_can_write_root_takes_no_file_of_others(tmp_path: Path) -> None:
    """As in /tmp: it would be theirs with the passwords in it."""
    root = Guard(0, "root", alone=False)
    path = tmp_path / "config.json"
    path.write_text("{}")
    os.chown(path, 54321, 54321)
    assert find_place(str(path), root).exists
    tmp_path.chmod(0o1777)
    with pytest.raises(InputError, match="belongs to user id 54321, and is refused for root"):
        find_place(str(path), root)
    os.chown(path, 0, 0)
    assert find_place(str(path), root).exists
    os.link(path, tmp_path / "other")
    with pytest.raises(InputError, match="has a second name"):
        find_place(str(path), root)
    tmp_path.chmod(0o755)
    assert find_place(str(path), root).exists


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give things away")
def test_a_folder_of_roots_is_refused_for_an_account_before_the_first_file(tmp_path: Path) -> None:
    mine = Guard(54321, "me", alone=True)
    with pytest.raises(InputError, match="belongs to root, and is refused for me"):
        find_place(f"{tmp_path}/config.json", mine)
    assert find_place(f"{tmp_path}/new/config.json", mine).missing == ("new",)


def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    try:
        os.setxattr(path, "user.note", b"ours")
    except OSError as error:
        pytest.skip(f"needs a file system with extended attributes: {error.strerror}")
    write(path)
    assert (path.read_text(), os.getxattr(path, "user.note")) == ("new", b"ours")


def test_many_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.json"

    def add(word: str) -> None:
        LoginFile(str(path), None).change(lambda text: text + word, PLAIN, False)

    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for turn in range(20):
                    add(f"{number}.{turn} ")
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert sorted(path.read_text().split()) == sorted(f"{number}.{turn}" for number in range(8) for turn in range(20))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give things away")
def test_a_guard_looks_at_links_folders_and_the_file(tmp_path: Path) -> None:
    """Each of them alone belongs to a third account."""
    uid, third = 54321, 54322
    home = tmp_path / "home"
    (home / "real").mkdir(parents=True)
    (home / "real" / "config.json").write_text("x")
    (home / "link").symlink_to("real")
    path, mine = home / "link" / "config.json", Guard(uid, "me", alone=True)
    for one in (home, home / "real", home / "real" / "config.json", home / "link"):
        os.chown(one, uid, uid, follow_symlinks=False)
    assert find_place(str(path), mine).folder == str(home / "real")
    for one in (home, home / "real", home / "real" / "config.json", home / "link"):
        os.chown(one, third, third, follow_symlinks=False)
        with pytest.raises(InputError, match="belongs to user id 54322, and is refused for me"):
            find_place(str(path), mine)
        os.chown(one, uid, uid, follow_symlinks=False)
    for one in (home / "real", home / "real" / "config.json"):
        os.chown(one, 0, 0)
        with pytest.raises(InputError, match="belongs to root, and is refused for me"):
            find_place(str(path), mine)
        os.chown(one, uid, uid)


def test_a_writer_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """200 times, at a random moment of writing; the next writer removes what the dead one left."""
    path = tmp_path / "config.json"
    whole = {letter * 300_000 for letter in "ab"}
    chance = random.Random(4711)
    write(path, "a" * 300_000)
    left = 0
    for _round in range(200):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(tell, b".")
                while True:
                    LoginFile(str(path), None).change(lambda text: ("b" if text[0] == "a" else "a") * 300_000, PLAIN, False)
            finally:
                os._exit(1)
        os.read(told, 1)
        for end in (told, tell):
            os.close(end)
        time.sleep(chance.uniform(0, 0.012))
        os.kill(child, signal.SIGKILL)
        _pid, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        assert path.read_text() in whole
        rest = [one for one in tmp_path.iterdir() if one != path]
        assert all(mode(one) == 0o600 for one in rest)
        left += len(rest)
    assert left, "no writer was killed while it wrote"
    write(path, "end")
    assert os.listdir(tmp_path) == ["config.json"]
