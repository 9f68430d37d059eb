# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""POSIX access control lists of open files and folders, as the kernel gives them, without a library.

NFSv4 access lists are another thing, and are not looked at.
"""

from __future__ import annotations

import errno
import os
import stat
import struct

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"

# linux/posix_acl_xattr.h: a version, then entries of tag, rights and id
_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _OWNING_GROUP, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x02
_NO_LIST = (errno.ENODATA, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


def others_write(handle: int, info: os.stat_result) -> bool:
    """Whether anybody but root and the owner may write; ``handle`` may be open for its path alone.

    An entry that lets somebody write always shows as the right of the group. A list that cannot be read counts as such an entry.
    """
    if info.st_mode & stat.S_IWOTH:
        return True
    if not info.st_mode & stat.S_IWGRP:
        return False
    if not hasattr(os, "getxattr"):
        return info.st_gid != 0
    try:
        # a handle for the path alone takes no other call
        content = os.getxattr(f"/proc/self/fd/{handle}", ACCESS)
    except OSError as error:
        return info.st_gid != 0 if error.errno in _NO_LIST else True
    return _lets_others_write(content, info.st_gid)


def remove_access_list(descriptor: int) -> None:
    """Of an open file or folder, and what a folder hands down. Rights that the list limited come into force for nobody."""
    if not hasattr(os, "removexattr"):
        return
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if _has(descriptor, ACCESS):
        # without the list its mask becomes the right of the owning group
        os.fchmod(descriptor, mode & ~stat.S_IRWXG)
        os.removexattr(descriptor, ACCESS)
    if _has(descriptor, DEFAULT):
        os.removexattr(descriptor, DEFAULT)


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
