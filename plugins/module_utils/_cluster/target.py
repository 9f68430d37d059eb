# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The cluster of a task, resolved from its options and the environment as a group. Pure.

If each option had a variable of its own as its default, the cluster of the inventory could be mixed with the one that AWX
injects: the password would be sent to the wrong cluster, without TLS verification.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, field

from .._errors import InputError
from .._text import is_plausible_path, listed, no_path_words, shown, shown_path
from .validation import header_value, impersonation_headers, server_url

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_FILE_OPTIONS = ("kubeconfig", "context")
_HOST_OPTIONS = ("host", "api_key", "client_cert", "client_key")
# TLS and proxy switches apply to the cluster that is named with them
_WITH_TARGET = ("validate_certs", "ca_cert", "proxy", "no_proxy")
_ENVIRONMENT = {
    "kubeconfig": "K8S_AUTH_KUBECONFIG",
    "context": "K8S_AUTH_CONTEXT",
    "host": "K8S_AUTH_HOST",
    "api_key": "K8S_AUTH_API_KEY",
    "client_cert": "K8S_AUTH_CERT_FILE",
    "client_key": "K8S_AUTH_KEY_FILE",
    "validate_certs": "K8S_AUTH_VERIFY_SSL",
    "ca_cert": "K8S_AUTH_SSL_CA_CERT",
    "proxy": "K8S_AUTH_PROXY",
    "no_proxy": "K8S_AUTH_NO_PROXY",
    "impersonate_user": "K8S_AUTH_IMPERSONATE_USER",
    "impersonate_groups": "K8S_AUTH_IMPERSONATE_GROUPS",
}
_DEFAULT_KUBECONFIG = "~/.kube/config"
_BEGINNING = 400


@dataclass(frozen=True)
class ClusterTarget:
    """One cluster and one identity on it.

    Exactly one of ``kubeconfig`` (files, with ``context`` or their current one), ``host`` and ``in_cluster`` is set.
    ``validate_certs`` is null where the kubeconfig decides.
    """

    kubeconfig: tuple[str, ...] = ()
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = None
    in_cluster: bool = False
    validate_certs: bool | None = None
    ca_cert: str | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()


def resolve_target(options: Mapping[str, t.Any], environment: Mapping[str, str]) -> ClusterTarget:
    """The cluster that the options (of doc fragment cluster) and the environment name. Raises InputError for none or two."""
    given = _given(options)
    from_environment = _from_environment(environment)
    own_switches = {name: given[name] for name in _WITH_TARGET if name in given}
    person = _impersonation(given)
    if given.get("in_cluster"):
        _refuse_two("in_cluster", [name for name in (*_FILE_OPTIONS, *_HOST_OPTIONS) if name in given])
        return ClusterTarget(in_cluster=True, **own_switches, **person)
    explicit_file = [name for name in _FILE_OPTIONS if name in given]
    explicit_host = [name for name in _HOST_OPTIONS if name in given]
    if explicit_file:
        _refuse_two(" and ".join(explicit_file), explicit_host)
        # a context alone is looked up in the file that a credential of AWX or the shell provides
        files = given.get("kubeconfig") or _default_files(from_environment, environment)
        return ClusterTarget(kubeconfig=_existing(files), context=given.get("context"), **own_switches, **person)
    if explicit_host:
        return _host_target(given, {**own_switches, **person}, "the options of this task")
    return _environment_target(from_environment, environment, own_switches, person)


def _given(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options that have a value. A survey of AWX sends an empty text for a question without an answer."""
    return {name: value for name, value in options.items() if value not in (None, "", [], [""])}


def _from_environment(environment: Mapping[str, str]) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {}
    for name, variable in _ENVIRONMENT.items():
        if environment.get(variable):
            found[name] = environment[variable]
    if "impersonate_groups" in found:
        groups = [group.strip() for group in found["impersonate_groups"].split(",")]
        found["impersonate_groups"] = [group for group in groups if group]
    if "kubeconfig" in found:
        found["kubeconfig"] = [found["kubeconfig"]]
    return found


def _truth(variable: str, text: str) -> bool:
    word = text.strip().lower()
    if word in ("true", "yes", "on", "1", "t", "y"):
        return True
    if word in ("false", "no", "off", "0", "f", "n"):
        return False
    raise InputError(f"environment variable {variable} is '{shown(text, 40)}'. Expected true or false.")


def _impersonation(source: Mapping[str, t.Any]) -> dict[str, t.Any]:
    user, groups = source.get("impersonate_user"), source.get("impersonate_groups") or []
    if groups and not user:
        raise InputError("impersonate_groups is given without impersonate_user. The API server needs the user as well.")
    if user:
        impersonation_headers(user, groups)
    return {"impersonate_user": user, "impersonate_groups": tuple(groups)}


def _refuse_two(first: str, others: Sequence[str]) -> None:
    if others:
        raise InputError(
            f"two identities are given: {first}, and {' and '.join(others)}. Keep one: a kubeconfig (with a context), a host "
            "with api_key or client_cert and client_key, or in_cluster."
        )


def _host_target(values: Mapping[str, t.Any], rest: Mapping[str, t.Any], source: str) -> ClusterTarget:
    host, api_key = values.get("host"), values.get("api_key")
    client_cert, client_key = values.get("client_cert"), values.get("client_key")
    if not host:
        raise InputError(f"{source} give a credential but no host. Add host: https://..., or use a kubeconfig.")
    host = server_url("host", host)
    if api_key:
        header_value("api_key" if "options" in source else "environment variable K8S_AUTH_API_KEY", api_key)
    if bool(client_cert) != bool(client_key):
        raise InputError(f"{source} give only one of client_cert and client_key. A client certificate needs both.")
    if not api_key and not client_cert:
        raise InputError(f"{source} give host {host} but no credential. Add api_key, or client_cert and client_key.")
    if api_key and client_cert:
        raise InputError(f"two identities are given for host {host}: api_key, and client_cert. Keep one.")
    return ClusterTarget(host=host, api_key=api_key, client_cert=client_cert, client_key=client_key, **rest)


def _environment_target(
    from_environment: Mapping[str, t.Any],
    environment: Mapping[str, str],
    own_switches: Mapping[str, t.Any],
    person: Mapping[str, t.Any],
) -> ClusterTarget:
    by_host = [_ENVIRONMENT[name] for name in _HOST_OPTIONS if name in from_environment]
    by_file = [_ENVIRONMENT[name] for name in _FILE_OPTIONS if name in from_environment]
    if by_host and by_file:
        raise InputError(
            f"the environment names two clusters: {listed(by_file)}, and {listed(by_host)}. Name the one you mean in the "
            "task or the inventory (kubeconfig and context, or host and api_key)."
        )
    if not person["impersonate_user"]:
        person = _impersonation(from_environment)
    if by_host:
        switches = {name: from_environment[name] for name in _WITH_TARGET if name in from_environment}
        if "validate_certs" in switches:
            switches["validate_certs"] = _truth("K8S_AUTH_VERIFY_SSL", switches["validate_certs"])
        return _host_target(from_environment, {**switches, **own_switches, **person}, "K8S_AUTH_* variables")
    files = _default_files(from_environment, environment)
    if not by_file and files == [_DEFAULT_KUBECONFIG] and not os.path.exists(os.path.expanduser(_DEFAULT_KUBECONFIG)):
        _refuse_nothing(environment)
    return ClusterTarget(kubeconfig=_existing(files), context=from_environment.get("context"), **own_switches, **person)


def _refuse_nothing(environment: Mapping[str, str]) -> None:
    hint = "Give kubeconfig (and context), or host with api_key."
    if environment.get("KUBERNETES_SERVICE_HOST"):
        hint += (
            " This task runs inside a Pod, whose own cluster is used only with in_cluster: true (in an AWX container group "
            "it is the cluster of AWX, which is probably not the one you want)."
        )
    raise InputError(f"no cluster is named, and there is no {_DEFAULT_KUBECONFIG}. {hint}")


def _default_files(from_environment: Mapping[str, t.Any], environment: Mapping[str, str]) -> list[str]:
    if "kubeconfig" in from_environment:
        return from_environment["kubeconfig"]
    joined = environment.get("KUBECONFIG")
    if not joined:
        return [_DEFAULT_KUBECONFIG]
    # as for kubectl, missing files in this variable do not matter as long as one exists
    there = [path for path in _split([joined]) if os.path.exists(path)]
    if not there:
        raise InputError(f"environment variable KUBECONFIG is {shown_path(joined)}, and no such file exists.")
    return there


def _split(paths: Sequence[str]) -> list[str]:
    """Each path may be a list with separators, as in KUBECONFIG."""
    return [os.path.expanduser(path) for joined in paths for path in joined.split(os.pathsep) if path]


def _existing(paths: Sequence[str]) -> tuple[str, ...]:
    """The files. Raises InputError unless all of them exist and are readable."""
    files = _split(paths)
    missing = [path for path in files if not os.path.isfile(path)]
    if missing:
        # a document that was given as a path is split at its colons, so its beginning is checked as well
        if not all(is_plausible_path(text) for text in (*missing, *(joined[:_BEGINNING] for joined in paths))):
            raise InputError(no_path_words("kubeconfig"))
        raise InputError(f"kubeconfig {missing[0]} does not exist on the machine where this task runs (or is not a file).")
    for path in files:
        if not os.access(path, os.R_OK):
            raise InputError(f"kubeconfig {shown_path(path)} cannot be read by the user that runs this task.")
    return tuple(files)
