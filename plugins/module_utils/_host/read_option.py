# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file that an option names, read with the rights of whoever controls the way to it.

Whoever owns a folder on the way can put a link to any file of root there. So root reads such a file as the first other owner.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.access_list import others_write
from ansible_collections.pullpass.registry.plugins.module_utils._host.account import Account, account_of, as_account
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import open_place
from ansible_collections.pullpass.registry.plugins.module_utils._host.helper_choice import refusal_of_choice
from ansible_collections.pullpass.registry.plugins.module_utils._host.read_text import read_text
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown_path

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import Place

_SECONDS = 30.0


@dataclass(frozen=True)
class OptionFile:
    """``refusal``: why the file does not choose which credential helpers run, empty where it does."""

    text: str
    refusal: str = ""


def read_option(option: str, path: str) -> OptionFile:
    """Raises InputError that names the option, the path and what to do."""
    if os.geteuid() != 0:
        return OptionFile(read_text(option, path))
    owners = _Owners()
    with contextlib.ExitStack() as stack:
        place = _place(path, owners, stack)
        if owners.other is None:
            if place is None and owners.shared:
                raise InputError(
                    f"{option} {shown_path(path)} is no plain file, or leads nowhere. Other accounts write in a folder on the "
                    "way to it, so that root does not open it. Give the path of a file in a folder of root's own."
                )
            return _of_root(option, path, place)
    return _of_another(option, path, owners.other)


def first_other_owner(path: str) -> Account | None:
    """Whose folder or link comes first on the way that root would go; None for nobody's, and where this process is not root."""
    owners = _Owners()
    if os.geteuid() == 0:
        with contextlib.ExitStack() as stack:
            _place(path, owners, stack)
    return owners.other


def others_on_the_way(path: str) -> bool:
    """Whether somebody else controls the way, or a part of it, so that root should not open the path itself."""
    owners = _Owners()
    if os.geteuid() == 0:
        with contextlib.ExitStack() as stack:
            _place(path, owners, stack)
    return owners.other is not None or owners.shared


class _OtherOwner(Exception):
    """Ends a walk at the first step that root does not own: beyond it, a file system of the account may never answer."""


class _Owners:
    """Sees a way up to the first owner that is not root."""

    def __init__(self) -> None:
        self.other: Account | None = None
        # whether others can write in a folder that was passed
        self.shared = False

    def check(self, path: str, step: str, info: os.stat_result, handle: int) -> None:
        self.shared = self.shared or (stat.S_ISDIR(info.st_mode) and others_write(handle, info))
        if info.st_uid != 0:
            self.other = account_of(info.st_uid, info.st_gid)
            raise _OtherOwner

    def check_file(self, path: str, folder: str, info: os.stat_result, file: tuple[str, os.stat_result] | None) -> None:
        """Whoever owns the file alone can put nothing there but what is his own."""


def _place(path: str, owners: _Owners, stack: contextlib.ExitStack) -> Place | None:
    """None behind another owner, and for what is not a plain file, which read_text has the words for."""
    try:
        return stack.enter_context(open_place(os.path.join(os.getcwd(), path), owners))
    except (InputError, OSError, ValueError, _OtherOwner):
        return None


def _of_root(option: str, path: str, place: Place | None) -> OptionFile:
    if place is None:
        return OptionFile(read_text(option, path))
    refusal = ""

    def opened(_path: str, flags: int) -> int:
        nonlocal refusal
        if place.missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        descriptor = os.open(place.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place.handle)
        info = os.fstat(descriptor)
        refusal = refusal_of_choice(path, descriptor, info)
        if not stat.S_ISREG(info.st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a plain file")
        return descriptor

    return OptionFile(read_text(option, path, opened), refusal)


def _of_another(option: str, path: str, account: Account) -> OptionFile:
    try:
        done = as_account(account, lambda: {"text": read_text(option, path)}, _SECONDS)
    except InputError as error:
        raise InputError(f"{error} It was read as user {account.name}, who owns a folder or a link on the way to it.") from None
    whose = f"user {account.name} owns a folder or a link on the way to {option}"
    return OptionFile(done["text"], f"{whose}, so that it does not choose which credential helper root runs.")
