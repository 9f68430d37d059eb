# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file with secrets in it: read, and replaced as a whole by one writer at a time.

A reader, and whoever finds the machine after a crash, sees the old file or the new one and nothing between.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_attributes import (
    Attributes,
    apply,
    differences,
    keep_extended,
)
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import find_place
from ansible_collections.pullpass.registry.plugins.module_utils._host.read_text import MOST_BYTES
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import Guard, Place

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# begins the names of temporary files, so that those of a writer that was killed are known for what they are
_TEMPORARY = ".pullpass-"
_SECONDS = 120.0


class LoginFile:
    """``path`` as a person knows it. ``guard``: whose links and folders are followed; None follows all, as docker does."""

    def __init__(self, path: str, guard: Guard | None) -> None:
        self.path = path
        self._guard = guard
        self.unlocked = False

    def read(self) -> tuple[str, os.stat_result | None]:
        """The text, its bytes that are no UTF-8 as lone surrogates, and None for a file that is not there. Raises InputError."""
        with self._told("cannot be read"):
            place = find_place(self.path, self._guard)
            if not place.exists:
                return "", None
            folder = os.open(place.folder, _FOLDER)
            try:
                return self._content(folder, place.name)
            finally:
                os.close(folder)

    def change(self, edit: Callable[[str], str], attributes: Attributes, backup: bool, create: bool = True) -> dict[str, t.Any]:
        """Replace the file by what ``edit`` makes of its text ("" for none). Raises InputError, the file then as it was.

        Gives ``changed``, ``backup_file`` and ``attributes``, the differences of these. Others of ours that change a file
        in the same folder wait as long. Without ``create`` a file that is not there is not made.
        """
        if not create and self.read()[1] is None:
            edit("")
            return {"changed": False, "backup_file": None, "attributes": []}
        with self._told("cannot be written"), self._locked() as (folder, place):
            text, info = self._content(folder, place.name) if place.exists else ("", None)
            edited = edit(text)
            done: dict[str, t.Any] = {"changed": False, "backup_file": None, "attributes": differences(attributes, info)}
            if edited == text and info is None:
                return {**done, "attributes": []}
            if edited == text:
                if done["attributes"]:
                    self._set_attributes(folder, place.name, attributes)
                return {**done, "changed": bool(done["attributes"])}
            if backup and info is not None:
                saved = f"{place.name}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S')}~"
                _write(folder, saved, text, info, Attributes(mode=0o600))
                done["backup_file"] = os.path.join(place.folder, saved)
            _write(folder, place.name, edited, info, attributes)
            return {**done, "changed": True}

    def preview(self, edit: Callable[[str], str], attributes: Attributes) -> dict[str, t.Any]:
        """What ``change`` would give. Writes nothing."""
        text, info = self.read()
        others = differences(attributes, info)
        return {"changed": edit(text) != text or bool(others), "backup_file": None, "attributes": others}

    def _content(self, folder: int, name: str) -> tuple[str, os.stat_result]:
        descriptor = os.open(name, _READ, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise InputError(f"{shown(self.path)} is no plain file. Give another path.")
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{shown(self.path)} is larger than {MOST_BYTES // 1024 // 1024} MiB. Is it the right file?")
        return content.decode("utf-8", "surrogateescape"), info

    @contextlib.contextmanager
    def _locked(self) -> Iterator[tuple[int, Place]]:
        place = find_place(self.path, self._guard)
        if place.missing:
            _make_folders(place)
            place = find_place(self.path, self._guard)
        folder = os.open(place.folder, _FOLDER)
        try:
            self._lock(folder)
            # while we waited another one may have made the file
            place = find_place(self.path, self._guard)
            if not self.unlocked:
                _sweep(folder)
            yield folder, place
        finally:
            os.close(folder)

    def _lock(self, folder: int) -> None:
        """Of the folder itself: nothing is left over, not even by a writer that is killed."""
        until = time.monotonic() + _SECONDS
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise InputError(
                        f"{shown(self.path)}: another process holds the lock on its folder for more than {_SECONDS:.0f} s. See "
                        "what it waits for."
                    ) from None
                time.sleep(random.uniform(0.005, 0.05))  # only spreads those who wait
            except OSError:
                # NFS locks no folders
                self.unlocked = True
                return

    def _set_attributes(self, folder: int, name: str, attributes: Attributes) -> None:
        descriptor = os.open(name, _READ, dir_fd=folder)
        try:
            apply(descriptor, os.fstat(descriptor), attributes)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{shown(self.path)} {what}: {error.strerror}. It was left as it is.") from None


def _make_folders(place: Place) -> None:
    made = place.folder
    for name in place.missing:
        made = os.path.join(made, name)
        with contextlib.suppress(FileExistsError):
            os.mkdir(made, 0o700)


def _keep_extended(folder: int, name: str, descriptor: int) -> None:
    """From the file that is there, if it still is."""
    with contextlib.suppress(OSError):
        old = os.open(name, _READ, dir_fd=folder)
        try:
            keep_extended(old, descriptor)
        finally:
            os.close(old)


def _sweep(folder: int) -> None:
    """Of writers that were killed; whoever holds the lock is the only one that lives."""
    for name in os.listdir(folder):
        if name.startswith(_TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


def _write(folder: int, name: str, text: str, info: os.stat_result | None, attributes: Attributes) -> None:
    temporary = f"{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
    descriptor = os.open(temporary, _WRITE, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            if info is not None:
                _keep_extended(folder, name, descriptor)
            apply(descriptor, info, attributes)
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    with contextlib.suppress(OSError):  # not every file system can
        os.fsync(folder)
