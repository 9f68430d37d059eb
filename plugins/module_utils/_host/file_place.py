# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where a path leads, link by link, and whether everybody on the way may be trusted with what is written there."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

_MOST_LINKS = 40


@dataclass(frozen=True)
class Place:
    """``folder`` is the first part of the way that is there, without links in it; ``missing`` the folders below it.

    ``exists``: whether the file itself is there, which then is a plain file.
    """

    folder: str
    name: str
    missing: tuple[str, ...]
    exists: bool


@dataclass(frozen=True)
class Guard:
    """Whose folders, links and files are followed: those of root and of ``uid``. ``alone``: no file of root's, either.

    ``name`` is that of the account, for messages.
    """

    uid: int
    name: str
    alone: bool

    def check(self, path: str, step: str, info: os.stat_result) -> None:
        """``step`` of the way to ``path``: a folder, or a link. Raises InputError."""
        self._check_owner(path, step, info, {self.uid, 0})
        if not stat.S_ISDIR(info.st_mode) or info.st_mode & stat.S_ISVTX:
            return
        if info.st_mode & stat.S_IWOTH or (self.uid == 0 and info.st_mode & stat.S_IWGRP and info.st_gid != 0):
            raise InputError(
                f"{_named(path, step)} can be written by other accounts (mode {stat.S_IMODE(info.st_mode):04o}), and is refused "
                f"for {self.name}: what is written there could be led elsewhere. Take that right away, or give another path."
            )

    def check_file(self, path: str, folder: str, file: tuple[str, os.stat_result] | None = None) -> None:
        """The end of the way to ``path``: the folder, which has been checked as a step, and the file if it is there."""
        owners = {self.uid} if self.alone else {self.uid, 0}
        info = os.lstat(folder)
        self._check_owner(path, folder, info, owners)
        # below a folder that root alone can change, a file may be given to anybody
        if file and (self.alone or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            self._check_owner(path, *file, owners)
            if file[1].st_nlink > 1 and not self.alone:
                raise InputError(
                    f"{_named(path, file[0])} has a second name (a hard link), and others can write in its folder: it is refused "
                    f"for {self.name}. Give another path."
                )

    def _check_owner(self, path: str, step: str, info: os.stat_result, owners: set[int]) -> None:
        if info.st_uid not in owners:
            owner = _owner(info.st_uid)
            remedy = "Give a path of its own." if self.alone else f"Set user to {owner}, or give another path."
            raise InputError(
                f"{_named(path, step)} belongs to {owner}, and is refused for {self.name}: what is written there could be "
                f"read, or led elsewhere. {remedy}"
            )


def find_place(path: str, guard: Guard | None) -> Place:
    """Follow an absolute path. Raises InputError for what is no plain file, for a link to nothing, and as Guard.check."""
    where, parts = "/", _parts(path)
    # what links lead to, and how many parts of the path come after each
    links: list[tuple[int, str]] = []
    while parts:
        if guard:
            guard.check(path, where, os.lstat(where))
        name = parts.pop(0)
        step = os.path.dirname(where) if name == ".." else os.path.join(where, name)
        info = _lstat(step, path)
        if info is None:
            return _missing(path, where, [name, *parts], links, guard)
        if stat.S_ISLNK(info.st_mode):
            if guard:
                guard.check(path, step, info)
            target = os.readlink(step)
            links.append((len(parts), target))
            if len(links) > _MOST_LINKS:
                raise InputError(f"{shown(path)} goes through links in a circle. Remove them.")
            parts = _parts(target) + parts
            where = "/" if target.startswith("/") else where
        elif not parts and name != "..":
            return _final(path, where, step, info, guard)
        elif not stat.S_ISDIR(info.st_mode):
            raise InputError(f"{shown(path)}: {shown(step)} is no folder. Check the path.")
        else:
            where = step
    raise InputError(f"{shown(path)} is a folder. Give the path of the file in it.")


def _missing(path: str, where: str, parts: list[str], links: list[tuple[int, str]], guard: Guard | None) -> Place:
    for after, target in links:
        if len(parts) > after:
            raise InputError(
                f"{shown(path)} leads through a link to {shown(target)}, which does not exist. Make it, or remove the link."
            )
    if ".." in parts:
        raise InputError(f"{shown(path)} goes up from a folder that does not exist. Write it without '..'.")
    if guard and len(parts) == 1:
        guard.check_file(path, where)
    return Place(where, parts[-1], tuple(parts[:-1]), False)


def _final(path: str, where: str, step: str, info: os.stat_result, guard: Guard | None) -> Place:
    if stat.S_ISDIR(info.st_mode):
        raise InputError(f"{shown(path)} is a folder. Give the path of the file in it.")
    if not stat.S_ISREG(info.st_mode):
        raise InputError(f"{shown(path)} is no plain file but a device, pipe or socket. Give another path.")
    if guard:
        guard.check_file(path, where, (step, info))
    return Place(where, os.path.basename(step), (), True)


def _named(path: str, step: str) -> str:
    return shown(path) if step == path else f"{shown(path)} leads through {shown(step)}, which"


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _lstat(step: str, path: str) -> os.stat_result | None:
    try:
        return os.lstat(step)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{shown(path)} cannot be reached: {error.strerror} ({shown(step)}).") from None


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
