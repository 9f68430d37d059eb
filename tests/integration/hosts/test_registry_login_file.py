# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are damaged, in the way, or wanted by many at once: the old file or a whole new one, and words that help."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pullpass.registry.plugins.modules import registry_login
from login_tasks import actions, auths, each, entry, info, login, logout

from ansible_run import Ansible

GIVEN = {"registry": "a.example.com", "username": "bot", "password": "word"}
OFFLINE = {"verify": "none"}
GOOD = '"good.example.com": {"auth": "dTpwYQ=="}'
# content -> part of the message
DAMAGED = {
    "cut": (b'{"auths": {"a.example.com": {"auth": "dTp', "unexpected character at line 1, column 38"),
    "cut-before-end": (b'{\n\t"auths": {}\n', "unexpected end at line 3, column 1"),
    "byte-order-mark": (b'\xef\xbb\xbf{"auths": {}}', "begins with a byte order mark"),
    "utf-16": ('{"auths": {}}'.encode("utf-16"), "begins with a byte order mark"),
    "array": (b"[]", "is an array, not a JSON object"),
    "null": (b"null", "is null, not a JSON object"),
    "nul": (b"\0" * 40, "unexpected character at line 1, column 1"),
    "two-documents": (b'{"auths": {}}{"auths": {}}', "more text after the end at line 1, column 14"),
    "conflict": (b'<<<<<<< ours\n{"auths": {}}\n', "unexpected character at line 1, column 1"),
    "yaml": (b"auths: {}\n", "unexpected character at line 1, column 1"),
    "comma": (b'{"auths": {},}', "expected a name in quotes at line 1, column 14"),
    "not-a-number": (b'{"auths": {}, "x": NaN}', "unexpected character at line 1, column 20"),
    "auths-twice": (b'{"auths": {}, "auths": {}}', "column 24: auths is there a second time"),
    "entry-twice": (b'{"auths": {"a": {},\n"a": {}}}', "line 2, column 6: auths, 'a' is there a second time"),
    "auths-no-object": (b'{"auths": ["a"]}', "auths is an array, not an object"),
    "entry-no-object": (b'{"auths": {"a": "dTpwYQ=="}}', "auths, 'a' is a string, not an object"),
    "auth-no-text": (b'{"auths": {"a": {"auth": {}}}}', "auths, 'a', auth is an object, not text"),
    "bad-base64": (b'{"auths": {"a.example.com": {"auth": "d%%="}}}', "auths, 'a.example.com' cannot be used"),
    "one-bad": (
        f'{{"auths": {{{GOOD},\n"a": {{"auth": "dTpwYQ"}}}}}}'.encode(),
        "line 2, column 15: auths, 'a', auth is not base64",
    ),
    "helpers": (b'{"credHelpers": "x"}', "credHelpers is a string, not an object"),
    "store": (b'{"credsStore": []}', "credsStore is an array, not text"),
}


def test_a_damaged_file_stays_byte_for_byte_as_it_was(ansible: Ansible, tmp_path: Path) -> None:
    for name, (content, _reported) in DAMAGED.items():
        (tmp_path / f"{name}.json").write_bytes(content)

    found = each(ansible, [login(GIVEN, path=f"{tmp_path}/{name}.json", backup=True, **OFFLINE) for name in DAMAGED])

    for row, (name, (content, part)) in zip(found, DAMAGED.items(), strict=True):
        assert row["failed"], name
        assert part in row["msg"], name
        assert row["msg"].startswith(f"{tmp_path}/{name}.json"), name
        assert row["msg"].endswith("Fix the file by hand, or move it away."), name
        assert "dTp" not in row["msg"]
        assert (tmp_path / f"{name}.json").read_bytes() == content, name
    assert len([path for path in tmp_path.iterdir() if ".json" in path.name and "~" in path.name]) == 0


def test_what_stands_in_the_way_of_a_file(ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("/no/such/file")
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "config.json").write_text("{}")
    (tmp_path / "link").symlink_to("kept/config.json")

    folder, dangling, below, pipe, linked, relative = each(
        ansible,
        [
            login(GIVEN, path=f"{tmp_path}/folder", **OFFLINE),
            login(GIVEN, path=f"{tmp_path}/dangling", **OFFLINE),
            login(GIVEN, path=f"{tmp_path}/file/config.json", **OFFLINE),
            info(path=f"{tmp_path}/pipe"),
            login(GIVEN, path=f"{tmp_path}/link", **OFFLINE),
            login(GIVEN, path="config.json", **OFFLINE),
        ],
    )

    assert "is a folder" in folder["msg"]
    assert "/no/such/file, which does not exist" in dangling["msg"]
    assert "is not a folder" in below["msg"]
    assert "is a device, pipe or socket" in pipe["msg"]
    assert actions(linked) == ["stored"]
    assert (tmp_path / "link").is_symlink()
    assert list(auths(kept / "config.json")) == ["a.example.com"]
    assert "is not the absolute path" in relative["msg"]


def mounted(folder: Path, *options: str) -> None:
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


def test_a_full_disk_and_one_that_cannot_be_written(ansible: Ansible, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted(folder, "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs")
    try:
        file = folder / "config.json"
        file.write_text('{"auths": {}, "x": "' + "y" * 40_000 + '"}')
        before = file.read_bytes()
        (full,) = each(ansible, [login(GIVEN, path=str(file), **OFFLINE)])
        left = os.listdir(folder)
        mounted(folder, "-o", "remount,ro")
        (locked,) = each(ansible, [login(GIVEN, path=str(file), **OFFLINE)])
        assert file.read_bytes() == before
    finally:
        subprocess.run(["umount", str(folder)], check=False)

    assert full["msg"] == f"{file} cannot be written: No space left on device. It was not changed."
    assert left == ["config.json"]
    assert "Read-only file system" in locked["msg"]


def begun(options: dict[str, Any], gate: tuple[int, int]) -> int:
    """A process that runs the module as soon as nobody can write into the pipe any more."""
    process = os.fork()
    if process == 0:
        status: Any = 1
        try:
            os.close(gate[1])
            os.read(gate[0], 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            with patch_module_args({**options, "_ansible_remote_tmp": tempfile.gettempdir()}):
                registry_login.main()
        except SystemExit as end:
            status = end.code
        finally:
            os._exit(status)
    return process


def test_fifty_tasks_at_once_in_one_file(ansible: Ansible, tmp_path: Path) -> None:
    """As with a home that many hosts share."""
    file = tmp_path / "docker" / "config.json"
    hosts = [f"h{number:02}.example.com" for number in range(50)]
    gate = os.pipe()

    processes = [begun({"registries": [{**GIVEN, "registry": host}], "path": str(file), **OFFLINE}, gate) for host in hosts]
    for end in gate:
        os.close(end)

    assert [os.waitpid(process, 0)[1] for process in processes] == [0] * 50
    assert auths(file) == dict.fromkeys(hosts, entry("bot", "word"))
    assert os.listdir(file.parent) == ["config.json"]
    (out,) = each(ansible, [logout(*hosts, path=str(file))])
    assert actions(out) == ["removed"] * 50
    assert auths(file) == {}
