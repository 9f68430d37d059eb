# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the programs keep their logins, what a registry is called there, and which attributes a person may ask for."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.account import Account
from ansible_collections.pullpass.registry.plugins.module_utils._host.atomic_file import Attributes, attributes_option
from ansible_collections.pullpass.registry.plugins.module_utils._host.login_format import FORMATS, login_path, lost_at_boot
from ansible_collections.pullpass.registry.plugins.module_utils._module.login_options import open_logins

DEPLOY = Account("deploy", 987654, 987654, "/home/deploy")
NOBODY_HERE = {"path": None, "format": "docker", "persistent": False, "user": None}

PATHS = [
    pytest.param("docker", None, False, {}, "/home/deploy/.docker/config.json", id="docker"),
    pytest.param("docker", None, False, {"DOCKER_CONFIG": "/c"}, "/c/config.json", id="DOCKER_CONFIG"),
    pytest.param("docker", None, False, {"DOCKER_CONFIG": ""}, "/home/deploy/.docker/config.json", id="DOCKER_CONFIG empty"),
    pytest.param("docker", "~/x/c.json", False, {"DOCKER_CONFIG": "/c"}, "/home/deploy/x/c.json", id="a path from home"),
    pytest.param("docker", "/var/lib/kubelet/config.json", False, {}, "/var/lib/kubelet/config.json", id="a path"),
    pytest.param("containers", None, False, {"REGISTRY_AUTH_FILE": "/a/f"}, "/a/f", id="REGISTRY_AUTH_FILE"),
    pytest.param("containers", None, False, {"DOCKER_CONFIG": "/c"}, "/c/config.json", id="podman heeds DOCKER_CONFIG"),
    pytest.param("containers", None, False, {"XDG_RUNTIME_DIR": "/tmp"}, "/tmp/containers/auth.json", id="XDG_RUNTIME_DIR"),
    pytest.param(
        "containers", None, True, {"XDG_RUNTIME_DIR": "/x"}, "/home/deploy/.config/containers/auth.json", id="persistent"
    ),
    pytest.param("containers", None, True, {"XDG_CONFIG_HOME": "/c"}, "/c/containers/auth.json", id="XDG_CONFIG_HOME"),
]


@pytest.mark.parametrize(("kind", "given", "persistent", "environment", "path"), PATHS)
def test_path(kind: str, given: str | None, persistent: bool, environment: dict[str, str], path: str) -> None:
    assert login_path(kind, given, persistent, DEPLOY, environment) == path


@pytest.mark.parametrize("given", ["config.json", "./c", "~other/c", "/etc/", "/a\0b", ""])
def test_path_that_is_none(given: str) -> None:
    with pytest.raises(InputError, match="is not the absolute path of a file"):
        login_path("docker", given, False, DEPLOY, {})


def test_the_folder_in_memory_is_roots_to_make_alone() -> None:
    root = Account("root", 0, 0, "/root")
    assert login_path("containers", None, False, root, {}) == "/run/containers/0/auth.json"
    with pytest.raises(InputError, match=r"account deploy has no folder for logins in memory: .* Set persistent"):
        login_path("containers", None, False, DEPLOY, {})


def test_runtime_folder_that_is_not_there() -> None:
    with pytest.raises(InputError, match="XDG_RUNTIME_DIR is /no/such/folder"):
        login_path("containers", None, False, DEPLOY, {"XDG_RUNTIME_DIR": "/no/such/folder"})


def test_what_is_lost_when_the_machine_starts_anew() -> None:
    assert [lost_at_boot(path) for path in ("/run/user/1/x", "/var/run/x", "/root/run/x", "/runner/x")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({"persistent": True}, "persistent needs format containers"),
        ({"persistent": True, "format": "containers", "path": "/x"}, "and no path"),
        ({"user": "no-such-account"}, "is not an account of this host"),
        ({"user": ""}, "user is empty"),
        ({"path": ""}, "path is empty"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], reported: str) -> None:
    with pytest.raises(InputError, match=reported):
        open_logins({**NOBODY_HERE, **options})


def test_home_is_that_of_the_environment_unless_a_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert open_logins(NOBODY_HERE).file.path == "/somewhere/.docker/config.json"


@pytest.mark.parametrize(
    ("registry", "docker", "containers"),
    [
        (HUB, HUB, "docker.io"),
        ("ghcr.io", "ghcr.io", "ghcr.io"),
        ("host:5000/team", None, "host:5000/team"),
        ("docker.io/team", None, "docker.io/team"),
        ("*.example.com", None, None),
    ],
)
def test_keys(registry: str, docker: str | None, containers: str | None) -> None:
    for kind, expected in (("docker", docker), ("containers", containers)):
        if expected is None:
            with pytest.raises(InputError, match="do not support wildcards" if "*" in registry else "set format to containers"):
                FORMATS[kind].key(registry)
        else:
            assert FORMATS[kind].key(registry) == expected


@pytest.mark.parametrize(
    ("key", "docker_finds", "podman_finds"),
    [
        ("example.com", True, True),
        ("http://example.com", True, True),
        ("https://example.com/v1/", True, True),
        ("ftp://example.com", True, False),
        ("example.com/team", True, False),
        ("example.com:443", False, False),
        ("Example.com", False, False),
    ],
)
def test_which_keys_are_found(key: str, docker_finds: bool, podman_finds: bool) -> None:
    found = [FORMATS[kind].finds(key, "example.com") for kind in ("docker", "containers")]
    assert found == [docker_finds, podman_finds]


@pytest.mark.parametrize("mode", [600, "600x", "u=rw", True, "0400", "7777", -1, "0o18"])
def test_modes_that_are_refused(mode: Any) -> None:
    with pytest.raises(InputError, match="is not an octal mode"):
        attributes_option(None, None, mode)


def test_attributes_by_name_and_number() -> None:
    assert attributes_option("root", "root", "0640") == Attributes(0, 0, 0o640)
    assert attributes_option("4711", "4712", 0o600) == Attributes(4711, 4712, 0o600)
    nobody = [("no-such-account", None, "owner"), (None, "no-such-group", "group"), ("4294967295", None, "owner")]
    for owner, group, reported in [*nobody, (None, "9" * 30, "group")]:
        with pytest.raises(InputError, match=f"^{reported} .* does not exist on this host"):
            attributes_option(owner, group, None)


@pytest.mark.parametrize(
    ("there", "kept"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o600), (0o602, 0o600), (0o660, 0o660), (0o400, 0o400)]
)
def test_a_mode_for_everybody_is_tightened_and_others_stay(there: int, kept: int) -> None:
    info = os.stat_result((0o100000 | there, 0, 0, 1, 5, 6, 0, 0, 0, 0))
    assert Attributes().for_file(info) == (5, 6, kept)
    assert Attributes(mode=0o644).for_file(info)[2] == 0o644
    assert Attributes().for_file(None) == (-1, -1, 0o600)
