# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Keys of `auths` that not every reader matches: kubelet (keyring.go), docker (docker/cli) and podman (containers/image)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._text import shown
from .go_url import docker_host
from .registry_key import HUB, HUB_LOOKALIKES, HUB_NAMES, canonical_registry, index_key

if t.TYPE_CHECKING:
    from collections.abc import Iterator


KUBELET, DOCKER, PODMAN = READERS = ("kubelet", "docker", "podman")
# beside HUB, where docker login keeps what it got through a browser
_DESKTOP_KEYS = (f"{HUB}access-token", f"{HUB}refresh-token")
_SCHEME = re.compile(r"https?://")
_HOST = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_PATH = re.compile(r"[a-z0-9._/-]*")
_USER = "{} takes a user name before '@' for a part of the host. Leave it out; whoever may read the key reads it."
_DEFAULT_PORT = re.compile(r"(.*):(443|80)")


@dataclass(frozen=True)
class Problem:
    """``text`` says what is wrong and what to do about it, for the programs in ``readers``. It holds no secret value.

    ``key`` is the entry's, as it is written there (a stranger's text), None for the whole document. With ``blocks`` these
    readers get nothing out of the entry; with ``fatal`` they get nothing out of the document at all.
    """

    readers: tuple[str, ...]
    text: str
    key: str | None = None
    blocks: bool = True
    fatal: bool = False


def key_problems(key: str) -> list[Problem]:
    """What keeps each reader from finding a credential under this key, or makes it find it less often than one would think."""
    if key in _DESKTOP_KEYS:
        told = (
            "it is a person's own login token of Docker Desktop, of no use to the kubelet and not to be spread. Remove the "
            "entry, and log that person out where others could read it."
        )
        return [Problem((KUBELET, DOCKER), told, key)]
    found = list(_kubelet(key))
    for_docker, for_podman = _others(key)
    if for_docker and for_docker == for_podman:
        found.append(Problem((DOCKER, PODMAN), for_docker, key))
    else:
        found += [Problem((who,), told, key) for who, told in ((DOCKER, for_docker), (PODMAN, for_podman)) if told]
    return found


def _kubelet(key: str) -> Iterator[Problem]:
    try:
        place = index_key(key).decode("utf-8", "replace")
    except ValueError as error:
        yield Problem((KUBELET,), f"the kubelet drops this key without a word: {error}.{_remedy(key)}", key)
        return
    host, slash, path = place.partition("/")
    never = _never(host, slash + path)
    if never:
        yield Problem((KUBELET,), f"{never}{_remedy(key)}", key)
        return
    port = _DEFAULT_PORT.fullmatch(host)
    if port:
        told = f"it matches only images that are written with ':{port[2]}' too. Write the key without the port."
        yield Problem(READERS, told, key, blocks=False)
    if host in HUB_LOOKALIKES:
        told = f"it is a registry of its own, and images of Docker Hub do not get it. For these write '{HUB}'."
        # podman takes this one for Docker Hub where it finds no better key
        yield Problem((KUBELET, DOCKER) if host == "registry-1.docker.io" else READERS, told, key, blocks=False)
    if host != host.lower():
        told = f"it matches only images whose registry has the same upper case letters.{_remedy(key)}"
        yield Problem(READERS, told, key, blocks=False)


def _never(host: str, path: str) -> str:
    """Why no image of the kubelet's can match, or an empty text."""
    if path in ("/v1", "/v2"):
        end = "" if host in HUB_NAMES else ", or leave it out"
        return f"the kubelet takes '{path}' for the beginning of a repository, since no slash ends it. Add the slash{end}."
    if host == "index.docker.io" and path:
        return "the kubelet never matches it: with a path, images of Docker Hub are docker.io's."
    if host.startswith("[") and host.endswith("]"):
        return "the kubelet never matches an IPv6 address without a port. Add the port, to the image as well."
    if not _PATH.fullmatch(path):
        return "the kubelet never matches its path: it compares plain text, and no repository is called so (no tag, no wildcard)."
    if not (set(".:*[") & set(host) or host == "localhost" or host != host.lower()):
        return (
            f"no image has this registry: 'docker.io' is meant where a first part has neither dot nor port ('{shown(host)}/app')."
        )
    return ""


def _others(key: str) -> tuple[str, str]:
    """What docker and what podman makes of a key that is not found, or empty texts."""
    host, slash, path = _SCHEME.sub("", key, count=1).partition("/")
    if "*" in host:
        told = "docker and podman know no wildcards: list the registries one by one for them."
        return told, told
    for_docker, for_podman = _for_docker(key), _for_podman(key, host, slash + path)
    if for_docker.startswith("docker finds no") and for_podman.startswith("podman finds no"):
        return (f"docker and podman find no registry in it.{_remedy(key)}",) * 2
    return for_docker, for_podman


def _for_docker(key: str) -> str:
    host = docker_host(key)
    if "@" in host:
        return _USER.format("docker")
    if not _HOST.fullmatch(host):
        return f"docker finds no registry in it.{_remedy(key)}"
    if host in HUB_NAMES and key != HUB:
        return f"docker looks for Docker Hub under '{HUB}' and nothing else. Write it so."
    return ""


def _for_podman(key: str, host: str, path: str) -> str:
    if "@" in host:
        return _USER.format("podman")
    if not _HOST.fullmatch(host):
        return f"podman finds no registry in it.{_remedy(key)}"
    # after a scheme it looks at the host alone
    if not _SCHEME.match(key) and (path.endswith("/") or path in ("/v1", "/v2")):
        return f"podman takes '{shown(path)}' for a part of a repository. Leave it out."
    return ""


def _remedy(key: str) -> str:
    try:
        canonical = canonical_registry(key)
    except InputError:
        return " Write it as host[:port], or host[:port]/path."
    return "" if canonical == key else f" Write it as '{canonical}'."
