# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that have credentials tested before they are written; documented in doc fragment registries.verify."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, VerificationError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.told import pushers
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verification import verify_images, verify_logins
from ansible_collections.pullpass.registry.plugins.module_utils._registry_options import unverified
from ansible_collections.pullpass.registry.plugins.module_utils._text import in_words

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
    from ansible_collections.pullpass.registry.plugins.module_utils._module import PullpassModule
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.registries import Registries

VERIFY_OPTIONS: dict[str, t.Any] = {
    "verify": {"type": "str", "choices": ["none", "login", "pull"], "default": "none"},
    "images": {"type": "list", "elements": "str", "default": []},
    "verify_undecided": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
}


def check_verify_options(params: dict[str, t.Any]) -> None:
    if params["verify"] == "pull" and not params["images"]:
        raise InputError("verify is pull, and images is empty. Name images that the credentials are for, or set verify to login.")


def verify(module: PullpassModule, registries: Registries, credentials: Sequence[Credential], workers: int) -> dict[str, t.Any]:
    """What was found out, as image_access_info returns it. Raises VerificationError where nothing may be written."""
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
    if obstacles:
        raise VerificationError(
            f"nothing was written: the registries do not take the credentials. {in_words([*obstacles, *doubts])}"
        )
    if doubts and params["verify_undecided"] == "fail":
        raise VerificationError(
            f"nothing was written: whether the credentials are good could not be found out. {in_words(doubts)} To write them all "
            "the same, set verify_undecided to warn."
        )
    for doubt in doubts:
        module.warn(f"not verified: {doubt}")
    return rows
