# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options of every module that connects to a cluster; documented in doc fragments _cluster and _namespaces."""

from __future__ import annotations

import os
import typing as t

from .._cluster.api import Api
from .._cluster.namespaces import Chosen, choose_namespaces, wanted_namespaces
from .._cluster.target import resolve_target
from .._errors import InputError
from .base import mark_secrets
from .text_options import text, texts, whole_texts

if t.TYPE_CHECKING:
    from .base import PullpassModule


_MOST_WORKERS = 64
_LONGEST_REQUEST_TIMEOUT = 86400
_SHORTEST_MASKED = 4
CONNECTION_OPTIONS: dict[str, t.Any] = {
    "kubeconfig": {"type": "list", "elements": "path"},
    "context": text(),
    "host": text(),
    "api_key": text(no_log=True),
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"]},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "impersonate_user": text(),
    "impersonate_groups": texts(),
    "in_cluster": {"type": "bool", "default": False},
    "request_timeout": {"type": "float", "default": 60.0},
}
CLUSTER_OPTIONS: dict[str, t.Any] = {
    **CONNECTION_OPTIONS,
    "namespaces": texts(),
    "namespace_selectors": whole_texts(),
    "exclude_namespaces": texts(),
    "workers": {"type": "int", "default": 16},
}
RESULT_OPTIONS: dict[str, t.Any] = {
    "results": {"type": "str", "choices": ["changed", "all"], "default": "changed"},
}


def open_api(module: PullpassModule) -> Api:
    """The cluster that options or environment name. Also reads option workers."""
    params = module.params
    workers, timeout = params["workers"], params["request_timeout"]
    check_workers(workers)
    if not 0 < timeout <= _LONGEST_REQUEST_TIMEOUT:
        raise InputError(f"request_timeout is {timeout:g}. Expected seconds, more than 0 and at most {_LONGEST_REQUEST_TIMEOUT}.")
    api = Api(resolve_target(params, os.environ), workers, timeout)
    # a shorter secret would mask parts of ordinary words
    mark_secrets(module, (secret for secret in api.secrets if len(secret) >= _SHORTEST_MASKED))
    module.so_far["cluster"] = api.identity
    module.request_counter = api
    for warning in api.warnings:
        module.warn(warning)
    return api


def check_workers(workers: int) -> None:
    if not 1 <= workers <= _MOST_WORKERS:
        raise InputError(f"workers is {workers}. Expected 1 to {_MOST_WORKERS}: the number of requests at the same time.")


def open_cluster(module: PullpassModule) -> tuple[Api, Chosen]:
    """The cluster that options or environment name, and its namespaces that the options choose."""
    params = module.params
    wanted = wanted_namespaces(params["namespaces"], params["namespace_selectors"], params["exclude_namespaces"])
    api = open_api(module)
    chosen = choose_namespaces(api, wanted, params["workers"])
    if wanted.empty:
        module.warn("the list of namespaces or selectors is empty, so no namespace is selected and nothing is done.")
    elif not chosen.namespaces and not chosen.missing:
        module.warn(
            f"no namespace of {api.identity['server']} matches, so nothing is done. System "
            "namespaces (kube-*, openshift, openshift-*) are selected by their exact name only."
        )
    return api, chosen
