# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/image_access: how many credentials of a tenant are tried for one image, and what is said of the others."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import Keyring, PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._registry import image_access
from ansible_collections.pullpass.registry.plugins.module_utils._registry.image_access import check_images
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding, Verdict

IMAGE = parse_image("registry.test/team/app:1")


def keyring(secrets: int, each: int) -> Keyring:
    def secret(number: int) -> PullSecret:
        auths = {
            f"registry.test/team{'/' * (one > 0)}": {"username": f"u{number}-{one}", "password": "p"}
            for one in range(min(each, 2))
        }
        auths |= {
            f"https://registry.test/{'v2' if one % 2 else 'v1'}/{'t' * 0}team?{one}": {
                "username": f"u{number}-{one}",
                "password": "p",
            }
            for one in range(2, each)
        }
        return PullSecret(
            f"s{number}", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps({"auths": auths}).encode()}
        )

    return kubelet_keyring(secret(number) for number in range(secrets))


class Asked:
    timeout = 5.0

    def __init__(self, good: str = "", seconds: float = 0) -> None:
        self.good, self.seconds, self.users = good, seconds, []  # type: ignore[var-annotated]

    def check_image(self, _host: str, _repository: str, _reference: str, login: Any) -> Finding:
        time.sleep(self.seconds)
        self.users.append(login[0])
        return Finding(Verdict.PULLABLE if login[0] == self.good else Verdict.REJECTED, f"{login[0]} was tried.", 401)


def check(asked: Asked, ring: Keyring) -> dict[str, Any]:
    [access] = check_images(asked, ring, [IMAGE], 1)  # type: ignore[arg-type]
    assert access.pullable == (access.finding.verdict == Verdict.PULLABLE)
    return access.row()


@pytest.mark.parametrize(("secrets", "each"), [(1, 400), (40, 10), (17, 1)])
def test_sixteen_credentials_are_the_most(secrets: int, each: int) -> None:
    asked = Asked()
    row = check(asked, keyring(secrets, each))
    assert len(asked.users) == len(row["attempts"]) == 16
    assert (row["verdict"], row["untried"]) == ("unverifiable", secrets * each - 16)
    assert f"{secrets * each - 16} more were not tried" in row["message"]


def test_fewer_are_tried_to_the_end() -> None:
    row = check(Asked(), keyring(1, 16))
    assert (row["verdict"], row["untried"], len(row["attempts"])) == ("rejected", 0, 16)
    row = check(Asked(good="u0-0"), keyring(3, 30))
    assert (row["verdict"], row["untried"]) == ("pullable", 0)


def test_a_slow_registry_ends_it_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_access, "_TIMEOUTS_PER_IMAGE", 0.01)
    row = check(Asked(seconds=0.03), keyring(1, 10))
    assert (row["verdict"], row["untried"], len(row["attempts"])) == ("unverifiable", 8, 2)
