# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that name a file of logins and whose it is; documented in both modules that have them."""

from __future__ import annotations

import os
import time
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._host.account import SECONDS, Account, account_named, as_account, own_account
from .._host.login_file import LoginFile
from .._host.login_format import FORMATS, LoginFormat, login_path
from .._host.safe_path import Guard
from .text_options import text

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


LOGIN_OPTIONS: dict[str, t.Any] = {
    # no path: Ansible would put the home of whoever runs the task in the place of '~', not that of user
    "path": {"type": "str"},
    "format": {"type": "str", "choices": ["docker", "containers"], "default": "docker"},
    "persistent": {"type": "bool", "default": False},
    "user": text(),
}


@dataclass
class LoginPlace:
    """The file, its kind, and the account with whose rights the work is done."""

    file: LoginFile
    kind: LoginFormat
    account: Account
    left: float = SECONDS

    def as_account(self, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
        """As the function of this name; the account has one time for all calls together."""
        began = time.monotonic()
        try:
            return as_account(self.account, work, self.left)
        finally:
            self.left -= time.monotonic() - began


def open_logins(params: Mapping[str, t.Any]) -> LoginPlace:
    """Opens nothing yet. Raises InputError."""
    if params["persistent"] and (params["format"] != "containers" or params["path"] is not None):
        raise InputError("persistent goes with format containers and without path: it chooses one of the two files of podman.")
    for option in ("path", "user"):
        if params[option] == "":
            raise InputError(f"{option} is empty. Give one, or leave the option out.")
    account = account_named(params["user"]) if params["user"] is not None else own_account()
    environment = os.environ if account.is_own else {}
    path = login_path(params["format"], params["path"], params["persistent"], account, environment)
    return LoginPlace(LoginFile(path, _guard(params["user"], account)), FORMATS[params["format"]], account)


def _guard(user: str | None, account: Account) -> Guard | None:
    """root follows nobody else, and whoever named a user wants that one alone; all others can harm none but themselves."""
    if user is None and account.uid != 0:
        return None
    return Guard(account.uid, account.name, alone=account.uid != 0)


def path_of_config_file(given: str | None, place: LoginPlace) -> str | None:
    """As Ansible expands a path, but for another account its home takes the place of ``~``, and no variable is expanded."""
    if given is None or place.account.is_own:
        return given and os.path.expanduser(os.path.expandvars(given))
    return place.account.home + given[1:] if given == "~" or given.startswith("~/") else given
