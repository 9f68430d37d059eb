# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Exec plugins of a kubeconfig. The kubernetes client runs them; what they write is never shown: it can hold a token."""

from __future__ import annotations

import base64
import contextlib
import inspect
import time
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.headers import header_value
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text, remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown, shown_path

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.config import Section

with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    from kubernetes.config.dateutil import parse_rfc3339
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode

# a token is renewed this many seconds before it expires
_MARGIN = 300.0


class ExecPlugin:
    """``certificate`` and ``key`` are what the plugin gave instead of a token, in PEM; empty where it gave a token."""

    def __init__(self, where: str, plugin: Section, cluster: Section) -> None:
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
            raise self._useless()
        if not token and not certificate:
            raise self._useless()
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
        except Exception:  # the client raises several types, with the output of the plugin in their text
            raise self._useless() from None
        if not isinstance(status, dict):
            raise self._useless()
        return status

    def _useless(self) -> ClusterError:
        return ClusterError(
            f"{self._where} gives no credential: {self._name} failed, or did not answer with an ExecCredential that holds a "
            "token or a certificate. What it wrote is not shown, since that can hold a token. Run it by hand, as the user and in "
            "the environment of this task."
        )

    def _cluster_info(self) -> dict[str, t.Any]:
        """For provideClusterInfo; kubectl gives the content of the CA file, too."""
        fields = dict(self._cluster.fields)
        authority = self._cluster.content("certificate-authority")
        if fields.pop("certificate-authority", None) and authority:
            fields["certificate-authority-data"] = base64.b64encode(authority).decode("ascii")
        return fields


def _command(plugin: Section) -> str:
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
