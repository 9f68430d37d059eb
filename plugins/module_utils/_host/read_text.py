# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Read a file that a person named."""

from __future__ import annotations

import codecs
import os
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import is_plausible_path, no_path_words, shown_path

if t.TYPE_CHECKING:
    from collections.abc import Callable

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
