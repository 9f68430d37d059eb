# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Text from registries, tenants and servers, for messages: on one line, without control characters, and of limited length."""

from __future__ import annotations

import re
import typing as t
import unicodedata

if t.TYPE_CHECKING:
    from collections.abc import Sequence


HIDDEN = "(hidden)"
NOT_A_PATH = "(a value that does not look like a path and is not shown)"
_URL_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# software that normalises Unicode reads the last two as "@"
_USER_INFORMATION = re.compile(r"(?s).*(?:@|%40|\uff20|\ufe6b)")
_LONGEST_PATH = 400
_PATH_TEXT = re.compile(r"[^\x00-\x1f\x7f{}\[\]<>\"'`|\u2028\u2029]+")
_DIGEST_PREFIX = re.compile(r"sha[0-9]+:", re.IGNORECASE)
# PEM, URLs, a login before a host, JSON, PEM and YAML in base64 (JWTs too), "key: value", and long runs such as keys
_CONTENT = re.compile(r"-----|://|:[^/]*@|(?:^|[./])(?:eyJ|LS0tLS|YXBpVm)|: |[A-Za-z0-9+=_-]{90}")


def shown(text: str, limit: int = 200) -> str:
    """``text`` on one line of at most ``limit`` characters: control and format characters become ``?``."""
    flat = " ".join(text.split()) if text.isprintable() else "".join(_visible(char) for char in text)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def listed(names: Sequence[str], most: int = 10) -> str:
    """``a, b, c and 4 more``."""
    first = ", ".join(shown(name) for name in names[:most])
    return first if len(names) <= most else f"{first} and {len(names) - most} more"


def in_words(reasons: Sequence[str], most: int = 10, limit: int = 600) -> str:
    """``one; another; and 4 more``, each on one line and cut at ``limit``."""
    more = [f"and {len(reasons) - most} more"] if len(reasons) > most else []
    return _joined([*(shown(reason, limit) for reason in reasons[:most]), *more])


def in_groups(failures: Sequence[tuple[str, str]], most: int = 10, limit: int = 600) -> str:
    """``a, b and c: one reason; d: another``, from (place, reason): equal reasons once, with all their places.

    A place is a namespace, or begins with one and a slash. The name of that namespace in a reason makes no difference.
    """
    grouped: dict[str, list[str]] = {}
    for place, reason in failures:
        grouped.setdefault(_without_place(reason, place.partition("/")[0]), []).append(place)
    sentences = [f"{listed(list(dict.fromkeys(places)), most)}: {shown(reason, limit)}" for reason, places in grouped.items()]
    left = sum(len(places) for places in list(grouped.values())[most:])
    return _joined([*sentences[:most], *([f"and {left} more"] if left else [])])


def _joined(sentences: Sequence[str]) -> str:
    return "; ".join([*(one.rstrip(".") for one in sentences[:-1]), *sentences[-1:]])


def shown_image(image: str) -> str:
    """The image. The text before an '@' may be a password, unless a digest follows."""
    before, at, after = image.rpartition("@")
    return f"{HIDDEN}@{shown(after)}" if at and ("@" in before or not _DIGEST_PREFIX.match(after)) else shown(image)


def counted(number: int, one: str, more: str = "") -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def _without_place(reason: str, namespace: str) -> str:
    name = re.escape(namespace)
    return re.sub(
        rf"\bnamespace '?{name}'?(?![-.\w])", "the namespace", re.sub(rf" in namespace '?{name}'?(?![-.\w])", "", reason)
    )


def shown_url(url: str, limit: int = 200) -> str:
    """``url`` for a message, without the parts that can contain a login: user information, query and fragment.

    A password that is not percent-encoded may contain ``/``, ``?`` or ``#``, and the scheme may be misspelt. So everything
    before the last ``@`` is removed, not only the user information of RFC 3986.
    """
    scheme = _URL_SCHEME.match(url)
    start = scheme[0] if scheme else ""
    place = _USER_INFORMATION.sub("", url[len(start) :])
    bare = re.split(r"[?#]", place, maxsplit=1)[0]
    return shown(start + bare + ("…" if bare != place else ""), limit)


def has_user_information(url: str) -> bool:
    """Whether ``url``, which may be malformed, contains a user, or a user and a password."""
    return bool(_USER_INFORMATION.search(url))


def is_plausible_path(text: str) -> bool:
    """Whether ``text`` looks like the path of a file, and not like a document, a key or a URL."""
    return len(text) <= _LONGEST_PATH and bool(_PATH_TEXT.fullmatch(text)) and not _CONTENT.search(text)


def shown_path(path: object, limit: int = _LONGEST_PATH) -> str:
    """``path`` for a message. A document or a key is often pasted instead of its path: it is not shown."""
    return shown(path, limit) if isinstance(path, str) and is_plausible_path(path) else NOT_A_PATH


def no_path_words(option: str) -> str:
    """For a value of ``option`` that is_plausible_path rejects and that names no file."""
    return f"{option} does not look like a path, and its value is not shown. Give the path of a file, not its content."


def _visible(char: str) -> str:
    kind = unicodedata.category(char)
    if char in "\n\r\t" or kind[0] == "Z":
        return " "
    return "?" if kind[0] == "C" else char
