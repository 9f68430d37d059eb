# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Misspelt variables of the roles: what is an error that names the right one, what a warning, and what nobody's business."""

from __future__ import annotations

import pytest
from ansible_collections.pullpass.registry.plugins.plugin_utils._variable_names import (
    INTENDED,
    SHARED,
    RoleNames,
    misspelt,
    role_names,
)
from specifications import ROOT, loaded

ROLES = ("cluster_pull_access", "host_registry_login")


def names(role: str) -> RoleNames:
    return role_names(role, loaded(ROOT / "roles" / role / "defaults" / "main.yml"))


@pytest.mark.parametrize(
    ("role", "given", "intended"),
    [
        ("cluster_pull_access", "cluster_pull_access_contex", "cluster_pull_access_context"),
        ("cluster_pull_access", "cluster_pull_access_exclude_namespace", "cluster_pull_access_exclude_namespaces"),
        ("cluster_pull_access", "cluster_pull_access_namespace", "cluster_pull_access_namespaces"),
        ("cluster_pull_access", "cluster_pull_access_kube_config", "cluster_pull_access_kubeconfig"),
        ("cluster_pull_access", "cluster_pull_access_token", "cluster_pull_access_api_key"),
        ("cluster_pull_access", "cluster_pull_access_ca_cert", "cluster_pull_access_cluster_ca_cert or"),
        ("cluster_pull_access", "cluster_pull_access_secret", "cluster_pull_access_secret_name"),
        ("cluster_pull_access", "cluster_pull_access_registry", "cluster_pull_access_registries"),
        ("cluster_pull_access", "cluster_pull_acess_context", "cluster_pull_access_context"),
        ("cluster_pull_access", "clusters_pull_access_secret_name", "cluster_pull_access_secret_name"),
        ("cluster_pull_access", "pullpass_registry", "pullpass_registries"),
        ("cluster_pull_access", "pullpass_registry_cacert", "pullpass_registry_ca_cert"),
        ("host_registry_login", "pulpass_realms", "pullpass_realms"),
        ("host_registry_login", "host_registry_login_user", "host_registry_login_users"),
        ("host_registry_login", "host_registry_login_registry", "host_registry_login_registries"),
        ("host_registry_login", "host_registry_login_ca_cert", "host_registry_login_registry_ca_cert"),
    ],
)
def test_a_near_match_is_an_error_that_names_the_right_variable(role: str, given: str, intended: str) -> None:
    (error,), warnings = misspelt([given], names(role))

    assert error.startswith(f"variable {given} does not exist. Use {intended}")
    assert warnings == []


@pytest.mark.parametrize(
    "name",
    [
        *("pullpass_vault_password", "pullpass_result", "pullpass_team", "__cluster_pull_access_source", "kubeconfig"),
        *("cluster_pull_access_result", "ansible_context", "registries", "my_cluster_context", "host_registry_login_users"),
    ],
)
def test_what_is_not_ours_is_not_looked_at(name: str) -> None:
    assert misspelt([name], names("cluster_pull_access")) == ([], [])


@pytest.mark.parametrize("role", ROLES)
def test_known_variables_and_what_the_role_sets_itself_are_no_mistakes(role: str) -> None:
    found = names(role)
    assert misspelt([*found.known, *SHARED, f"{role}_result"], found) == ([], [])


def test_other_unknown_ones_are_one_warning() -> None:
    errors, (warning,) = misspelt(["cluster_pull_access_zebra", "cluster_pull_access_ours"], names("cluster_pull_access"))

    assert errors == []
    assert "cluster_pull_access_ours, cluster_pull_access_zebra" in warning


@pytest.mark.parametrize("role", ROLES)
def test_the_short_list_leads_to_variables_that_exist(role: str) -> None:
    found = names(role)
    for word, intended in INTENDED[role].items():
        assert found.prefix + word not in found.known
        assert {found.prefix + one for one in intended} <= found.known
