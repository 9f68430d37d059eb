# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that say how registries are asked, and which credentials are tested before they are written."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._credentials.image_reference import parse_image
from .._credentials.registry_key import canonical_registry
from .._errors import InputError, VerificationError
from .._host.option_files import others_on_the_way, read_option
from .._registry.addresses import networks_option
from .._registry.client import Asking, Registries
from .._registry.image_access import pushers
from .._registry.origin import realms_option, registry_host
from .._registry.verification import Doubt, verify_images, verify_logins
from .._text import in_words
from .text_options import texts

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._credentials.credential import Credential
    from .base import PullpassModule


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


def check_verify_options(params: dict[str, t.Any]) -> None:
    if params["verify"] == "pull" and not params["images"]:
        raise InputError("verify is pull, and images is empty. Name images that the credentials are for, or set verify to login.")


@dataclass(frozen=True)
class Verified:
    """``rows`` are as image_access_info returns them. ``doubts`` are what a person accepted or has to be told."""

    rows: dict[str, t.Any] = field(default_factory=dict)
    doubts: Sequence[Doubt] = ()

    def undecided(self, policy: str) -> frozenset[str]:
        """The registries whose credential may not take the place of a usable one. ``policy`` is option verify_undecided."""
        return frozenset[str]().union(*(doubt.registries for doubt in self.doubts)) if policy != "accept" else frozenset()


def verify(module: PullpassModule, registries: Registries, credentials: Sequence[Credential], workers: int) -> Verified:
    """What the registries said. Raises VerificationError where nothing may be written."""
    params = module.params
    for warning in unverified(registries):
        module.warn(warning)
    if params["verify"] == "pull":
        images = [parse_image(text) for text in dict.fromkeys(params["images"])]
        found = verify_images(registries, credentials, images, workers)
    else:
        found = verify_logins(registries, credentials, workers)
    for warning in pushers(found.images):
        module.warn(warning)
    rows, before = found.rows(), module.so_far
    module.so_far = lambda: {**before(), "verification": rows}
    obstacles, doubts = found.obstacles(), found.doubts()
    sentences = [doubt.message for doubt in doubts]
    if obstacles:
        raise VerificationError(
            f"nothing was written: the registries do not take the credentials. {in_words([*obstacles, *sentences])}"
        )
    return accepted(Verified(rows, doubts), params["verify_undecided"])


def accepted(found: Verified, policy: str) -> Verified:
    """``found``, or VerificationError where there is a doubt and ``policy`` (option verify_undecided) is fail."""
    if found.doubts and policy == "fail":
        raise VerificationError(
            "nothing was written: the registries could not verify the credentials. "
            f"{in_words([doubt.message for doubt in found.doubts])} To write what replaces no usable login, set verify_undecided "
            "to warn; to write everything, set it to accept."
        )
    return found


def doubts_option(entries: Sequence[Mapping[str, str]], credentials: Sequence[Credential]) -> list[Doubt]:
    """Of option unverified: what an earlier task could not find out. A registry that is not recognised leaves all in doubt."""
    doubts = []
    for entry in entries:
        try:
            key = canonical_registry(entry["registry"])
        except InputError:
            key = ""
        keys = {one.registry for one in credentials if key in (one.registry, registry_host(one.registry))}
        doubts.append(Doubt(entry["reason"], frozenset(keys or (one.registry for one in credentials))))
    return doubts


def warn_of_doubts(module: PullpassModule, doubts: Sequence[Doubt]) -> None:
    """For what was, or could not be, written unverified."""
    for doubt in doubts:
        module.warn(f"not verified: {doubt.message}")
