# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Credentials out of a docker config.json or a containers auth.json that a person hands in.

Stricter than any reader of such files: an entry that the kubelet could not use is an error, never copied in silence.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.auth_field import decode_auth
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import (
    Credential,
    make_credential,
    without_repeats,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import member
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import canonical_registry
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def credentials_from_document(where: str, text: str, only: Sequence[str] | None = None) -> list[Credential]:
    """The credentials of a config document, all of them or those of the registries in ``only``.

    Raises InputError that begins with ``where`` for text that is no such document, for an entry that cannot be used and
    for a registry of ``only`` that is not in it.
    """
    document = _parse(where, text)
    auths = member(document, "auths")
    if auths is None:
        auths = {}
    if not isinstance(auths, dict):
        raise InputError(f'{where}: \'auths\' is not an object. Expected {{"auths": {{"registry": {{"auth": ...}}}}}}.')
    helpers = _helpers(where, document, auths)
    wanted = None if only is None else {canonical_registry(name): name for name in only}
    made: list[Credential] = []
    for key, entry in auths.items():
        registry = _registry(where, key, wanted is not None)
        if registry is None or (wanted is not None and registry not in wanted):
            continue
        made.append(_credential(where, key, entry, helpers))
    _check_complete(where, made, wanted, auths, helpers)
    return without_repeats(where, made)


def _parse(where: str, text: str) -> dict[str, t.Any]:
    if text.lstrip().startswith("$ANSIBLE_VAULT;"):
        raise InputError(
            f"{where} is encrypted with ansible-vault, and a module cannot decrypt it. Read it on the controller instead: "
            "put its text into a variable with lookup('ansible.builtin.file', path) and give the registries from there."
        )
    try:
        document = json.loads(text)
    except RecursionError:
        raise InputError(f"{where} is nested too deeply to be a docker config document.") from None
    except ValueError as error:
        place = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "unknown"
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not text"
        raise InputError(f"{where} is not JSON ({reason}, {place}). Expected a docker config.json.") from None
    if not isinstance(document, dict):
        raise InputError(f"{where} is not a JSON object. Expected a docker config.json.")
    return document


def _helpers(where: str, document: Mapping[str, t.Any], auths: Mapping[str, t.Any]) -> dict[str, str]:
    """Key of `auths` or credHelpers -> suffix of the program that keeps its credential."""
    per_registry = member(document, "credhelpers") or {}
    store = member(document, "credsstore") or ""
    if not isinstance(per_registry, dict) or not isinstance(store, str):
        raise InputError(f"{where}: 'credHelpers' must be an object and 'credsStore' a text.")
    helpers = {key: store for key in auths if store}
    helpers.update({key: str(suffix) for key, suffix in per_registry.items()})
    return helpers


def _registry(where: str, key: str, picking: bool) -> str | None:
    try:
        return canonical_registry(key)
    except InputError as error:
        if picking:
            return None
        raise InputError(f"{where}, entry '{shown(key)}': {error}") from None


def _credential(where: str, key: str, entry: t.Any, helpers: Mapping[str, str]) -> Credential:
    place = f"{where}, entry '{shown(key)}'"
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise InputError(f'{place} is not an object. Expected {{"auth": "..."}}.')
    fields = {name: member(entry, name) or "" for name in ("username", "password", "email", "auth", "identitytoken")}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise InputError(f"{place}: '{name}' is not text.")
    username, password = fields["username"], fields["password"]
    if fields["auth"]:
        try:
            username, password = decode_auth(fields["auth"])
        except ValueError as error:
            raise InputError(f"{place}: {error}. Log in to the registry again, or give it through registries.") from None
    if not password:
        _explain_empty(place, key, fields["identitytoken"], helpers)
    # docker and containerd cut NULs that some tools leave at the end; the kubelet would send them
    return make_credential(place, key, username, password.rstrip("\0"), fields["email"])


def _explain_empty(place: str, key: str, identity_token: str, helpers: Mapping[str, str]) -> None:
    if key in helpers:
        raise InputError(
            f"{place} is kept by docker-credential-{shown(helpers[key])}, not in this file, and the kubelet never asks such a "
            "helper. Give the registry's username and password through registries, or log in with a file that keeps them."
        )
    if identity_token:
        raise InputError(
            f"{place} holds an identity token only, which the kubelet ignores. Give a username and a password or an access "
            "token for this registry through registries."
        )


def _check_complete(
    where: str,
    made: Sequence[Credential],
    wanted: Mapping[str, str] | None,
    auths: Mapping[str, t.Any],
    helpers: Mapping[str, str],
) -> None:
    if wanted is None and not made:
        hint = f" Helpers keep the credentials of {listed(sorted(helpers))}; the kubelet cannot ask them." if helpers else ""
        raise InputError(f"{where} holds no credential.{hint} A pull secret without one would be of no use.")
    missing = sorted((wanted or {}).keys() - {credential.registry for credential in made})
    if missing:
        names = listed([(wanted or {})[key] for key in missing])
        raise InputError(f"{where} has no entry for {names}. It has: {listed(sorted(auths)) or 'none'}.")
