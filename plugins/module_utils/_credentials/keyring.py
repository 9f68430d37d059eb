# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The kubelet's keyring: which credentials of which Secrets it tries for an image, in which order.

This is kubernetes 1.37 pkg/credentialprovider/keyring.go and secrets/secrets.go, proved against them by
tests/servers/test_kubelet_oracle.py. Where Go's order is random (several keys of one Secret that mean the same place),
ours is that of the document. What a node itself holds, files or credential providers, is not in it: the kubelet tries that
after what the Secrets give.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from .go_url import parse_url, split_host_port
from .kubelet_document import Entry, UnreadableDocument, kubelet_entries, legacy_kubelet_entries
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
# the kubelet's way out for Docker Hub: the one key that is looked up as it is
_HUB_INDEX_KEY = b"index.docker.io"
# a key of the index that serves the host and the path that it names, read once more or not
_PLAIN_PLACE = re.compile(rb"[A-Za-z0-9._-]+(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?")
# no name has a longer one, and comparing much longer ones would take time
_LONGEST_LABEL = 255


@dataclass(frozen=True)
class PullSecret:
    """A Secret as the cluster holds it. Of another type, without its key or with an empty value it gives nothing."""

    name: str
    type: str
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Match:
    """A credential that would be tried: ``key`` as it is written in the document of the Secret called ``secret``.

    An empty user name and password count as found: the kubelet then pulls without a credential.
    """

    secret: str
    key: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class SecretProblem:
    """Why the kubelet cannot read a Secret. ``problem`` begins with a verb and holds nothing of the Secret's values."""

    secret: str
    problem: str


@dataclass(frozen=True)
class IgnoredKey:
    """A key that the kubelet drops in silence. ``reason`` begins with "it" or "its" and holds nothing of the key."""

    secret: str
    key: str
    reason: str


class UnreadableSecrets(ValueError):
    """The Pod cannot pull anything: the kubelet has no keyring at all, because of the Secrets in ``problems``."""

    def __init__(self, problems: Sequence[SecretProblem]) -> None:
        super().__init__("; ".join(f"Secret {one.secret} {one.problem}" for one in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Keyring:
    """What the Secrets of one Pod give. Made by ``kubelet_keyring``.

    ``problems`` names every Secret that the kubelet cannot read (itself, it tells of the first alone); one is enough for
    it to pull nothing at all.
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
        """The credentials that are tried for an image, first to last; none means one pull without a credential.

        Raises UnreadableSecrets.
        """
        if self.problems:
            raise UnreadableSecrets(self.problems)
        wanted = _endpoint_or_none(image.name.encode("ascii"))
        found = self._places.serving(wanted) if wanted else []
        if not found and _is_default_registry(image.registry):
            return list(self._places.index.get(_HUB_INDEX_KEY, ()))
        return found


def kubelet_keyring(secrets: Iterable[PullSecret]) -> Keyring:
    """The keyring of a Pod from its Secrets, in the order of its imagePullSecrets. Those that are missing are left out."""
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
    """isDefaultRegistryMatch of keyring.go, for a name that always has a registry. Not only Docker Hub: localhost too."""
    return registry == "docker.io" or not ("." in registry or ":" in registry)


class _Endpoint(t.NamedTuple):
    labels: tuple[str, ...]
    port: bytes
    path: bytes


class _Places:
    """All keys of the index with the credentials filed there. A tenant may write very many of them.

    Keys that match nothing but themselves are looked up; only the others are compared one by one.
    """

    def __init__(self, index: Mapping[bytes, Sequence[Match]]) -> None:
        self.index = index
        self._patterns: list[tuple[bytes, _Pattern]] | None = None

    def serving(self, image: _Endpoint) -> list[Match]:
        """In the kubelet's order, the one that is last in the alphabet first."""
        if self._patterns is None:
            others = (key for key in self.index if not _PLAIN_PLACE.fullmatch(key))
            made = ((key, _endpoint_or_none(key)) for key in others)
            self._patterns = [(key, _Pattern(endpoint)) for key, endpoint in made if endpoint]
        host = ".".join(image.labels).encode("utf-8", "surrogateescape") + (b":" + image.port if image.port else b"")
        names = (host + image.path[:end] for end in range(len(image.path) + 1))
        keys = [name for name in names if name in self.index and _PLAIN_PLACE.fullmatch(name)]
        keys += [key for key, pattern in self._patterns if pattern.serves(image)]
        return [match for key in sorted(keys, reverse=True) for match in self.index[key]]


class _Pattern:
    """A key that may match more than itself, or something else."""

    def __init__(self, endpoint: _Endpoint) -> None:
        self._endpoint = endpoint
        self._labels: tuple[_Label, ...] | None = None

    def serves(self, image: _Endpoint) -> bool:
        """URLsMatch of keyring.go. The path is a prefix as plain text: ``/team`` serves ``/teamx`` too."""
        mine = self._endpoint
        if mine.port != image.port or len(mine.labels) != len(image.labels) or not image.path.startswith(mine.path):
            return False
        if self._labels is None:
            self._labels = tuple(map(_Label, mine.labels))
        return all(pattern.matches(label) for pattern, label in zip(self._labels, image.labels))


def _endpoint_or_none(schemeless: bytes) -> _Endpoint | None:
    """ParseSchemelessURL and SplitURL of keyring.go: a key of the index is taken apart, and unescaped, a second time."""
    try:
        host, path = parse_url(b"https://" + schemeless)
    except ValueError:
        return None
    name, port = split_host_port(host)
    return _Endpoint(tuple(name.decode("utf-8", "surrogateescape").split(".")), port, path)


class _Label:
    """Match of path/filepath/match.go for one label of a host: ``*`` is any text, and what brackets enclose is a class.

    Neither ``?`` nor a backslash can be in a host. A pattern that Go calls malformed matches nothing. Each piece between
    two stars is taken at the first place where it fits, so no pattern takes long.
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


def label_matches(pattern: str, label: str) -> bool:
    return _Label(pattern).matches(label)


def _fits(piece: _Piece, label: str, start: int) -> bool:
    return len(label) - start >= len(piece) and all(
        any(low <= char <= high for low, high in ranges) for ranges, char in zip(piece, label[start : start + len(piece)])
    )


def _pieces(pattern: str) -> list[_Piece]:
    """What stands before, between and after the stars: for each character the ranges it may come from."""
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
    """The ranges of a class whose bracket stands before ``position``, and where it ends. ValueError: it is malformed."""
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
    """getEsc of path/filepath/match.go: no byte that is no UTF-8, and something has to come after it."""
    char = pattern[position : position + 1]
    if char in ("", "-", "]") or "\udc80" <= char <= "\udcff" or position + 1 >= len(pattern):
        raise ValueError("malformed class")
    return char
