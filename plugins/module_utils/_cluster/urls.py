# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""URLs of API servers and of proxies, checked before anything is sent. Pure. A login in a URL is never repeated."""

from __future__ import annotations

import base64
import ipaddress
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import has_user_information, shown_url

_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
# of a path: letters, digits and what needs no encoding; management servers such as Rancher have one per cluster
_PATH = re.compile(r"(/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)*/?")
# Python's own parser lets text pass after the brackets of an IPv6 address
_AUTHORITY = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(:[0-9]{1,5})?")
_SCHEMES = ("https", "http")
_SOCKS = ("socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """``url`` without a login, ``authorization`` the value of Proxy-Authorization, ``secrets`` what must not be shown.

    A SOCKS proxy has its login in the URL.
    """

    url: str
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def server_url(name: str, url: str) -> str:
    """``url`` of an API server, without a slash at its end. ``name`` is where it is from. Raises InputError."""
    if has_user_information(url):
        raise InputError(
            f"{name} holds a user before '@' (it is not shown). Give the URL without user and password: {shown_url(url)}"
        )
    scheme, separator, _rest = url.partition("://")
    if not separator or scheme.lower() not in _SCHEMES:
        raise InputError(f"{name} '{shown_url(url)}' is not a URL. Give it with its scheme, as https://host[:port].")
    parts = _parts(name, url, "https://host[:port] or https://host[:port]/path")
    if "?" in url or "#" in url:
        raise InputError(f"{name} '{shown_url(url)}' holds '?' or '#'. Give the URL without a query and without a fragment.")
    if not _PATH.fullmatch(parts.path):
        raise InputError(f"{name} '{shown_url(url)}' has a path that no API server has. Give https://host[:port].")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def proxy_of(name: str, url: str, socks: bool) -> Proxy:
    """The proxy of ``url``, which may hold user and password. ``socks``: whether SOCKS works here. Raises InputError."""
    login, at, place = url.partition("://")[2].rpartition("@")
    bare = url.replace(login + at, "", 1) if at else url
    if "@" in shown_url(bare) or any(sign in login for sign in "/?#\\ "):
        raise InputError(f"{name} holds a login with characters that a URL cannot hold. Percent-encode them (%2F for '/').")
    scheme = bare.partition("://")[0].lower() if "://" in bare else ""
    if scheme in _SOCKS and not socks:
        raise InputError(
            f"{name} is a SOCKS proxy, and the Python that runs this task has no package for it. Install PySocks and a current "
            "kubernetes there, or give an HTTP proxy."
        )
    if scheme not in (*_SCHEMES, *_SOCKS):
        raise InputError(f"{name} '{shown_url(url)}' is not the URL of a proxy. Expected http://host:port, with the scheme.")
    parts = _parts(name, bare, "http://host:port")
    if parts.path not in ("", "/") or "?" in bare or "#" in bare:
        raise InputError(f"{name} '{shown_url(url)}' has more than a host and a port. Expected http://host:port.")
    if not at:
        return Proxy(bare)
    user, _colon, password = login.partition(":")
    secrets = tuple({login, password, unquote(password)} - {""})
    if scheme in _SOCKS:
        return Proxy(url, secrets=secrets)
    encoded = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode("utf-8", "surrogatepass")).decode("ascii")
    return Proxy(bare, f"Basic {encoded}", (*secrets, encoded))


def _parts(name: str, url: str, expected: str) -> SplitResult:
    """Raises InputError for a host or a port that cannot be one."""
    wrong = InputError(f"{name} '{shown_url(url)}' has no valid host and port. Expected {expected}.")
    if any(char <= " " or char == "\x7f" or char == "\\" for char in url):
        raise wrong
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if port == 0 or not _AUTHORITY.fullmatch(parts.netloc) or not _is_host(host, parts.netloc):
        raise wrong
    return parts


def _is_host(host: str, place: str) -> bool:
    if place.startswith("["):
        try:
            return t.cast("int", ipaddress.ip_address(host).version) == 6
        except ValueError:
            return False
    return len(host) <= 253 and bool(_HOST_NAME.fullmatch(host))
