# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A user name and a password for one registry: its characters, its lifetime, identity tokens, and logins. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import typing as t
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._errors import InputError
from .registry_key import canonical_registry

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_NAMES = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    " ": "a blank",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_MOST = 3


def invisible_words(text: str) -> str:
    """``begins with a byte order mark (U+FEFF) and ends with a blank (U+0020)``; empty where all can be seen.

    A blank between other characters can be seen. Of the visible characters nothing is told.
    """
    return " and ".join(list(_findings(text))[:_MOST])


def quoted(text: str, limit: int = 120) -> str:
    """The text in quotes, what cannot be seen in it as ``\\u`` escapes."""
    written = "".join(char if _is_visible(char) or char == " " else json.dumps(char)[1:-1] for char in text)
    return f'"{written if len(written) <= limit else written[: limit - 1] + "…"}"'


def _findings(text: str) -> Iterator[str]:
    if not text:
        return
    if not _is_visible(text[0]):
        yield f"begins with {_named(text[0])}"
    inner = dict.fromkeys(char for char in text[1:-1] if char != " " and not _is_visible(char))
    yield from (f"holds {_named(char)}" for char in inner)
    if len(text) > 1 and not _is_visible(text[-1]):
        yield f"ends with {_named(text[-1])}"


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"


def _named(char: str) -> str:
    return f"{_NAMES.get(char, 'an invisible character')} (U+{ord(char):04X})"


# what docker-credential-helpers give as user name when the secret is an identity token
HELPER_USERNAME = "<token>"
AZURE_USERNAME = "00000000-0000-0000-0000-000000000000"
_AZURE_HOSTS = (".azurecr.io", ".azurecr.cn", ".azurecr.us")


def username_for_identity_token(where: str, registry: str) -> str:
    """The user name under which this registry takes an identity token as password. Raises InputError where none does."""
    if registry.partition("/")[0].partition(":")[0].endswith(_AZURE_HOSTS):
        return AZURE_USERNAME
    raise InputError(
        f"{where} holds an identity token only, which the kubelet ignores. Give a username and a password or an access token "
        "for this registry through registries."
    )


# user names that cloud registries give to minted tokens, and what their vendors say of the lifetime
SHORT_LIVED = {"AWS": "12 hours", AZURE_USERNAME: "about 3 hours", "oauth2accesstoken": "1 hour"}


def expiry(username: str, password: str) -> datetime | None:
    """When the password ends (UTC): the `exp` of a JWT, or the `expiration` in an ECR token; None where it does not say."""
    if username == "AWS":
        return _moment(_json(password).get("expiration"))
    return _moment(jwt_claims(password).get("exp"))


def has_expired(username: str, password: str) -> bool:
    """Whether the password has ended by its own date; one without a date has not."""
    ends = expiry(username, password)
    return ends is not None and ends <= datetime.now(timezone.utc)


def lifetime_words(username: str, password: str) -> str:
    """What to warn of, or an empty text for a credential that does not end by itself."""
    ends = expiry(username, password)
    if ends is not None:
        return f"ends at {timestamp(ends)}"
    return f"lives {SHORT_LIVED[username]} at most" if username in SHORT_LIVED else ""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def jwt_claims(token: str) -> dict[str, t.Any]:
    """What a JWT says, unverified; empty for any other text."""
    parts = token.split(".")
    return _json(parts[1]) if len(parts) == 3 else {}


def _json(encoded: str) -> dict[str, t.Any]:
    """The object in base64 (of either alphabet, padded or not), empty where it is none."""
    try:
        text = encoded.encode("ascii").translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        parsed = json.loads(base64.b64decode(text + b"=" * (-len(text) % 4), validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _moment(seconds: t.Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


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


@dataclass(frozen=True)
class Login:
    """``registry`` is a canonical key. With a ``token`` (an identity token) that is kept, and the password is not."""

    registry: str
    username: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def entry(self) -> dict[str, str]:
        """The members that docker and podman write."""
        if self.token:
            return {"auth": _base64(f"{self.username}:"), "identitytoken": self.token}
        return {"auth": _base64(f"{self.username}:{self.password}")}


@dataclass(frozen=True)
class StoredLogin:
    """What an entry says. ``in_auth``: in its `auth`, the only member that podman reads.

    ``registry_token``: whether there is one beside it, which docker sends instead.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    in_auth: bool = False
    registry_token: bool = False

    @property
    def empty(self) -> bool:
        return not (self.username or self.password or self.token)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
