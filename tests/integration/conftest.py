# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One lab for all integration tests: three clusters, both flavours of registry, and a node where one can run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from secret_traces import syslog

import lab as lab_package
from ansible_run import Ansible
from cluster_access import Access
from leaks.memory import no_secret_of_another_test

__all__ = ["no_secret_of_another_test", "syslog"]

INSTANCE = os.environ.get("PULLPASS_TEST_LAB", "test")


@pytest.fixture(scope="session")
def lab() -> Iterator[lab_package.Lab]:
    """The running lab. It is left up where PULLPASS_TEST_LAB names one, to try a test again and again."""
    keep = "PULLPASS_TEST_LAB" in os.environ
    try:
        yield lab_package.up(INSTANCE, clusters=3, node=None, registries=("basic", "bearer"))
    finally:
        if not keep:
            lab_package.down(INSTANCE)


@pytest.fixture(scope="session")
def c1(lab: lab_package.Lab) -> Access:
    """The cluster that has the node."""
    return Access(lab.cluster("c1"), lab.bin / "kubectl", lab.ca)


@pytest.fixture(scope="session")
def c2(lab: lab_package.Lab) -> Access:
    return Access(lab.cluster("c2"), lab.bin / "kubectl", lab.ca)


@pytest.fixture(scope="session")
def c3(lab: lab_package.Lab) -> Access:
    return Access(lab.cluster("c3"), lab.bin / "kubectl", lab.ca)


@pytest.fixture
def node(lab: lab_package.Lab) -> str:
    """Name of the node; a test that needs it is skipped, by name and with the reason, where none can run."""
    name = lab.cluster("c1").node
    if name is None:
        pytest.skip(f"needs a node: {lab.node_reason}")
    return name


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    return Ansible(tmp_path)


@pytest.fixture
def prefix() -> str:
    """Begins the names of this test's namespaces, so that its globs select no other test's."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def registry() -> dict[str, Any]:
    """A credential that nobody asks for, with characters that every layer would like to change."""
    return {"registry": "registry.example.com:5000", "username": "ci+bot", "password": "s3cr3t<&>\"'+$é/%"}
