# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Image references by the grammar that the kubelet and containerd share (github.com/distribution/reference 0.6).

A reference is accepted exactly where ParseNormalizedNamed accepts it (tests/servers/test_kubelet_oracle.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import InputError
from .._text import shown, shown_image

_HUB = "docker.io"
_LONGEST = 255
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = "|".join(f"sha{bits}:[a-f0-9]{{{bits // 4}}}" for bits in (256, 384, 512))
_REFERENCE = re.compile(
    rf"(?:(?P<host>{_HOST})/|{_PART}/)(?P<path>{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True)
class ImageReference:
    """``registry`` is ``docker.io`` for Docker Hub; ``repository`` has ``library/`` where Docker Hub puts it."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """The text that the kubelet compares with its keyring."""
        return f"{self.registry}/{self.repository}"

    @property
    def reference(self) -> str:
        """The digest or the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_image(text: str) -> ImageReference:
    """The reference in ``text``. Raises InputError, which names the wrong part and the remedy."""
    registry, rest = _split(text)
    match = None if _IDENTIFIER.fullmatch(text) else _REFERENCE.fullmatch(f"{registry}/{rest}")
    if match is None:
        raise InputError(f"image '{shown_image(text)}': {_fault(text, registry, rest)}")
    # the grammar reads a first part that is not a host name (r_g.io) as a part of the repository
    longest = _LONGEST if match["host"] else _LONGEST - len(registry) - 1
    if len(match["path"]) > longest:
        raise InputError(
            f"image '{shown_image(text)}': the repository is longer than {_LONGEST} characters (with 'library/' on Docker Hub). "
            "No node can pull it. Give it a shorter name."
        )
    return ImageReference(registry, match["path"], match["tag"], match["digest"])


def _split(text: str) -> tuple[str, str]:
    """splitDockerDomain of distribution/reference: the registry, and the rest."""
    first, slash, rest = text.partition("/")
    if not slash:
        return _HUB, f"library/{text}"
    if first == "index.docker.io":
        first = _HUB
    elif first != "localhost" and not ("." in first or ":" in first) and first == first.lower():
        return _HUB, text
    return first, rest if first != _HUB or "/" in rest else f"library/{rest}"


def _fault(text: str, registry: str, rest: str) -> str:
    """Why the grammar rejects a text."""
    name, at, digest = rest.partition("@")
    path, colon, tag = name.partition(":")
    return (
        _text_fault(text)
        or _user_fault(text)
        or _registry_fault(registry)
        or _path_fault(path)
        or (_tag_fault(tag) if colon else None)
        or (_digest_fault(digest) if at else None)
        or "it is not an image reference. Give [registry/]repository[:tag][@digest]."
    )


def _text_fault(text: str) -> str | None:
    if not text.strip():
        return "it is empty. Give [registry/]repository[:tag][@digest]."
    if text != text.strip():
        return "it begins or ends with white space or a line break. Remove it."
    if any(char.isspace() or not char.isprintable() for char in text):
        return "it contains white space or a control character. Remove it."
    if not text.isascii():
        return "it contains a character that is not ASCII. Use ASCII only."
    scheme = _SCHEME.match(text)
    if scheme:
        return f"it begins with a scheme. Leave '{scheme[0]}' out."
    if _IDENTIFIER.fullmatch(text):
        return (
            "64 hexadecimal digits are the identifier of an image on a node, not a name. Give the repository, with the digits as "
            "digest: repository@sha256:<digits>."
        )
    return None


def _user_fault(text: str) -> str | None:
    _before, at, after = text.partition("@")
    if at and ("/" in after or "@" in after or ":" not in after):
        return (
            "it contains an '@' that begins no digest. Remove a user name or password from the image reference, and give them as "
            "a credential for its registry. A digest is @sha256:<64 hexadecimal digits>."
        )
    return None


def _registry_fault(registry: str) -> str | None:
    if re.fullmatch(_HOST, registry) or re.fullmatch(_PART, registry):
        return None
    if not registry:
        return "the registry before its first '/' is empty. Remove the '/', or give the registry as host[:port]."
    host = shown(registry.rpartition("@")[2])
    if registry.count(":") > 1 and not registry.startswith("["):
        return f"registry '{host}' contains several ':'. Write an IPv6 address in brackets: [::1]:5000/repository."
    return f"registry '{host}' is not a host name with an optional port. Give it as host[:port], without a dot at either end."


def _path_fault(path: str) -> str | None:
    if re.fullmatch(f"{_PART}(?:/{_PART})*", path):
        return None
    what = f"repository '{shown(path)}'"
    if path in ("", "library/"):
        return "the repository is missing. Give [registry/]repository[:tag][@digest]."
    if path != path.lower():
        return f"{what} has upper case letters. Write it in lower case; only the registry and the tag may differ."
    if "//" in path or path.startswith("/") or path.endswith("/"):
        return f"{what} has an empty part between, before or after its slashes. Remove the extra slash."
    return (
        f"{what} is not valid. Write each part between slashes with lower case letters and digits, with one '.', one or two '_' "
        "or any number of '-' between them."
    )


def _tag_fault(tag: str) -> str | None:
    if re.fullmatch(_TAG, tag, re.ASCII):
        return None
    if not tag:
        return "the tag after ':' is empty. Give one, or remove the ':'."
    if "/" in tag:
        return (
            f"'{shown(tag)}' after ':' is not a tag. Write the port of a registry after its host name at the beginning: "
            "host:port/repository."
        )
    if len(tag) > 128:
        return "the tag is longer than 128 characters. Give a shorter one."
    return f"tag '{shown(tag)}' is not valid. Use letters, digits, '_', '.' and '-', and begin with a letter, a digit or '_'."


def _digest_fault(digest: str) -> str | None:
    algorithm, _colon, value = digest.partition(":")
    length = _LENGTHS.get(algorithm)
    if length is None:
        return f"digest algorithm '{shown(algorithm)}' is unknown to nodes. Use sha256, sha384 or sha512, in lower case."
    if len(value) != length:
        return f"a {algorithm} digest has {length} hexadecimal digits, and this one has {len(value)}. Copy the whole digest."
    if not re.fullmatch("[a-f0-9]*", value):
        return "the digest contains characters other than 0 to 9 and a to f. Give it in lower case hexadecimal digits."
    return None
