# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry against distribution: with htpasswd, and with a token server beside it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._concurrency import for_each
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding
from verify_modules import results
from verify_support import asking

import lab as lab_package
from ansible_run import Ansible
from cluster_access import Access
from registry_servers.client import Client
from registry_servers.serving import Authority

pytest_plugins = ["registry_servers.fixtures"]

FLAVOURS = ("basic", "bearer")


def registries_of(lab: lab_package.Lab, flavour: str) -> Registries:
    registry = lab.registry(flavour)
    realms = [urlsplit(registry.token_server).netloc] if registry.token_server else []
    return Client(lab.ca)(registry.host, realms=realms, timeout=20)


def check(lab: lab_package.Lab, flavour: str, user: str | None, image: str | None = None, password: str | None = None) -> Finding:
    login = (user, lab.users[user] if password is None else password) if user else None
    one = parse_image(image or lab.images[flavour])
    return registries_of(lab, flavour).check_image(one.registry, one.repository, one.reference, login)


def lines(path: Path, start: int) -> list[str]:
    return path.read_bytes()[start:].decode(errors="replace").splitlines()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_right_and_wrong_logins(lab: lab_package.Lab, flavour: str) -> None:
    host = lab.registry(flavour).host
    good = check(lab, flavour, "puller")
    assert (good.verdict, good.http_status) == ("pullable", 200)
    assert (good.digest or "").startswith("sha256:")
    assert registries_of(lab, flavour).check_login(host, ("puller", lab.users["puller"])).verdict == "accepted"
    for user, password in (("puller", "wrong"), ("nobody", "wrong"), ("puller", lab.users["pusher"])):
        found = check(lab, flavour, user, password=password)
        assert (found.verdict, found.http_status) == ("rejected", 401)
        assert host in found.message
        assert registries_of(lab, flavour).check_login(host, (user, password)).verdict == "rejected"
    nobody = check(lab, flavour, None)
    assert (nobody.verdict, nobody.http_status) == ("no_credentials", 401)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_absent_tags_and_repositories(lab: lab_package.Lab, flavour: str) -> None:
    name = lab.images[flavour].rpartition(":")[0]
    assert check(lab, flavour, "puller", f"{name}:no-such-tag").verdict == "not_found"
    digest = check(lab, flavour, "puller").digest
    assert check(lab, flavour, "puller", f"{name}@{digest}").verdict == "pullable"
    assert check(lab, flavour, "puller", f"{name}@sha256:{'0' * 64}").verdict == "not_found"
    assert check(lab, flavour, "pusher", f"{lab.registry(flavour).host}/other/repository:1").verdict == "not_found"


def test_a_user_without_right_gets_a_token_and_no_image(lab: lab_package.Lab) -> None:
    """The token server answers 200, and grants nothing."""
    found = check(lab, "bearer", "stranger")
    assert (found.verdict, found.http_status) == ("denied", 401)
    assert "Grant the right" in found.message
    host = lab.registry("bearer").host
    assert registries_of(lab, "bearer").check_login(host, ("stranger", lab.users["stranger"])).verdict == "accepted"
    assert check(lab, "bearer", "puller", f"{host}/other/repository:1").verdict == "denied"


def test_who_may_push(lab: lab_package.Lab) -> None:
    assert check(lab, "bearer", "puller").can_push is False
    assert check(lab, "bearer", "pusher").can_push is True
    # htpasswd tells nothing of rights
    assert check(lab, "basic", "pusher").can_push is None


def test_a_token_server_that_was_not_listed_gets_nothing(lab: lab_package.Lab) -> None:
    registry = lab.registry("bearer")
    assert registry.token_server_log is not None
    start = registry.token_server_log.stat().st_size
    found = Client(lab.ca)(registry.host).check_login(registry.host, ("puller", "Zq7never-sent"))
    assert found.verdict == "unverifiable"
    assert f"add '{urlsplit(registry.token_server or '').netloc}' to realms" in found.message
    assert "Zq7never-sent" not in "".join(lines(registry.token_server_log, start))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_another_ca_than_that_of_the_registry(lab: lab_package.Lab, flavour: str, authority: Authority) -> None:
    host = lab.registry(flavour).host
    found = Client(authority.pem)(host).check_login(host, ("puller", lab.users["puller"]))
    assert found.verdict == "unreachable"
    assert "not trusted" in found.message


def test_200_images_take_one_login(lab: lab_package.Lab) -> None:
    """A user of its own, since others work with this lab at the same time."""
    registry = lab.registry("bearer")
    assert registry.token_server_log is not None
    start = registry.token_server_log.stat().st_size
    registries = registries_of(lab, "bearer")
    login = ("one-attempt", "wrong")
    images = [parse_image(f"{registry.host}/team/app{number % 10}:{number}") for number in range(200)]
    found = for_each(images, lambda one: registries.check_image(one.registry, one.repository, one.reference, login), 16)
    assert {one.verdict for one in found} == {"rejected"}
    asked = [json.loads(line) for line in lines(registry.token_server_log, start) if '"one-attempt"' in line]
    assert len(asked) == 1, asked


def test_unverified_tls_is_warned_of_for_the_credentials_of_a_pod(
    lab: lab_package.Lab, c2: Access, ansible: Ansible, prefix: str
) -> None:
    """They go to registries that no option names."""
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    options = {"images": [lab.images["basic"]], "namespace": prefix, **c2.connection}
    checked, blind = results(
        ansible,
        asking(registry_ca_cert=str(lab.ca), **options),
        asking(registry_validate_certs=False, **options),
    )
    assert checked.get("warnings", []) == []
    assert any(one.startswith("the TLS certificate of every registry is not verified") for one in blind["warnings"])
