# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that have credentials tested before they are written; documented in doc fragment registries.verify."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import canonical_registry
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, VerificationError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import registry_host
from ansible_collections.pullpass.registry.plugins.module_utils._registry.told import pushers
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verification import (
    Doubt,
    verify_images,
    verify_logins,
)
from ansible_collections.pullpass.registry.plugins.module_utils._registry_options import unverified
from ansible_collections.pullpass.registry.plugins.module_utils._text import in_words
from ansible_collections.pullpass.registry.plugins.module_utils._text_options import texts

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
    from ansible_collections.pullpass.registry.plugins.module_utils._module import PullpassModule
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.registries import Registries

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
