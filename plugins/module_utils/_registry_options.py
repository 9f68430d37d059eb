# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that say how registries are asked; documented in doc fragment registries."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import canonical_registry
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.read_option import others_on_the_way, read_option
from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import networks_option
from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import realms_option, registry_host
from ansible_collections.pullpass.registry.plugins.module_utils._registry.registries import Asking, Registries
from ansible_collections.pullpass.registry.plugins.module_utils._text_options import texts

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REGISTRY_OPTIONS: dict[str, t.Any] = {
    "registry_ca_cert": {"type": "path"},
    "registry_validate_certs": {"type": "bool", "default": True},
    "registry_timeout": {"type": "float", "default": 20.0},
    "realms": texts(default=[]),
    "allow_addresses": texts(default=[]),
}
_LONGEST_TIMEOUT = 600


def open_registries(params: Mapping[str, t.Any], named: Iterable[str]) -> Registries:
    """The registries as the options say. ``named`` are canonical keys of ``auths`` that the caller gave. Raises InputError."""
    timeout = params["registry_timeout"]
    if not 0 < timeout <= _LONGEST_TIMEOUT:
        raise InputError(f"registry_timeout is {timeout:g}. Expected seconds, more than 0 and at most {_LONGEST_TIMEOUT}.")
    otherwise = Asking(
        ca_cert=params["registry_ca_cert"],
        ca_data=_ca_data("registry_ca_cert", params["registry_ca_cert"]),
        validate_certs=params["registry_validate_certs"],
    )
    asking = {registry_host(key): otherwise for key in named}
    special: dict[str, Asking] = {}
    for host, entry in _entries(params):
        own = _asking(entry, otherwise)
        if special.setdefault(host, own) != own:
            raise InputError(
                f"registries: {host} is to be asked in two ways. Give it the same endpoint, ca_cert, validate_certs and "
                "plain_http wherever it stands."
            )
    return Registries(
        asking={**asking, **special},
        otherwise=otherwise,
        timeout=timeout,
        realms=realms_option(params["realms"]),
        allow_addresses=networks_option("allow_addresses", params["allow_addresses"]),
    )


def unverified(registries: Registries) -> list[str]:
    """Warnings for the registries that are asked without knowing who answers."""
    hosts = sorted(host for host, asking in registries.asking.items() if not asking.validate_certs or asking.plain_http)
    if not registries.asking and not registries.otherwise.validate_certs:
        hosts = ["every registry"]
    return [f"{host} is asked without verified TLS: whoever answers there gets the credential. Set ca_cert." for host in hosts]


def _entries(params: Mapping[str, t.Any]) -> list[tuple[str, Mapping[str, t.Any]]]:
    return [(registry_host(canonical_registry(entry["registry"])), entry) for entry in params["registries"] or ()]


def _asking(entry: Mapping[str, t.Any], otherwise: Asking) -> Asking:
    return Asking(
        endpoint=entry["endpoint"],
        ca_cert=entry["ca_cert"] or otherwise.ca_cert,
        ca_data=_ca_data("ca_cert", entry["ca_cert"]) if entry["ca_cert"] else otherwise.ca_data,
        validate_certs=otherwise.validate_certs if entry["validate_certs"] is None else entry["validate_certs"],
        plain_http=bool(entry["plain_http"]),
    )


def _ca_data(option: str, path: str | None) -> str | None:
    """What the file holds, where root should not open it by its path."""
    return read_option(option, path).text if path and others_on_the_way(path) else None
