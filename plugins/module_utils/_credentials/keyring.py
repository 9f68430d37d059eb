# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The kubelet's keyring: which credentials of which Secrets it tries for an image, in which order.

This is kubernetes 1.37 pkg/credentialprovider/keyring.go and secrets/secrets.go, compared with them by
tests/servers/test_kubelet_oracle.py. Go's order is random for several equal keys of one Secret; here it is the order of the
document. The credentials of a node itself (files, credential providers) are not included: the kubelet tries them after those of
the Secrets.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .dockerconfigjson import Entry, UnreadableDocument, kubelet_entries, legacy_kubelet_entries
from .go_url import parse_url, split_host_port
from .registry_key import index_key

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .image_reference import ImageReference

    _Ranges = list[tuple[str, str]]
    _Piece = list[_Ranges]

_READERS = (
    ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", kubelet_entries),
    ("kubernetes.io/dockercfg", ".dockercfg", legacy_kubelet_entries),
)
# the kubelet's fallback for Docker Hub: this one key is looked up without a comparison
_HUB_INDEX_KEY = b"index.docker.io"
# a key of the index without a pattern, also after it is parsed a second time
_PLAIN_PLACE = re.compile(rb"[A-Za-z0-9._-]+(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?")
# no host name has a longer label, and a comparison of much longer ones would take time
_LONGEST_LABEL = 255


@dataclass(frozen=True)
class PullSecret:
    """A Secret of the cluster. With another type, without its key or with an empty value it has no credentials."""

    name: str
    type: str
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Match:
    """A credential that the kubelet would try: ``key`` is unchanged from the document of the Secret ``secret``.

    An empty user name and password are a match as well: the kubelet then pulls without a credential.
    """

    secret: str
    key: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class SecretProblem:
    """Why the kubelet cannot read a Secret. ``problem`` begins with a verb and contains no value of the Secret."""

    secret: str
    problem: str


@dataclass(frozen=True)
class IgnoredKey:
    """A key that the kubelet ignores without a message. ``reason`` begins with "it" or "its" and contains no part of the key."""

    secret: str
    key: str
    reason: str


class UnreadableSecrets(ValueError):
    """The Pod cannot pull any image: the kubelet has no keyring, because of the Secrets in ``problems``."""

    def __init__(self, problems: Sequence[SecretProblem]) -> None:
        super().__init__("; ".join(f"Secret {one.secret} {one.problem}" for one in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Keyring:
    """The credentials in the Secrets of one Pod. Made by ``kubelet_keyring``.

    ``problems`` names every Secret that the kubelet cannot read (the kubelet itself reports only the first). With one such
    Secret the Pod cannot pull any image.
    """

    problems: tuple[SecretProblem, ...]
    ignored: tuple[IgnoredKey, ...]
    _places: _Places = field(repr=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all entries as they are written in the Secrets, those last that the kubelet drops."""
        matches = (match for filed in self._places.index.values() for match in filed)
        return (*(match.key for match in matches), *(one.key for one in self.ignored))

    def lookup(self, image: ImageReference) -> list[Match]:
        """The credentials that the kubelet tries for an image, in order; an empty list means one pull without a credential.

        Raises UnreadableSecrets.
        """
        if self.problems:
            raise UnreadableSecrets(self.problems)
        wanted = _host_and_path(image.name.encode("ascii"))
        found = self._places.serving(wanted) if wanted else []
        if not found and _is_default_registry(image.registry):
            return list(self._places.index.get(_HUB_INDEX_KEY, ()))
        return found


def kubelet_keyring(secrets: Iterable[PullSecret]) -> Keyring:
    """The keyring of a Pod from its Secrets, in the order of its imagePullSecrets, without the missing ones."""
    problems: list[SecretProblem] = []
    ignored: list[IgnoredKey] = []
    index: dict[bytes, list[Match]] = {}
    for secret in secrets:
        try:
            entries = _entries(secret)
        except UnreadableDocument as error:
            problems.append(SecretProblem(secret.name, str(error)))
            continue
        for key, entry in entries.items():
            try:
                place = index_key(key)
            except ValueError as error:
                ignored.append(IgnoredKey(secret.name, key, str(error)))
                continue
            index.setdefault(place, []).append(Match(secret.name, key, entry.username, entry.password))
    return Keyring(tuple(problems), tuple(ignored), _Places(index))


def _entries(secret: PullSecret) -> Mapping[str, Entry]:
    """secretsToTrackedDockerConfigs of secrets/secrets.go, for one Secret."""
    for kind, name, read in _READERS:
        if secret.type == kind and secret.data.get(name):
            return read(secret.data[name])
    return {}


def _is_default_registry(registry: str) -> bool:
    """isDefaultRegistryMatch of keyring.go, for a name that always has a registry. Also true for localhost."""
    return registry == "docker.io" or not ("." in registry or ":" in registry)


class _HostAndPath(t.NamedTuple):
    labels: tuple[str, ...]
    port: bytes
    path: bytes


class _Places:
    """All keys of the index with their credentials. A tenant may write very many keys.

    Keys without a pattern are looked up; only the others are compared one by one.
    """

    def __init__(self, index: Mapping[bytes, Sequence[Match]]) -> None:
        self.index = index
        self._patterns: list[tuple[bytes, _Pattern]] | None = None

    def serving(self, image: _HostAndPath) -> list[Match]:
        """In the kubelet's order: sorted in reverse."""
        if self._patterns is None:
            others = (key for key in self.index if not _PLAIN_PLACE.fullmatch(key))
            made = ((key, _host_and_path(key)) for key in others)
            self._patterns = [(key, _Pattern(endpoint)) for key, endpoint in made if endpoint]
        host = ".".join(image.labels).encode("utf-8", "surrogateescape") + (b":" + image.port if image.port else b"")
        names = (host + image.path[:end] for end in range(len(image.path) + 1))
        keys = [name for name in names if name in self.index and _PLAIN_PLACE.fullmatch(name)]
        keys += [key for key, pattern in self._patterns if pattern.serves(image)]
        return [match for key in sorted(keys, reverse=True) for match in self.index[key]]


class _Pattern:
    """A key that may match other text than itself."""

    def __init__(self, endpoint: _HostAndPath) -> None:
        self._place = endpoint
        self._labels: tuple[_Label, ...] | None = None

    def serves(self, image: _HostAndPath) -> bool:
        """URLsMatch of keyring.go. The path is a plain text prefix: ``/team`` also matches ``/teamx``."""
        mine = self._place
        if mine.port != image.port or len(mine.labels) != len(image.labels) or not image.path.startswith(mine.path):
            return False
        if self._labels is None:
            self._labels = tuple(map(_Label, mine.labels))
        return all(pattern.matches(label) for pattern, label in zip(self._labels, image.labels))


def _host_and_path(schemeless: bytes) -> _HostAndPath | None:
    """ParseSchemelessURL and SplitURL of keyring.go: a key of the index is parsed, and unescaped, a second time."""
    try:
        host, path = parse_url(b"https://" + schemeless)
    except ValueError:
        return None
    name, port = split_host_port(host)
    return _HostAndPath(tuple(name.decode("utf-8", "surrogateescape").split(".")), port, path)


class _Label:
    """Match of path/filepath/match.go for one label of a host: ``*`` is any text, and brackets enclose a class of characters.

    A host contains no ``?`` and no backslash. A pattern that is malformed for Go matches nothing. Each piece between two stars
    is matched at its first possible position, so no pattern takes long.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._pieces: list[_Piece] | None = None
        self.is_plain = "*" not in pattern and "[" not in pattern
        if not self.is_plain:
            try:
                self._pieces = _pieces(pattern)
            except ValueError:
                self._pieces = None

    def matches(self, label: str) -> bool:
        if self.is_plain or self._pieces is None or len(label) > _LONGEST_LABEL:
            return self.is_plain and self._pattern == label
        first, last = self._pieces[0], self._pieces[-1]
        if len(self._pieces) == 1:
            return len(first) == len(label) and _fits(first, label, 0)
        if not _fits(first, label, 0):
            return False
        position = len(first)
        for piece in self._pieces[1:-1]:
            places = (start for start in range(position, len(label) - len(piece) + 1) if _fits(piece, label, start))
            start = next(places, None)
            if start is None:
                return False
            position = start + len(piece)
        end = len(label) - len(last)
        return end >= position and _fits(last, label, end)


def _fits(piece: _Piece, label: str, start: int) -> bool:
    return len(label) - start >= len(piece) and all(
        any(low <= char <= high for low, high in ranges) for ranges, char in zip(piece, label[start : start + len(piece)])
    )


def _pieces(pattern: str) -> list[_Piece]:
    """The pieces before, between and after the stars: for each character its possible ranges."""
    pieces: list[_Piece] = [[]]
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "*":
            pieces.append([])
        elif char == "[":
            ranges, position = _class(pattern, position)
            pieces[-1].append(ranges)
        else:
            pieces[-1].append([(char, char)])
    return pieces


def _class(pattern: str, position: int) -> tuple[_Ranges, int]:
    """The ranges of a class whose bracket is before ``position``, and its end. Raises ValueError for a malformed class."""
    ranges: _Ranges = []
    while not ranges or pattern[position] != "]":
        low = high = _class_character(pattern, position)
        position += 1
        if pattern[position] == "-":
            high = _class_character(pattern, position + 1)
            position += 2
        ranges.append((low, high))
    return ranges, position + 1


def _class_character(pattern: str, position: int) -> str:
    """getEsc of path/filepath/match.go: only valid UTF-8, and not the last character of the pattern."""
    char = pattern[position : position + 1]
    if char in ("", "-", "]") or "\udc80" <= char <= "\udcff" or position + 1 >= len(pattern):
        raise ValueError("malformed class")
    return char
