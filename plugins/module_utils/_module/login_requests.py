# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The logins that the options of registry_login request, checked with the registries."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from .._credentials.credential import Credential, Login, StoredLogin
from .._host.login_store import LoginRequest, stored_logins
from .._registry.client import verify_logins
from .._registry.identity_login import has_token_server, with_identity_token
from .._registry.verdict import Verdict
from .base import mark_secrets
from .credential_options import CREDENTIAL_OPTIONS, announce, credentials_option, registries_option, registries_spec
from .registry_options import VerifiedCredentials, open_registries, verified_by_caller, verify
from .text_options import text

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .._host.login_store import LoginStore
    from .._registry.client import Registries
    from .base import PullpassModule
    from .login_options import LoginPlace


LOGIN_CREDENTIAL_OPTIONS: dict[str, t.Any] = {
    **CREDENTIAL_OPTIONS,
    # to log out, a user name needs no password
    "registries": registries_spec(together=[]),
    # not of type path: Ansible would expand '~' to the home of the user that runs the task, not to that of option user
    "config_file": text(),
}
# number of registries that are asked at the same time
_WORKERS = 8
_REMEDY = "a credential helper that renews it, such as docker-credential-ecr-login, in credHelpers"


def requested_logouts(module: PullpassModule, place: LoginPlace) -> list[LoginRequest]:
    # the account itself reads the file that the options name
    registries = place.as_account(lambda: {"keys": registries_option(module)})["keys"]
    entries = module.params["registries"] or [{"username": None}] * len(registries)
    return [LoginRequest(place.kind.key(key), username=entry["username"]) for key, entry in zip(registries, entries)]


def requested_logins(
    module: PullpassModule, place: LoginPlace, store: LoginStore
) -> tuple[list[LoginRequest], VerifiedCredentials]:
    """The requests, and the answers of the registries. Raises VerificationError if nothing may be written."""
    params = module.params
    # the account itself reads the file and runs the helpers that the options name
    given = place.as_account(lambda: {"credentials": list(map(asdict, credentials_option(module)))})["credentials"]
    credentials = [Credential(**one) for one in given]
    announce(module, credentials, _REMEDY)
    logins = {place.kind.key(one.registry): Login(one.registry, one.username, one.password) for one in credentials}
    answers = verified_by_caller(params, credentials)
    verified: dict[str, bool] = {}
    if params["verify"] != "none":
        registries = open_registries(params, [one.registry for one in credentials])
        answers = verify(module, registries, lambda: verify_logins(registries, credentials, _WORKERS))
        verified = {key: row["verdict"] == Verdict.ACCEPTED for key, row in zip(logins, answers.rows["logins"])}
        if place.kind.identity_tokens:
            candidates = {key: login for key, login in logins.items() if verified[key]}
            logins.update(_with_identity_tokens(module, place, store, registries, candidates))
    undecided = answers.undecided(params["verify_undecided"])
    return [
        LoginRequest(key, login, verified=verified.get(key), may_replace=login.registry not in undecided)
        for key, login in logins.items()
    ], answers


def _with_identity_tokens(
    module: PullpassModule, place: LoginPlace, store: LoginStore, registries: Registries, logins: Mapping[str, Login]
) -> dict[str, Login]:
    """The logins of registries that can issue an identity token, with the token if there is one."""
    asked = [key for key, login in logins.items() if has_token_server(registries, login)]
    if not asked:
        return {}
    stored = place.as_account(lambda: stored_logins(place.file, store, asked))
    found = {key: with_identity_token(registries, logins[key], StoredLogin(**stored[key])) for key in asked}
    mark_secrets(module, (login.token for login in found.values()))
    return found
