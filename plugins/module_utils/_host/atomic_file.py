# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Replaces a file as a whole, with its owner, group, mode and access control list."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import typing as t
from dataclasses import dataclass

from .._errors import HostError, InputError
from .._text import shown, shown_path
from .account import as_account
from .option_files import first_other_owner
from .safe_path import ACCESS_LIST, open_place, remove_access_list

if t.TYPE_CHECKING:
    from .safe_path import Place


# the next number means "unchanged" to the system
_MOST_ID = 2**32 - 2
# the label of SELinux; other attributes of the system belong to the content (IMA, capabilities)
_EXTENDED = ("security.selinux",)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# the first part of the name of a temporary file, by which those of a killed writer are recognised
_TEMPORARY = ".pullpass-"


@dataclass(frozen=True)
class Attributes:
    """The requested values. null: unchanged; for a new file, those of a file with secrets."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None

    def for_file(self, info: os.stat_result | None) -> tuple[int, int, int]:
        """Owner, group and mode; -1 for the owner and the group that the system gives a new file."""
        uid = self.uid if self.uid is not None else (info.st_uid if info else -1)
        gid = self.gid if self.gid is not None else (info.st_gid if info else -1)
        if self.mode is not None:
            return uid, gid, self.mode
        mode = stat.S_IMODE(info.st_mode) if info else 0o600
        return uid, gid, 0o600 if mode & stat.S_IRWXO else mode


def attributes_option(owner: str | None, group: str | None, mode: t.Any) -> Attributes:
    """The attributes that the options of these names request. Raises InputError."""
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
        raise InputError(f"{option} '{shown(name)}' does not exist on this host. Check the name, or create the {option}.")
    return found


def _mode(given: t.Any) -> int:
    """YAML reads 0640 as a number, and '0640' as a text."""
    try:
        mode = given if isinstance(given, int) else int(str(given), 8)
    except ValueError:
        mode = -1
    if isinstance(given, bool) or not 0 <= mode <= 0o777 or mode & 0o600 != 0o600:
        raise InputError(
            f"mode '{shown(str(given))}' is not an octal mode that lets the owner read and write. Give one in quotes, as '0640'."
        )
    return mode


def differences(attributes: Attributes, info: os.stat_result | None) -> list[tuple[str, str, str]]:
    """The attributes of an existing file that would change: name, old and new value."""
    if info is None:
        return []
    uid, gid, mode = attributes.for_file(info)
    rows = (
        ("owner", str(info.st_uid), str(uid)),
        ("group", str(info.st_gid), str(gid)),
        ("mode", f"{stat.S_IMODE(info.st_mode):04o}", f"{mode:04o}"),
    )
    return [(name, old, new) for name, old, new in rows if old != new]


def keep_extended(old: int, new: int, attributes: Attributes) -> None:
    """Copy extended attributes from an open file to another, as far as the system and the file system allow it.

    The access control list is copied only if the mode stays: under another mode its entries could take effect.
    """
    if not hasattr(os, "listxattr"):
        return
    info = os.fstat(old)
    kept = (*_EXTENDED, ACCESS_LIST) if attributes.for_file(info)[2] == stat.S_IMODE(info.st_mode) else _EXTENDED
    with contextlib.suppress(OSError):
        for name in os.listxattr(old):
            if name in kept or name.startswith("user."):
                with contextlib.suppress(OSError):
                    os.setxattr(new, name, os.getxattr(old, name))


def apply(descriptor: int, info: os.stat_result | None, attributes: Attributes) -> None:
    """Set the attributes of an open file, which replaces one with ``info``. Owner first: a change of it removes rights."""
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
            # the group stays that of this process, which must not get the rights of the other group
            mode &= ~stat.S_IRWXG
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        # an entry without effect under the old mode could let somebody read
        remove_access_list(descriptor)
        os.fchmod(descriptor, mode)


class Replacement:
    """Files that are put in place together. Those that were not put in place are removed at the end."""

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
        """``info``: that of the file which the new one replaces, or null."""
        temporary = f"{_TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(temporary, _WRITE, 0o600, dir_fd=self._folder)
        self._prepared.append((temporary, name))
        with os.fdopen(descriptor, "wb") as file:
            # entries that a new file inherits from its folder could let somebody read; the file is still empty here
            remove_access_list(descriptor)
            if info is not None:
                self._keep_extended(name, descriptor, attributes)
            apply(descriptor, info, attributes)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(descriptor)

    def put_in_place(self) -> bool:
        """False if another task removed a temporary file as that of a killed writer."""
        while self._prepared:
            try:
                os.rename(*self._prepared[0], src_dir_fd=self._folder, dst_dir_fd=self._folder)
            except FileNotFoundError:
                return False
            self._prepared.pop(0)
        with contextlib.suppress(OSError):  # some file systems cannot do this
            os.fsync(self._folder)
        return True

    def _keep_extended(self, name: str, descriptor: int, attributes: Attributes) -> None:
        """Copy those of the file with this name, if it still exists."""
        with contextlib.suppress(OSError):
            old = os.open(name, _READ, dir_fd=self._folder)
            try:
                keep_extended(old, descriptor, attributes)
            finally:
                os.close(old)


def make_folders(place: Place) -> None:
    """Make the missing folders, mode 0700. The caller opens the path again, which checks a folder that somebody else made."""
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
    """Remove the temporary files of killed writers. The caller holds the lock of the folder, so no other writer is alive."""
    for name in os.listdir(folder):
        if name.startswith(_TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


def written_as_owner(option: str, path: str, text: str) -> bool:
    """Write the file as the first other owner of a folder or link on its path; False if root is the only one. Raises HostError.

    Such an owner can redirect root to any other folder with a link.
    """
    other = first_other_owner(path)
    if other is None:
        return False

    def write() -> dict[str, t.Any]:
        try:
            with open_place(os.path.abspath(path), None) as place, Replacement(place.handle) as replacement:
                replacement.prepare(place.name, text, None, Attributes(mode=0o600))
                if not replacement.put_in_place():
                    raise HostError(f"{option} {shown_path(path)} was removed while it was written. Run the task again.")
                return {}
        except OSError as error:
            raise HostError(f"{option} {shown_path(path)} cannot be written: {error.strerror}.") from None

    try:
        as_account(other, write)
    except HostError as error:
        raise HostError(
            f"{error} It is written as user {other.name}, who owns a folder or a link on its path. Give a path of root's own, or "
            "one that this user can write to."
        ) from None
    return True
