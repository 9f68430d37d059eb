# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Problems with keys of `auths` for each reader: kubelet (keyring.go), docker (docker/cli) and podman (containers/image)."""

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
# docker login through a browser stores these two entries beside HUB
_DESKTOP_KEYS = (f"{HUB}access-token", f"{HUB}refresh-token")
_SCHEME = re.compile(r"https?://")
_HOST = re.compile(r"(?:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
_PATH = re.compile(r"[a-z0-9._/-]*")
_DEFAULT_PORT = re.compile(r"(.*):(443|80)")


@dataclass(frozen=True)
class Problem:
    """``text`` says what is wrong and what to do, for the programs in ``readers``. It contains no secret value.

    ``key`` is that of the entry, unchanged (untrusted text), null for the whole document. With ``blocks`` these readers cannot
    use the entry; with ``fatal`` they cannot use the document.
    """

    readers: tuple[str, ...]
    text: str
    key: str | None = None
    blocks: bool = True
    fatal: bool = False


def key_problems(key: str) -> list[Problem]:
    """Why a reader never finds a credential with this key, or finds it for fewer images than expected."""
    if key in _DESKTOP_KEYS:
        text = (
            "it is a login token of Docker Desktop, which belongs to one person and which the kubelet cannot use. Remove the "
            "entry, and log that person out if others could read it."
        )
        return [Problem((KUBELET, DOCKER), text, key)]
    return [*_kubelet(key), *_docker_and_podman(key)]


def _kubelet(key: str) -> Iterator[Problem]:
    try:
        place = index_key(key).decode("utf-8", "replace")
    except ValueError as error:
        yield Problem((KUBELET,), f"the kubelet ignores this key: {error}.{_remedy(key)}", key)
        return
    host, slash, path = place.partition("/")
    reason = _no_match_reason(host, slash + path)
    if reason:
        yield Problem((KUBELET,), f"{reason}{_remedy(key)}", key)
        return
    port = _DEFAULT_PORT.fullmatch(host)
    if port:
        text = f"it matches only images with ':{port[2]}' in their name. Write the key without the port."
        yield Problem(READERS, text, key, blocks=False)
    if host in HUB_LOOKALIKES:
        text = f"it does not match images of Docker Hub. For these write '{HUB}'."
        # podman also uses this one for Docker Hub
        yield Problem((KUBELET, DOCKER) if host == "registry-1.docker.io" else READERS, text, key, blocks=False)
    if host != host.lower():
        text = f"it matches only images with the same upper case letters in their registry.{_remedy(key)}"
        yield Problem(READERS, text, key, blocks=False)


def _no_match_reason(host: str, path: str) -> str:
    """Why the kubelet never finds an image for it, or an empty text."""
    if path in ("/v1", "/v2"):
        end = "" if host in HUB_NAMES else ", or leave it out"
        return f"the kubelet reads '{path}' as the beginning of a repository, because no slash follows. Add the slash{end}."
    if host == "index.docker.io" and path:
        return "the kubelet never matches it: with a path, the registry of Docker Hub's images is docker.io."
    if host.startswith("[") and host.endswith("]"):
        return "the kubelet never matches an IPv6 address without a port. Add the port here and in the image name."
    if not _PATH.fullmatch(path):
        return "the kubelet never matches its path, because no repository has this name. Remove any tag or wildcard."
    if not (set(".:*[") & set(host) or host == "localhost" or host != host.lower()):
        return f"no image has this registry: without a dot or a port '{shown(host)}/app' is 'docker.io/{shown(host)}/app'."
    return ""


def _docker_and_podman(key: str) -> Iterator[Problem]:
    plain, slash, path = _SCHEME.sub("", key, count=1).partition("/")
    if "*" in plain:
        yield Problem((DOCKER, PODMAN), "docker and podman support no wildcards. List the registries one by one for them.", key)
        return
    hosts = {DOCKER: docker_host(key), PODMAN: plain}
    for reader, host in hosts.items():
        if "@" in host:
            text = f"{reader} reads a user name before '@' as a part of the host. Remove it."
            yield Problem((reader,), text, key)
    unusable = tuple(reader for reader, host in hosts.items() if "@" not in host and not _HOST.fullmatch(host))
    if unusable:
        finds = "finds" if len(unusable) == 1 else "find"
        yield Problem(unusable, f"{' and '.join(unusable)} {finds} no registry in it.{_remedy(key)}", key)
    if hosts[DOCKER] in HUB_NAMES and key != HUB:
        yield Problem((DOCKER,), f"docker looks for Docker Hub only under '{HUB}'. Write that.", key)
    # with a scheme podman reads only the host
    is_path = not _SCHEME.match(key) and (slash + path in ("/v1", "/v2") or (slash + path).endswith("/"))
    if is_path and _HOST.fullmatch(plain):
        yield Problem((PODMAN,), f"podman reads '{shown(slash + path)}' as a part of a repository. Remove it.", key)


def _remedy(key: str) -> str:
    try:
        canonical = canonical_registry(key)
    except InputError:
        return " Write it as host[:port], or host[:port]/path."
    return "" if canonical == key else f" Write it as '{canonical}'."
