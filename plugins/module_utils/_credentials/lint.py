# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is wrong with the document of a pull secret, in words, for each of the programs that read such documents.

The kubelet's own verdict is that of kubelet_document; here it is told which entry brings it about. Beside it stand docker
(docker/cli, config/configfile) and podman, skopeo and buildah (containers/image, pkg/docker/config).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

from .credential import invisible_words
from .json_text import JsonError, Node, go_text, parse
from .kubelet_document import Entry, decode_auth, fields
from .lint_keys import DOCKER, KUBELET, PODMAN, READERS, Problem, key_problems
from .registry_key import index_key

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_ALL_READ = "none of them reads anything of the document then"
# member of an entry -> who refuses the whole document when it is not text
_TYPED = {
    "auth": READERS,
    "username": (KUBELET, DOCKER),
    "password": (KUBELET, DOCKER),
    "email": (KUBELET, DOCKER),
    "identitytoken": (DOCKER, PODMAN),
    "registrytoken": (DOCKER,),
}
# the same for the members of the document that are objects of texts
_MAPS = {"httpheaders": ("HttpHeaders", (KUBELET, DOCKER)), "credhelpers": ("credHelpers", (DOCKER, PODMAN))}


@dataclass(frozen=True)
class Examined:
    """``entries`` by their keys, as far as they can be told apart: one whose values cannot be read is empty."""

    problems: tuple[Problem, ...]
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def readable(self, reader: str = KUBELET) -> bool:
        """Whether this program reads the document at all."""
        return reader not in self._unreadable_to

    @cached_property
    def _by_key(self) -> Mapping[str | None, list[Problem]]:
        """A tenant may write very many entries, all of them with problems."""
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
        """Whether this program gets a user name and a password out of the entry, if it reads the document."""
        return not any(one.blocks and reader in one.readers for one in self.of_entry(key))


def examine(document: bytes, legacy: bool = False, most: int | None = None) -> Examined:
    """The faults of a config.json or, with ``legacy``, of a .dockercfg, which docker itself does not read any more.

    With ``most``, the keys of so many entries are looked at; what is fatal is found in each of them.
    """
    try:
        root = parse(go_text(document))
    except JsonError as error:
        return Examined((Problem(READERS, f"it is not JSON ({error}). Write it anew.", fatal=True),))
    if root.kind not in ("object", "null"):
        return Examined((Problem(READERS, f"it is JSON, but {_a(root.kind)} where an object belongs.", fatal=True),))
    problems = [] if legacy else list(_document_problems(root))
    entries: dict[str, Entry] = {}
    found = _members(list(root.members) if legacy else _auths(root), {} if legacy else _helpers(root), entries)
    looked_at = set(islice(entries, most))
    for key, ones in found.items():
        problems += [*ones, *(key_problems(key) if key in looked_at else ())]
    if legacy:
        problems = [one for one in map(_without_docker, problems) if one is not None]
        if "auths" in entries and not entries["auths"].usable:
            problems.append(
                Problem(READERS, "it is a config.json under the key of a .dockercfg: use type kubernetes.io/dockerconfigjson.")
            )
    problems += _empty(root, entries, legacy)
    problems += _together(entries)
    return Examined(tuple(problems), entries)


def _members(
    members: list[tuple[str, Node] | None], helpers: Mapping[str | None, str], entries: dict[str, Entry]
) -> dict[str, list[Problem]]:
    """Fills ``entries``; gives key -> what is wrong with the entry.

    The last entry of a key counts; what is fatal in one before it, or in one that was cleared, is fatal all the same.
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
            yield Problem(READERS, f"its 'auths' is {_a(node.kind)} where an object belongs; {_ALL_READ}.", fatal=True)
    for member, (name, readers) in _MAPS.items():
        for _name, node in fields(root, (member,)):
            if node.kind not in ("object", "null") or any(one.kind not in ("string", "null") for _key, one in node.members):
                told = f"its '{name}' is no object of texts, so that {_names(readers)} read nothing of the document. Remove it."
                yield Problem(readers, told, fatal=True)
    for _name, node in fields(root, ("credsstore",)):
        if node.kind not in ("string", "null"):
            yield Problem(
                (DOCKER,), "its 'credsStore' is no text, so that docker reads nothing of the document. Remove it.", fatal=True
            )


def _auths(root: Node) -> list[tuple[str, Node] | None]:
    """Members of every `auths`, since encoding/json merges them; None stands for a `null`, which clears what came before."""
    members: list[tuple[str, Node] | None] = []
    for _name, node in fields(root, ("auths",)):
        members += [None] if node.kind == "null" else node.members
    return members


def _helpers(root: Node) -> dict[str | None, str]:
    """Key (None: every other) -> suffix of the program that keeps its credential where docker wrote the document."""
    helpers: dict[str | None, str] = {}
    for _name, node in fields(root, ("credsstore",)):
        helpers[None] = node.string
    for _name, node in fields(root, ("credhelpers",)):
        helpers.update({key: one.string for key, one in node.members if one.kind == "string"})
    return helpers


def _entry(key: str, node: Node, helper: str) -> tuple[Entry, list[Problem]]:
    if node.kind not in ("object", "null"):
        told = f'this entry is {_a(node.kind)} where an object belongs; {_ALL_READ}. Expected {{"auth": "..."}}.'
        return Entry(), [Problem(READERS, told, key, fatal=True)]
    texts = dict.fromkeys(_TYPED, "")
    problems: list[Problem] = []
    for name, value in fields(node, tuple(_TYPED)):
        if value.kind == "string":
            texts[name] = value.string
        elif value.kind != "null":
            readers = _TYPED[name]
            told = f"its '{name}' is {_a(value.kind)} where text belongs, so that {_names(readers)} read nothing of the document."
            problems.append(Problem(readers, told, key, fatal=True))
    if any(KUBELET in one.readers for one in problems):
        return Entry(), problems
    if not texts["auth"]:
        entry = Entry(texts["username"], texts["password"], texts["email"])
        return entry, problems + _plain_problems(key, entry, texts, helper)
    try:
        username, password = decode_auth(texts["auth"])
    except ValueError as error:
        told = (
            f"{error}, so that the kubelet can use none of the Pod's pull secrets, and docker nothing of this document. Write "
            "the entry anew, its auth as base64 of username:password."
        )
        problems.append(Problem((KUBELET, DOCKER), told, key, fatal=True))
        return Entry(), [*problems, Problem((PODMAN,), "podman skips the entry.", key)]
    entry = Entry(username, password, texts["email"])
    return entry, [*problems, *_auth_problems(key, entry, texts), *_value_problems(key, entry)]


def _names(readers: tuple[str, ...]) -> str:
    return f"{', '.join(readers[:-1])} and {readers[-1]}" if len(readers) > 1 else readers[0]


def _auth_problems(key: str, entry: Entry, texts: Mapping[str, str]) -> Iterator[Problem]:
    if len(texts["auth"].replace("\r", "").replace("\n", "")) % 4:
        told = "its auth lacks the '=' at its end, which the kubelet alone does without. Write the entry again."
        yield Problem((DOCKER,), told, key, fatal=True)
        yield Problem((PODMAN,), told, key)
    if not entry.username:
        told = "docker refuses the whole document for its empty user name. Give the one that belongs to the password."
        yield Problem((DOCKER,), told, key, fatal=True)
    beside = [name for name in ("username", "password") if texts[name] and texts[name] != getattr(entry, name)]
    if beside:
        told = f"its {_names(tuple(beside))} says something else than its auth, and only auth counts. Write the entry again."
        yield Problem(READERS, told, key, blocks=False)


def _plain_problems(key: str, entry: Entry, texts: Mapping[str, str], helper: str) -> list[Problem]:
    """Of an entry without an auth."""
    if entry.username or entry.password:
        podman = Problem((PODMAN,), "podman reads nothing but an entry's auth, which is missing here.", key)
        return [*_value_problems(key, entry), podman]
    nothing = "the kubelet, to which it counts as found, pulls without a credential."
    if texts["identitytoken"] or texts["registrytoken"]:
        told = f"it holds a token for docker alone; {nothing} Give a user name and a password or access token."
        return [Problem((KUBELET,), told, key)]
    if helper:
        told = (
            "its credential is kept by a credential helper on the machine where docker wrote the document; "
            f"{nothing} Give user name and password, or let pull_secret ask the helper (resolve_helpers)."
        )
        return [Problem((KUBELET,), told, key)]
    return [Problem(READERS, f"it is empty; {nothing} Give user name and password, or remove it.", key)]


def _value_problems(key: str, entry: Entry) -> Iterator[Problem]:
    if not entry.username:
        yield Problem((KUBELET,), "its user name is empty, and containerd then pulls without a credential. Give one.", key)
    if not entry.password:
        yield Problem(READERS, "its password is empty. Was the variable that holds it found? Write the entry again.", key)
    if ":" in entry.username:
        yield Problem(READERS, "its user name holds a colon, where a registry cuts. Write the entry again.", key)
    if entry.password != entry.password.rstrip("\r\n\t "):
        told = "its password ends with a line break or a blank, which is sent to the registry too (echo without -n?)."
        yield Problem(READERS, told, key, blocks=False)
    elif entry.username != entry.username.strip():
        yield Problem(READERS, "white space stands before or after its user name, and is sent too.", key, blocks=False)
    unseen = invisible_words(entry.password.strip(" \t\r\n\0"))
    if unseen:
        yield Problem(
            READERS, f"its password {unseen}, which nobody sees and is sent, too. Write the entry again.", key, blocks=False
        )
    if entry.password.endswith("\0"):
        told = "its password ends with NUL, which docker and podman cut off and the kubelet sends."
        yield Problem((KUBELET,), told, key, blocks=False)


def _empty(root: Node, entries: Mapping[str, Entry], legacy: bool) -> Iterator[Problem]:
    if entries or any(node.kind not in ("object", "null") for _name, node in fields(root, ("auths",))):
        return
    if not legacy and any(next(fields(node, ("auth",)), None) for _key, node in root.members):
        told = "it is a .dockercfg under the key of a config.json. Put its entries below 'auths'."
    elif not legacy and any(node.string or node.members for _name, node in fields(root, ("credsstore", "credhelpers"))):
        told = (
            "it holds no credential: credential helpers keep them on the machine where docker wrote it, and the kubelet never "
            "asks those. Give user name and password, or let pull_secret ask them (resolve_helpers)."
        )
    else:
        told = "it holds no credential."
    yield Problem(READERS, told)


def _together(entries: Mapping[str, Entry]) -> Iterator[Problem]:
    """Entries that stand in each other's way."""
    places: dict[bytes, list[str]] = {}
    for key in entries:
        try:
            places.setdefault(index_key(key), []).append(key)
        except ValueError:
            continue
    for keys in places.values():
        if len({(entries[key].username, entries[key].password) for key in keys}) > 1:
            told = "another key here means the same registry, with another credential: the kubelet tries both in random order."
            yield from (Problem((KUBELET,), told, key, blocks=False) for key in keys)
    if b"docker.io" in places:
        for key in places.get(b"index.docker.io", ()):
            told = "the kubelet never comes to it: 'docker.io' serves every image of Docker Hub first. Remove one of the two."
            yield Problem((KUBELET,), told, key)
