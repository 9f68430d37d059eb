# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Names and credentials in variables of a role that YAML or a template converted to another type. Pure.

YAML reads ``0123456`` as 42798, ``yes`` as true and ``12:30:45`` as 45045. The original text is lost, and the text of the number
would be another name or password.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

TEXT_VARIABLES: dict[str, tuple[str, ...]] = {
    "cluster_pull_access": (
        *("secret_name", "owner", "config_file", "verify_namespace", "context", "host", "api_key", "cluster_ca_cert"),
        *("client_cert", "client_key", "proxy", "no_proxy", "impersonate_user", "registry_ca_cert", "canary_image"),
        *("service_account", "nodes"),
    ),
    "host_registry_login": ("store", "owner", "group", "purge_owner", "registry_ca_cert"),
}
# a list of texts, or a text
LIST_VARIABLES: dict[str, tuple[str, ...]] = {
    "cluster_pull_access": (
        *("namespaces", "exclude_namespaces", "namespace_selectors", "service_accounts", "images", "realms", "allow_addresses"),
        *("config_registries", "kubeconfig", "impersonate_groups", "pods", "replace", "canary_secrets"),
    ),
    "host_registry_login": ("realms", "allow_addresses"),
}
ENTRY_VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "cluster_pull_access": {
        "registries": ("registry", "username", "password", "credential_helper", "email", "endpoint", "ca_cert"),
        "from_secret": ("namespace", "name"),
        "workloads": ("kind", "name", "selector"),
    },
    "host_registry_login": {
        "registries": ("registry", "username", "password", "credential_helper", "email", "endpoint", "ca_cert"),
        "users": ("name", "path", "owner", "group", "store"),
    },
}
_REMEDY = "Quote a literal in YAML; use the filter string for a value from a template or an INI inventory."


def not_text(role: str, values: Mapping[str, t.Any], written_as: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each value that must be text and is not, without the value.

    ``written_as`` names the variable of the user, for a role variable that has its value from it.
    """
    written = written_as or {}
    found: list[str] = []
    for name in TEXT_VARIABLES[role]:
        found += _problem(f"{role}_{name}", values.get(f"{role}_{name}"))
    for name in LIST_VARIABLES[role]:
        place, value = f"{role}_{name}", values.get(f"{role}_{name}")
        for inner_place, inner in _listed(place, value):
            found += _problem(inner_place, inner)
    for name, keys in ENTRY_VARIABLES[role].items():
        full = f"{role}_{name}"
        for place, entry in _listed(written.get(full, full), values.get(full)):
            if isinstance(entry, Mapping):
                found += [one for key in keys for one in _problem(f"{place}.{key}", entry.get(key))]
    return [f"{one} {_REMEDY}" for one in found]


def _listed(place: str, value: t.Any) -> list[tuple[str, t.Any]]:
    if isinstance(value, (list, tuple)):
        return [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]
    return [(place, value)]


def _problem(place: str, value: t.Any) -> list[str]:
    if value is None or isinstance(value, str):
        return []
    return [f"{place} is {_kind(value)}, not text."]


def _kind(value: t.Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else type(value).__name__
