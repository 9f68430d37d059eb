# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Owner, group and mode of a file with secrets in it."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.access_list import ACCESS, remove_access_list
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

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
