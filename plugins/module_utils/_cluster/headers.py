# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Values of HTTP headers, checked before an HTTP library sees them: its exceptions repeat what they refuse. Pure."""

from __future__ import annotations

import re
import typing as t
from urllib.parse import quote

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# what Go's client leaves in the name of a header (client-go transport/round_trippers.go); "%" is the escape itself
_SAFE_IN_NAMES = "!#$&'*+-.^_`|~"


def header_value(name: str, value: str) -> str:
    """``value`` as an HTTP library sends it in UTF-8, as kubectl does. ``name`` is where it is from.

    Raises InputError, without the value, for what no header can hold.
    """
    if _CONTROL.search(value):
        if value.rstrip("\r\n") != value and not _CONTROL.search(value.rstrip("\r\n")):
            raise InputError(f"{name} ends with a line break. Remove it, in a template for example with the filter trim.")
        raise InputError(f"{name} holds a line break or another control character. Check where the value is from.")
    try:
        return value.encode("utf-8").decode("latin-1")
    except UnicodeEncodeError:
        raise InputError(f"{name} is not valid Unicode text. Check where the value is from.") from None


def impersonation_headers(
    user: str,
    groups: Sequence[str] = (),
    uid: str = "",
    extra: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] = ("impersonate_user", "impersonate_groups", "", ""),
) -> list[tuple[str, str]]:
    """Headers to act as ``user``. ``names``: where user, groups, uid and extra are from. Raises InputError."""
    headers = [("Impersonate-User", _identity(names[0], user))]
    headers += [("Impersonate-Group", _identity(names[1], group)) for group in groups]
    if uid:
        headers.append(("Impersonate-Uid", _identity(names[2], uid)))
    for key, values in (extra or {}).items():
        name = "Impersonate-Extra-" + quote(key.encode("utf-8", "surrogatepass"), safe=_SAFE_IN_NAMES)
        headers += [(name, _identity(names[3], value)) for value in values]
    return headers


def _identity(name: str, value: str) -> str:
    """White space at an end is cut off on the way, so that another user or group would arrive."""
    sent = header_value(name, value)
    if not value or value != value.strip():
        raise InputError(f"{name} holds an empty name, or one that begins or ends with white space. Remove the white space.")
    return sent
