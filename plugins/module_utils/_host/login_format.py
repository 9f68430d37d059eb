# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The formats of login files (docker and containers), and their default paths.

Sources: docker/cli (cli/config/config.go, cli/config/configfile/file.go, cli/config/credentials), containers/common (pkg/auth),
containers/image (pkg/docker/config/config.go).
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

from .._credentials.go_url import docker_host
from .._credentials.registry_key import HUB
from .._errors import InputError
from .._text import shown, shown_path

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .account import Account


_SCHEME = re.compile(r"https?://")
_API = re.compile(r"/(?:v[12]/?)?$")
_HUB_NAMES = ("docker.io", "index.docker.io")
# names that containers/image treats as one registry if the exact name has no entry
_PODMAN_HUB_NAMES = (*_HUB_NAMES, "registry-1.docker.io")


@dataclass(frozen=True)
class LoginFormat:
    """``hub``: key of Docker Hub. ``scoped``: whether a login can be for a path of a registry.

    ``global_store``: whether credsStore is used. ``marks``: whether a login in a helper has an empty entry.
    ``identity_tokens``: whether an identity token is requested and stored in place of the password.
    """

    name: str
    hub: str
    scoped: bool
    global_store: bool
    marks: bool
    identity_tokens: bool

    def key(self, registry: str) -> str:
        """The key under which the readers look for a registry, given its canonical key. Raises InputError."""
        if "*" in registry:
            raise InputError(
                f"registry {registry}: docker and podman do not support wildcards, unlike the kubelet. Give each registry."
            )
        if registry == HUB:
            return self.hub
        if "/" in registry and not self.scoped:
            raise InputError(
                f"registry {registry}: docker uses one login for a whole registry, not for a path. Give "
                f"{registry.partition('/')[0]}, or set format to containers, which supports logins for a path."
            )
        return registry

    def same(self, key: str, wanted: str) -> bool:
        """Whether a key is another form of ``wanted`` alone, so that a new login may replace its entry.

        Names that differ in letters or aliases are other registries, even if one of the readers treats them as the same.
        """
        if key == wanted:
            return True
        host = _API.sub("", _SCHEME.sub("", key, count=1), count=1)
        if wanted == self.hub:
            return host in _HUB_NAMES
        return host == wanted and self.finds(key, wanted)

    def finds(self, key: str, wanted: str) -> bool:
        """Whether the readers of ``wanted`` use an entry under ``key`` if no entry has the exact name."""
        if key == wanted:
            return True
        if not self.scoped:
            return docker_host(key) == wanted
        host, _slash, _path = _SCHEME.sub("", key, count=1).partition("/")
        if not _SCHEME.match(key) and host != key:
            return False
        return host == wanted or (wanted in _PODMAN_HUB_NAMES and host in _PODMAN_HUB_NAMES)

    def server(self, key: str) -> str:
        """The name under which the readers ask a helper for the registry of an entry."""
        host = _SCHEME.sub("", key, count=1).partition("/")[0] if self.scoped else docker_host(key)
        return self.hub if host in _HUB_NAMES and (self.scoped or key == HUB) else host

    def servers(self, key: str) -> list[str]:
        """The names under which a helper can keep the login (docker/cli: cli/command/registry/logout.go)."""
        return [key, f"http://{key}", f"https://{key}"] if not self.scoped and key != self.hub else [key]

    def left_over(self, key: str) -> list[str]:
        """Keys that are removed with a login: those that a login in the browser stores for Docker Hub."""
        return [f"{HUB}access-token", f"{HUB}refresh-token"] if not self.scoped and key == self.hub else []


FORMATS = {
    "docker": LoginFormat("docker", HUB, scoped=False, global_store=True, marks=True, identity_tokens=True),
    "containers": LoginFormat("containers", "docker.io", scoped=True, global_store=False, marks=False, identity_tokens=False),
}


def login_path(kind: str, given: str | None, persistent: bool, account: Account, environment: Mapping[str, str]) -> str:
    """The absolute path of the file. ``environment`` is that of the account, empty if unknown. Raises InputError."""
    if given is not None:
        path = account.home + given[1:] if given == "~" or given.startswith("~/") else given
    elif kind == "docker":
        folder = environment.get("DOCKER_CONFIG") or os.path.join(account.home, ".docker")
        path = os.path.join(folder, "config.json")
    elif persistent:
        folder = environment.get("XDG_CONFIG_HOME") or os.path.join(account.home, ".config")
        path = os.path.join(folder, "containers", "auth.json")
    else:
        path = _containers_choice(account, environment)
    if not os.path.isabs(path) or "\0" in path or path.endswith("/"):
        raise InputError(f"path '{shown_path(path)}' is not the absolute path of a file. Give one that begins with '/' or '~/'.")
    return path


def lost_at_boot(path: str) -> bool:
    """Whether the path is in a folder that is kept in memory."""
    return os.path.normpath(path).startswith(("/run/", "/var/run/", "/dev/shm/"))  # compared, not used


def _containers_choice(account: Account, environment: Mapping[str, str]) -> str:
    file = environment.get("REGISTRY_AUTH_FILE")
    if file:
        return file
    folder = environment.get("DOCKER_CONFIG")
    if folder:
        return os.path.join(folder, "config.json")
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and not os.path.isdir(runtime):
        raise InputError(f"XDG_RUNTIME_DIR is {shown(runtime)}, which is not a folder, so podman cannot store a login. Set path.")
    if not runtime and account.uid and os.path.isdir(f"/run/user/{account.uid}"):
        # the account has no session, so no variable names the folder
        runtime = f"/run/user/{account.uid}"
    if runtime:
        return os.path.join(runtime, "containers", "auth.json")
    folder = f"/run/containers/{account.uid}"
    if account.uid and not os.path.isdir(folder):
        raise InputError(
            f"account {shown(account.name)} has no folder for logins in memory: /run/user/{account.uid} exists only while the "
            "account is logged in, or with loginctl enable-linger. Set persistent, or give a path."
        )
    return os.path.join(folder, "auth.json")
