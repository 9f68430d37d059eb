# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and credentials of role variables that are not text are refused, by their place and without their value."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.plugin_utils._text_values import (
    ENTRY_VARIABLES,
    LIST_VARIABLES,
    TEXT_VARIABLES,
    not_text,
)
from specifications import ROOT, loaded

ENTRY = {"registry": "r.example.com", "username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("secret_name", 83, "cluster_pull_access_secret_name is a number, not text."),
        ("context", True, "cluster_pull_access_context is a boolean, not text."),
        ("exclude_namespaces", ["a", 7], "cluster_pull_access_exclude_namespaces[1] is a number, not text."),
        ("exclude_namespaces", 7, "cluster_pull_access_exclude_namespaces is a number, not text."),
        ("namespaces", [{"a": 1}], "cluster_pull_access_namespaces[0] is a mapping, not text."),
        ("registries", [{**ENTRY, "password": 42798}], "cluster_pull_access_registries[0].password is a number, not text."),
        (
            "registries",
            [ENTRY, {**ENTRY, "username": False}],
            "cluster_pull_access_registries[1].username is a boolean, not text.",
        ),
        ("registries", [{**ENTRY, "password": {"k": 1}}], "cluster_pull_access_registries[0].password is a mapping, not text."),
        ("registries", [{**ENTRY, "password": 1.5}], "cluster_pull_access_registries[0].password is a number, not text."),
        ("from_secret", {"namespace": 7, "name": "x"}, "cluster_pull_access_from_secret.namespace is a number, not text."),
    ],
)
def test_what_is_not_text_is_refused(variable: str, value: Any, said: str) -> None:
    (problem,) = not_text("cluster_pull_access", {f"cluster_pull_access_{variable}": value})

    assert problem.startswith(said)
    assert "Quote a literal in YAML" in problem
    assert "42798" not in problem


def test_the_variable_that_the_user_wrote_is_named() -> None:
    (problem,) = not_text(
        "host_registry_login",
        {"host_registry_login_registries": [ENTRY, {**ENTRY, "password": 42798}]},
        {"host_registry_login_registries": "pullpass_registries"},
    )

    assert problem.startswith("pullpass_registries[1].password is a number, not text.")


def test_text_unset_and_what_may_be_a_number_pass() -> None:
    values = {
        "registries": [{**ENTRY, "revision": 7, "validate_certs": True}],
        "namespaces": "a,b",
        "timeout": 5,
        "context": None,
    }
    values |= {"kubeconfig": [], "from_secret": "", "owner": "007"}
    assert not_text("cluster_pull_access", {f"cluster_pull_access_{name}": value for name, value in values.items()}) == []


@pytest.mark.parametrize("role", sorted(TEXT_VARIABLES))
def test_each_text_of_the_specs_is_looked_at(role: str) -> None:
    """Those with choices are compared with them, and from a number to its text nothing changes in a mode."""
    options = loaded(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    texts = {
        name.removeprefix(f"{role}_")
        for name, option in options.items()
        if "choices" not in option and (option["type"] in ("str", "path") or option.get("elements") in ("str", "path", "dict"))
    }
    assert texts - {"mode"} <= {*TEXT_VARIABLES[role], *LIST_VARIABLES[role], *ENTRY_VARIABLES[role]}
    assert {f"{role}_{name}" for name in (*TEXT_VARIABLES[role], *LIST_VARIABLES[role], *ENTRY_VARIABLES[role])} <= options.keys()
