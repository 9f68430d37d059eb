# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The problems in the document of a pull secret, as sentences, for each program that reads such documents.

For the kubelet the result is that of dockerconfigjson, with the entry that causes it. The others are docker (docker/cli,
config/configfile) and podman, skopeo and buildah (containers/image, pkg/docker/config).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from .credential import invisible_words
from .dockerconfigjson import Entry, decode_auth
from .json_text import JsonError, Node, fields, go_text, parse
from .lint_keys import DOCKER, KUBELET, PODMAN, READERS, Problem, key_problems
from .registry_key import index_key

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_NO_READER = "no program can read the document then"
# member of an entry -> the readers that reject the whole document when it is not text
_TEXT_MEMBERS = {
    "auth": READERS,
    "username": (KUBELET, DOCKER),
    "password": (KUBELET, DOCKER),
    "email": (KUBELET, DOCKER),
    "identitytoken": (DOCKER, PODMAN),
    "registrytoken": (DOCKER,),
}
# the same for members of the document that are objects of texts
_TEXT_MAPS = {"httpheaders": ("HttpHeaders", (KUBELET, DOCKER)), "credhelpers": ("credHelpers", (DOCKER, PODMAN))}


@dataclass(frozen=True)
class Examined:
    """``entries`` by their keys; an entry whose values cannot be read is empty."""

    problems: tuple[Problem, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def readable(self, reader: str = KUBELET) -> bool:
        """Whether this program can read the document."""
        return reader not in self._unreadable_to

    @cached_property
    def _by_key(self) -> Mapping[str | None, list[Problem]]:
        """An index, since a tenant may write very many entries with problems."""
        found: dict[str | None, list[Problem]] = {}
        for one in self.problems:
            found.setdefault(one.key, []).append(one)
        return found

    @cached_property
    def _unreadable_to(self) -> frozenset[str]:
        return frozenset(reader for one in self.problems if one.fatal for reader in one.readers)

    def of_entry(self, key: str) -> list[Problem]:
        return self._by_key.get(key, [])

    def of_document(self, reader: str = KUBELET) -> list[Problem]:
        return [one for one in self._by_key.get(None, []) if reader in one.readers]

    def usable(self, key: str, reader: str = KUBELET) -> bool:
        """Whether this program finds a user name and a password in the entry, if it can read the document."""
        return not any(one.blocks and reader in one.readers for one in self.of_entry(key))


def examine(document: bytes, legacy: bool = False, most: int | None = None) -> Examined:
    """The problems of a config.json or, with ``legacy``, of a .dockercfg, which docker no longer reads.

    With ``most``, only the keys of that many entries are checked; fatal problems are found in every entry.
    """
    try:
        root = parse(go_text(document))
    except JsonError as error:
        return Examined((Problem(READERS, f"it is not JSON ({error}). Write it again.", fatal=True),))
    if root.kind not in ("object", "null"):
        return Examined((Problem(READERS, f"it is JSON, but {_a(root.kind)} instead of an object. Write it again.", fatal=True),))
    problems = [] if legacy else list(_document_problems(root))
    entries: dict[str, Entry] = {}
    found = _members(list(root.members) if legacy else _auths(root), {} if legacy else _helpers(root), entries)
    checked = set(islice(entries, most))
    for key, ones in found.items():
        problems += [*ones, *(key_problems(key) if key in checked else ())]
    if legacy:
        problems = [one for one in map(_without_docker, problems) if one is not None]
        if "auths" in entries and not entries["auths"].usable:
            problems.append(
                Problem(READERS, "it is a config.json under the key of a .dockercfg. Use type kubernetes.io/dockerconfigjson.")
            )
    problems += _empty(root, entries, legacy)
    problems += _conflicts(entries)
    return Examined(tuple(problems), entries)


def _members(
    members: list[tuple[str, Node] | None], helpers: Mapping[str | None, str], entries: dict[str, Entry]
) -> dict[str, list[Problem]]:
    """Fills ``entries``; returns key -> problems of the entry.

    The last entry of a key counts; a fatal problem counts in every entry, also in one before it or in one that was cleared.
    """
    fatal: dict[str, dict[Problem, None]] = {}
    last: dict[str, list[Problem]] = {}
    for member in members:
        if member is None:
            entries.clear()
            last.clear()
            continue
        key, node = member
        entries[key], found = _entry(key, node, helpers.get(key) or helpers.get(None, ""))
        last[key] = [one for one in found if not one.fatal]
        fatal.setdefault(key, {}).update(dict.fromkeys(one for one in found if one.fatal))
    return {key: [*ones, *last.get(key, [])] for key, ones in fatal.items()}


def _a(kind: str) -> str:
    return {"true": "true", "false": "false", "null": "null", "array": "an array", "object": "an object"}.get(kind, f"a {kind}")


def _without_docker(problem: Problem) -> Problem | None:
    readers = tuple(reader for reader in problem.readers if reader != DOCKER)
    return replace(problem, readers=readers) if readers else None


def _document_problems(root: Node) -> Iterator[Problem]:
    for _name, node in fields(root, ("auths",)):
        if node.kind not in ("object", "null"):
            yield Problem(READERS, f"its 'auths' is {_a(node.kind)} instead of an object; {_NO_READER}.", fatal=True)
    for member, (name, readers) in _TEXT_MAPS.items():
        for _name, node in fields(root, (member,)):
            if node.kind not in ("object", "null") or any(one.kind not in ("string", "null") for _key, one in node.members):
                text = f"its '{name}' is not an object of texts, so {_names(readers)} cannot read the document. Remove it."
                yield Problem(readers, text, fatal=True)
    for _name, node in fields(root, ("credsstore",)):
        if node.kind not in ("string", "null"):
            yield Problem((DOCKER,), "its 'credsStore' is not text, so docker cannot read the document. Remove it.", fatal=True)


def _auths(root: Node) -> list[tuple[str, Node] | None]:
    """Members of every `auths`, since encoding/json merges them; None is a `null`, which clears the members before it."""
    members: list[tuple[str, Node] | None] = []
    for _name, node in fields(root, ("auths",)):
        members += [None] if node.kind == "null" else node.members
    return members


def _helpers(root: Node) -> dict[str | None, str]:
    """Key (None: all others) -> suffix of the program that stores its credential where docker wrote the document."""
    helpers: dict[str | None, str] = {}
    for _name, node in fields(root, ("credsstore",)):
        helpers[None] = node.string
    for _name, node in fields(root, ("credhelpers",)):
        helpers.update({key: one.string for key, one in node.members if one.kind == "string"})
    return helpers


def _entry(key: str, node: Node, helper: str) -> tuple[Entry, list[Problem]]:
    if node.kind not in ("object", "null"):
        text = f'this entry is {_a(node.kind)} instead of an object; {_NO_READER}. Write {{"auth": "..."}}.'
        return Entry(), [Problem(READERS, text, key, fatal=True)]
    texts = dict.fromkeys(_TEXT_MEMBERS, "")
    problems: list[Problem] = []
    for name, value in fields(node, tuple(_TEXT_MEMBERS)):
        if value.kind == "string":
            texts[name] = value.string
        elif value.kind != "null":
            readers = _TEXT_MEMBERS[name]
            text = f"its '{name}' is {_a(value.kind)} instead of text, so {_names(readers)} cannot read the document."
            problems.append(Problem(readers, text, key, fatal=True))
    if any(KUBELET in one.readers for one in problems):
        return Entry(), problems
    if not texts["auth"]:
        entry = Entry(texts["username"], texts["password"], texts["email"])
        return entry, problems + _plain_problems(key, entry, texts, helper)
    try:
        username, password = decode_auth(texts["auth"])
    except ValueError as error:
        text = (
            f"{error}, so the kubelet cannot use any pull secret of the Pod, and docker cannot read this document. Write the "
            "entry again, with auth as base64 of username:password."
        )
        problems.append(Problem((KUBELET, DOCKER), text, key, fatal=True))
        return Entry(), [*problems, Problem((PODMAN,), "podman ignores the entry.", key)]
    entry = Entry(username, password, texts["email"])
    return entry, [*problems, *_auth_problems(key, entry, texts), *_value_problems(key, entry)]


def _names(readers: tuple[str, ...]) -> str:
    return f"{', '.join(readers[:-1])} and {readers[-1]}" if len(readers) > 1 else readers[0]


def _auth_problems(key: str, entry: Entry, texts: Mapping[str, str]) -> Iterator[Problem]:
    if len(texts["auth"].replace("\r", "").replace("\n", "")) % 4:
        text = "its auth lacks the '=' at its end, which only the kubelet does not require. Write the entry again."
        yield Problem((DOCKER,), text, key, fatal=True)
        yield Problem((PODMAN,), text, key)
    if not entry.username:
        text = "docker rejects the whole document because its user name is empty. Give the user name of the password."
        yield Problem((DOCKER,), text, key, fatal=True)
    beside = [name for name in ("username", "password") if texts[name] and texts[name] != getattr(entry, name)]
    if beside:
        text = f"its {_names(tuple(beside))} differs from its auth, which alone counts. Write the entry again."
        yield Problem(READERS, text, key, blocks=False)


def _plain_problems(key: str, entry: Entry, texts: Mapping[str, str], helper: str) -> list[Problem]:
    """Of an entry without an auth."""
    if entry.username or entry.password:
        podman = Problem((PODMAN,), "podman reads only the auth of an entry, which is missing here.", key)
        return [*_value_problems(key, entry), podman]
    effect = "the kubelet uses it and pulls without a credential."
    if texts["identitytoken"] or texts["registrytoken"]:
        text = f"it contains only a token for docker; {effect} Give a user name and a password or access token."
        return [Problem((KUBELET,), text, key)]
    if helper:
        text = (
            "a credential helper stores its credential on the machine where docker wrote the document; "
            f"{effect} Give a user name and a password, or set resolve_helpers of pull_secret."
        )
        return [Problem((KUBELET,), text, key)]
    return [Problem(READERS, f"it is empty; {effect} Give a user name and a password, or remove it.", key)]


def _value_problems(key: str, entry: Entry) -> Iterator[Problem]:
    if not entry.username:
        yield Problem((KUBELET,), "its user name is empty, so containerd pulls without a credential. Give one.", key)
    if not entry.password:
        yield Problem(READERS, "its password is empty. Check the variable of the password, and write the entry again.", key)
    if ":" in entry.username:
        yield Problem(READERS, "its user name contains a colon, where a registry ends the user name. Write the entry again.", key)
    if entry.password != entry.password.rstrip("\r\n\t "):
        text = "its password ends with a line break or a blank, which the registry also gets (echo without -n adds one)."
        yield Problem(READERS, text, key, blocks=False)
    elif entry.username != entry.username.strip():
        yield Problem(READERS, "its user name begins or ends with white space, which the registry also gets.", key, blocks=False)
    invisible = invisible_words(entry.password.strip(" \t\r\n\0"))
    if invisible:
        text = f"its password {invisible}, which is invisible and which the registry also gets. Write the entry again."
        yield Problem(READERS, text, key, blocks=False)
    if entry.password.endswith("\0"):
        text = "its password ends with NUL, which docker and podman remove and the kubelet sends."
        yield Problem((KUBELET,), text, key, blocks=False)


def _empty(root: Node, entries: Mapping[str, Entry], legacy: bool) -> Iterator[Problem]:
    if entries or any(node.kind not in ("object", "null") for _name, node in fields(root, ("auths",))):
        return
    if not legacy and any(next(fields(node, ("auth",)), None) for _key, node in root.members):
        text = "it is a .dockercfg under the key of a config.json. Put its entries below 'auths'."
    elif not legacy and any(node.string or node.members for _name, node in fields(root, ("credsstore", "credhelpers"))):
        text = (
            "it contains no credential: credential helpers store them on the machine where docker wrote it, and the kubelet "
            "never uses those. Give a user name and a password, or set resolve_helpers of pull_secret."
        )
    else:
        text = "it contains no credential."
    yield Problem(READERS, text)


def _conflicts(entries: Mapping[str, Entry]) -> Iterator[Problem]:
    """Entries that conflict with each other."""
    places: dict[bytes, list[str]] = {}
    for key in entries:
        try:
            places.setdefault(index_key(key), []).append(key)
        except ValueError:
            continue
    for keys in places.values():
        if len({(entries[key].username, entries[key].password) for key in keys}) > 1:
            text = "another key is equal for the kubelet and has another credential: it tries both in random order. Remove one."
            yield from (Problem((KUBELET,), text, key, blocks=False) for key in keys)
    if b"docker.io" in places:
        for key in places.get(b"index.docker.io", ()):
            text = "the kubelet never uses it: 'docker.io' matches every image of Docker Hub first. Remove one of the two."
            yield Problem((KUBELET,), text, key)
