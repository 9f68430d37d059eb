# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""near_misses: what a person most likely meant, and silence about everything else."""

from __future__ import annotations

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import canonical_registry, near_miss


@pytest.mark.parametrize(
    ("written", "better"),
    [
        ("registry-1.docker.io", "docker.io"),
        ("https://registry-1.docker.io/v2/acme", "docker.io/acme"),
        ("registry.hub.docker.com", "docker.io"),
        ("hub.docker.com", "docker.io"),
        ("www.docker.com", "docker.io"),
        ("https://hub.docker.com/r/acme/app", "docker.io/acme/app"),
        ("https://hub.docker.com/u/acme", "docker.io/acme"),
        ("https://hub.docker.com/repository/docker/acme/app", "docker.io/acme/app"),
        ("docker.io/r/acme", "docker.io/acme"),
        ("index.docker.io/acme", "docker.io/acme"),
        ("art.example.com/artifactory/api/docker/x", "art.example.com/x"),
        ("https://art.example.com/artifactory/api/docker/x/v2/", "art.example.com/x"),
        ("art.example.com/artifactory/x", "art.example.com/x"),
        ("nexus.example.com:8443/repository/docker-hosted/", "nexus.example.com:8443/docker-hosted"),
        ("https://quay.io/repository/acme/app", "quay.io/acme/app"),
        ("https://github.com/orgs/acme/packages/container/package/app", "ghcr.io/acme/app"),
        ("github.com/acme/repo/pkgs/container/app", "ghcr.io/acme/app"),
        ("gitlab.com/acme", "registry.gitlab.com/acme"),
        ("ghcr.io:443", "ghcr.io"),
        ("reg.example.com:80/team", "reg.example.com/team"),
    ],
)
def test_the_key_that_works_is_named(written: str, better: str) -> None:
    hint = near_miss(canonical_registry(written))
    assert f" write {better}." in hint or f" Write {better} if" in hint or f" Write {better}." in hint


def test_upper_case_of_a_document_is_named() -> None:
    assert "For others write ghcr.io/acme." in near_miss("GHCR.io/acme")


@pytest.mark.parametrize(
    "key",
    [
        *["docker.io", "https://index.docker.io/v1/", "docker.io/acme", "ghcr.io/acme", "reg.io:5000", "reg.io:8443", "quay.io"],
        *["localhost:5000", "[::1]:5000", "reg.io/artifactory", "reg.io/team/repository", "*.reg.io", "registry.gitlab.com/a/b"],
    ],
)
def test_what_is_right_is_passed_over(key: str) -> None:
    assert near_miss(canonical_registry(key)) == ""
