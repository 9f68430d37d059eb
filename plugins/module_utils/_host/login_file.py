# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file with secrets in it: read, and replaced as a whole.

A reader, and whoever finds the machine after a crash, sees the old file or the new one and nothing between. Other tasks of this
collection wait for each other by a lock. docker and podman take none, so that the file is looked at again right before it is
replaced, and the edit is planned again where it has changed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
import typing as t

from .._errors import InputError
from .._text import shown
from .atomic_file import Attributes, Replacement, apply, differences, make_folders, remove_leftovers
from .option_files import MOST_BYTES, refusal_of_choice
from .safe_path import open_place

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .safe_path import Guard, Place


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# every local account that can read a folder can lock it; longer than this no task waits for one
_SECONDS = 5.0
# of a file that others change meanwhile
_MOST_ATTEMPTS = 5


class LoginFile:
    """``path`` as a person knows it. ``guard``: whose links and folders are followed; None follows all, as docker does.

    After a read ``refusal`` says why the file does not choose which credential helpers run, and is empty where it does.
    ``unlocked``: another task could have changed the file at the same time.
    """

    def __init__(self, path: str, guard: Guard | None, is_locked: bool = False) -> None:
        """``is_locked``: whoever uses it holds the lock on its folder."""
        self.path = path
        self._guard = guard
        self._is_locked = is_locked
        self.unlocked = False
        self.refusal = ""

    def beside(self, suffix: str) -> LoginFile:
        """The file of this name and ``suffix`` where the path leads to, for use while this one is changed. Raises InputError."""
        with self._told("cannot be read"), open_place(self.path, self._guard) as place:
            path = os.path.join(place.folder, *place.missing, place.name + suffix)
        return LoginFile(path, self._guard, is_locked=True)

    def read(self) -> tuple[str, os.stat_result | None]:
        """The text, its bytes that are no UTF-8 as lone surrogates, and None for a missing file. Raises InputError."""
        with self._told("cannot be read"), open_place(self.path, self._guard) as place:
            return self._content(place)

    def change(
        self,
        edit: Callable[[str], str],
        attributes: Attributes,
        backup: bool,
        create: bool = True,
        then: Callable[[], None] = lambda: None,
    ) -> dict[str, t.Any]:
        """Replace the file by what ``edit`` makes of its text ("" for none). Raises InputError, the file then as it was.

        Gives ``changed``, ``backup_file`` and ``attributes``, the differences of these. ``edit`` is called again where another
        program has changed the file meanwhile. Without ``create`` a missing file is not made. ``then`` is called at the end,
        while other tasks still wait.
        """
        if not create and self.read()[1] is None:
            edit("")
            return {"changed": False, "backup_file": None, "attributes": []}
        until = time.monotonic() + _SECONDS
        with self._told("cannot be written"):
            for _attempt in range(_MOST_ATTEMPTS):
                with self._locked(until) as (place, folder):
                    done = self._attempt(place, folder, edit, attributes, backup)
                    if done is not None:
                        then()
                if done is not None:
                    return done
        raise InputError(
            f"{shown(self.path)} was changed by another program each of the {_MOST_ATTEMPTS} times that this task was about to "
            "replace it. It was left as it is. Run the task again when nothing else writes it."
        )

    def preview(self, edit: Callable[[str], str], attributes: Attributes) -> dict[str, t.Any]:
        """What ``change`` would give. Writes nothing."""
        text, info = self.read()
        others = differences(attributes, info)
        return {"changed": edit(text) != text or bool(others), "backup_file": None, "attributes": others}

    def _attempt(
        self, place: Place, folder: int, edit: Callable[[str], str], attributes: Attributes, backup: bool
    ) -> dict[str, t.Any] | None:
        """As ``change``; None where the file is not what it was any more."""
        if not os.path.samestat(os.fstat(place.handle), os.fstat(folder)):
            return None
        text, info = self._content(place)
        edited = edit(text)
        done: dict[str, t.Any] = {"changed": False, "backup_file": None, "attributes": differences(attributes, info)}
        if edited == text and info is None:
            return {**done, "attributes": []}
        if edited == text:
            changed = bool(done["attributes"])
            return {**done, "changed": changed} if not changed or self._set_attributes(place, info, attributes) else None
        saved = None
        if backup and info is not None:
            saved = f"{place.name}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S')}~"
        with Replacement(folder) as replacement:
            if saved:
                replacement.prepare(saved, text, None, Attributes(mode=0o600))
            replacement.prepare(place.name, edited, info, attributes)
            if not self._is_still(place, text, info) or not replacement.put_in_place():
                return None
        return {**done, "changed": True, "backup_file": saved and os.path.join(place.folder, saved)}

    def _content(self, place: Place) -> tuple[str, os.stat_result | None]:
        self.refusal = ""
        if not place.exists:
            return "", None
        descriptor = os.open(place.name, _READ, dir_fd=place.handle)
        with os.fdopen(descriptor, "rb") as file:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise InputError(f"{shown(self.path)} is no plain file. Give another path.")
            place.check(info)
            self.refusal = refusal_of_choice(self.path, descriptor, info)
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{shown(self.path)} is larger than {MOST_BYTES // 1024 // 1024} MiB. Is it the right file?")
        return content.decode("utf-8", "surrogateescape"), info

    def _is_still(self, place: Place, text: str, info: os.stat_result | None) -> bool:
        """Whether the path leads to the same file in the same folder, and nobody has written it."""
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
                # while we waited another one may have made the file, or changed the links that lead to it
                with open_place(self.path, self._guard) as now:
                    yield now, folder
            finally:
                os.close(folder)

    def _lock(self, folder: int, until: float) -> bool:
        """Of the folder itself: nothing is left over, not even by a writer that is killed. Goes on without it in the end."""
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > until:
                    self.unlocked = True
                    return False
                time.sleep(random.uniform(0.005, 0.05))  # only spreads those who wait
            except OSError:
                # NFS locks no folders
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
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"{shown(self.path)} {what}: {error.strerror}. It was left as it is.") from None


def _state(info: os.stat_result | None) -> tuple[int, ...] | None:
    return info and (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
