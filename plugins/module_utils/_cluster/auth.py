# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Authentication of a kubeconfig's user: each field is used as kubectl uses it, or refused.

client-go tools/clientcmd/client_config.go and validation.go, transport/round_trippers.go and token_source.go.
"""

from __future__ import annotations

import base64
import contextlib
import inspect
import time
import typing as t
from datetime import datetime, timezone

from .._credentials.credential import expiry
from .._credentials.redact import foreign_text, remember_secrets
from .._errors import ClusterError, InputError
from .._text import shown, shown_path
from .kubeconfig import read_bytes
from .validation import header_value, impersonation_headers

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .kubeconfig import Context, KubeconfigEntry


with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    from kubernetes.config.dateutil import parse_rfc3339
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode
# a token is renewed this many seconds before it expires
_MARGIN = 300.0


class ExecPlugin:
    """``certificate`` and ``key`` (PEM) are what the plugin returned instead of a token; empty if it returned a token."""

    def __init__(self, where: str, plugin: KubeconfigEntry, cluster: KubeconfigEntry) -> None:
        self._where, self._plugin, self._cluster = where, plugin, cluster
        self._name = f"the exec plugin {shown_path(_command(plugin))}"
        self.certificate = self.key = ""
        self._token, self._due = "", 0.0
        self._ask()

    def __call__(self) -> str:
        if self._token and self._due and time.time() >= self._due:
            self._ask()
        return self._token and f"Bearer {self._token}"

    def _ask(self) -> None:
        status = self._status()
        token = status.get("token") or ""
        certificate, key = status.get("clientCertificateData") or "", status.get("clientKeyData") or ""
        if not all(isinstance(value, str) for value in (token, certificate, key)) or bool(certificate) != bool(key):
            raise self._invalid()
        if not token and not certificate:
            raise self._invalid()
        self._token = header_value(f"{self._where}: the token of {self._name}", token)
        remember_secrets([token, key])
        self.certificate, self.key = certificate, key
        self._due = _expiry(status.get("expirationTimestamp"))

    def _status(self) -> dict[str, t.Any]:
        try:
            arguments = [ConfigNode("exec", self._plugin.fields), self._plugin.folder]
            # kubernetes 24 does not know provideClusterInfo
            if "cluster" in inspect.signature(ExecProvider).parameters:
                arguments.append(ConfigNode("cluster", self._cluster_info()))
            status = ExecProvider(*arguments).run()
        except OSError as error:
            hint = self._plugin.text("installHint")
            advice = f" Its installHint: {shown(hint, 500)}" if hint else " Install it there, or use another way to log in."
            reason = foreign_text(error.strerror or type(error).__name__)
            raise ClusterError(
                f"{self._where} gives no credential: {self._name} cannot be run where this task runs ({reason}).{advice}"
            ) from None
        except Exception:  # the client raises several types, whose texts contain the output of the plugin
            raise self._invalid() from None
        if not isinstance(status, dict):
            raise self._invalid()
        return status

    def _invalid(self) -> ClusterError:
        return ClusterError(
            f"{self._where} gives no credential: {self._name} failed, or did not return an ExecCredential with a token or a "
            "certificate. Its output is not shown because it may contain a token. Run it by hand, as the user and in the "
            "environment of this task."
        )

    def _cluster_info(self) -> dict[str, t.Any]:
        """For provideClusterInfo. As with kubectl, it contains the CA file."""
        fields = dict(self._cluster.fields)
        authority = self._cluster.content("certificate-authority")
        if fields.pop("certificate-authority", None) and authority:
            fields["certificate-authority-data"] = base64.b64encode(authority).decode("ascii")
        return fields


def _command(plugin: KubeconfigEntry) -> str:
    """Raises InputError for a plugin that cannot be run at all."""
    for name in ("command", "apiVersion"):
        if not plugin.text(name):
            raise InputError(f"{plugin.where} has no {name}.")
    if plugin.text("interactiveMode") == "Always":
        raise InputError(f"{plugin.where} has interactiveMode Always: it asks a person, and this task has no terminal.")
    plugin.texts("args")
    for item in plugin.fields.get("env") or ():
        if not isinstance(item, dict) or not all(isinstance(item.get(field), str) for field in ("name", "value")):
            raise InputError(f"{plugin.where}: env is not a list of name and value, both text.")
    return plugin.text("command")


def _expiry(moment: t.Any) -> float:
    """Seconds since the epoch at which to ask again; 0 for never."""
    if not isinstance(moment, str):
        return 0.0
    try:
        return parse_rfc3339(moment).timestamp() - _MARGIN
    except Exception:  # an assertion, among others
        return 0.0


with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    import kubernetes
_AUTHORITY = "idp-certificate-authority"
_SECRETS = ("id-token", "refresh-token", "client-secret")


def oidc_token(provider: KubeconfigEntry) -> Callable[[], str]:
    """The value of Authorization. Raises InputError for another provider, ClusterError without a valid token."""
    name = provider.text("name")
    if name != "oidc":
        raise InputError(
            f"{provider.where} '{shown(name)}' is not supported, here or by kubectl. Use an exec plugin, for example "
            "gke-gcloud-auth-plugin or kubelogin."
        )
    config = provider.part("config")
    token = config.text("id-token") if config else ""
    if config:
        remember_secrets(config.text(field) for field in _SECRETS)
    expires = expiry("", token)
    if config and token and expires and expires <= datetime.now(timezone.utc):
        token = _renewed(provider, config)
    if not token:
        raise ClusterError(f"{provider.where} has no id-token. Log in with kubectl first, or use an exec plugin.")
    value = f"Bearer {header_value(f'{provider.where}: id-token', token)}"
    return lambda: value


def _renewed(provider: KubeconfigEntry, config: KubeconfigEntry) -> str:
    """Renewed by the kubernetes client, if the issuer's CA is given: without it, the client switches TLS verification off."""
    if not config.text("refresh-token") or not (config.text(_AUTHORITY) or config.text(f"{_AUTHORITY}-data")):
        raise ClusterError(
            f"{provider.where}: the id-token has expired. Log in with kubectl again, or use an exec plugin. It is renewed only "
            f"with a refresh-token and an {_AUTHORITY}."
        )
    fields = {**config.fields, **({_AUTHORITY: config.path(_AUTHORITY)} if config.text(_AUTHORITY) else {})}
    content = {
        "clusters": [{"name": "c", "cluster": {"server": ""}}],
        "users": [{"name": "u", "user": {"auth-provider": {"name": "oidc", "config": fields}}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    configuration = kubernetes.client.Configuration()
    try:
        kubernetes.config.load_kube_config_from_dict(content, "x", configuration, persist_config=False)
        settings: t.Any = configuration.auth_settings().get("BearerToken") or {}
        value = str(settings.get("value") or "")
    except Exception:  # of several libraries, with answers of the issuer in their text
        value = ""
    token = value.partition(" ")[2]
    if not token or token == config.text("id-token"):
        raise ClusterError(f"{provider.where}: the id-token has expired and cannot be renewed. Log in with kubectl again.")
    remember_secrets([token])
    return token


# client-go reads a token file again after a minute
_FILE_AGE = 60.0


class TokenFile:
    """The token in a file, without white space at its ends. ``otherwise`` is used while the file is missing or empty."""

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
    """A token, not trimmed. Raises InputError for a token that no header can have."""
    value = f"Bearer {header_value(name, token)}"
    remember_secrets([token])
    return lambda: value


def authorization_of(context: Context) -> Callable[[], str] | ExecPlugin | None:
    """Returns the value of Authorization for each request; null for a user without token, password and plugin."""
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


def impersonation_of(user: KubeconfigEntry) -> list[tuple[str, str]]:
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


def _basic(user: KubeconfigEntry, name: str) -> Callable[[], str]:
    password = user.text("password")
    for field, value in (("username", name), ("password", password)):
        header_value(f"{user.where}: {field}", value)
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode("ascii")
    remember_secrets([password, encoded])
    return lambda: f"Basic {encoded}"
