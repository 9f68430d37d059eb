# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that is reached by ssh with an account of its own, on this machine."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from login_tasks import program, ran

from lab.packages import install


def owner(path: Path) -> tuple[int, int, int]:
    info = path.lstat()
    return info.st_uid, info.st_gid, info.st_mode & 0o777


@contextmanager
def sshd(user: pwd.struct_passwd) -> Iterator[dict[str, Any]]:
    """A server for this one account at 127.0.0.1; gives the variables of its inventory host."""
    missing = install(["openssh-server", "openssh-client"], lambda: Path("/usr/sbin/sshd").exists(), print)
    if missing:
        pytest.skip(f"needs sshd: {missing}")
    with tempfile.TemporaryDirectory(prefix="pp-") as text:
        folder = Path(text)
        for key in ("host", "login"):
            ran(program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", folder / key)
        allowed = Path(user.pw_dir) / ".ssh"
        allowed.mkdir(mode=0o700)
        (allowed / "authorized_keys").write_text((folder / "login.pub").read_text())
        for path in (allowed, allowed / "authorized_keys"):
            os.chown(path, user.pw_uid, user.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\nPasswordAuthentication no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until and server.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            if server.poll() is not None:
                pytest.skip("needs sshd, which does not run here")
            yield {
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_user": user.pw_name,
                "ansible_connection": "ssh",
                "ansible_ssh_timeout": 60,
                "ansible_ssh_private_key_file": str(folder / "login"),
                "ansible_ssh_args": "-o ControlMaster=no -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
                "ansible_python_interpreter": "/usr/bin/python3",
            }
        finally:
            server.terminate()
            server.wait(timeout=10)
