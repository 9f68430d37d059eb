# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Where docker, and where podman, skopeo and buildah, keep the logins of an account.

docker/cli: cli/config/config.go; containers/common: pkg/auth; containers/image: pkg/docker/config/config.go.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown, shown_path

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._host.account import Account


def login_path(kind: str, given: str | None, persistent: bool, account: Account, environment: Mapping[str, str]) -> str:
    """The absolute path of the file. ``environment`` is the account's own, empty where it is not known. Raises InputError."""
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
        raise InputError(f"path '{shown_path(path)}' is no absolute path of a file. Give one that begins with '/' or '~/'.")
    return path


def lost_at_boot(path: str) -> bool:
    """Whether the file lies in memory, as far as its path tells."""
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
        raise InputError(f"XDG_RUNTIME_DIR is {shown(runtime)}, which is no folder, so that podman keeps no login. Set path.")
    if not runtime and account.uid and os.path.isdir(f"/run/user/{account.uid}"):
        # where no environment says so, for want of a session of the account
        runtime = f"/run/user/{account.uid}"
    if runtime:
        return os.path.join(runtime, "containers", "auth.json")
    folder = f"/run/containers/{account.uid}"
    if account.uid and not os.path.isdir(folder):
        raise InputError(
            f"account {shown(account.name)} has no folder for logins in memory (/run/user/{account.uid} is there while it is "
            "logged in, or lingers). Set persistent, or give a path."
        )
    return os.path.join(folder, "auth.json")
