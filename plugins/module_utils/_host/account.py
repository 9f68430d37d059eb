# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Accounts of the host, and work done as one of them.

What root does below a folder of somebody else, that person can turn to any other place by a link. So root does nothing there:
a child process gives up its rights for good and works as that person, and only its answer comes back.
"""

from __future__ import annotations

import json
import os
import pwd
import typing as t
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, PullpassError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# of root's environment; the rest may hold secrets of root, and the account reads what its own processes are given
_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ")


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


def as_account(account: Account, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """What ``work`` gives, in values that JSON can hold, when it is done as the account. Raises PullpassError, as it does."""
    if account.is_own:
        return work()
    if os.geteuid() != 0:
        raise InputError(
            f"only root can work as user {account.name}, and this task runs as {own_account().name}. Set become: true."
        )
    return _in_child(account, work)


def _in_child(account: Account, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(json.dumps(_answer(account, work)).encode("ascii"))
            status = 0
        finally:
            # no handler, buffer or temporary file of the parent is the child's to deal with
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    try:
        answer = json.loads(told)
    except ValueError:
        raise PullpassError(f"the process that worked as user {account.name} ended before it was done.") from None
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["done"]


def _answer(account: Account, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    try:
        _become(account)
        return {"done": work()}
    except PullpassError as error:
        return {"error": str(error)}
    except Exception as error:  # the parent has to hear of it; the text of others may hold a secret
        return {"error": f"the work as user {account.name} failed ({type(error).__name__})."}


def _become(account: Account) -> None:
    # the account's own programs shall not type into the terminal that root sits at
    os.setsid()
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
