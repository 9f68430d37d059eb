# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Accounts of the host, and work done as one of them.

What root does below a folder of somebody else, that person can turn to any other place by a link. So root does nothing there:
a child process gives up its rights for good and works as that person, and only its answer comes back.
"""

from __future__ import annotations

import os
import pwd
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._host.child_process import (
    ENDED,
    LATE,
    NoAnswer,
    in_child,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# of root's environment; the rest may hold secrets of root, and the account reads what its own processes are given
_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ")
# more than all questions to credential helpers together may take (credential_helper.py)
SECONDS = 150.0


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int
    home: str

    @property
    def is_own(self) -> bool:
        return self.uid == os.geteuid()


def account_named(name: str) -> Account:
    """Raises InputError."""
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise InputError(f"user '{shown(name)}' is no account of this host.") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)


def own_account() -> Account:
    """That of this process; its home is HOME where that is set, as docker has it."""
    uid = os.geteuid()
    home = os.environ.get("HOME", "")
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, os.getegid(), home)
    return Account(found.pw_name, uid, found.pw_gid, home or found.pw_dir)


def account_of(uid: int, gid: int) -> Account:
    """The account with this id; for one without a name, ``gid`` is its only group."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, gid, "/")
    return Account(found.pw_name, uid, found.pw_gid, found.pw_dir)


def as_account(account: Account, work: Callable[[], dict[str, t.Any]], seconds: float = SECONDS) -> dict[str, t.Any]:
    """The result of ``work``, in values that JSON can hold, done with the account's rights. Raises PullpassError, as it does.

    ``seconds``: for all of it, whatever the account does meanwhile.
    """
    if account.is_own:
        return work()
    if os.geteuid() != 0:
        raise InputError(
            f"only root can work as user {account.name}, and this task runs as {own_account().name}. Set become: true."
        )
    try:
        return in_child(lambda: _done_as(account, work), seconds)
    except NoAnswer as error:
        raise PullpassError(_without_answer(account, error.reason, seconds)) from None
    except PullpassError as error:
        raise InputError(str(error)) from None


def _without_answer(account: Account, reason: str, seconds: float) -> str:
    process = f"the process that worked as user {account.name}"
    if reason == LATE:
        return (
            f"{process} did not finish within {seconds:.0f} s and was killed. The account may have stopped it, or a credential "
            "helper of the account is slow. Look at the processes of the account, then run the task again."
        )
    if reason == ENDED:
        return f"{process} ended before it was done."
    return f"{process} gave an answer that is too large. Look at the size of the account's file."


def _done_as(account: Account, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    try:
        _become(account)
        return work()
    except PullpassError:
        raise
    except Exception as error:  # the parent has to hear of it; the text of others may hold a secret
        raise PullpassError(f"the work as user {account.name} failed ({type(error).__name__}).") from None


def _become(account: Account) -> None:
    try:
        os.initgroups(account.name, account.gid)
        os.setgid(account.gid)
        os.setuid(account.uid)
    except OSError as error:
        raise InputError(f"root cannot become user {account.name} here: {error.strerror}.") from None
    if set(os.getresuid()) != {account.uid} or set(os.getresgid()) != {account.gid}:
        raise InputError(f"root did not become user {account.name} for good.")
    os.umask(0o077)
    environment = _environment(account, os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        os.chdir(account.home)
    except OSError:
        os.chdir("/")


def _environment(account: Account, given: Mapping[str, str]) -> dict[str, str]:
    """That of a plain login."""
    kept = {name: value for name, value in given.items() if name in _KEPT or name.startswith("LC_")}
    runtime = f"/run/user/{account.uid}"
    if os.path.isdir(runtime):
        kept["XDG_RUNTIME_DIR"] = runtime
    return {**kept, "HOME": account.home, "USER": account.name, "LOGNAME": account.name}
