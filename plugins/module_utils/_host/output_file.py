# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A file that a module writes its answer to.

Whoever owns a folder on the way can lead root to any other folder by a link. So root writes there as the first other owner.
"""

from __future__ import annotations

import os
import typing as t

from .._errors import InputError
from .._text import shown_path
from .account import as_account
from .atomic_file import Attributes, Replacement
from .option_files import first_other_owner
from .safe_path import open_place


def written_as_owner(option: str, path: str, text: str) -> bool:
    """Whether somebody else owns a folder or link on the way; then the file is written, for him to read. Raises InputError."""
    other = first_other_owner(path)
    if other is None:
        return False

    def write() -> dict[str, t.Any]:
        try:
            with open_place(os.path.abspath(path), None) as place, Replacement(place.handle) as replacement:
                replacement.prepare(place.name, text, None, Attributes(mode=0o600))
                if not replacement.put_in_place():
                    raise InputError(f"{option} {shown_path(path)} was removed while it was written. Run the task again.")
                return {}
        except OSError as error:
            raise InputError(f"{option} {shown_path(path)} cannot be written: {error.strerror}.") from None

    try:
        as_account(other, write)
    except InputError as error:
        raise InputError(f"{error} It is written as user {other.name}, who owns a folder or a link on the way to it.") from None
    return True
