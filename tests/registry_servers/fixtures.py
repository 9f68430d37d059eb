# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures for tests that ask these servers. Imported by pytest alone, through `pytest_plugins`."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .client import Client
from .network import Names, Wire, listening
from .serving import Authority, Serving


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture
def nobodys_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy and no CA of the person who runs the tests, and a netrc that has a login for every host."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.delenv(name)
    netrc = tmp_path / ".netrc"
    hosts = ("127.0.0.1", "127.0.0.2", "localhost", "registry.test", "tokens.test")
    netrc.write_text("".join(f"machine {host} login netrc password netrc\n" for host in hosts) + "default login x password x\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))


@pytest.fixture
def serve(authority: Authority, nobodys_network: None) -> Iterator[Serving]:
    with ExitStack() as stack:
        yield Serving(authority, stack)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


@pytest.fixture
def wire() -> Iterator[Wire]:
    with listening() as wire:
        yield wire


@pytest.fixture
def client(authority: Authority) -> Client:
    return Client(authority.pem)
