# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file replaced as a whole, with its owner, group, mode and access control list."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._text import shown
from .safe_path import ACCESS, remove_access_list

if t.TYPE_CHECKING:
    from .safe_path import Place


# one more means "as it is" to the system
_MOST_ID = 2**32 - 2
# whom SELinux lets read, and what people note; the rest belongs to the content (IMA, capabilities)
_EXTENDED = ("security.selinux",)


@dataclass(frozen=True)
class Attributes:
    """What is asked for; None: as it is, or for a new file as a secret has it."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None

    def for_file(self, info: os.stat_result | None) -> tuple[int, int, int]:
        """Owner, group and mode; -1 for an owner or a group that is nobody's business."""
        uid = self.uid if self.uid is not None else (info.st_uid if info else -1)
        gid = self.gid if self.gid is not None else (info.st_gid if info else -1)
        if self.mode is not None:
            return uid, gid, self.mode
        mode = stat.S_IMODE(info.st_mode) if info else 0o600
        return uid, gid, 0o600 if mode & stat.S_IRWXO else mode


def attributes_option(owner: str | None, group: str | None, mode: t.Any) -> Attributes:
    """Of the options of these names. Raises InputError."""
    return Attributes(
        None if owner is None else _id("owner", owner, lambda name: pwd.getpwnam(name).pw_uid),
        None if group is None else _id("group", group, lambda name: grp.getgrnam(name).gr_gid),
        None if mode is None else _mode(mode),
    )


def _id(option: str, name: str, look_up: t.Callable[[str], int]) -> int:
    try:
        found = int(name) if name.isdigit() else look_up(name)
    except (KeyError, ValueError):
        found = _MOST_ID + 1
    if found > _MOST_ID:
        raise InputError(f"{option} '{shown(name)}' is not known on this host.")
    return found


def _mode(given: t.Any) -> int:
    """YAML makes a number of 0640 by itself, and of '0640' a text."""
    try:
        mode = given if isinstance(given, int) else int(str(given), 8)
    except ValueError:
        mode = -1
    if isinstance(given, bool) or not 0 <= mode <= 0o777 or mode & 0o600 != 0o600:
        raise InputError(
            f"mode '{shown(str(given))}' is no octal mode under which the owner can read and write. Give it in quotes, as '0640'."
        )
    return mode


def differences(attributes: Attributes, info: os.stat_result | None) -> list[tuple[str, str, str]]:
    """What would change of a file that is there: its name, what it is and what it would be."""
    if info is None:
        return []
    uid, gid, mode = attributes.for_file(info)
    told = (
        ("owner", str(info.st_uid), str(uid)),
        ("group", str(info.st_gid), str(gid)),
        ("mode", f"{stat.S_IMODE(info.st_mode):04o}", f"{mode:04o}"),
    )
    return [(name, old, new) for name, old, new in told if old != new]


def keep_extended(old: int, new: int, attributes: Attributes) -> None:
    """Extended attributes of an open file given to another, as far as system and file system have them and let us.

    The access list only where the mode stays: under another mode its entries could come into force.
    """
    if not hasattr(os, "listxattr"):
        return
    info = os.fstat(old)
    kept = (*_EXTENDED, ACCESS) if attributes.for_file(info)[2] == stat.S_IMODE(info.st_mode) else _EXTENDED
    with contextlib.suppress(OSError):
        for name in os.listxattr(old):
            if name in kept or name.startswith("user."):
                with contextlib.suppress(OSError):
                    os.setxattr(new, name, os.getxattr(old, name))


def apply(descriptor: int, info: os.stat_result | None, attributes: Attributes) -> None:
    """To an open file, which takes the place of one with ``info``. Owner first, since to change it takes rights away."""
    uid, gid, mode = attributes.for_file(info)
    now = os.fstat(descriptor)
    if uid not in (-1, now.st_uid):
        os.fchown(descriptor, uid, -1)
    if gid not in (-1, now.st_gid):
        try:
            os.fchown(descriptor, -1, gid)
        except PermissionError:
            if attributes.gid is not None:
                raise
            # a group that is not ours to give: then our own may not read in its stead
            mode &= ~stat.S_IRWXG
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        # an entry of it that the old mode kept out of force could let somebody read
        remove_access_list(descriptor)
        os.fchmod(descriptor, mode)


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
