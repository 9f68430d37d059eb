# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Image references by the grammar that the kubelet and containerd share (github.com/distribution/reference 0.6).

A reference is accepted exactly where ParseNormalizedNamed accepts it; tests/servers/test_kubelet_oracle.py proves it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import InputError
from .._text import shown

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
_SHA = re.compile(r"sha[0-9]+:.*", re.IGNORECASE | re.DOTALL)
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
        """What the kubelet looks up in its keyring."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_image(text: str) -> ImageReference:
    """The reference that ``text`` is. Raises InputError that says which part is wrong and what to do."""
    registry, rest = _split(text)
    match = None if _IDENTIFIER.fullmatch(text) else _REFERENCE.fullmatch(f"{registry}/{rest}")
    if match is None:
        raise InputError(f"image '{_shown(text)}': {_fault(text, registry, rest)}")
    # a first part that is no host name to the grammar (r_g.io) counts as a part of the repository there
    longest = _LONGEST if match["host"] else _LONGEST - len(registry) - 1
    if len(match["path"]) > longest:
        raise InputError(
            f"image '{_shown(text)}': the repository is longer than {_LONGEST} characters ('library/' counts on Docker Hub). "
            "No node can pull it; give it a shorter name."
        )
    return ImageReference(registry, match["path"], match["tag"], match["digest"])


def _split(text: str) -> tuple[str, str]:
    """splitDockerDomain of distribution/reference: the registry, and all that comes after it."""
    first, slash, rest = text.partition("/")
    if not slash:
        return _HUB, f"library/{text}"
    if first == "index.docker.io":
        first = _HUB
    elif first != "localhost" and not ("." in first or ":" in first) and first == first.lower():
        return _HUB, text
    return first, rest if first != _HUB or "/" in rest else f"library/{rest}"


def _shown(text: str) -> str:
    """What stands before an '@' may be a password, unless a digest comes after it."""
    before, at, after = text.rpartition("@")
    return f"(hidden)@{shown(after)}" if at and ("@" in before or not _SHA.fullmatch(after)) else shown(text)


def _fault(text: str, registry: str, rest: str) -> str:
    """Why the grammar refuses a text."""
    name, at, digest = rest.partition("@")
    path, colon, tag = name.partition(":")
    return (
        _text_fault(text)
        or _user_fault(text)
        or _registry_fault(registry)
        or _path_fault(path)
        or (_tag_fault(tag) if colon else None)
        or (_digest_fault(digest) if at else None)
        or "it is no image reference. Give [registry/]repository[:tag][@digest]."
    )


def _text_fault(text: str) -> str | None:
    if not text.strip():
        return "it is empty. Give [registry/]repository[:tag][@digest]."
    if text != text.strip():
        return "white space or a line break stands before or after it. Remove it."
    if any(char.isspace() or not char.isprintable() for char in text):
        return "it holds white space or a control character. Remove it."
    if not text.isascii():
        return "it holds a character that is not ASCII, and no part of an image reference may have one."
    scheme = _SCHEME.match(text)
    if scheme:
        return f"it begins with a scheme. Leave '{scheme[0]}' out."
    if _IDENTIFIER.fullmatch(text):
        return (
            "64 hexadecimal digits alone are the identifier of an image on a node, no name. Give the repository, and the "
            "digits as digest: repository@sha256:<digits>."
        )
    return None


def _user_fault(text: str) -> str | None:
    _before, at, after = text.partition("@")
    if at and ("/" in after or "@" in after or ":" not in after):
        return (
            "it holds an '@' that begins no digest. A user name or password has no place in an image reference: give them "
            "as a credential for its registry. A digest is written @sha256:<64 hexadecimal digits>."
        )
    return None


def _registry_fault(registry: str) -> str | None:
    if re.fullmatch(_HOST, registry) or re.fullmatch(_PART, registry):
        return None
    if not registry:
        return "the registry before its first '/' is empty. Remove the '/', or give the registry as host[:port]."
    host = shown(registry.rpartition("@")[2])
    if registry.count(":") > 1 and not registry.startswith("["):
        return f"registry '{host}' holds several ':'. An IPv6 address stands in brackets: [::1]:5000/repository."
    return f"registry '{host}' is no host name with an optional port. Give it as host[:port], without a dot at either end."


def _path_fault(path: str) -> str | None:
    if re.fullmatch(f"{_PART}(?:/{_PART})*", path):
        return None
    what = f"repository '{shown(path)}'"
    if path in ("", "library/"):
        return "the repository is missing. Give [registry/]repository[:tag][@digest]."
    if path != path.lower():
        return f"{what} holds upper case letters. Give it in lower case; only the registry and the tag may have others."
    if "//" in path or path.startswith("/") or path.endswith("/"):
        return f"{what} has an empty part between, before or after its slashes. Remove the slash too many."
    return (
        f"{what} is not valid: each part between slashes is made of lower case letters and digits, with one '.', one or two "
        "'_' or any number of '-' between them, and ends and begins with a letter or digit."
    )


def _tag_fault(tag: str) -> str | None:
    if re.fullmatch(_TAG, tag, re.ASCII):
        return None
    if not tag:
        return "the tag after ':' is empty. Give one, or remove the ':'."
    if "/" in tag:
        return (
            f"'{shown(tag)}' after ':' is no tag. A port belongs to a registry's host name at the beginning: "
            "host:port/repository."
        )
    if len(tag) > 128:
        return "the tag is longer than 128 characters."
    return f"tag '{shown(tag)}' is not valid: letters, digits, '_', '.' and '-', and neither '.' nor '-' at its beginning."


def _digest_fault(digest: str) -> str | None:
    algorithm, _colon, value = digest.partition(":")
    length = _LENGTHS.get(algorithm)
    if length is None:
        return f"digest algorithm '{shown(algorithm)}' is not one that nodes know. Use sha256, sha384 or sha512, in lower case."
    if len(value) != length:
        return f"a {algorithm} digest has {length} hexadecimal digits, this one has {len(value)}. Copy it again, whole."
    if not re.fullmatch("[a-f0-9]*", value):
        return "the digest holds other characters than 0 to 9 and a to f. Give it in lower case hexadecimal digits."
    return None
