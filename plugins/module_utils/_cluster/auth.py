# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Who a user of a kubeconfig is to the API server: each field is honoured as kubectl does, or refused.

client-go tools/clientcmd/client_config.go and validation.go, transport/round_trippers.go and token_source.go.
"""

from __future__ import annotations

import base64
import time
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.auth_exec import ExecPlugin
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.auth_oidc import oidc_token
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.config import read_bytes
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.headers import header_value, impersonation_headers
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.config import Context, Section

# client-go reads a token file again after a minute
_FILE_AGE = 60.0


class TokenFile:
    """The token in a file, trimmed at both ends. ``otherwise`` is used while the file is missing or empty."""

    def __init__(self, name: str, path: str, otherwise: str = "") -> None:
        self._name, self._path, self._token = name, path, otherwise
        self._due = 0.0
        if not otherwise and not self._read():
            raise InputError(f"{name} {path} is empty. A token is expected in it.")

    def __call__(self) -> str:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _FILE_AGE
            try:
                self._token = self._read() or self._token
            except InputError:
                if not self._token:
                    raise
        return f"Bearer {header_value(self._name, self._token)}"

    def _read(self) -> str:
        try:
            token = read_bytes(self._name, self._path).decode("utf-8").strip()
        except UnicodeDecodeError:
            raise InputError(f"{self._name} {self._path} is not UTF-8 text. A token is expected in it.") from None
        remember_secrets([token])
        return token


def bearer(name: str, token: str) -> Callable[[], str]:
    """A token as it was given: it is not trimmed. Raises InputError for what no header can hold."""
    value = f"Bearer {header_value(name, token)}"
    remember_secrets([token])
    return lambda: value


def authorization_of(context: Context) -> Callable[[], str] | ExecPlugin | None:
    """What gives the value of Authorization for each request; None for a user without token, password and plugin."""
    user = context.user
    token, file, name = user.text("token"), user.path("tokenFile"), user.text("username")
    if (token or file) and (name or user.text("password")):
        raise InputError(f"{user.where} has both a token and a username or password. Keep one.")
    provider, plugin = user.part("auth-provider"), user.part("exec")
    if provider and plugin:
        raise InputError(f"{user.where} has both auth-provider and exec. Keep exec.")
    if file:
        return TokenFile(f"{user.where}: tokenFile", file, token)
    if token:
        return bearer(f"{user.where}: token", token)
    if name:
        return _basic(user, name)
    if user.text("password"):
        raise InputError(f"{user.where} has a password and no username.")
    if plugin:
        return ExecPlugin(context.where, plugin, context.cluster)
    return oidc_token(provider) if provider else None


def impersonation_of(user: Section) -> list[tuple[str, str]]:
    """Headers for as, as-groups, as-uid and as-user-extra. Raises InputError."""
    person, groups, uid = user.text("as"), user.texts("as-groups"), user.text("as-uid")
    extra = user.part("as-user-extra")
    values = {str(key): extra.texts(key) for key in extra.fields} if extra else {}
    if not person:
        if groups or uid or values:
            raise InputError(f"{user.where} has as-groups, as-uid or as-user-extra without as. Add as, or remove them.")
        return []
    names = [f"{user.where}: {field}" for field in ("as", "as-groups", "as-uid", "as-user-extra")]
    return impersonation_headers(person, groups, uid, values, names)


def _basic(user: Section, name: str) -> Callable[[], str]:
    password = user.text("password")
    for field, value in (("username", name), ("password", password)):
        header_value(f"{user.where}: {field}", value)
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode("ascii")
    remember_secrets([password, encoded])
    return lambda: f"Basic {encoded}"
