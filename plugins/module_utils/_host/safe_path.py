# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Opens paths that no other account can redirect or write to: checks owners, links and POSIX access control lists.

NFSv4 access control lists are not checked. Each folder on the path is opened relative to the one before it, and the open folder
is checked. Callers work relative to its handle, so nobody can put another folder in its place after the check.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
import struct
import typing as t
from dataclasses import dataclass

from .._errors import HostError
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator


ACCESS_LIST, DEFAULT_LIST = "system.posix_acl_access", "system.posix_acl_default"
# linux/posix_acl_xattr.h: a version, then entries of tag, rights and id
_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x02
_MOST_LINKS = 40
# with O_PATH, if the system has it, folders on the path need not be readable
_PATH = getattr(os, "O_PATH", 0)
_FOLDER = (_PATH or os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LIST = (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


def others_write(handle: int, info: os.stat_result) -> bool:
    """Whether an account other than root and the owner can write. ``handle`` can be opened with O_PATH.

    If an entry of the list lets somebody write, the mode shows it as the right of the group. A list that cannot be read counts as
    such an entry.
    """
    if info.st_mode & stat.S_IWOTH:
        return True
    if not info.st_mode & stat.S_IWGRP:
        return False
    if not hasattr(os, "getxattr"):
        return info.st_gid != 0
    try:
        # the only call for a handle that was opened with O_PATH
        content = os.getxattr(f"/proc/self/fd/{handle}", ACCESS_LIST)
    except OSError as error:
        return info.st_gid != 0 if error.errno in _NO_LIST else True
    return _lets_others_write(content, info.st_gid)


def remove_access_list(descriptor: int) -> None:
    """Remove the list of an open file or folder, and the default list of a folder. Rights that it limited are removed too."""
    if not hasattr(os, "removexattr"):
        return
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if _has(descriptor, ACCESS_LIST):
        # without the list its mask becomes the right of the owning group
        os.fchmod(descriptor, mode & ~stat.S_IRWXG)
        os.removexattr(descriptor, ACCESS_LIST)
    if _has(descriptor, DEFAULT_LIST):
        os.removexattr(descriptor, DEFAULT_LIST)


def _has(descriptor: int, name: str) -> bool:
    try:
        os.getxattr(descriptor, name)
    except OSError as error:
        if error.errno in _NO_LIST:
            return False
        raise
    return True


def _lets_others_write(content: bytes, owning_group: int) -> bool:
    entries = [_ENTRY.unpack_from(content, start) for start in range(_VERSION.size, len(content) - _ENTRY.size + 1, _ENTRY.size)]
    mask = next((rights for tag, rights, _id in entries if tag == _MASK), _WRITE)
    for tag, rights, number in entries:
        others = (tag in (_USER, _GROUP) and number != 0) or (tag == _OWNING_GROUP and owning_group != 0)
        if others and rights & mask & _WRITE:
            return True
    return False


class Watcher(t.Protocol):
    """Checks each step of a path, and raises HostError for one that it rejects."""

    def check(self, path: str, step: str, info: os.stat_result, handle: int) -> None:
        """A folder that is open as ``handle``, or a link in it."""

    def check_file(self, path: str, folder: str, info: os.stat_result, file: tuple[str, os.stat_result] | None) -> None:
        """The end of the path: the folder, which has been checked as a step, and the file if it exists."""


@dataclass(frozen=True)
class Place:
    """``folder`` is the last existing folder, by a path without links, open as ``handle``; ``missing`` are the folders below it.

    ``exists``: whether the file exists; it is then a regular file.
    """

    path: str
    folder: str
    handle: int
    name: str
    missing: tuple[str, ...]
    exists: bool
    watcher: Watcher | None

    def check(self, info: os.stat_result | None) -> None:
        """Check the file that was opened in this folder. Raises HostError."""
        if self.watcher:
            file = None if info is None else (os.path.join(self.folder, self.name), info)
            self.watcher.check_file(self.path, self.folder, os.fstat(self.handle), file)


@dataclass(frozen=True)
class Guard:
    """Follows folders, links and files of root and of ``uid``. ``alone``: no files of root. ``name`` is that of the account."""

    uid: int
    name: str
    alone: bool

    def check(self, path: str, step: str, info: os.stat_result, handle: int) -> None:
        self._check_owner(path, step, info, {self.uid, 0})
        if not stat.S_ISDIR(info.st_mode) or info.st_mode & stat.S_ISVTX:
            return
        if info.st_mode & stat.S_IWOTH or (self.uid == 0 and others_write(handle, info)):
            raise HostError(
                f"{_named(path, step)} can be written by other accounts (mode {stat.S_IMODE(info.st_mode):04o}, or an access "
                f"control list). It is rejected for {self.name}, because others could redirect the file. Remove that right "
                "(see getfacl), or give another path."
            )

    def check_file(self, path: str, folder: str, info: os.stat_result, file: tuple[str, os.stat_result] | None) -> None:
        owners = {self.uid} if self.alone else {self.uid, 0}
        self._check_owner(path, folder, info, owners)
        # in a folder that only root can change, the file can belong to anybody
        if file and (self.alone or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            self._check_owner(path, *file, owners)
            if file[1].st_nlink > 1 and not self.alone:
                raise HostError(
                    f"{_named(path, file[0])} has a second name (a hard link), and others can write to its folder. It is "
                    f"rejected for {self.name}. Give another path."
                )

    def _check_owner(self, path: str, step: str, info: os.stat_result, owners: set[int]) -> None:
        if info.st_uid not in owners:
            owner = owner_name(info.st_uid)
            remedy = f"Give a path of {self.name}." if self.alone else f"Set user to {owner}, or give another path."
            raise HostError(
                f"{_named(path, step)} belongs to {owner}. It is rejected for {self.name}, because {owner} could read the file "
                f"or redirect it. {remedy}"
            )


@contextlib.contextmanager
def open_place(path: str, watcher: Watcher | None) -> Iterator[Place]:
    """Follow an absolute path. Raises HostError if it is not a regular file or a link to nothing, and as the watcher does."""
    walk = _Walk(path, watcher)
    try:
        yield walk.end()
    finally:
        os.close(walk.handle)


class _Walk:
    """``where`` is the folder reached, open as ``handle``."""

    def __init__(self, path: str, watcher: Watcher | None) -> None:
        self._path = path
        self._watcher = watcher
        # of each link: how many parts of the path follow it, and its target
        self._links: list[tuple[int, str]] = []
        self.where = "/"
        self.handle = os.open("/", _FOLDER)

    def end(self) -> Place:
        parts = _parts(self._path)
        while parts:
            if self._watcher:
                self._watcher.check(self._path, self.where, os.fstat(self.handle), self.handle)
            name = parts.pop(0)
            if name == "..":
                self._enter("..", os.path.dirname(self.where))
                continue
            step = os.path.join(self.where, name)
            info, target = self._look(name, step)
            if info is None:
                return self._missing([name, *parts])
            if target is not None:
                parts = self._follow(step, info, target, parts)
            elif not parts:
                return self._final(name, info)
            elif not stat.S_ISDIR(info.st_mode):
                raise HostError(f"{shown(self._path)}: {shown(step)} is not a folder. Check the path.")
            else:
                self._enter(name, step)
        raise HostError(f"{shown(self._path)} is a folder. Give the path of the file in it.")

    def _look(self, name: str, step: str) -> tuple[os.stat_result | None, str | None]:
        """The file with this name, and its target if it is a link; with O_PATH, nobody can change it between the two calls."""
        try:
            if not _PATH:
                info = os.stat(name, dir_fd=self.handle, follow_symlinks=False)
                return info, os.readlink(name, dir_fd=self.handle) if stat.S_ISLNK(info.st_mode) else None
            found = os.open(name, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.handle)
            try:
                info = os.fstat(found)
                return info, os.readlink("", dir_fd=found) if stat.S_ISLNK(info.st_mode) else None
            finally:
                os.close(found)
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise self._unreachable(step, error) from None

    def _enter(self, name: str, step: str) -> None:
        try:
            folder = os.open(name, _FOLDER, dir_fd=self.handle)
        except OSError as error:
            raise self._unreachable(step, error) from None
        os.close(self.handle)
        self.where, self.handle = step, folder

    def _follow(self, step: str, info: os.stat_result, target: str, parts: list[str]) -> list[str]:
        if self._watcher:
            self._watcher.check(self._path, step, info, self.handle)
        self._links.append((len(parts), target))
        if len(self._links) > _MOST_LINKS:
            raise HostError(f"{shown(self._path)} goes through a circle of links. Remove one of them.")
        if target.startswith("/"):
            self._enter("/", "/")
        return _parts(target) + parts

    def _missing(self, parts: list[str]) -> Place:
        path = shown(self._path)
        for after, target in self._links:
            if len(parts) > after:
                raise HostError(
                    f"{path} leads through a link to {shown(target)}, which does not exist. Create it, or remove the link."
                )
        if ".." in parts:
            raise HostError(f"{path} goes up from a folder that does not exist. Write it without '..'.")
        place = self._place(parts[-1], tuple(parts[:-1]), False)
        if not place.missing:
            place.check(None)
        return place

    def _final(self, name: str, info: os.stat_result) -> Place:
        if stat.S_ISDIR(info.st_mode):
            raise HostError(f"{shown(self._path)} is a folder. Give the path of the file in it.")
        if not stat.S_ISREG(info.st_mode):
            raise HostError(f"{shown(self._path)} is a device, pipe or socket, not a regular file. Give another path.")
        place = self._place(name, (), True)
        place.check(info)
        return place

    def _place(self, name: str, missing: tuple[str, ...], exists: bool) -> Place:
        return Place(self._path, self.where, self.handle, name, missing, exists, self._watcher)

    def _unreachable(self, step: str, error: OSError) -> HostError:
        return HostError(f"{shown(self._path)} cannot be reached: {error.strerror} ({shown(step)}).")


def owner_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _named(path: str, step: str) -> str:
    return shown(path) if step == path else f"{shown(path)} leads through {shown(step)}, which"


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
