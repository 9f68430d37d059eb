# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The registry that docker reads in a key of `auths`."""

from __future__ import annotations

import re

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.go_url import parse_url

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def docker_host(key: str) -> str:
    """ConvertToHostname of docker/cli 28, config/credentials/file_store.go.

    Of a URL with any scheme it is host[:port] without user name, path, query and an empty port. An IPv6 address without a
    port loses its brackets there, so that it equals no registry of an image. Of other text it is all before the first slash.
    """
    if _URL.match(key):
        try:
            host = parse_url(key.encode("utf-8", "surrogateescape")).host.decode("utf-8", "surrogateescape")
        except ValueError:
            host = ""
        name, port = _split(host)
        if name:
            return name if not port else f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return key.partition("/")[0]


def _split(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _bracket, port = host[1:].rpartition("]")
        return name, port[1:]
    name, _colon, port = host.partition(":")
    return name, port
