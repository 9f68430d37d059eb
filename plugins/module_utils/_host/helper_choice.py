# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Whether a file may choose the credential helpers that run with root's rights."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.access_list import others_write
from ansible_collections.pullpass.registry.plugins.module_utils._host.file_place import owner_name
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown


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
