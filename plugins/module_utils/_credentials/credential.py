# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""One user name and password for one registry."""

from __future__ import annotations

import base64
import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.invisible import invisible_words
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import canonical_registry
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Credential:
    """``registry`` is a canonical key. Made by ``make_credential``, which checks what the readers could not use."""

    registry: str
    username: str
    password: str = field(repr=False)
    email: str = ""

    @property
    def auth(self) -> str:
        """Standard base64 of ``username:password``, the `auth` member of docker's config.json."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


def make_credential(
    where: str, registry: str, username: str, password: str, email: str = "", *, keep_case: bool = False
) -> Credential:
    """A checked Credential, or InputError that begins with ``where``. Never a part of the password in a message."""
    try:
        key = canonical_registry(registry, keep_case)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if not username:
        raise InputError(
            f"{where}: the username is empty, and containerd would then pull anonymously. Give the one that belongs to the "
            "password."
        )
    if not password:
        raise InputError(f"{where}: the password is empty. Was the variable or the vault entry that holds it found?")
    if ":" in username:
        raise InputError(
            f"{where}: the username holds a colon. HTTP Basic cuts there; give what stands before it as username, the rest "
            "as password."
        )
    _check_text(where, "username", username)
    _check_text(where, "password", password)
    _check_text(where, "email", email)
    if not username.isprintable():
        raise InputError(f"{where}: the username {invisible_words(username)} (from a file, perhaps). Remove it.")
    return Credential(key, username, password, email)


def without_repeats(where: str, credentials: Iterable[Credential]) -> list[Credential]:
    """The credentials sorted by registry; the same one twice is kept once, two that differ are an InputError."""
    by_registry: dict[str, Credential] = {}
    for credential in credentials:
        other = by_registry.setdefault(credential.registry, credential)
        if other != credential:
            raise InputError(
                f"{where}: registry {credential.registry} is given twice, with different credentials. A document holds "
                "one credential per registry: remove one of them, or limit them by path (host/team)."
            )
    return [by_registry[registry] for registry in sorted(by_registry)]


def _check_text(where: str, part: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{where}: the {part} is not valid UTF-8 text, so no JSON document can hold it.") from None
