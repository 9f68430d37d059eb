# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Files that options name, read with the rights of their owner.

Whoever owns a folder on the way can put a link to any file of root there. So root reads such a file as the first other owner.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import stat
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._text import is_plausible_path, no_path_words, shown, shown_path
from .account import Account, account_of, as_account
from .safe_path import open_place, others_write, owner_name

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .safe_path import Place


def refusal_of_choice(path: str, descriptor: int, info: os.stat_result) -> str:
    """Why the open file may not, in a sentence; empty where it may. Whoever is not root runs helpers with his own rights only."""
    if os.geteuid() != 0:
        return ""
    if info.st_uid != 0:
        reason = f"belongs to {owner_name(info.st_uid)}"
    elif others_write(descriptor, info):
        reason = "can be written by other accounts"
    else:
        return ""
    return f"{shown(path)} {reason}, so that it does not choose which credential helper root runs."


class RefusedHelpers:
    """In the place of CredentialHelpers for a file that does not choose any: each question gets the reason."""

    def __init__(self, refusal: str) -> None:
        self._refusal = refusal

    def find(self, _suffix: str, _server: str) -> t.NoReturn:
        raise InputError(f"{self._refusal} Give the file to root to have the helper asked.")

    def usernames(self, _suffix: str) -> t.NoReturn:
        self.find("", "")


# A Secret holds 1 MiB; a docker config with helpers and plugins beside the credentials is still far below this
MOST_BYTES = 16 * 1024 * 1024
# UTF-32 begins as UTF-16 does
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def _is_utf_16(content: bytes) -> bool:
    """Without a mark, as PowerShell and editors write it too: every other byte of ASCII text is NUL."""
    head = content[:64]
    return len(head) > 1 and (not head[::2].strip(b"\0") or not head[1::2].strip(b"\0"))


def _open(path: str, flags: int) -> int:
    # a pipe that nobody writes to is empty, and not waited for
    return os.open(path, flags | os.O_NONBLOCK)


def read_text(option: str, path: str, opener: Callable[[str, int], int] = _open) -> str:
    """The text of the file. Raises InputError that names the option, the path and what to do."""
    where = f"{option} {shown_path(path)}"
    try:
        with open(path, "rb", opener=opener) as file:
            # of a pipe whose writer says nothing there is no content at all
            content = file.read(MOST_BYTES + 1) or b""
    except FileNotFoundError:
        if not is_plausible_path(path):
            raise InputError(no_path_words(option)) from None
        raise InputError(
            f"{where} does not exist on the machine where this task runs. Check the path, and which host it is."
        ) from None
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror}.") from None
    except ValueError:  # a NUL
        raise InputError(no_path_words(option)) from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{where} is larger than {MOST_BYTES // 1024 // 1024} MiB. Is it the right file?")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "UTF-16" if _is_utf_16(content) else "")
    if encoding:
        raise InputError(f"{where} is {encoding} text. Save it as UTF-8 without a byte order mark.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text (byte {error.start}). Is it the right file?") from None


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
