# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads files that options name.

The owner of a folder on the path can put a link to any file of root there. So root reads such a file as that owner.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import stat
import typing as t
from dataclasses import dataclass, field

from .._errors import HostError, InputError
from .._text import is_plausible_path, no_path_words, shown, shown_path
from .account import Account, account_of, as_account
from .safe_path import open_place, others_write, owner_name

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .safe_path import Place


# a Secret holds 1 MiB; a docker config with helpers and plugins beside the credentials is far below this
LARGEST_FILE = 16 * 1024 * 1024
_SECONDS = 30.0
# UTF-32 first: its marks begin with those of UTF-16
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def refusal_of_choice(path: str, descriptor: int, info: os.stat_result) -> str:
    """Why the open file must not choose the credential helpers that run, as a sentence; empty if it may.

    Only root is restricted: other users run helpers with their own rights.
    """
    if os.geteuid() != 0:
        return ""
    if info.st_uid != 0:
        reason = f"belongs to {owner_name(info.st_uid)}"
    elif others_write(descriptor, info):
        reason = "can be written by other accounts"
    else:
        return ""
    return f"{shown(path)} {reason}, so root does not run the credential helper that it names."


class RefusedHelpers:
    """Replaces CredentialHelpers for a file that must not choose helpers: each question raises the reason."""

    def __init__(self, refusal: str) -> None:
        self._refusal = refusal

    def find(self, _suffix: str, _server: str) -> t.NoReturn:
        raise HostError(f"{self._refusal} Make root the owner of the file.")

    def usernames(self, _suffix: str) -> t.NoReturn:
        self.find("", "")


def _is_utf_16(content: bytes) -> bool:
    """Whether it is UTF-16 without a byte order mark: every other byte of ASCII text is NUL."""
    head = content[:64]
    return len(head) > 1 and (not head[::2].strip(b"\0") or not head[1::2].strip(b"\0"))


def _open(path: str, flags: int) -> int:
    # does not wait for the writer of a pipe
    return os.open(path, flags | os.O_NONBLOCK)


def read_text(option: str, path: str, opener: Callable[[str, int], int] = _open) -> str:
    """The text of the file. Raises HostError; InputError if the value of the option is not a path."""
    where = f"{option} {shown_path(path)}"
    try:
        with open(path, "rb", opener=opener) as file:
            # null for a pipe without data
            content = file.read(LARGEST_FILE + 1) or b""
    except FileNotFoundError:
        if not is_plausible_path(path):
            raise InputError(no_path_words(option)) from None
        raise HostError(f"{where} does not exist on the machine where this task runs. Check the path and the machine.") from None
    except OSError as error:
        raise HostError(f"{where} cannot be read: {error.strerror}.") from None
    except ValueError:  # a NUL
        raise InputError(no_path_words(option)) from None
    if len(content) > LARGEST_FILE:
        raise HostError(f"{where} is larger than {LARGEST_FILE // 1024 // 1024} MiB. Check the path.")
    encoding = next(
        (name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "UTF-16" if _is_utf_16(content) else ""
    )
    if encoding:
        raise HostError(f"{where} is {encoding} text. Save it as UTF-8 without a byte order mark.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HostError(f"{where} is not UTF-8 text (byte {error.start}). Check the path.") from None


@dataclass(frozen=True)
class OptionFile:
    """``refusal``: why the file must not choose the credential helpers that run, empty if it may."""

    text: str = field(repr=False)
    refusal: str = ""


def read_option(option: str, path: str) -> OptionFile:
    """The file of an option. Raises as read_text does."""
    if os.geteuid() != 0:
        return OptionFile(read_text(option, path))
    owners = _Owners()
    with contextlib.ExitStack() as stack:
        place = _place(path, owners, stack)
        if owners.other is None:
            if place is None and owners.shared:
                raise HostError(
                    f"{option} {shown_path(path)} is not a regular file, or a link on its path leads to nothing. root does "
                    "not open it, because other accounts can write to a folder on its path. Give a file in a folder of root."
                )
            return _of_root(option, path, place)
    return _of_another(option, path, owners.other)


def first_other_owner(path: str) -> Account | None:
    """The first owner of a folder or link on the path who is not root; null if there is none, or if this process is not root."""
    owners = _Owners()
    if os.geteuid() == 0:
        with contextlib.ExitStack() as stack:
            _place(path, owners, stack)
    return owners.other


def others_on_the_way(path: str) -> bool:
    """Whether another account controls a part of the path, so that root must not open the path itself."""
    owners = _Owners()
    if os.geteuid() == 0:
        with contextlib.ExitStack() as stack:
            _place(path, owners, stack)
    return owners.other is not None or owners.shared


class _OtherOwner(Exception):
    """Ends a walk at the first step that root does not own: a file system of the account could block beyond it."""


class _Owners:
    """Checks a path up to the first owner who is not root."""

    def __init__(self) -> None:
        self.other: Account | None = None
        # whether others can write to a folder on the path
        self.shared = False

    def check(self, path: str, step: str, info: os.stat_result, handle: int) -> None:
        self.shared = self.shared or (stat.S_ISDIR(info.st_mode) and others_write(handle, info))
        if info.st_uid != 0:
            self.other = account_of(info.st_uid, info.st_gid)
            raise _OtherOwner

    def check_file(self, path: str, folder: str, info: os.stat_result, file: tuple[str, os.stat_result] | None) -> None:
        """The owner of the file itself can put only own content there."""


def _place(path: str, owners: _Owners, stack: contextlib.ExitStack) -> Place | None:
    """null if another owner comes first, and if it is not a regular file, which read_text reports."""
    try:
        return stack.enter_context(open_place(os.path.join(os.getcwd(), path), owners))
    except (HostError, OSError, ValueError, _OtherOwner):
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
            raise OSError(errno.EINVAL, "it is not a regular file")
        return descriptor

    return OptionFile(read_text(option, path, opened), refusal)


def _of_another(option: str, path: str, account: Account) -> OptionFile:
    try:
        done = as_account(account, lambda: {"text": read_text(option, path)}, _SECONDS)
    except HostError as error:
        raise HostError(f"{error} It was read as user {account.name}, who owns a folder or a link on its path.") from None
    reason = f"user {account.name} owns a folder or a link on the path of {option}"
    return OptionFile(done["text"], f"{reason}, so root does not run the credential helper that it names.")
