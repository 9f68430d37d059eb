# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""From a Target to an authenticated connection.

How to authenticate (exec plugins, OIDC, certificates) is the kubernetes client's.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import Target

try:
    import kubernetes
    import urllib3
    import yaml
except ImportError as error:
    _IMPORT_ERROR: ImportError | None = error
else:
    _IMPORT_ERROR = None

LOWEST_CLIENT = (24, 2, 0)
USER_AGENT = "pullpass.registry"


class Connection:
    """An urllib3 pool with the TLS settings of the cluster, and the headers that say who we are."""

    def __init__(self, configuration: t.Any, context: str | None, target: Target) -> None:
        self._configuration = configuration
        self._target = target
        self.server: str = configuration.host.rstrip("/")
        self.context = context
        self.encrypted = self.server.startswith("https://")
        self.verified = self.encrypted and bool(configuration.verify_ssl)
        if not self.verified:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.pool = kubernetes.client.ApiClient(configuration).rest_client.pool_manager

    def headers(self) -> t.Any:
        """Headers of identity for one request; an expired token is renewed here by the client."""
        headers = urllib3.response.HTTPHeaderDict({"User-Agent": USER_AGENT})
        token = self._configuration.auth_settings().get("BearerToken")
        if token and token["value"]:
            headers["Authorization"] = token["value"]
        if self._target.impersonate_user:
            headers["Impersonate-User"] = self._target.impersonate_user
        for group in self._target.impersonate_groups:
            headers.add("Impersonate-Group", group)
        return headers


def connect(target: Target, workers: int) -> Connection:
    """A Connection for up to ``workers`` requests at a time; nothing is sent yet.

    Raises ClusterError where the Python package is missing or too old, InputError for a kubeconfig that does not work.
    """
    _require_client()
    configuration = kubernetes.client.Configuration()
    configuration.connection_pool_maxsize = workers
    context = target.context
    if target.in_cluster:
        _load_in_cluster(configuration)
    elif target.host:
        configuration.host = target.host
        if target.api_key:
            configuration.api_key["authorization"] = f"Bearer {target.api_key}"
        configuration.cert_file, configuration.key_file = target.client_cert, target.client_key
    else:
        context = _load_kubeconfig(target, configuration)
    if "@" in (configuration.host or ""):
        raise InputError("the server of the kubeconfig holds '@'. Give its URL without user and password.")
    for name in ("proxy", "no_proxy"):
        if getattr(target, name):
            setattr(configuration, name, getattr(target, name))
    if target.validate_certs is not None:
        configuration.verify_ssl = target.validate_certs
    if target.ca_cert:
        configuration.ssl_ca_cert = target.ca_cert
    try:
        return Connection(configuration, context, target)
    except (OSError, ValueError) as error:
        raise InputError(f"the TLS files of {shown(str(configuration.host))} cannot be used: {shown(str(error))}") from None


def _require_client() -> None:
    where = f"the Python that runs this task ({sys.executable})"
    remedy = (
        f"Install kubernetes>={'.'.join(map(str, LOWEST_CLIENT))} and PyYAML there, or set ansible_python_interpreter to a "
        "Python that has them (for clusters usually '{{ ansible_playbook_python }}')."
    )
    if _IMPORT_ERROR is not None:
        raise ClusterError(f"{where} lacks a package: {_IMPORT_ERROR}. {remedy}")
    version = tuple(int(part) for part in kubernetes.__version__.split(".")[:3] if part.isdigit())
    if version < LOWEST_CLIENT:
        raise ClusterError(f"{where} has kubernetes {kubernetes.__version__}, which is too old. {remedy}")


def _load_in_cluster(configuration: t.Any) -> None:
    try:
        kubernetes.config.load_incluster_config(client_configuration=configuration)
    except kubernetes.config.ConfigException as error:
        raise InputError(f"in_cluster is true, but this task does not run in a Pod with a ServiceAccount: {error}.") from None


def _load_kubeconfig(target: Target, configuration: t.Any) -> str:
    """Fill the configuration; gives the name of the context that is used."""
    where = f"kubeconfig {listed(target.kubeconfig)}"
    contexts, current = _contexts(target.kubeconfig)
    context = target.context or (current and str(current))
    if not context:
        raise InputError(f"{where} has no current context. Give context, one of: {listed(contexts) or 'none is there'}.")
    if context not in contexts:
        raise InputError(f"{where} has no context '{shown(context)}'. It has: {listed(contexts) or 'none'}.")
    with _logged_errors() as told:
        try:
            kubernetes.config.load_kube_config(
                config_file=":".join(target.kubeconfig),
                context=context,
                client_configuration=configuration,
                persist_config=False,
            )
        except (kubernetes.config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{where}, context '{shown(context)}' cannot be used: {shown(str(error))}") from None
    if not str(configuration.host).startswith(("https://", "http://")):
        raise InputError(f"{where}, context '{shown(context)}': its cluster has no server URL. Add server: https://... to it.")
    # the client only logs when an exec plugin or a token refresh fails, and goes on as nobody
    if told and not configuration.api_key and not configuration.cert_file:
        raise ClusterError(f"{where}, context '{shown(context)}' gives no credential: {shown(' '.join(told))}")
    return context


def _contexts(paths: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Names of all contexts, and the current one: the first file that sets it counts, as for kubectl."""
    names: list[str] = []
    current: str | None = None
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                content = yaml.safe_load(file)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f" at line {mark.line + 1}" if mark else ""
            raise InputError(f"kubeconfig {path} is not YAML{place}. Is it encrypted, or another file?") from None
        if not isinstance(content, dict) or not isinstance(content.get("contexts") or [], list):
            raise InputError(f"kubeconfig {path} is no kubeconfig: expected a mapping with clusters, contexts and users.")
        entries = [entry for entry in content.get("contexts") or [] if isinstance(entry, dict)]
        names += [str(entry["name"]) for entry in entries if entry.get("name")]
        current = current or content.get("current-context")
    return names, current


@contextlib.contextmanager
def _logged_errors() -> Iterator[list[str]]:
    told: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    collector = Collector(logging.ERROR)
    root = logging.getLogger()
    root.addHandler(collector)
    try:
        yield told
    finally:
        root.removeHandler(collector)
