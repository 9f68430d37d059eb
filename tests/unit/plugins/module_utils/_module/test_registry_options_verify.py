# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_module/registry_options: options of the check that are rejected before any request. Their effect: integration tests."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.doc_fragments._registries import ModuleDocFragment
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module.registry_options import (
    REGISTRY_OPTIONS,
    VERIFY_OPTIONS,
    check_verify_options,
)


def test_images_are_needed_for_a_pull_only() -> None:
    with pytest.raises(InputError, match="verify is pull, and images is empty"):
        check_verify_options({"verify": "pull", "images": []})
    check_verify_options({"verify": "pull", "images": ["nginx"]})
    check_verify_options({"verify": "login", "images": []})
    check_verify_options({"verify": "none", "images": []})


@pytest.mark.parametrize(
    ("documented", "accepted"),
    [(ModuleDocFragment.DOCUMENTATION, REGISTRY_OPTIONS), (ModuleDocFragment.VERIFY, VERIFY_OPTIONS)],
    ids=["registries", "verify"],
)
def test_what_is_documented_is_what_is_accepted(documented: str, accepted: dict[str, Any]) -> None:
    reported = yaml.safe_load(documented)["options"]
    keys = ("type", "elements", "choices", "default")
    assert {name: {key: option[key] for key in keys if key in option} for name, option in reported.items()} == {
        name: {key: option[key] for key in keys if key in option} for name, option in accepted.items()
    }
    assert VERIFY_OPTIONS["verify"]["default"] == "none"
    assert VERIFY_OPTIONS["verify_undecided"]["default"] == "fail"
