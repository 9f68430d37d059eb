# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""User name and password for one registry: checked, shown without tokens, and with the expiry date of a token. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import typing as t
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone

from .._errors import InputError
from .._text import HIDDEN, shown
from .registry_key import canonical_registry

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# the user name that docker-credential-helpers return when the secret is an identity token
HELPER_USERNAME = "<token>"
AZURE_USERNAME = "00000000-0000-0000-0000-000000000000"
# the user names that cloud registries give to short-lived tokens, and the lifetime by their documentation
SHORT_LIVED = {"AWS": "12 hours", AZURE_USERNAME: "about 3 hours", "oauth2accesstoken": "1 hour"}
_AZURE_HOSTS = (".azurecr.io", ".azurecr.cn", ".azurecr.us")
_CHARACTERS = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    " ": "a blank",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_MOST_INVISIBLE = 3
_LONGEST_USERNAME = 64
_LONG_WORD = re.compile(r"[A-Za-z0-9]{20,}")
# the prefixes of tokens of GitHub, GitLab, Docker Hub, npm, Slack, Artifactory, Google and AWS, and of every JWT
_TOKEN_PREFIX = re.compile(
    r"eyJ|gh[oprsu]_\w{20}|github_pat_|gl(pat|dt|rt|cbt|ptt|agent|oas|soat|ft)-|dckr_[a-z]{2,4}_|npm_\w{20}|xox[a-z]-"
    r"|AKC\w{20}|cmVmdGtu|ya29\.|ASIA\w{12}"
)
_UUID_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# passwords that accompany a token in the user name
_PLACEHOLDERS = ("", "x-oauth-basic", "unused", "x", "token", "-")
# bits for each character; words of any language have less, random text of 20 characters or more has more
_RANDOM_ENTROPY = 3.0


@dataclass(frozen=True)
class Credential:
    """``registry`` is a canonical key. Made by ``make_credential``, which rejects what docker or the kubelet cannot use."""

    registry: str
    username: str
    password: str = field(repr=False)
    email: str = ""

    @property
    def auth(self) -> str:
        """Standard base64 of ``username:password``, the `auth` member of docker's config.json."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


@dataclass(frozen=True)
class Login:
    """``registry`` is a canonical key. A ``token`` (an identity token) is stored instead of the password."""

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
    """The content of an entry. ``in_auth``: from its `auth`, the only member that podman reads.

    ``registry_token``: the entry also has one, which docker sends instead.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    in_auth: bool = False
    registry_token: bool = False

    @property
    def empty(self) -> bool:
        return not (self.username or self.password or self.token)


def make_credential(
    where: str, registry: str, username: str, password: str, email: str = "", *, keep_case: bool = False
) -> Credential:
    """A checked Credential, or InputError that begins with ``where``. Messages contain no part of the password."""
    try:
        key = canonical_registry(registry, keep_case)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if not username:
        raise InputError(
            f"{where}: the username is empty, so containerd would pull anonymously. Give the username of the password."
        )
    if not password:
        raise InputError(f"{where}: the password is empty. Check that the variable or the vault entry of the password exists.")
    if ":" in username:
        raise InputError(
            f"{where}: the username contains a colon, where HTTP Basic ends the username. Give the text before the colon as "
            "username and the rest as password."
        )
    for name, value in (("username", username), ("password", password), ("email", email)):
        _check_utf8(where, name, value)
    if not username.isprintable():
        raise InputError(f"{where}: the username {invisible_words(username)}. Remove it.")
    return Credential(key, username, password, email)


def without_repeats(where: str, credentials: Iterable[Credential]) -> list[Credential]:
    """The credentials sorted by registry, equal ones once. Two that differ are an InputError."""
    by_registry: dict[str, Credential] = {}
    for credential in credentials:
        other = by_registry.setdefault(credential.registry, credential)
        if other != credential:
            raise InputError(
                f"{where}: registry {credential.registry} is given twice, with different credentials. A document has one "
                "credential per registry: remove one of them, or limit both by path (host/team)."
            )
    return [by_registry[registry] for registry in sorted(by_registry)]


def username_for_identity_token(where: str, registry: str) -> str:
    """The user name for an identity token as password at this registry. Raises InputError where the registry accepts none."""
    if registry.partition("/")[0].partition(":")[0].endswith(_AZURE_HOSTS):
        return AZURE_USERNAME
    raise InputError(
        f"{where} has only an identity token, which the kubelet ignores. Give this registry in registries, with a username and "
        "with a password or an access token as its password."
    )


def expiry(username: str, password: str) -> datetime | None:
    """When the password expires (UTC): the `exp` of a JWT, or the `expiration` in an ECR token; null for other passwords."""
    if username == "AWS":
        return _moment(_json(password).get("expiration"))
    return _moment(jwt_claims(password).get("exp"))


def has_expired(username: str, password: str) -> bool:
    """Whether the password has expired by its own date; a password without a date has not."""
    expires = expiry(username, password)
    return expires is not None and expires <= datetime.now(timezone.utc)


def lifetime_words(username: str, password: str) -> str:
    """The lifetime of a credential, for a warning; empty for one that does not expire by itself."""
    expires = expiry(username, password)
    if expires is not None:
        return f"expires at {timestamp(expires)}"
    return f"expires after {SHORT_LIVED[username]} at most" if username in SHORT_LIVED else ""


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def jwt_claims(token: str) -> dict[str, t.Any]:
    """The unverified claims of a JWT; empty for any other text."""
    parts = token.split(".")
    return _json(parts[1]) if len(parts) == 3 else {}


def invisible_words(text: str) -> str:
    """``begins with a byte order mark (U+FEFF) and ends with a blank (U+0020)``; empty where every character is visible.

    A blank between other characters is visible. The words contain no visible character of the text.
    """
    return " and ".join(list(_invisible_characters(text))[:_MOST_INVISIBLE])


def quoted(text: str, limit: int = 120) -> str:
    """The text in quotes, its invisible characters as ``\\u`` escapes."""
    written = "".join(char if _is_visible(char) or char == " " else json.dumps(char)[1:-1] for char in text)
    return f'"{written if len(written) <= limit else written[: limit - 1] + "…"}"'


def shown_username(username: str, password: str) -> str:
    """The user name, or HIDDEN where it looks like a token, is the password, or replaces it."""
    return HIDDEN if username and _is_token(username, password) else shown(username)


def _is_token(username: str, password: str) -> bool:
    if password.strip().lower() in _PLACEHOLDERS or username == password or (len(password) >= 8 and password in username):
        return True
    if len(username) > _LONGEST_USERNAME or _TOKEN_PREFIX.match(username) or _is_auth(username):
        return True
    if _UUID_NAME.fullmatch(username) and username != AZURE_USERNAME:
        return True
    return any(_is_random(word) for word in _LONG_WORD.findall(username))


def _is_auth(username: str) -> bool:
    """Whether it is base64, of either alphabet and padded or not, of ``username:password``."""
    try:
        padded = username.rstrip("=") + "=" * (-len(username.rstrip("=")) % 4)
        text = base64.b64decode(padded.translate({45: "+", 95: "/"}), validate=True).decode().strip()
    except ValueError:
        return False
    return ":" in text and text.isprintable()


def _is_random(word: str) -> bool:
    """Whether a run of letters and digits is random: digits and both cases are mixed, and few characters repeat."""
    digits = sum(char.isdigit() for char in word)
    changes = sum(one.isalpha() and other.isalpha() and one.islower() != other.islower() for one, other in zip(word, word[1:]))
    if digits == len(word) or not (digits >= 3 or (digits and changes > len(word) / 5)):
        return False
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values()) > _RANDOM_ENTROPY


def _invisible_characters(text: str) -> Iterator[str]:
    if not text:
        return
    if not _is_visible(text[0]):
        yield f"begins with {_character_name(text[0])}"
    inner = dict.fromkeys(char for char in text[1:-1] if char != " " and not _is_visible(char))
    yield from (f"contains {_character_name(char)}" for char in inner)
    if len(text) > 1 and not _is_visible(text[-1]):
        yield f"ends with {_character_name(text[-1])}"


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CZ"


def _character_name(char: str) -> str:
    return f"{_CHARACTERS.get(char, 'an invisible character')} (U+{ord(char):04X})"


def _check_utf8(where: str, name: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{where}: the {name} is not valid UTF-8 text, so no JSON document can contain it.") from None


def _json(encoded: str) -> dict[str, t.Any]:
    """The object in base64 (of either alphabet, padded or not); empty for other text."""
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


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode("ascii")
