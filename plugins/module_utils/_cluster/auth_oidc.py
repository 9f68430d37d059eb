# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The auth-provider of a kubeconfig. kubectl has kept oidc alone; all others became exec plugins."""

from __future__ import annotations

import contextlib
import typing as t
from datetime import datetime, timezone

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.headers import header_value
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lifetime import expiry
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.config import Section

with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    import kubernetes

_AUTHORITY = "idp-certificate-authority"
_SECRETS = ("id-token", "refresh-token", "client-secret")


def oidc_token(provider: Section) -> Callable[[], str]:
    """What gives the value of Authorization. Raises InputError for another provider, ClusterError without a valid token."""
    name = provider.text("name")
    if name != "oidc":
        raise InputError(
            f"{provider.where} '{shown(name)}' is not supported, nor is it by kubectl. Use an exec plugin, for example "
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


def _renewed(provider: Section, config: Section) -> str:
    """By the kubernetes client, and only where it verifies the issuer: without a CA of its own, it switches TLS off."""
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
