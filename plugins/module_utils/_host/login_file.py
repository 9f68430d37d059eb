# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads a file with secrets, and replaces it as a whole.

At any time, also after a crash, there is the old file or the new one. Tasks of this collection lock the folder. docker and podman
do not, so the file is compared again right before it is replaced, and the edit is repeated if the file has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
import typing as t
from dataclasses import dataclass

from .._errors import HostError
from .._text import shown
from .atomic_file import Attributes, Replacement, apply, differences, make_folders, remove_leftovers
from .option_files import LARGEST_FILE, refusal_of_choice
from .safe_path import open_place

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .safe_path import Guard, Place


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# the longest wait for a lock: every account that can read a folder can lock it
_SECONDS = 5.0
# of a file that other programs change at the same time
_MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class FileChange:
    """``attributes``: those that changed, each with old and new value."""

    changed: bool = False
    attributes: Sequence[tuple[str, str, str]] = ()
    backup_file: str | None = None


class LoginFile:
    """``path`` is the given one. ``guard``: whose links and folders are followed; null follows those of all, as docker.

    After a read, ``refusal`` says why the file must not choose the credential helpers that run, and is empty if it may.
    ``unlocked``: whether another task could have changed the file at the same time.
    """

    def __init__(self, path: str, guard: Guard | None, is_locked: bool = False) -> None:
        """``is_locked``: whether the caller holds the lock of the folder."""
        self.path = path
        self._guard = guard
        self._is_locked = is_locked
        self.unlocked = False
        self.refusal = ""

    def beside(self, suffix: str) -> LoginFile:
        """The file beside the target of the path, with ``suffix``, for use while this one is changed. Raises HostError."""
        with self._errors("cannot be read"), open_place(self.path, self._guard) as place:
            path = os.path.join(place.folder, *place.missing, place.name + suffix)
        return LoginFile(path, self._guard, is_locked=True)

    def read(self) -> tuple[str, os.stat_result | None]:
        """The text, with lone surrogates for bytes that are not UTF-8, and null for a missing file. Raises HostError."""
        with self._errors("cannot be read"), open_place(self.path, self._guard) as place:
            return self._content(place)

    def change(
        self,
        edit: Callable[[str], str],
        attributes: Attributes,
        backup: bool,
        create: bool = True,
        then: Callable[[], None] = lambda: None,
    ) -> FileChange:
        """Replace the text of the file by that of ``edit``. Raises HostError; the file is then as it was.

        ``edit`` gets an empty text for a missing file, and is called again if another program has changed the file. Without
        ``create`` a missing file is not made. ``then`` is called at the end, with the lock still held.
        """
        if not create and self.read()[1] is None:
            edit("")
            return FileChange()
        until = time.monotonic() + _SECONDS
        with self._errors("cannot be written"):
            for _attempt in range(_MOST_ATTEMPTS):
                with self._locked(until) as (place, folder):
                    change = self._attempt(place, folder, edit, attributes, backup)
                    if change is not None:
                        then()
                if change is not None:
                    return change
        raise HostError(
            f"{shown(self.path)} was changed by another program in each of {_MOST_ATTEMPTS} attempts to replace it. This task "
            "did not change it. Run the task again when no other program writes the file."
        )

    def preview(self, edit: Callable[[str], str], attributes: Attributes) -> FileChange:
        """What ``change`` would return. Writes nothing."""
        text, info = self.read()
        changed_attributes = differences(attributes, info)
        return FileChange(edit(text) != text or bool(changed_attributes), changed_attributes)

    def _attempt(
        self, place: Place, folder: int, edit: Callable[[str], str], attributes: Attributes, backup: bool
    ) -> FileChange | None:
        """As ``change``; null if another program has changed the file."""
        if not os.path.samestat(os.fstat(place.handle), os.fstat(folder)):
            return None
        text, info = self._content(place)
        edited = edit(text)
        changed_attributes = differences(attributes, info)
        if edited == text and not changed_attributes:
            return FileChange()
        if edited == text:
            return FileChange(True, changed_attributes) if self._set_attributes(place, info, attributes) else None
        saved = None
        if backup and info is not None:
            saved = f"{place.name}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S')}~"
        with Replacement(folder) as replacement:
            if saved:
                replacement.prepare(saved, text, None, Attributes(mode=0o600))
            replacement.prepare(place.name, edited, info, attributes)
            if not self._is_still(place, text, info) or not replacement.put_in_place():
                return None
        return FileChange(True, changed_attributes, saved and os.path.join(place.folder, saved))

    def _content(self, place: Place) -> tuple[str, os.stat_result | None]:
        self.refusal = ""
        if not place.exists:
            return "", None
        descriptor = os.open(place.name, _READ, dir_fd=place.handle)
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise HostError(f"{shown(self.path)} is not a regular file. Give another path.")
            place.check(info)
            self.refusal = refusal_of_choice(self.path, descriptor, info)
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise HostError(f"{shown(self.path)} is larger than {LARGEST_FILE // 1024 // 1024} MiB. Check the path.")
        return content.decode("utf-8", "surrogateescape"), info

    def _is_still(self, place: Place, text: str, info: os.stat_result | None) -> bool:
        """Whether the path leads to the same file in the same folder, and the file is unchanged."""
        with open_place(self.path, self._guard) as now:
            if now.name != place.name or not os.path.samestat(os.fstat(now.handle), os.fstat(place.handle)):
                return False
            try:
                text_now, info_now = self._content(now)
            except FileNotFoundError:
                return False
            return text_now == text and _state(info_now) == _state(info)

    @contextlib.contextmanager
    def _locked(self, until: float) -> Iterator[tuple[Place, int]]:
        with open_place(self.path, self._guard) as place:
            make_folders(place)
        with open_place(self.path, self._guard) as place:
            folder = os.open(".", _FOLDER, dir_fd=place.handle)
            try:
                if not self._is_locked and self._lock(folder, until):
                    remove_leftovers(folder)
                # during the wait another task can have made the file, or changed links on its path
                with open_place(self.path, self._guard) as now:
                    yield now, folder
            finally:
                os.close(folder)

    def _lock(self, folder: int, until: float) -> bool:
        """Lock the folder itself, so that a killed writer leaves no lock. After the longest wait, continue without the lock."""
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > until:
                    self.unlocked = True
                    return False
                time.sleep(random.uniform(0.005, 0.05))  # spreads the waiting tasks
            except OSError:
                # NFS cannot lock folders
                self.unlocked = True
                return False

    def _set_attributes(self, place: Place, info: os.stat_result | None, attributes: Attributes) -> bool:
        descriptor = os.open(place.name, _READ, dir_fd=place.handle)
        try:
            now = os.fstat(descriptor)
            if _state(now) != _state(info):
                return False
            apply(descriptor, now, attributes)
        finally:
            os.close(descriptor)
        return True

    @contextlib.contextmanager
    def _errors(self, problem: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise HostError(f"{shown(self.path)} {problem}: {error.strerror}. It was not changed.") from None


def _state(info: os.stat_result | None) -> tuple[int, ...] | None:
    return info and (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
