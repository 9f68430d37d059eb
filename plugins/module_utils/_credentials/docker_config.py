# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads the credentials of a docker config.json or a containers auth.json that a task gives.

It is stricter than other readers of such files: an entry that the kubelet cannot use is an error.
"""

from __future__ import annotations

import base64
import binascii
import re
import typing as t

from .._errors import HostError, InputError
from .._text import listed, shown
from .credential import HELPER_USERNAME, Credential, make_credential, username_for_identity_token, without_repeats
from .dockerconfigjson import UnreadableDocument, decode_auth, string_fields
from .json_text import JsonError, Node, fields, parse
from .registry_key import canonical_registry, shown_key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    AskHelper = Callable[[str, str], tuple[str, str]]

_KIND = re.compile(r"^kind:[ \t]*[\"']?(?P<kind>[A-Za-z]{1,40})[\"']?[ \t]*$", re.MULTILINE)
_PATH = re.compile(r"(~|\.{0,2}/)\S{1,4095}")
_MEMBERS = ("auths", "credHelpers", "credsStore", "HttpHeaders")
_ENTRY_FIELDS = ("username", "password", "email", "auth", "identitytoken")
_MISSING = Node("object", 0, 0)
# tokens of a person's own login, which Docker Desktop stores beside the credential: not for a cluster
_OWN_TOKENS = ("https://index.docker.io/v1/access-token", "https://index.docker.io/v1/refresh-token")


def json_problem(text: str, error: str) -> str:
    """Why ``text`` is not a docker config.json, given the ``error`` of the parser."""
    if text.startswith("\ufeff"):
        return "begins with a byte order mark, which JSON does not allow. Save it as UTF-8 without a byte order mark."
    kind = _KIND.search(text)
    if kind and "apiVersion:" in text:
        return _manifest(kind["kind"])
    if _is_base64_of_json(text):
        return "is base64 of JSON, as a Secret holds it. Decode it first: base64 -d, or the filter b64decode."
    if _PATH.fullmatch(text.strip()):
        return "is a path, not a docker config.json. Give a path in config_file."
    return f"is not JSON ({error}). Expected a docker config.json."


def document_problem(root: Node) -> str:
    """Why the object ``root`` is not a docker config.json; empty if it can be one."""
    members = dict(root.members)
    if "kind" in members and "apiVersion" in members:
        return _manifest(members["kind"].string or "object")
    if not any(name in members for name in _MEMBERS) and any(_is_entry(node) for node in members.values()):
        return "is a legacy .dockercfg: its entries are not in 'auths'. Write them as {\"auths\": {...}}."
    return ""


def _manifest(kind: str) -> str:
    if kind == "Secret":
        return (
            "is the manifest of a Secret, not a docker config.json. Give the value of .dockerconfigjson in its data, decoded "
            "from base64, or name a Secret of the cluster in from_secret."
        )
    return f"is a Kubernetes manifest of kind {kind}. Give a docker config.json."


def _is_entry(node: Node) -> bool:
    return any(name in ("auth", "username") and value.kind == "string" for name, value in node.members)


def _is_base64_of_json(text: str) -> bool:
    compact = "".join(text[:400].split())
    try:
        return base64.b64decode(compact[: len(compact) // 4 * 4], validate=True).lstrip().startswith(b"{")
    except (binascii.Error, ValueError):
        return False


def credentials_from_document(
    where: str, text: str, only: Sequence[str] | None = None, ask_helper: AskHelper | None = None
) -> list[Credential]:
    """The credentials of a config document, all of them or those of the registries in ``only``.

    ``ask_helper(suffix, server)`` returns the user name and secret of a helper, or raises HostError; without it no helper is
    asked. Raises InputError or HostError if the text is not such a document, if an entry cannot be used, and if a registry of
    ``only`` is missing. The message begins with ``where``.
    """
    root = _parse(where, text)
    entries = _entries(where, root)
    store = _store(where, root)
    helpers = _helpers(where, root, entries, store)
    wanted = None if only is None else _wanted(only)
    made: list[Credential] = []
    for key in dict.fromkeys([*entries, *helpers]):
        registry = _registry(where, key, picking=wanted is not None)
        if registry is not None and (wanted is None or registry in wanted):
            made.append(_credential(where, key, entries.get(key, _MISSING), helpers.get(key), ask_helper))
    if store:  # the document need not name the registries of a credsStore
        known = {one.registry for one in made}
        made += [_credential(where, key, _MISSING, store, ask_helper) for key in wanted or () if key not in known]
    _check_complete(where, made, wanted, entries, store)
    return without_repeats(where, made)


def registries_in_document(where: str, text: str) -> list[str]:
    """The canonical keys of all registries that a config document names. Raises InputError; asks no helper."""
    root = _parse(where, text)
    entries = _entries(where, root)
    keys = dict.fromkeys([*entries, *_objects(where, root, "credHelpers")])
    return [str(_registry(where, key, picking=False)) for key in keys]


def _parse(where: str, text: str) -> Node:
    if text.lstrip().startswith("$ANSIBLE_VAULT;"):
        raise InputError(
            f"{where} is encrypted with ansible-vault, which a module cannot decrypt. Read it on the controller: "
            "config: \"{{ lookup('ansible.builtin.file', path) }}\"."
        )
    try:
        root = parse(text)
    except JsonError as error:
        raise InputError(f"{where} {json_problem(text, str(error))}") from None
    if root.kind != "object":
        raise InputError(f"{where} is not a JSON object. Expected a docker config.json.")
    problem = document_problem(root)
    if problem:
        raise InputError(f"{where} {problem}")
    return root


def _objects(where: str, root: Node, name: str) -> dict[str, Node]:
    """Members of the object ``name``; empty if it is missing."""
    found: dict[str, Node] = {}
    for _field, node in fields(root, (name.lower(),)):
        if node.kind not in ("object", "null"):
            raise InputError(f"{where}: '{name}' is not an object. Expected a docker config.json, as docker login writes it.")
        found.update(node.members)
    return found


def _entries(where: str, root: Node) -> dict[str, Node]:
    return {key: node for key, node in _objects(where, root, "auths").items() if key not in _OWN_TOKENS}


def _store(where: str, root: Node) -> str:
    try:
        return string_fields(root, ("credsstore",))["credsstore"]
    except UnreadableDocument:
        raise InputError(f"{where}: 'credsStore' is not text. Expected the suffix of a credential helper.") from None


def _helpers(where: str, root: Node, entries: Mapping[str, Node], store: str) -> dict[str, str]:
    """Key of auths or credHelpers -> suffix of the program that stores its credential."""
    helpers = dict.fromkeys(entries, store) if store else {}
    for key, node in _objects(where, root, "credHelpers").items():
        if node.kind != "string":
            raise InputError(f"{where}: the helper of '{shown_key(key)}' in 'credHelpers' is not text. Expected a suffix.")
        helpers[key] = node.string
    return helpers


def _wanted(only: Sequence[str]) -> dict[str, str]:
    try:
        return {canonical_registry(name, keep_case=True): name for name in only}
    except InputError as error:
        raise InputError(f"config_registries: {error}") from None


def _registry(where: str, key: str, picking: bool) -> str | None:
    try:
        return canonical_registry(key, keep_case=True)
    except InputError as error:
        if picking:
            return None
        raise InputError(f"{where}, entry '{shown_key(key)}': {error}") from None


def _credential(where: str, key: str, entry: Node, helper: str | None, ask_helper: AskHelper | None) -> Credential:
    place = f"{where}, entry '{shown_key(key)}'"
    if entry.kind not in ("object", "null"):
        raise InputError(f'{place} is not an object. Expected {{"auth": "..."}}.')
    try:
        found = string_fields(entry, _ENTRY_FIELDS)
    except UnreadableDocument as error:
        raise InputError(f"{place}: {error}.") from None
    username, password, token = found["username"], found["password"], found["identitytoken"]
    if found["auth"]:
        try:
            username, password = decode_auth(found["auth"])
        except ValueError as error:
            raise InputError(f"{place}: {error}. Log in to the registry again, or give it in registries.") from None
    if not password and helper is not None:
        username, password = _from_helper(place, key, helper, ask_helper)
        if username == HELPER_USERNAME:
            password, token = "", password
    if not password and token:
        username, password = username_for_identity_token(place, canonical_registry(key)), token
    # docker and containerd cut NULs at the end, which some tools add; the kubelet would send them
    return make_credential(place, key, username, password.rstrip("\0"), found["email"], keep_case=True)


def _from_helper(place: str, key: str, helper: str, ask_helper: AskHelper | None) -> tuple[str, str]:
    if ask_helper is None:
        raise InputError(
            f"{place} has its credential in docker-credential-{shown(helper)}, which the kubelet does not ask. Set "
            "resolve_helpers if this task may ask the helper, or give username and password in registries."
        )
    try:
        return ask_helper(helper, key)
    except HostError as error:
        raise HostError(f"{place}: {error}") from None


def _check_complete(
    where: str, made: Sequence[Credential], wanted: Mapping[str, str] | None, entries: Mapping[str, Node], store: str
) -> None:
    if wanted is None and not made and store:
        raise InputError(
            f"{where} does not name a registry: its credentials are stored in docker-credential-{shown(store)}. Name the "
            "registries in config_registries, and set resolve_helpers if this task may ask the helper."
        )
    if wanted is None and not made:
        raise InputError(f"{where} contains no credential. Add an entry to 'auths'.")
    missing = sorted((wanted or {}).keys() - {credential.registry for credential in made})
    if missing:
        names = listed([(wanted or {})[key] for key in missing])
        known = listed(sorted(shown_key(key) for key in entries)) or "no entry"
        raise InputError(f"{where} has no entry for {names}. It has: {known}.")
