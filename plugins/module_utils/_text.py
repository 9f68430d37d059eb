# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Text of strangers (registries, tenants, servers) made fit for a message: it is data, never markup or control."""

from __future__ import annotations

import re
import typing as t
import unicodedata

if t.TYPE_CHECKING:
    from collections.abc import Sequence


def shown(text: str, limit: int = 200) -> str:
    """``text`` on one line: control and format characters become ``?``, and what is beyond ``limit`` is cut."""
    flat = " ".join(text.split()) if text.isprintable() else "".join(_visible(char) for char in text)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def listed(names: Sequence[str], most: int = 10) -> str:
    """``a, b, c and 4 more``."""
    first = ", ".join(shown(name) for name in names[:most])
    return first if len(names) <= most else f"{first} and {len(names) - most} more"


def in_words(reasons: Sequence[str], most: int = 10, limit: int = 600) -> str:
    """``one; another; and 4 more``, each on one line and cut at ``limit``."""
    more = f"; and {len(reasons) - most} more" if len(reasons) > most else ""
    return "; ".join(shown(reason, limit) for reason in reasons[:most]) + more


def shown_url(url: str, limit: int = 200) -> str:
    """``url`` for a message, without the user information before its host (RFC 3986, 3.2.1), which can hold a password."""
    scheme, slashes, rest = url.partition("://")
    authority = re.match(r"[^/?#]*", rest if slashes else url)
    user, at, _host = (authority[0] if authority else "").rpartition("@")
    return shown(url.replace(user + at, "", 1) if at else url, limit)


def _visible(char: str) -> str:
    kind = unicodedata.category(char)
    if char in "\n\r\t" or kind[0] == "Z":
        return " "
    return "?" if kind[0] == "C" else char
