# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The connection to a ClusterTarget: an HTTP pool of the kubernetes client, and the headers that authenticate each request."""

from __future__ import annotations

import base64
import importlib.util
import sys
import typing as t

from .._credentials.redact import foreign_text, remember_secrets
from .._errors import ClusterError, InputError
from .auth import ExecPlugin, TokenFile, authorization_of, bearer, impersonation_of
from .kubeconfig import MISSING_YAML, Context, check_authority, check_pair, read_context, read_file, temporary_file
from .validation import impersonation_headers, proxy_of, server_url

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .target import ClusterTarget


try:
    import kubernetes
    import urllib3
except ImportError as error:
    _IMPORT_ERROR: ImportError | None = error
else:
    _IMPORT_ERROR = None
LOWEST_CLIENT = (24, 2, 0)
USER_AGENT = "pullpass.registry"
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Connection:
    """A urllib3 pool with the TLS settings of the cluster, and the headers of each request."""

    def __init__(self, configuration: t.Any, context: str | None, identity: Identity, tls_name: str = "") -> None:
        self._identity = identity
        self.server: str = configuration.host
        self.context = context
        self.encrypted = self.server.startswith("https://")
        self.verified = self.encrypted and bool(configuration.verify_ssl)
        if not self.verified:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.pool = kubernetes.client.ApiClient(configuration).rest_client.pool_manager
        if tls_name:
            self.pool.connection_pool_kw["server_hostname"] = tls_name

    @property
    def secrets(self) -> list[str]:
        """The present value of the Authorization header, also decoded, for masking."""
        kind, _blank, value = self._identity.authorization().partition(" ")
        if kind != "Basic":
            return [value]
        return [value, base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]]

    def headers(self) -> t.Any:
        """Headers of one request, which authenticate it. An expired token is renewed. Raises InputError or ClusterError."""
        headers = urllib3.response.HTTPHeaderDict({"User-Agent": USER_AGENT})
        authorization = self._identity.authorization()
        if authorization:
            headers["Authorization"] = authorization
        for name, value in self._identity.impersonation:
            headers.add(name, value)
        return headers


class Identity:
    """``authorization`` gives the value of that header, empty for none; ``impersonation`` are further headers."""

    def __init__(self, authorization: Callable[[], str] | None, impersonation: list[tuple[str, str]]) -> None:
        self.authorization: Callable[[], str] = authorization or (lambda: "")
        self.impersonation = impersonation


def connect(target: ClusterTarget, workers: int) -> Connection:
    """A Connection for up to ``workers`` requests at a time. It sends nothing.

    Raises ClusterError where the Python package is missing or too old, or an exec plugin fails; InputError for what cannot
    be used of the kubeconfig and the options.
    """
    _require_client()
    configuration = kubernetes.client.Configuration()
    configuration.connection_pool_maxsize = workers
    context = None if target.in_cluster or target.host else read_context(target.kubeconfig, target.context)
    if context:
        _use_context(configuration, context, target)
    elif target.in_cluster:
        _use_in_cluster(configuration)
    else:
        _use_host(configuration, target)
    _use_switches(configuration, target, context)
    tls_name = context.cluster.text("tls-server-name") if context else ""
    impersonation = _impersonation(target, context)
    # the last step, since it may run a program
    identity = Identity(_authorization(configuration, target, context), impersonation)
    identity.authorization()
    try:
        return Connection(configuration, context.name if context else None, identity, tls_name)
    except (OSError, ValueError) as error:
        raise InputError(f"the connection to {configuration.host} cannot be set up: {foreign_text(str(error))}") from None


def _use_context(configuration: t.Any, context: Context, target: ClusterTarget) -> None:
    cluster, user = context.cluster, context.user
    url = cluster.text("server")
    if not url:
        raise InputError(f"{cluster.where} has no server. Add server: https://... to it.")
    configuration.host = server_url(f"{cluster.where}: server", url)
    insecure = cluster.switch("insecure-skip-tls-verify")
    configuration.verify_ssl = not insecure
    authority = cluster.content("certificate-authority")
    if authority and insecure and target.validate_certs is None:
        raise InputError(
            f"{cluster.where} has insecure-skip-tls-verify and a certificate-authority, which kubectl refuses as well. Keep one."
        )
    if authority:
        configuration.ssl_ca_cert = temporary_file(authority)
        check_authority(f"{cluster.where}: certificate-authority", configuration.ssl_ca_cert)
    certificate, key = user.content("client-certificate"), user.content("client-key")
    if bool(certificate) != bool(key):
        raise InputError(f"{user.where} has only one of client-certificate and client-key. A client certificate needs both.")
    if certificate:
        _use_pair(configuration, f"{user.where}: client-certificate", certificate, key)


def _use_pair(configuration: t.Any, name: str, certificate: bytes, key: bytes) -> None:
    remember_secrets([key])
    configuration.cert_file, configuration.key_file = temporary_file(certificate), temporary_file(key)
    check_pair(name, configuration.cert_file, configuration.key_file)


def _use_in_cluster(configuration: t.Any) -> None:
    try:
        kubernetes.config.load_incluster_config(client_configuration=configuration, try_refresh_token=False)
    except (kubernetes.config.ConfigException, OSError, ValueError):
        raise InputError(
            "in_cluster is true, but this task does not run in a Pod with a ServiceAccount: KUBERNETES_SERVICE_HOST, "
            f"KUBERNETES_SERVICE_PORT or the files in {_SERVICE_ACCOUNT} are missing."
        ) from None
    configuration.api_key.clear()


def _use_host(configuration: t.Any, target: ClusterTarget) -> None:
    configuration.host = server_url("host", target.host or "")
    if target.client_cert and target.client_key:
        certificate, key = read_file("client_cert", target.client_cert), read_file("client_key", target.client_key)
        _use_pair(configuration, "client_cert", certificate, key)


def _authorization(configuration: t.Any, target: ClusterTarget, context: Context | None) -> Callable[[], str] | None:
    if context is None:
        if target.in_cluster:
            return TokenFile("in_cluster: the token", f"{_SERVICE_ACCOUNT}/token")
        return bearer("api_key", target.api_key) if target.api_key else None
    authorization = authorization_of(context)
    if isinstance(authorization, ExecPlugin) and authorization.certificate:
        name = f"{context.user.where}: the certificate of the exec plugin"
        _use_pair(configuration, name, authorization.certificate.encode(), authorization.key.encode())
    return authorization


def _use_switches(configuration: t.Any, target: ClusterTarget, context: Context | None) -> None:
    """TLS and proxy: the options of the task come before the kubeconfig, the kubeconfig before the environment."""
    if target.validate_certs is not None:
        configuration.verify_ssl = target.validate_certs
    if target.ca_cert:
        configuration.ssl_ca_cert = temporary_file(read_file("ca_cert", target.ca_cert))
        check_authority("ca_cert", configuration.ssl_ca_cert)
    own = context.cluster.text("proxy-url") if context else ""
    if target.no_proxy:
        configuration.no_proxy = target.no_proxy
    elif own and not target.proxy:
        # as kubectl: NO_PROXY of the environment is for the proxies of the environment
        configuration.no_proxy = None
    if target.proxy:
        name, url = "proxy", target.proxy
    elif own and context:
        name, url = f"{context.cluster.where}: proxy-url", own
    else:
        name, url = "the proxy of the environment (HTTPS_PROXY)", _environment_proxy(configuration) or ""
    if url:
        _use_proxy(configuration, name, url)


def _environment_proxy(configuration: t.Any) -> str | None:
    """Null if NO_PROXY excepts the host. A host and port without a scheme are common there."""
    url, bypass = configuration.proxy, getattr(kubernetes.client.rest, "should_bypass_proxies", None)
    if not url or (bypass and bypass(configuration.host, no_proxy=configuration.no_proxy or "")):
        return None
    return url if "://" in url else f"http://{url}"


def _use_proxy(configuration: t.Any, name: str, url: str) -> None:
    socks = hasattr(kubernetes.client.rest, "is_socks_proxy_url") and importlib.util.find_spec("socks") is not None
    proxy = proxy_of(name, url, socks)
    remember_secrets(proxy.secrets)
    configuration.proxy = proxy.url
    if proxy.authorization:
        configuration.proxy_headers = {"Proxy-Authorization": proxy.authorization}


def _impersonation(target: ClusterTarget, context: Context | None) -> list[tuple[str, str]]:
    """The user and groups of the options, or else those of the kubeconfig: never a mixture of both."""
    if target.impersonate_user:
        return impersonation_headers(target.impersonate_user, target.impersonate_groups)
    return impersonation_of(context.user) if context else []


def _require_client() -> None:
    where = f"the Python that runs this task ({sys.executable})"
    remedy = (
        f"Install kubernetes>={'.'.join(map(str, LOWEST_CLIENT))} and PyYAML there, or set ansible_python_interpreter to a "
        "Python that has them (for clusters usually '{{ ansible_playbook_python }}')."
    )
    missing = _IMPORT_ERROR or MISSING_YAML
    if missing is not None:
        raise ClusterError(f"{where} lacks a package: {missing}. {remedy}")
    version = tuple(int(part) for part in kubernetes.__version__.split(".")[:3] if part.isdigit())
    if version < LOWEST_CLIENT:
        raise ClusterError(f"{where} has kubernetes {kubernetes.__version__}, which is too old. {remedy}")
