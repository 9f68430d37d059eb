# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options for connections to registries, and for the check of credentials before they are written."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._credentials.registry_key import canonical_registry
from .._errors import InputError, VerificationError
from .._host.option_files import others_on_the_way, read_option
from .._registry.addresses import networks_option
from .._registry.client import Doubt, Registries, RegistryOptions
from .._registry.origin import realms_option, registry_host
from .._text import in_words
from .text_options import texts

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .._credentials.credential import Credential
    from .._registry.client import Verification
    from .base import PullpassModule


REGISTRY_OPTIONS: dict[str, t.Any] = {
    "registry_ca_cert": {"type": "path"},
    "registry_validate_certs": {"type": "bool", "default": True},
    "registry_timeout": {"type": "float", "default": 20.0},
    "realms": texts(default=[]),
    "allow_addresses": texts(default=[]),
}
VERIFY_OPTIONS: dict[str, t.Any] = {
    "verify": {"type": "str", "choices": ["none", "login", "pull"], "default": "none"},
    "images": texts(default=[]),
    "verify_undecided": {"type": "str", "choices": ["fail", "warn", "accept"], "default": "fail"},
}
UNVERIFIED_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {"registry": {"type": "str", "required": True}, "reason": {"type": "str", "required": True}},
}
_LONGEST_TIMEOUT = 600


def open_registries(params: Mapping[str, t.Any], named: Iterable[str]) -> Registries:
    """The registries with their options. ``named`` are canonical keys of ``auths`` that the caller gave. Raises InputError."""
    timeout = params["registry_timeout"]
    if not 0 < timeout <= _LONGEST_TIMEOUT:
        raise InputError(f"registry_timeout is {timeout:g}. Expected seconds, more than 0 and at most {_LONGEST_TIMEOUT}.")
    defaults = RegistryOptions(
        ca_cert=params["registry_ca_cert"],
        ca_data=_ca_data("registry_ca_cert", params["registry_ca_cert"]),
        validate_certs=params["registry_validate_certs"],
    )
    options = {registry_host(key): defaults for key in named}
    of_entries: dict[str, RegistryOptions] = {}
    for entry in params["registries"] or ():
        host, own = registry_host(canonical_registry(entry["registry"])), _options_of_entry(entry, defaults)
        if of_entries.setdefault(host, own) != own:
            raise InputError(
                f"registries: entries for {host} differ in endpoint, ca_cert, validate_certs or plain_http. Give all of them the "
                "same values."
            )
    return Registries(
        options={**options, **of_entries},
        defaults=defaults,
        timeout=timeout,
        realms=realms_option(params["realms"]),
        allow_addresses=networks_option("allow_addresses", params["allow_addresses"]),
    )


def tls_warnings(registries: Registries) -> list[str]:
    """A warning for each registry whose TLS certificate is not verified."""
    return [
        f"the TLS certificate of {host} is not verified: another server could get the credential. Set ca_cert."
        for host in registries.unverified_hosts()
    ]


def check_verify_options(params: Mapping[str, t.Any]) -> None:
    if params["verify"] == "pull" and not params["images"]:
        raise InputError("verify is pull, and images is empty. Name images for the credentials, or set verify to login.")


@dataclass(frozen=True)
class VerifiedCredentials:
    """``rows`` are as image_access_info returns them. ``doubts`` are those that option verify_undecided accepts."""

    rows: dict[str, t.Any] = field(default_factory=dict)
    doubts: Sequence[Doubt] = ()

    def undecided(self, policy: str) -> frozenset[str]:
        """The registries whose credential must not replace a usable one. ``policy`` is option verify_undecided."""
        return frozenset[str]().union(*(doubt.registries for doubt in self.doubts)) if policy != "accept" else frozenset()

    def warn(self, module: PullpassModule) -> None:
        """For credentials that are, or could not be, written unverified."""
        for doubt in self.doubts:
            module.warn(f"not verified: {doubt.message}")


def verify(module: PullpassModule, registries: Registries, check: Callable[[], Verification]) -> VerifiedCredentials:
    """The result of ``check``. Raises VerificationError where nothing may be written."""
    for warning in tls_warnings(registries):
        module.warn(warning)
    verification = check()
    for warning in verification.push_warnings():
        module.warn(warning)
    module.so_far["verification"] = rows = verification.rows()
    obstacles, doubts = verification.obstacles(), verification.doubts()
    if obstacles:
        reasons = in_words([*obstacles, *(doubt.message for doubt in doubts)])
        raise VerificationError(f"nothing was written: the registries do not accept the credentials. {reasons}")
    _check_doubts(doubts, module.params["verify_undecided"])
    return VerifiedCredentials(rows, doubts)


def verified_by_caller(params: Mapping[str, t.Any], credentials: Sequence[Credential]) -> VerifiedCredentials:
    """By option unverified: the doubts of an earlier task. An unknown registry there leaves all credentials in doubt."""
    doubts = []
    for entry in params["unverified"]:
        try:
            key = canonical_registry(entry["registry"])
        except InputError:
            key = ""
        keys = {one.registry for one in credentials if key in (one.registry, registry_host(one.registry))}
        doubts.append(Doubt(entry["reason"], frozenset(keys or (one.registry for one in credentials))))
    _check_doubts(doubts, params["verify_undecided"])
    return VerifiedCredentials(doubts=doubts)


def _check_doubts(doubts: Sequence[Doubt], policy: str) -> None:
    if doubts and policy == "fail":
        raise VerificationError(
            "nothing was written: the registries could not verify the credentials. "
            f"{in_words([doubt.message for doubt in doubts])} To write only where no usable login is replaced, set "
            "verify_undecided to warn. To write all, set it to accept."
        )


def _options_of_entry(entry: Mapping[str, t.Any], defaults: RegistryOptions) -> RegistryOptions:
    return RegistryOptions(
        endpoint=entry["endpoint"],
        ca_cert=entry["ca_cert"] or defaults.ca_cert,
        ca_data=_ca_data("ca_cert", entry["ca_cert"]) if entry["ca_cert"] else defaults.ca_data,
        validate_certs=defaults.validate_certs if entry["validate_certs"] is None else entry["validate_certs"],
        plain_http=bool(entry["plain_http"]),
    )


def _ca_data(option: str, path: str | None) -> str | None:
    """The content of the file, where root must not open it by its path."""
    return read_option(option, path).text if path and others_on_the_way(path) else None
