# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options for credentials; documented in doc fragment _credentials."""

from __future__ import annotations

import json
import typing as t

from .._credentials.credential import (
    Credential,
    invisible_words,
    lifetime_words,
    make_credential,
    quoted,
    shown_username,
    without_repeats,
)
from .._credentials.docker_config import credentials_from_document, registries_in_document
from .._credentials.registry_key import canonical_registry, near_miss, shown_key
from .._errors import HostError, InputError
from .._host.credential_helper import CredentialHelpers
from .._host.option_files import read_option
from .._text import HIDDEN, shown, shown_path
from .base import mark_secrets
from .text_options import RawOption, boolean, mappings, path, text, text_or_integer, texts

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from ansible.module_utils.basic import AnsibleModule


_REGISTRY_ENTRY: dict[str, RawOption] = {
    "registry": text(required=True),
    "username": text(),
    "password": text(no_log=True),
    "credential_helper": text(),
    "email": text(),
    "revision": text_or_integer(),
    "endpoint": text(),
    "ca_cert": path(),
    "validate_certs": boolean(),
    "plain_http": boolean(default=False),
}
_LONGEST_REVISION = 200
# some helpers send a request to a cloud for each of a hundred registries
_HELPERS_TIMEOUT = 600.0
_KUBELET_REMEDY = "a credential provider plugin of the kubelet"
SOURCES = ("registries", "config", "config_file")


def registries_spec(together: Sequence[tuple[str, str]]) -> RawOption:
    """The option registries; ``together`` are pairs of members that require each other."""
    exclusive = [("credential_helper", "username"), ("credential_helper", "password")]
    return mappings(_REGISTRY_ENTRY, "registry", together, exclusive)


CREDENTIAL_OPTIONS: dict[str, t.Any] = {
    "registries": registries_spec(together=[("username", "password")]),
    # masked here as a whole (_module.py): with no_log every leaf of a mapping would be, names of namespaces and registries too
    "config": {"type": "raw"},
    "config_file": path(),
    "config_registries": texts(),
    "resolve_helpers": {"type": "bool", "default": False},
}


def credentials_option(module: AnsibleModule) -> list[Credential]:
    """The credentials in registries, config or config_file, checked and sorted by registry."""
    if module.params["registries"] is not None:
        return without_repeats("registries", credentials_as_given(module))
    return credentials_as_given(module)


def credentials_as_given(module: AnsibleModule) -> list[Credential]:
    """The same, but those of registries in the given order, and possibly several for one registry."""
    params = module.params
    helpers = CredentialHelpers(module, together=_HELPERS_TIMEOUT)
    if params["registries"] is not None:
        return _from_registries(params["registries"], helpers)
    if params["config_registries"] == []:
        raise InputError("config_registries is an empty list. Name registries of the document, or leave the option out for all.")
    where, text, refusal = _document(params)
    ask_helper = _helper_lookup(helpers, refusal) if params["resolve_helpers"] else None
    return credentials_from_document(where, text, params["config_registries"], ask_helper)


def _helper_lookup(helpers: CredentialHelpers, refusal: str) -> Callable[[str, str], tuple[str, str]]:
    def refuse(_suffix: str, _server: str) -> tuple[str, str]:
        raise HostError(f"{refusal} Run the task as that user (become_user), or make root the owner of the file and its folder.")

    return refuse if refusal else helpers.get


def registries_option(module: AnsibleModule) -> list[str]:
    """The canonical keys of the registries in the same options, which need no credential then."""
    params = module.params
    if params["registries"] is not None:
        return [_key(index, entry) for index, entry in enumerate(params["registries"])]
    if params["config_registries"]:
        return [canonical_registry(name, keep_case=True) for name in params["config_registries"]]
    return registries_in_document(*_document(params)[:2])


def revisions_option(module: AnsibleModule) -> dict[str, str]:
    """Registry -> revision, of the registries with a revision."""
    entries = enumerate(module.params["registries"] or ())
    found = {_key(index, entry): entry["revision"] for index, entry in entries if entry["revision"]}
    for registry, revision in found.items():
        if len(revision.split()) != 1 or not revision.isprintable() or len(revision) > _LONGEST_REVISION:
            raise InputError(
                f"the revision of {registry} is not one word of at most {_LONGEST_REVISION} characters. Give a version number."
            )
    return found


def announce(module: AnsibleModule, credentials: Iterable[Credential], remedy: str = _KUBELET_REMEDY) -> None:
    """Register the credentials for masking, and warn about near misses, invisible characters and expiry dates.

    ``remedy``: the permanent solution for a credential that expires after a few hours.
    """
    for credential in credentials:
        hint = near_miss(credential.registry)
        if hint:
            module.warn(f"registry {shown_key(credential.registry)}: {shown(hint, 400)}")
        # both forms that a document contains; the code that builds the document registers it
        mark_secrets(module, (credential.password, credential.auth))
        for warning in _invisible_warnings(credential):
            module.warn(warning)
        words = lifetime_words(credential.username, credential.password)
        if words:
            module.warn(
                f"the credential for {credential.registry} {words}. Pulls fail after that unless a new one is written in time. "
                f"The permanent solution is {remedy}."
            )


def _invisible_warnings(credential: Credential) -> Iterator[str]:
    registry, username = shown(credential.registry), credential.username
    words = invisible_words(credential.password)
    if words:
        yield (
            f"the password for {registry} {words}, which is invisible. The password is used unchanged. If this "
            "character does not belong to it, remove it where the password is stored."
        )
    words = invisible_words(username)
    if words:
        name = HIDDEN if shown_username(username, credential.password) == HIDDEN else quoted(username)
        yield f"the username {name} for {registry} {words}. It is used unchanged. If it is not part of the name, remove it."


def _document(params: Mapping[str, t.Any]) -> tuple[str, str, str]:
    """The source of the document, its text, and why it must not choose which helpers run (empty where it may)."""
    config = params["config"]
    if config is None:
        read = read_option("config_file", params["config_file"])
        return f"config_file {shown_path(params['config_file'])}", read.text, read.refusal
    if isinstance(config, dict):
        try:
            return "config", json.dumps(config), ""
        except (TypeError, ValueError):
            raise InputError("config contains a value that JSON does not have, such as a date. Quote it.") from None
    if isinstance(config, str):
        return "config", config, ""
    raise InputError("config is not a mapping and not JSON text. Give a docker config.json.")


def _from_registries(entries: Sequence[Mapping[str, t.Any]], helpers: CredentialHelpers) -> list[Credential]:
    if not entries:
        raise InputError("registries is an empty list. Give at least one registry.")
    return [_from_entry(index, entry, helpers) for index, entry in enumerate(entries)]


def _from_entry(index: int, entry: Mapping[str, t.Any], helpers: CredentialHelpers) -> Credential:
    where = _place(index, entry)
    username, password = entry["username"], entry["password"]
    helper = entry["credential_helper"]
    if helper is not None:
        username, password = helpers.login(where, helper, _key(index, entry))
    elif username is None:
        raise InputError(f"{where} has no username and password, and no credential_helper. Give one of the two.")
    return make_credential(where, entry["registry"], username, password, entry["email"] or "")


def _key(index: int, entry: Mapping[str, t.Any]) -> str:
    try:
        return canonical_registry(entry["registry"])
    except InputError as error:
        raise InputError(f"{_place(index, entry)}: {error}") from None


def _place(index: int, entry: Mapping[str, t.Any]) -> str:
    return f"registries[{index}] ({shown_key(entry['registry'])})"
