# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The proxies of the environment (https_proxy, http_proxy, no_proxy)."""

from __future__ import annotations

import ipaddress
import os
import re
import typing as t
import urllib.request

from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import literal
from ansible_collections.pullpass.registry.plugins.module_utils._registry.web_address import parse_address

if t.TYPE_CHECKING:
    from http.client import HTTPResponse

_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class EnvironmentProxies(urllib.request.ProxyHandler):
    """Sends requests through the proxy of their scheme, unless no_proxy names the host."""

    def __init__(self) -> None:
        super().__init__({scheme: url for scheme, url in urllib.request.getproxies().items() if scheme in ("http", "https")})

    def proxy_open(self, req: t.Any, proxy: str, type: str) -> HTTPResponse | None:  # noqa: A002
        if _in_networks(req.target.host) or urllib.request.proxy_bypass(req.host):
            return None
        usable = _usable(proxy)
        if usable is None:
            # not a part of it: there may be a password in each
            raise OSError(f"the proxy in {type}_proxy is not of the form http://[user:password@]host:port")
        req.proxied = True
        return super().proxy_open(req, usable, type)


def _usable(proxy: str) -> str | None:
    """The proxy's URL with the host and port that the parser found in it; None where it is not one.

    urllib takes parts of a login for a port, and talks to a proxy with TLS as to one without.
    """
    scheme, separator, rest = proxy.partition("://")
    authority, slash, path = (rest if separator else proxy).partition("/")
    user, at, host = authority.rpartition("@")
    try:
        address = parse_address(f"{scheme if separator else 'http'}://{host}{slash}{path}")
    except ValueError:
        return None
    if address.origin.scheme != "http" or address.origin.port == 0 or address.target not in ("", "/"):
        return None
    return None if _CONTROL.search(user) else f"http://{user}{at}{address.origin.authority}"


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
