# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_host/atomic_file: root does not write to the target of another account's link."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.atomic_file import written_as_owner

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder of root that everybody can enter, with one of root's own and one of nobody's."""
    folder = Path(tempfile.mkdtemp(prefix="pullpass-"))
    try:
        folder.chmod(0o755)
        (folder / "of-root").mkdir(mode=0o755)
        (folder / "theirs").mkdir(mode=0o755)
        os.chown(folder / "theirs", pwd.getpwnam("nobody").pw_uid, -1)
        yield folder
    finally:
        shutil.rmtree(folder)


def test_a_link_of_another_account_leads_nowhere_that_it_cannot_write(top: Path) -> None:
    (top / "theirs" / "out").symlink_to(top / "of-root")
    with pytest.raises(HostError, match="cannot be written: Permission denied. It is written as user nobody, who owns a folder"):
        written_as_owner("output_file", str(top / "theirs" / "out" / "audit.json"), "{}")
    assert list((top / "of-root").iterdir()) == []


def test_the_file_belongs_to_whoever_owns_the_folder(top: Path) -> None:
    file = top / "theirs" / "audit.json"
    file.write_text("old")
    assert written_as_owner("output_file", str(file), "{}\n")
    info = file.stat()
    assert (file.read_text(), oct(info.st_mode & 0o777), info.st_uid) == ("{}\n", "0o600", pwd.getpwnam("nobody").pw_uid)
    assert [one.name for one in file.parent.iterdir()] == ["audit.json"]


def test_what_root_alone_controls_is_left_to_root(top: Path) -> None:
    assert not written_as_owner("output_file", str(top / "of-root" / "audit.json"), "{}")
    assert list((top / "of-root").iterdir()) == []
