# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Names of registries: the text that a person writes, the key in an `auths` document, and the kubelet's comparison of keys.

The rules are those of kubernetes pkg/credentialprovider/keyring.go (Add) and of docker/cli's registry names.
"""

from __future__ import annotations

import re

from .._errors import InputError
from .._text import HIDDEN, shown
from .go_url import parse_url

# the key of Docker Hub in `auths`
HUB = "https://index.docker.io/v1/"
# docker, podman and the kubelet read both, without a path, as Docker Hub
HUB_NAMES = ("docker.io", "index.docker.io")
# docker, podman and the kubelet do not read these hosts as Docker Hub, but people do
HUB_LOOKALIKES = ("registry-1.docker.io", "registry.hub.docker.com", "hub.docker.com")
_HUB_SITES = (*HUB_LOOKALIKES, "docker.com", "www.docker.com", "hub.docker.io", "registry.docker.io", "cloud.docker.com")
_HUB_PAGE = re.compile(r"(?:r|u|v2/repositories|repository/docker|repositories/docker|layers)/(?P<name>.+)|_/(?P<official>[^/]+)")
# host of web pages -> registry
_SITES = {"github.com": "ghcr.io", "gitlab.com": "registry.gitlab.com", "gallery.ecr.aws": "public.ecr.aws"}
_GITHUB_PAGE = re.compile(
    r"(?:(?:orgs|users)/)?(?P<owner>[^/]+)(?:/[^/]+)?/(?:pkgs|packages)/container/(?:package/)?(?P<name>[^/]+)"
)
_ARTIFACTORY = re.compile(r"artifactory/(?:api/docker/)?(?P<name>[^/]+)(?:/v[12])?(?:/.*)?")
_NEXUS = re.compile(r"repository/(?P<name>[^/]+)(?:/.*)?")
_QUAY = re.compile(r"(?:repository|organization)/(?P<name>.+)")
_DEFAULT_PORT = re.compile(r"(?P<name>.+):(?P<port>443|80)")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_*]([a-z0-9_.*-]*[a-z0-9_*])?)(:(?P<port>[0-9]{1,5}))?")
_PLAIN_KEY = re.compile(r"(?:https?://)?[A-Za-z0-9._-]+(?::[0-9]+)?(?:/(?!v[12]/)[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")


def intended_key(host: str, path: str) -> str:
    """The key that a person intends with the address of a web page or of Docker Hub; empty for other addresses."""
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
    """Why images may not match this key of a person, with the key to use; empty for most keys."""
    host, _slash, path = key.partition("/")
    better = intended_key(host, path)
    if host.lower() in _HUB_SITES:
        return f"{host} is not Docker Hub: its images do not match. For Docker Hub write {better}."
    if better:
        return f"{key} looks like the address of a web page. Write {better} if image names begin with it."
    port = _DEFAULT_PORT.fullmatch(host)
    if port:
        tail = f"/{path}" if path else ""
        return f"it matches only images with ':{port['port']}' in their name. For others write {port['name']}{tail}."
    if host != host.lower():
        return f"it matches only image names with the same upper case letters. For others write {key.lower()}."
    return ""


def _on_the_hub(path: str) -> str:
    page = _HUB_PAGE.fullmatch(path)
    name = (f"library/{page['official']}" if page["official"] else page["name"]) if page else path
    return f"docker.io/{name}" if name else "docker.io"


def canonical_registry(written: str, keep_case: bool = False) -> str:
    """The key of the entry for a registry that a person wrote.

    Accepts ``host[:port][/path]``, with or without scheme and ``/v1/`` or ``/v2/``. Returns ``HUB`` for HUB_NAMES, else
    ``host[:port][/path]`` with the host in lower case. With ``keep_case`` (for an entry of a document) the host is unchanged,
    since the kubelet, docker and podman compare it with case.
    Raises InputError that says which part is wrong.
    """
    if "@" in written:
        raise InputError(
            "a registry contains '@'. Give a user name in username and a password in password; only images have digests."
        )
    text = written.strip()
    bare = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
    host, _slash, path = bare.partition("/")
    path = _without_api_version(path).strip("/")
    _check_host(written, host.lower())
    if path and not _PATH.fullmatch(path):
        raise InputError(f"registry '{shown(written)}': {_path_fault(host, path)}")
    if not keep_case:
        host = host.lower()
    if host in HUB_NAMES and not path:
        return HUB
    return f"{host}/{path}" if path else host


def index_key(key: str) -> bytes:
    """The kubelet's index for a key of `auths` (Add of keyring.go): ``host[:port][/path]``, with decoded escapes.

    Raises ValueError, with the reason, for a key that the kubelet ignores.
    """
    if _PLAIN_KEY.fullmatch(key):  # nearly all keys, and there may be many
        return key.partition("://")[2].encode("ascii") if "://" in key else key.encode("ascii")
    url = key.encode("utf-8")
    if not url.startswith((b"https://", b"http://")):
        url = b"https://" + url
    host, path = parse_url(url)
    if path.startswith((b"/v1/", b"/v2/")):
        path = path[3:]
    return host if path == b"/" else host + path


def comparison_key(key: str) -> str:
    """Equal for two keys of an `auths` document that the kubelet uses for the same images.

    Keys that are equal only for docker or podman (upper case, ``/v2`` without a slash) differ here.
    """
    try:
        index = index_key(key).decode("utf-8", "surrogateescape")
    except ValueError:
        return f"\0{key}"  # the kubelet ignores it, so no other key is equal
    # without a path both mean Docker Hub; no image name begins with index.docker.io/
    return HUB if index in ("docker.io", "index.docker.io") else index


def shown_key(key: str) -> str:
    """A key for a message: the text before '@' may be a password."""
    before, at, after = key.rpartition("@")
    return f"{HIDDEN}@{shown(after)}" if at else shown(before + after)


def _path_fault(host: str, path: str) -> str:
    better = intended_key(host, path)
    if better and _PATH.fullmatch(better.partition("/")[2]):
        return f"this looks like the address of a web page. Write {better} if image names begin with it."
    if _PATH.fullmatch(path.lower()):
        return f"the path '{shown(path)}' has upper case letters, which no repository has. Write {host.lower()}/{path.lower()}."
    return (
        f"the path '{shown(path)}' is not a repository path. Give the registry as host[:port], or host[:port]/path to limit the "
        "credential to a part of it; no tag, digest or wildcard."
    )


def _without_api_version(path: str) -> str:
    for version in ("v1", "v2"):
        if path == version:
            return ""
        if path.startswith(f"{version}/"):
            return path[3:]
    return path


def _is_address(host: str) -> bool:
    """Whether the text in brackets is an IPv6 address; the kubelet ignores any other key with brackets."""
    try:
        return not host.startswith("[") or bool(index_key(host))
    except ValueError:
        return False


def _check_host(written: str, host: str) -> None:
    named = f"registry '{shown(written)}'"
    if not host:
        raise InputError(f"{named}: the host is missing. Give host[:port][/path], for example registry.example.com:5000.")
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 1) > 65535 or not _is_address(host):
        raise InputError(f"{named}: '{shown(host)}' is not a host name with an optional port. Give host[:port][/path].")
    if match["port"] is None and "." not in host and host != "localhost" and not host.startswith("["):
        raise InputError(
            f"{named}: in an image name a registry needs a dot or a port ('{host}/app' means 'docker.io/{host}/app'). Give its "
            "full name or its port; docker.io is Docker Hub."
        )
