# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The proxies of the environment (https_proxy, http_proxy, no_proxy)."""

from __future__ import annotations

import ipaddress
import os
import typing as t
import urllib.request
from urllib.parse import urlsplit

from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import literal
from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import origin_of

if t.TYPE_CHECKING:
    from http.client import HTTPResponse


class EnvironmentProxies(urllib.request.ProxyHandler):
    """Sends requests through the proxy of their scheme, unless no_proxy names the host."""

    def __init__(self) -> None:
        super().__init__({scheme: url for scheme, url in urllib.request.getproxies().items() if scheme in ("http", "https")})

    def proxy_open(self, req: t.Any, proxy: str, type: str) -> HTTPResponse | None:  # noqa: A002
        if _in_networks(origin_of(req.full_url).host) or urllib.request.proxy_bypass(req.host):
            return None
        if not _is_usable(proxy):
            # not a part of it: there may be a password in each
            raise OSError(f"the proxy in {type}_proxy is not of the form http://[user:password@]host:port")
        req.proxied = True
        return super().proxy_open(req, proxy, type)


def _is_usable(proxy: str) -> bool:
    """urllib takes parts of a login for a port, and talks to a proxy with TLS as to one without."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port
    except ValueError:
        return False
    odd = parts.scheme != "http" or not parts.hostname or port == 0 or parts.path not in ("", "/")
    return not odd and not any(char <= " " for char in proxy)


def _in_networks(host: str) -> bool:
    """Whether no_proxy has a network that this address is in: docker and the kubelet heed such entries, urllib does not."""
    address = literal(host)
    if address is None:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        try:
            network = ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False
