# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_host/option_files: root does not open what others may replace. Here root is whoever runs the test, in the folder for all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.option_files import others_on_the_way, read_option


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A path in a folder of root that everybody can write in."""
    info = os.stat("/tmp")
    if info.st_uid != 0 or not info.st_mode & stat.S_IWOTH:
        pytest.skip("/tmp is not what it is elsewhere")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    handle, path = tempfile.mkstemp(prefix="pullpass-", dir="/tmp")
    os.close(handle)
    os.unlink(path)
    try:
        yield path
    finally:
        os.unlink(path)


def test_a_pipe_where_others_write_is_not_opened(shared: str) -> None:
    """It was opened by its path, after the check, so that a link to a file of root could have taken its place."""
    os.mkfifo(shared)
    with pytest.raises(HostError, match="is not a regular file, or a link on its path leads to nothing"):
        read_option("config_file", shared)
    # a library would wait for its other end
    assert others_on_the_way(shared)


def test_a_file_where_others_write_is_read(shared: str) -> None:
    with open(shared, "w", encoding="utf-8") as file:
        file.write("{}")
    assert read_option("config_file", shared).text == "{}"
