# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Accounts of the host, and work done as one of them in a child process with a deadline.

The child can become another account. That account can stop it, or keep its pipes open through a program that it starts. So the
parent waits for a complete answer, never for the end of a file, and kills the child with its whole session.

The owner of a folder can redirect root to any other place by a link. So root does no work below a folder of another account: a
child process gives up its rights permanently, works as that account, and returns its answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import signal
import time
import typing as t
from dataclasses import dataclass

from .._errors import HostError, InputError, PullpassError
from .._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


LATE, TOO_LARGE, ENDED = "late", "too large", "ended"
# bytes of the length that comes before an answer
_HEAD = 8
# a file of 16 MiB in the longest form of JSON
_MOST_BYTES = 128 * 1024 * 1024
# between checks of a child that was killed, or that has answered and is about to end
_PAUSE = 0.002
_SECONDS_TO_END = 1.0
# of root's environment; other variables can hold secrets of root, and the account can read those of its processes
_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ")
# more than the limit for all questions to credential helpers (credential_helper.py)
ACCOUNT_SECONDS = 150.0
_nested = False


class ChildFailure(Exception):
    """``reason``: LATE, TOO_LARGE, or ENDED for a child that ended before its answer was complete.

    The work itself can raise it to give up. Then the child is killed with every program that it started.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def in_child(work: Callable[[], t.Any], seconds: float, most_bytes: int = _MOST_BYTES) -> t.Any:
    """The result of ``work``, a JSON value. Raises ChildFailure, and the InputError or HostError that ``work`` raised."""
    until = time.monotonic() + seconds
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_in_child(work, reading, writing)
    os.close(writing)
    try:
        outcome = json.loads(_answer(reading, until, most_bytes))
        if "given_up" in outcome:
            raise ChildFailure(outcome["given_up"])
    except BaseException:
        _kill(child)
        raise
    finally:
        os.close(reading)
        _reap(child)
    if "error" in outcome:
        raise (InputError if outcome["is_input_error"] else HostError)(outcome["error"])
    return outcome["done"]


def _run_in_child(work: Callable[[], t.Any], reading: int, writing: int) -> t.NoReturn:
    global _nested
    status = 1
    try:
        os.close(reading)
        if _nested:
            # stays in the session of the outer child, which the outer parent kills as a whole
            os.setpgid(0, 0)
        else:
            # keeps programs of the account away from the terminal of root
            os.setsid()
        _nested = True
        with os.fdopen(writing, "wb") as pipe:
            content = json.dumps(_outcome(work)).encode("ascii")
            pipe.write(len(content).to_bytes(_HEAD, "big") + content)
        status = 0
    finally:
        # handlers, buffers and temporary files of the parent stay untouched
        os._exit(status)


def _outcome(work: Callable[[], t.Any]) -> dict[str, t.Any]:
    try:
        return {"done": work()}
    except ChildFailure as error:
        return {"given_up": error.reason}
    except PullpassError as error:
        return {"error": str(error), "is_input_error": isinstance(error, InputError)}


def _answer(reading: int, until: float, most_bytes: int) -> bytes:
    content = bytearray()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while True:
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(max(1.0, left * 1000)):
            raise ChildFailure(LATE)
        chunk = os.read(reading, 65536)
        if not chunk:
            raise ChildFailure(ENDED)
        content += chunk
        length = int.from_bytes(content[:_HEAD], "big") if len(content) >= _HEAD else 0
        if length > most_bytes:
            raise ChildFailure(TOO_LARGE)
        if _HEAD <= len(content) >= _HEAD + length:
            return bytes(content[_HEAD : _HEAD + length])


def _reap(child: int) -> None:
    """Wait for the end of the child, for a limited time: a child that has answered can still be stopped."""
    for last in (False, True):
        until = time.monotonic() + _SECONDS_TO_END
        while time.monotonic() < until:
            try:
                if os.waitpid(child, os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            time.sleep(_PAUSE)
        if not last:
            _kill(child)


def _kill(child: int) -> None:
    """Kill the child and its session. Nobody has waited for the child yet, so no other process has its id."""
    for _round in range(3):
        others = list(_session_of(child))
        for process in (child, *others):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        if not others:
            return


def _session_of(child: int) -> Iterator[int]:
    """The other processes of the child's session or group, if /proc shows them."""
    try:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for process in processes:
        with contextlib.suppress(OSError, ValueError):
            if process != child and child in (os.getsid(process), os.getpgid(process)):
                yield process


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
        raise InputError(f"user '{shown(name)}' is not an account of this host. Check the name, or create the account.") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid, found.pw_dir)


def own_account() -> Account:
    """The account of this process. As for docker, its home is the variable HOME if that is set."""
    uid = os.geteuid()
    home = os.environ.get("HOME", "")
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, os.getegid(), home)
    return Account(found.pw_name, uid, found.pw_gid, home or found.pw_dir)


def account_of(uid: int, gid: int) -> Account:
    """The account with this id. If it has no name, ``gid`` is its only group."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, gid, "/")
    return Account(found.pw_name, uid, found.pw_gid, found.pw_dir)


def as_account(account: Account, work: Callable[[], dict[str, t.Any]], seconds: float = ACCOUNT_SECONDS) -> dict[str, t.Any]:
    """The result of ``work``, in JSON values, with the rights of the account. Raises HostError, and what ``work`` raises.

    ``seconds`` limits all of it, also if the account stops the process.
    """
    if account.is_own:
        return work()
    if os.geteuid() != 0:
        raise HostError(
            f"only root can work as user {account.name}, and this task runs as {own_account().name}. Set become: true."
        )
    try:
        return in_child(lambda: _done_as(account, work), seconds)
    except ChildFailure as error:
        raise HostError(_without_answer(account, error.reason, seconds)) from None


def _without_answer(account: Account, reason: str, seconds: float) -> str:
    process = f"the process that worked as user {account.name}"
    if reason == LATE:
        return (
            f"{process} did not finish within {seconds:.0f} s and was killed. The account stopped it, or a credential helper of "
            "the account is slow. Check the processes of the account, then run the task again."
        )
    if reason == ENDED:
        return f"{process} ended before it was done. Run the task again."
    return f"{process} gave an answer that is too large. Check the size of the account's file."


def _done_as(account: Account, work: Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    try:
        _become(account)
        return work()
    except PullpassError:
        raise
    except Exception as error:  # for the parent; the text of the error can hold a secret
        raise HostError(f"the work as user {account.name} failed ({type(error).__name__}).") from None


def _become(account: Account) -> None:
    try:
        os.initgroups(account.name, account.gid)
        os.setgid(account.gid)
        os.setuid(account.uid)
    except OSError as error:
        raise HostError(
            f"root cannot become user {account.name}: {error.strerror}. Run the task where root has all of its rights."
        ) from None
    if set(os.getresuid()) != {account.uid} or set(os.getresgid()) != {account.gid}:
        raise HostError(f"root did not become user {account.name} permanently.")
    os.umask(0o077)
    environment = _environment(account, os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        os.chdir(account.home)
    except OSError:
        os.chdir("/")


def _environment(account: Account, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a plain login."""
    kept = {name: value for name, value in given.items() if name in _KEPT or name.startswith("LC_")}
    runtime = f"/run/user/{account.uid}"
    if os.path.isdir(runtime):
        kept["XDG_RUNTIME_DIR"] = runtime
    return {**kept, "HOME": account.home, "USER": account.name, "LOGNAME": account.name}
