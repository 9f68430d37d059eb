# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""New files with secrets in them, written beside those whose place they take. Everything happens in one open folder."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._host.access_list import remove_access_list
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_attributes import apply, keep_extended

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._host.file_attributes import Attributes
    from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import Place

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# begins the names of temporary files, so that those of a writer that was killed are known for what they are
_TEMPORARY = ".pullpass-"


class Replacement:
    """Files that are put in place together. What was not put in place is removed in the end."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._prepared: list[tuple[str, str]] = []

    def __enter__(self) -> Replacement:
        return self

    def __exit__(self, *_error: object) -> None:
        for temporary, _name in self._prepared:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=self._folder)

    def prepare(self, name: str, text: str, info: os.stat_result | None, attributes: Attributes) -> None:
        """``info``: of the file whose place the new one takes, None for none."""
        temporary = f"{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(temporary, _WRITE, 0o600, dir_fd=self._folder)
        self._prepared.append((temporary, name))
        with os.fdopen(descriptor, "wb") as file:
            # what the folder hands down to new files could let somebody read; an empty file has nothing to hide meanwhile
            remove_access_list(descriptor)
            if info is not None:
                self._keep_extended(name, descriptor, attributes)
            apply(descriptor, info, attributes)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(descriptor)

    def put_in_place(self) -> bool:
        """False where another task took a file of ours for one that a killed writer left."""
        while self._prepared:
            try:
                os.rename(*self._prepared[0], src_dir_fd=self._folder, dst_dir_fd=self._folder)
            except FileNotFoundError:
                return False
            self._prepared.pop(0)
        with contextlib.suppress(OSError):  # not every file system can
            os.fsync(self._folder)
        return True

    def _keep_extended(self, name: str, descriptor: int, attributes: Attributes) -> None:
        """From the file that has the name, if there still is one."""
        with contextlib.suppress(OSError):
            old = os.open(name, _READ, dir_fd=self._folder)
            try:
                keep_extended(old, descriptor, attributes)
            finally:
                os.close(old)


def make_folders(place: Place) -> None:
    """The missing ones, for their owner alone. One that somebody else makes meanwhile is checked by who walks the path again."""
    folder = os.dup(place.handle)
    try:
        for name in place.missing:
            made = True
            try:
                os.mkdir(name, 0o700, dir_fd=folder)
            except FileExistsError:
                made = False
            below = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
            if made:
                remove_access_list(folder)
    finally:
        os.close(folder)


def remove_leftovers(folder: int) -> None:
    """Of writers that were killed; whoever holds the lock of the folder is the only one that lives."""
    for name in os.listdir(folder):
        if name.startswith(_TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
