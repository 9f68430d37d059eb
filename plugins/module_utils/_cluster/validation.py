# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Names, labels, selectors, header values and URLs, checked before anything is sent. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
import typing as t
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .._errors import FailureKind, InputError, RequestError
from .._text import has_user_information, shown, shown_url

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_ANNOTATION_BYTES = 256 * 1024


def is_name(resource: str, name: object) -> bool:
    """Whether an object of this kind (its plural) can have this name. Only such a name is put into a path or a selector.

    Namespaces are DNS labels; Secrets, ServiceAccounts, Pods, workloads, nodes and budgets are DNS subdomains.
    """
    if not isinstance(name, str) or len(name) > 253:
        return False
    return bool((_LABEL if resource == "namespaces" else _SUBDOMAIN).fullmatch(name))


def check_object_name(option: str, name: str, resource: str = "secrets") -> None:
    """Raises InputError unless an object of this kind can have the name."""
    if resource == "namespaces" and not is_name(resource, name):
        raise InputError(
            f"{option} '{shown(name)}' is not a valid namespace name. Use lower case letters, digits and '-', a letter or digit "
            "at both ends, at most 63 characters."
        )
    if not is_name(resource, name):
        raise InputError(
            f"{option} '{shown(name)}' is not a valid object name. Use lower case letters, digits, '-' and '.', a letter "
            "or digit at both ends, at most 253 characters."
        )


def is_label(key: object, value: object) -> bool:
    """Whether the API server accepts this label."""
    return isinstance(key, str) and _is_key(key) and isinstance(value, str) and bool(_LABEL_VALUE.fullmatch(value))


def check_labels(option: str, labels: Mapping[str, t.Any]) -> None:
    """Raises InputError for a label that the API server would refuse."""
    for key, value in labels.items():
        _check_key(option, key)
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise InputError(
                f"{option}: the value of '{shown(key)}' is not a valid label value. It must be text (quote "
                "numbers and true/false) of at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends."
            )


def check_annotations(option: str, annotations: Mapping[str, t.Any]) -> None:
    """Raises InputError for an annotation that the API server would refuse."""
    total = 0
    for key, value in annotations.items():
        _check_key(option, key)
        if not isinstance(value, str):
            raise InputError(f"{option}: the value of '{shown(key)}' is not text. Quote it.")
        total += len(key.encode()) + len(value.encode("utf-8", "replace"))
    if total > _ANNOTATION_BYTES:
        raise InputError(f"{option} are {total} bytes together; the API server takes at most {_ANNOTATION_BYTES}.")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_QUALIFIED.fullmatch(name)) and (not slash or (len(prefix) <= 253 and bool(_SUBDOMAIN.fullmatch(prefix))))


def _check_key(option: str, key: str) -> None:
    if not _is_key(key):
        raise InputError(
            f"{option}: '{shown(key)}' is not a valid key. Expected [domain/]name, the name of at most 63 letters, digits, "
            "'-', '_' and '.'."
        )


_FIELD = re.compile(r"[A-Za-z]+(\.[A-Za-z]+)*")
# Names, uids and types of Secrets, without characters that are operators or escapes in a selector
_FIELD_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?")


def fields_equal(fields: Mapping[str, str]) -> dict[str, str]:
    """The query parameter that selects objects with all of these fields. Raises RequestError for what cannot be a value."""
    for path, value in fields.items():
        if not _FIELD.fullmatch(path) or not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
            raise _refused("field", path, value)
    return {"fieldSelector": ",".join(f"{field}={value}" for field, value in fields.items())}


def labels_equal(labels: Mapping[str, str]) -> dict[str, str]:
    """The query parameter that selects objects with all of these labels. Raises RequestError for what cannot be a label."""
    for key, value in labels.items():
        if not is_label(key, value):
            raise _refused("label", key, value)
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))}


def _refused(what: str, key: object, value: object) -> RequestError:
    return RequestError(
        f"'{shown(str(key), 80)}={shown(str(value), 80)}' is not a {what} that an object can have, so it selects nothing",
        FailureKind.REFUSED,
        0,
    )


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Characters of a header name that client-go does not escape (transport/round_trippers.go); "%" is the escape itself
_SAFE_IN_NAMES = "!#$&'*+-.^_`|~"


def header_value(name: str, value: str) -> str:
    """``value`` as text that an HTTP library sends in UTF-8, as kubectl does. ``name`` is its source.

    Raises InputError, without the value, for a value that no header can have.
    """
    if _CONTROL.search(value):
        if value.rstrip("\r\n") != value and not _CONTROL.search(value.rstrip("\r\n")):
            raise InputError(f"{name} ends with a line break. Remove it, in a template for example with the filter trim.")
        raise InputError(f"{name} holds a line break or another control character. Check the source of the value.")
    try:
        return value.encode("utf-8").decode("latin-1")
    except UnicodeEncodeError:
        raise InputError(f"{name} is not valid Unicode text. Check the source of the value.") from None


def impersonation_headers(
    user: str,
    groups: Sequence[str] = (),
    uid: str = "",
    extra: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = ("impersonate_user", "impersonate_groups", "", ""),
) -> list[tuple[str, str]]:
    """Headers to act as ``user``. ``names``: the sources of user, groups, uid and extra. Raises InputError."""
    headers = [("Impersonate-User", _identity(names[0], user))]
    headers += [("Impersonate-Group", _identity(names[1], group)) for group in groups]
    if uid:
        headers.append(("Impersonate-Uid", _identity(names[2], uid)))
    for key, values in (extra or {}).items():
        name = "Impersonate-Extra-" + quote(key.encode("utf-8", "surrogatepass"), safe=_SAFE_IN_NAMES)
        headers += [(name, _identity(names[3], value)) for value in values]
    return headers


def _identity(name: str, value: str) -> str:
    """Servers remove white space at the ends, so the request would act as another user or group."""
    sent = header_value(name, value)
    if not value or value != value.strip():
        raise InputError(f"{name} holds an empty name, or one that begins or ends with white space. Remove the white space.")
    return sent


_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
# Characters that need no encoding. Management servers such as Rancher have a path for each cluster
_PATH = re.compile(r"(/[A-Za-z0-9_~:-][A-Za-z0-9._~:-]*)*/?")
# Python's own parser accepts text after the brackets of an IPv6 address
_AUTHORITY = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(:[0-9]{1,5})?")
_SCHEMES = ("https", "http")
_SOCKS = ("socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """``url`` has no login, ``authorization`` is the value of Proxy-Authorization, ``secrets`` are masked.

    A SOCKS proxy has its login in the URL.
    """

    url: str
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


def server_url(name: str, url: str) -> str:
    """``url`` of an API server, without a slash at its end. ``name`` is its source. Raises InputError."""
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
        raise InputError(
            f"{name} '{shown_url(url)}' has a path with characters that no API server uses. Give https://host[:port]."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def proxy_of(name: str, url: str, socks: bool) -> Proxy:
    """The proxy of ``url``, which may have user and password. ``socks``: whether SOCKS is supported here. Raises InputError."""
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
    """Raises InputError for an invalid host or port."""
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
