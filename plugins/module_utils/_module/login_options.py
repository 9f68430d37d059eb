# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that name a login file and its account, documented in both modules that have them; reports of registry_login."""

from __future__ import annotations

import os
import time
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._host.account import ACCOUNT_SECONDS, Account, account_named, as_account, own_account
from .._host.login_file import LoginFile
from .._host.login_format import FORMATS, LoginFormat, login_path, lost_at_boot
from .._host.login_store import REFUSED, REMOVED, STORED
from .._host.safe_path import Guard
from .._text import listed
from .text_options import text

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._host.atomic_file import Attributes
    from .._host.login_change import LoginChange
    from .._host.login_store import LoginRequest


LOGIN_OPTIONS: dict[str, t.Any] = {
    # not of type path: Ansible would expand '~' to the home of the user that runs the task, not to that of option user
    "path": {"type": "str"},
    "format": {"type": "str", "choices": ["docker", "containers"], "default": "docker"},
    "persistent": {"type": "bool", "default": False},
    "user": text(),
}


@dataclass
class LoginPlace:
    """The file, its format, and the account that reads and writes it. ``left``: seconds for all work as the account."""

    file: LoginFile
    kind: LoginFormat
    account: Account
    left: float = ACCOUNT_SECONDS

    def as_account(self, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
        began = time.monotonic()
        try:
            return as_account(self.account, work, self.left)
        finally:
            self.left -= time.monotonic() - began


def open_logins(params: Mapping[str, t.Any]) -> LoginPlace:
    """The place that the options name. Opens no file. Raises InputError."""
    if params["persistent"] and (params["format"] != "containers" or params["path"] is not None):
        raise InputError("persistent needs format containers and no path: it chooses between the two default files of podman.")
    for option in ("path", "user"):
        if params[option] == "":
            raise InputError(f"{option} is empty. Give a value, or remove the option.")
    account = account_named(params["user"]) if params["user"] is not None else own_account()
    environment = os.environ if account.is_own else {}
    path = login_path(params["format"], params["path"], params["persistent"], account, environment)
    return LoginPlace(LoginFile(path, _guard(params["user"], account)), FORMATS[params["format"]], account)


def _guard(user: str | None, account: Account) -> Guard | None:
    """root follows only folders of root, and of the account in option user. Other accounts can harm only themselves."""
    if user is None and account.uid != 0:
        return None
    return Guard(account.uid, account.name, alone=account.uid != 0)


def path_of_config_file(given: str | None, place: LoginPlace) -> str | None:
    """The path as Ansible expands it. For another account, ``~`` is the home of that account, and variables are not expanded."""
    if given is None or place.account.is_own:
        return given and os.path.expanduser(os.path.expandvars(given))
    return place.account.home + given[1:] if given == "~" or given.startswith("~/") else given


def login_failure(change: LoginChange) -> dict[str, t.Any]:
    """``failed`` and ``msg`` if a usable login was not replaced because the new one is not verified; otherwise empty."""
    names = [result.registry for result in change.results if result.action == REFUSED]
    if not names:
        return {}
    return {
        "failed": True,
        "msg": f"the new login for {listed(names)} is not verified. It was not stored, because another login that works is "
        "stored. Correct the registry, its CA or the network and run the task again. To store the new login unverified, set "
        "verify_undecided to accept.",
    }


def login_warnings(
    place: LoginPlace, requests: Sequence[LoginRequest], change: LoginChange, attributes: Attributes
) -> Iterator[str]:
    path = place.file.path
    for request in requests:
        if request.login and request.login.token:
            yield (
                f"{request.key} issued an identity token, which is stored in place of the password, as docker login does. docker "
                "can use it; the kubelet cannot. Do not use this file as a pull secret: give pull_secret the password."
            )
    if lost_at_boot(path) and any(result.action == STORED for result in change.results):
        yield f"{path} is kept in memory, and the login is lost when the host restarts. Set persistent, or give another path."
    yield from change.warnings
    if change.unlocked:
        yield (
            f"the folder of {path} could not be locked (it is on NFS, or another process holds the lock). Two tasks that change "
            "the file at the same time can lose a login: do not run them in parallel."
        )
    if attributes.mode is not None and attributes.mode & 0o007:
        yield f"mode {attributes.mode:04o} lets every account of the host read the passwords in {path}. Set mode to '0600'."


def login_difference(place: LoginPlace, change: LoginChange) -> dict[str, str]:
    before, after = [], []
    for result in change.results:
        if result.action in (STORED, REMOVED) and result.before is not None:
            before.append(f"{result.registry}: user {result.before}, password (before)\n")
        if result.action == STORED:
            after.append(f"{result.registry}: user {result.username}, password (after)\n")
    before += [f"{name} {old}\n" for name, old, _new in change.attributes]
    after += [f"{name} {new}\n" for name, _old, new in change.attributes]
    path = place.file.path
    return {"before_header": path, "after_header": path, "before": "".join(before), "after": "".join(after)}
