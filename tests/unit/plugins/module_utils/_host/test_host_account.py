# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work done as another account: all rights are given up, and only the answer comes back."""

from __future__ import annotations

import grp
import os
import pwd
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host import account
from ansible_collections.pullpass.registry.plugins.module_utils._host.account import (
    ChildFailure,
    account_named,
    as_account,
    in_child,
    own_account,
)

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


@root_only
def test_all_rights_of_root_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = account_named("nobody")
    monkeypatch.setenv("VAULT_TOKEN", "of root")
    before = os.getgroups()
    # as root has them where it logged in
    os.setgroups([0, grp.getgrgid(4).gr_gid])
    try:
        found = as_account(
            nobody,
            lambda: {
                "uids": os.getresuid(),
                "gids": os.getresgid(),
                "groups": os.getgroups(),
                "environment": dict(os.environ),
                "umask": os.umask(0),
                "folder": os.getcwd(),
                "session": [os.getsid(0), os.getpid()],
                "status": Path("/proc/self/status").read_text(),
            },
        )
    finally:
        os.setgroups(before)
    assert found["uids"] == [nobody.uid] * 3
    assert found["gids"] == [nobody.gid] * 3
    assert found["groups"] == [nobody.gid]
    assert found["umask"] == 0o077
    assert len(set(found["session"])) == 1, "the terminal of root is still its own"
    rights = dict(line.split(":\t") for line in found["status"].splitlines() if line.startswith("Cap"))
    assert [int(rights[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")] == [0, 0, 0]
    assert found["folder"] == ("/" if not Path(nobody.home).is_dir() else nobody.home)
    assert (found["environment"]["HOME"], found["environment"]["USER"]) == (nobody.home, "nobody")
    assert "VAULT_TOKEN" not in found["environment"]
    assert os.environ["VAULT_TOKEN"] == "of root"


@root_only
def test_errors_come_back_and_strange_ones_without_their_words() -> None:
    def fail(error: BaseException) -> dict[str, Any]:
        raise error

    with pytest.raises(InputError, match="^reported$"):
        as_account(account_named("nobody"), lambda: fail(InputError("reported")))
    with pytest.raises(HostError, match="^reported$"):
        as_account(account_named("nobody"), lambda: fail(HostError("reported")))
    with pytest.raises(HostError, match=r"^the work as user nobody failed \(KeyError\)\.$"):
        as_account(account_named("nobody"), lambda: fail(KeyError("Zauberwort")))

    def die() -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    for work in (die, lambda: fail(SystemExit(0))):
        with pytest.raises(HostError, match="ended before it was done"):
            as_account(account_named("nobody"), work)


@pytest.mark.timed
@root_only
def test_an_account_that_stops_its_process_does_not_hold_up_root() -> None:
    """SIGSTOP is the account's right; the program below it is in a group of its own, and is killed as well."""
    reading, writing = os.pipe()

    def stopped() -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGSTOP)
        return {}

    def stopped_with_a_child() -> dict[str, Any]:
        def below() -> None:
            os.write(writing, str(os.getpid()).encode())
            os.kill(os.getppid(), signal.SIGSTOP)
            time.sleep(600)

        in_child(below, seconds=600)
        return {}

    for work in (stopped, stopped_with_a_child):
        began = time.monotonic()
        with pytest.raises(HostError, match="user nobody did not finish within 1 s and was killed"):
            as_account(account_named("nobody"), work, seconds=1.0)
        assert time.monotonic() - began < 5
    below = Path("/proc", os.read(reading, 20).decode(), "stat")
    until = time.monotonic() + 10
    while below.exists() and below.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert not below.exists() or below.read_text().rpartition(")")[2].split()[0] == "Z"
    for end in (reading, writing):
        os.close(end)


def test_an_answer_has_a_size() -> None:
    with pytest.raises(ChildFailure, match="too large"):
        in_child(lambda: "x" * 1_000_000, seconds=10.0, most_bytes=1000)
    assert in_child(lambda: "x" * 1_000_000, seconds=10.0) == "x" * 1_000_000


def test_own_work_is_done_here() -> None:
    assert as_account(own_account(), lambda: {"pid": os.getpid()}) == {"pid": os.getpid()}


def test_only_root_works_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(one for one in pwd.getpwall() if one.pw_uid != 4711)
    monkeypatch.setattr(account.os, "geteuid", lambda: 4711)
    with pytest.raises(HostError, match=r"only root can work as user .* Set become: true\."):
        as_account(account_named(other.pw_name), dict)
