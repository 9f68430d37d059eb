# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file itself, on a real file system: links, folders, modes, backups, locks, and writers that die."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host import login_file
from ansible_collections.pullpass.registry.plugins.module_utils._host.atomic_file import Attributes, Replacement
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_file import FileChange, LoginFile
from ansible_collections.pullpass.registry.plugins.module_utils._host.safe_path import Guard, Place, open_place

PLAIN = Attributes()


def find_place(path: str, guard: Guard | None) -> Place:
    with open_place(path, guard) as place:
        return place


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, text: str = "new", attributes: Attributes = PLAIN, backup: bool = False) -> FileChange:
    return LoginFile(str(path), None).change(lambda _text: text, attributes, backup)


def test_a_new_file_and_its_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.json"
    old = os.umask(0)
    try:
        assert write(path).changed is True
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
    assert (unchanged.changed, mode(path)) == (before != after, after)
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
    for name, reported in {
        "folder": "is a folder",
        "folder/..": "is a folder",
        "pipe": "not a regular file",
        "dangling": "leads through a link to nothing, which does not exist",
        "dangling-folder/config.json": "leads through a link to nowhere, which does not exist",
        "circle": "a circle of links",
        "file/config.json": "cannot be reached|is not a folder",
        "absent/../config.json": "goes up from a folder that does not exist",
    }.items():
        for act in (LoginFile(f"{tmp_path}/{name}", None).read, lambda name=name: write(tmp_path / name)):
            with pytest.raises(HostError, match=reported):
                act()
    assert sorted(os.listdir(tmp_path)) == ["circle", "dangling", "dangling-folder", "file", "folder", "pipe"]


def test_backup(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert write(path, "one", backup=True).backup_file is None
    path.chmod(0o640)
    saved = Path(str(write(path, "two", backup=True).backup_file))
    assert (saved.read_text(), mode(saved), saved.parent) == ("one", 0o600, tmp_path)
    assert write(path, "two", backup=True) == FileChange()
    assert len(os.listdir(tmp_path)) == 2


def test_preview_and_absence_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there.json"
    file = LoginFile(str(path), None)
    assert file.preview(lambda _text: "new", PLAIN).changed is True
    assert file.change(lambda text: text, PLAIN, False, create=False).changed is False
    assert os.listdir(tmp_path) == []


def test_a_file_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(HostError, match="larger than 16 MiB"):
        LoginFile(str(path), None).read()


@pytest.mark.timed
def test_nobody_holds_up_a_task_with_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every local account that can read the folder can lock it."""
    monkeypatch.setattr(login_file, "_SECONDS", 0.2)
    (tmp_path / ".pullpass-1-of-another-task").write_text("x")
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    file = LoginFile(str(tmp_path / "config.json"), None)
    began = time.monotonic()
    assert file.change(lambda text: text + "new", PLAIN, False).changed is True
    assert file.unlocked
    assert time.monotonic() - began < 3
    assert sorted(os.listdir(tmp_path)) == [".pullpass-1-of-another-task", "config.json"]
    os.close(descriptor)
    assert write(tmp_path / "config.json", "newer").changed is True
    assert os.listdir(tmp_path) == ["config.json"]


def _meddling(meddle: Callable[[], object], seen: list[str]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        seen.append(text)
        if len(seen) == 1:
            meddle()
        return f"{text} and ours"

    return edit


def test_an_edit_is_planned_again_where_the_file_has_changed(tmp_path: Path) -> None:
    """As by docker login, which takes no lock and renames a new file into place while a credential helper is asked."""
    path = tmp_path / "config.json"
    others: dict[str, Callable[[], object]] = {
        "renamed": lambda: (tmp_path / "new").write_text("other") and (tmp_path / "new").rename(path),
        "written": lambda: path.write_text("other"),
        # of the same size, in the same file
        "written over": lambda: path.write_text("eld"),
        "removed": path.unlink,
        "chmod": lambda: path.chmod(0o640),
    }
    for name, meddle in others.items():
        path.write_text("old")
        path.chmod(0o600)
        seen: list[str] = []
        edit = _meddling(meddle, seen)
        assert LoginFile(str(path), None).change(edit, PLAIN, backup=True).changed is True
        assert len(seen) == 2, name
        assert path.read_text() == f"{seen[-1]} and ours", name
        assert seen[-1] == {"removed": "", "chmod": "old", "written over": "eld"}.get(name, "other")
        assert mode(path) == (0o640 if name == "chmod" else 0o600)
        saved = [one for one in tmp_path.iterdir() if one != path]
        assert [one.read_text() for one in saved] == ([] if name == "removed" else [seen[-1]]), name
        for one in saved:
            one.unlink()


def test_a_new_file_takes_the_place_of_none_that_another_program_has_made(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    def edit(text: str) -> str:
        path.write_text(text or "other")
        return f"{text} and ours"

    with pytest.raises(HostError, match="was changed by another program in each of 5 attempts"):
        LoginFile(str(path), None).change(lambda text: edit("") + text, PLAIN, False)
    assert path.read_text() == "other"
    assert os.listdir(tmp_path) == ["config.json"]


def test_another_task_may_take_an_unlocked_writer_for_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It removes the new file of a task that went on without the lock."""
    path = tmp_path / "config.json"
    file = LoginFile(str(path), None)
    look, seen = file._is_still, []

    def swept(*arguments: Any) -> bool:
        seen.append(look(*arguments))
        if len(seen) == 1:
            (left,) = (one for one in tmp_path.iterdir() if one != path)
            left.unlink()
        return seen[-1]

    monkeypatch.setattr(file, "_is_still", swept)
    assert file.change(lambda text: text + "new", PLAIN, False).changed is True
    assert (path.read_text(), len(seen), os.listdir(tmp_path)) == ("new", 2, ["config.json"])


def test_an_edit_is_planned_again_where_a_link_leads_elsewhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(name)
    (tmp_path / "link").symlink_to("one")

    def edit(text: str) -> str:
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("two")
        return f"{text} and ours"

    LoginFile(str(tmp_path / "link" / "config.json"), None).change(edit, PLAIN, False)
    assert [(tmp_path / name / "config.json").read_text() for name in ("one", "two")] == ["one", "two and ours"]


def access_list(path: Path, *entries: str) -> None:
    if shutil.which("setfacl") is None:
        pytest.skip("needs setfacl")
    done = subprocess.run(["setfacl", *entries, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs a file system with access control lists: {done.stderr}")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose guard it is")
def test_a_folder_that_an_access_list_opens_to_others_is_refused_for_root(tmp_path: Path) -> None:
    root = Guard(0, "root", alone=False)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    path = str(folder / "config.json")
    for entry, refused in {
        "u:54321:rwx": True,
        "g:54321:rwx": True,
        "u:54321:r-x": False,
        "u:0:rwx": False,
        "g:0:rwx": False,
        "g::rwx": False,
        "u:54321:rwx,m::r-x": False,
        "d:u:54321:rwx": False,
    }.items():
        access_list(folder, "-b", "-m", entry)
        for one in (path, str(folder / "below" / "config.json")):
            (folder / "below").mkdir(exist_ok=True)
            if refused:
                with pytest.raises(HostError, match="can be written by other accounts"):
                    find_place(one, root)
            else:
                assert not find_place(one, root).exists, entry
    access_list(folder, "-b")
    os.chown(folder, 0, 54321)
    folder.chmod(0o775)
    with pytest.raises(HostError, match="can be written by other accounts"):
        find_place(path, root)
    # the owning group may not write, only somebody that is root
    access_list(folder, "-m", "g::r-x,u:0:rwx")
    assert not find_place(path, root).exists


def test_the_access_list_that_a_folder_hands_down_reaches_no_new_file_or_folder(tmp_path: Path) -> None:
    access_list(tmp_path, "-m", "d:u:54321:rwx,d:g:54322:rwx")
    (tmp_path / "probe").touch(mode=0o640)
    assert os.listxattr(tmp_path / "probe") == ["system.posix_acl_access"]
    for attributes in (PLAIN, Attributes(mode=0o640), Attributes(mode=0o660)):
        path = tmp_path / "new" / "folder" / f"{attributes.mode}.json"
        write(path, "one", attributes)
        saved = Path(str(write(path, "two", attributes, backup=True).backup_file))
        assert [os.listxattr(one) for one in (path, saved, path.parent, path.parent.parent)] == [[]] * 4
        assert mode(path) == (attributes.mode or 0o600)
        assert [mode(one) for one in (path.parent, path.parent.parent)] == [0o700] * 2


def test_an_access_list_of_the_file_stays_as_long_as_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("old")
    path.chmod(0o640)
    access_list(path, "-m", "u:54321:r--")
    before = os.getxattr(path, "system.posix_acl_access")
    write(path, "new")
    assert os.getxattr(path, "system.posix_acl_access") == before
    # an entry without force gets none by a new mode, with and without new content
    for text in ("new", "newer"):
        path.chmod(0o600)
        access_list(path, "-m", "u:54321:r--,m::---")
        write(path, text, Attributes(mode=0o640))
        assert (mode(path), os.listxattr(path)) == (0o640, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give things away")
def test_what_was_checked_is_what_is_used(tmp_path: Path) -> None:
    """Somebody who can write one folder up puts another folder in place of the one that was checked."""
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for one in (folder, elsewhere):
        one.mkdir()
    with open_place(str(folder / "config.json"), Guard(0, "root", alone=False)) as place:
        folder.rename(tmp_path / "moved")
        folder.symlink_to(elsewhere)
        with Replacement(place.handle) as replacement:
            replacement.prepare(place.name, "secret", None, PLAIN)
            replacement.put_in_place()
    assert os.listdir(elsewhere) == []
    assert (tmp_path / "moved" / "config.json").read_text() == "secret"


def test_a_guard_refuses_what_belongs_to_others_or_is_open_to_them(tmp_path: Path) -> None:
    uid = os.geteuid()
    stranger = Guard(uid + 1, "stranger", alone=True)
    path = tmp_path / "config.json"
    path.write_text("x")
    with pytest.raises(HostError, match="It is rejected for stranger"):
        find_place(str(path), stranger)
    own = Guard(uid, "me", alone=uid != 0)
    assert find_place(str(path), own).exists
    tmp_path.chmod(0o777)
    with pytest.raises(HostError, match=r"which can be written by other accounts \(mode 0777"):
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
    with pytest.raises(HostError, match="belongs to user id 54321. It is rejected for root"):
        find_place(str(path), root)
    os.chown(path, 0, 0)
    assert find_place(str(path), root).exists
    os.link(path, tmp_path / "other")
    with pytest.raises(HostError, match="has a second name"):
        find_place(str(path), root)
    tmp_path.chmod(0o755)
    assert find_place(str(path), root).exists


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give things away")
def test_a_folder_of_roots_is_refused_for_an_account_before_the_first_file(tmp_path: Path) -> None:
    mine = Guard(54321, "me", alone=True)
    with pytest.raises(HostError, match="belongs to root. It is rejected for me"):
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
        with pytest.raises(HostError, match="belongs to user id 54322. It is rejected for me"):
            find_place(str(path), mine)
        os.chown(one, uid, uid, follow_symlinks=False)
    for one in (home / "real", home / "real" / "config.json"):
        os.chown(one, 0, 0)
        with pytest.raises(HostError, match="belongs to root. It is rejected for me"):
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
        reported, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(tell, b".")
                while True:
                    LoginFile(str(path), None).change(lambda text: ("b" if text[0] == "a" else "a") * 300_000, PLAIN, False)
            finally:
                os._exit(1)
        os.read(reported, 1)
        for end in (reported, tell):
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
