# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Valid keys that are most likely not what was meant: addresses of web pages, and names in which people look for Docker Hub."""

from __future__ import annotations

import re

# one place to every reader of `auths`, as long as no path comes after them
HUB_NAMES = ("docker.io", "index.docker.io")
# registries of their own to docker, podman and the kubelet, in which people look for Docker Hub
HUB_LOOKALIKES = ("registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com")

_HUB_SITES = (*HUB_LOOKALIKES, "docker.com", "www.docker.com", "hub.docker.io", "registry.docker.io", "cloud.docker.com")
_HUB_PAGE = re.compile(r"(?:r|u|v2/repositories|repository/docker|repositories/docker|layers)/(?P<name>.+)|_/(?P<official>[^/]+)")
# web page of a registry -> the registry
_SITES = {"github.com": "ghcr.io", "gitlab.com": "registry.gitlab.com", "gallery.ecr.aws": "public.ecr.aws"}
_GITHUB_PAGE = re.compile(
    r"(?:(?:orgs|users)/)?(?P<owner>[^/]+)(?:/[^/]+)?/(?:pkgs|packages)/container/(?:package/)?(?P<name>[^/]+)"
)
_ARTIFACTORY = re.compile(r"artifactory/(?:api/docker/)?(?P<name>[^/]+)(?:/v[12])?(?:/.*)?")
_NEXUS = re.compile(r"repository/(?P<name>[^/]+)(?:/.*)?")
_QUAY = re.compile(r"(?:repository|organization)/(?P<name>.+)")
_DEFAULT_PORT = re.compile(r"(?P<name>.+):(?P<port>443|80)")


def meant(host: str, path: str) -> str:
    """The key that was meant, where host and path are those of a web page or of Docker Hub; empty where they are not."""
    bare, path = host.lower(), path.strip("/").lower()
    if bare in _HUB_SITES or (bare in HUB_NAMES and path.startswith(("r/", "_/"))):
        return _on_the_hub(path)
    if bare == "index.docker.io" and path:
        return f"docker.io/{path}"
    if bare in _SITES:
        page = _GITHUB_PAGE.fullmatch(path) if bare == "github.com" else None
        return "/".join(filter(None, [_SITES[bare], f"{page['owner']}/{page['name']}" if page else path]))
    for pattern, only in ((_ARTIFACTORY, ""), (_NEXUS, ""), (_QUAY, "quay.io")):
        match = pattern.fullmatch(path)
        if match and (bare == only or (not only and bare != "quay.io")):
            return f"{bare}/{match['name']}"
    return ""


def near_miss(key: str) -> str:
    """What a person should know who wants credentials under this key, with the key that works; empty for most."""
    host, _slash, path = key.partition("/")
    better = meant(host, path)
    if host.lower() in _HUB_SITES:
        return f"{host} is a registry of its own, and images of Docker Hub do not get this credential. For these write {better}."
    if better:
        return f"no image is called {key}/...: this looks like the address of a web page. Write {better}, if images begin so."
    port = _DEFAULT_PORT.fullmatch(host)
    if port:
        tail = f"/{path}" if path else ""
        return f"it matches only images that are written with ':{port['port']}' too. For others write {port['name']}{tail}."
    if host != host.lower():
        return f"it matches only images whose registry has the same upper case letters. For others write {key.lower()}."
    return ""


def _on_the_hub(path: str) -> str:
    page = _HUB_PAGE.fullmatch(path)
    name = (f"library/{page['official']}" if page["official"] else page["name"]) if page else path
    return f"docker.io/{name}" if name else "docker.io"
