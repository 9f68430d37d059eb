# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The two kinds of files that logins are kept in: docker's config.json and the auth.json of podman, skopeo and buildah. Pure.

docker/cli: cli/config/configfile/file.go, cli/config/credentials; containers/image: pkg/docker/config/config.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_host import docker_host
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

_SCHEME = re.compile(r"https?://")
_API = re.compile(r"/(?:v[12]/?)?$")
_HUB_NAMES = ("docker.io", "index.docker.io")
# those that containers/image takes for one where it finds none by its exact name
_PODMAN_HUB_NAMES = (*_HUB_NAMES, "registry-1.docker.io")


@dataclass(frozen=True)
class LoginFormat:
    """``hub``: key of Docker Hub. ``scoped``: whether a login can be for a path of a registry alone.

    ``global_store``: whether credsStore counts. ``marks``: whether an empty entry stands for a login that a helper keeps.
    ``identity_tokens``: whether such a token is asked for and takes the password's place.
    """

    name: str
    hub: str
    scoped: bool
    global_store: bool
    marks: bool
    identity_tokens: bool

    def key(self, registry: str) -> str:
        """The key under which the readers look for a registry (a canonical key). Raises InputError."""
        if "*" in registry:
            raise InputError(
                f"registry {registry}: docker and podman know no wildcards, unlike the kubelet. List the registries one by one."
            )
        if registry == HUB:
            return self.hub
        if "/" in registry and not self.scoped:
            raise InputError(
                f"registry {registry}: docker has one login for a whole registry, and would take this one for all of it. Give "
                f"{registry.partition('/')[0]}, or set format to containers, whose readers know logins for a path."
            )
        return registry

    def same(self, key: str, wanted: str) -> bool:
        """Whether a key is another form of ``wanted`` and of nothing else, so that a new login may take its place.

        Other names and other letters are other registries, also where one reader takes them for the same.
        """
        if key == wanted:
            return True
        host = _API.sub("", _SCHEME.sub("", key, count=1), count=1)
        if wanted == self.hub:
            return host in _HUB_NAMES
        return host == wanted and self.finds(key, wanted)

    def finds(self, key: str, wanted: str) -> bool:
        """Whether the readers, looking for ``wanted``, take an entry under ``key`` where there is none of just that name."""
        if key == wanted:
            return True
        if not self.scoped:
            return docker_host(key) == wanted
        host, _slash, _path = _SCHEME.sub("", key, count=1).partition("/")
        if not _SCHEME.match(key) and host != key:
            return False
        return host == wanted or (wanted in _PODMAN_HUB_NAMES and host in _PODMAN_HUB_NAMES)

    def server(self, key: str) -> str:
        """Under which name the readers ask a helper for the registry of an entry."""
        host = _SCHEME.sub("", key, count=1).partition("/")[0] if self.scoped else docker_host(key)
        return self.hub if host in _HUB_NAMES and (self.scoped or key == HUB) else host

    def servers(self, key: str) -> list[str]:
        """Names under which a helper may keep the login (docker/cli: cli/command/registry/logout.go)."""
        return [key, f"http://{key}", f"https://{key}"] if not self.scoped and key != self.hub else [key]

    def left_over(self, key: str) -> list[str]:
        """Keys that go together with a login: what a login in the browser left for Docker Hub."""
        return [f"{HUB}access-token", f"{HUB}refresh-token"] if not self.scoped and key == self.hub else []


FORMATS = {
    "docker": LoginFormat("docker", HUB, scoped=False, global_store=True, marks=True, identity_tokens=True),
    "containers": LoginFormat("containers", "docker.io", scoped=True, global_store=False, marks=False, identity_tokens=False),
}
