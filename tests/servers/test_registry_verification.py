# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/image_access and client: several credentials in the order of the kubelet, and their messages."""

from __future__ import annotations

import json

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential, make_credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import verify_logins
from ansible_collections.pullpass.registry.plugins.module_utils._registry.image_access import (
    ImageAccess,
    ImageVerification,
    check_images,
    verify_images,
)

from registry_servers import RecordingServer, Registry, Reply, Request, TokenServer, basic, error, granting, login, manifest
from registry_servers.client import LOGIN, PASSWORD, USER, Client
from registry_servers.serving import Serving

pytest_plugins = ["registry_servers.fixtures"]

GOOD = login(*LOGIN)
OTHER = ("Zq7other", "Zq7otherpassword")


def basic_registry(**script: Reply) -> Registry:
    return Registry(basic(), lambda one: one in (GOOD, login(*OTHER)), script=script)


def secret(name: str, entries: dict[str, tuple[str, str]]) -> PullSecret:
    auths = {key: {"username": user, "password": password} for key, (user, password) in entries.items()}
    return PullSecret(name, "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps({"auths": auths}).encode()})


def checked(client: Client, server: RecordingServer, secrets: list[PullSecret], *names: str) -> list[ImageAccess]:
    images = [parse_image(f"{server.authority}/{name}") for name in names or ("team/app:1.0",)]
    return check_images(client(server.authority), kubelet_keyring(secrets), images, 4)


def test_the_first_that_works_ends_it_as_in_the_kubelet(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    host = server.authority
    wrong, right, unused = ("Zq7wrong", "x"), LOGIN, OTHER
    secrets = [secret("a", {host: wrong}), secret("b", {host: right}), secret("c", {host: unused})]
    [access] = checked(client, server, secrets)
    assert [(one.match.secret, one.finding.verdict) for one in access.attempts] == [("a", "rejected"), ("b", "pullable")]
    assert access.pullable
    assert "The kubelet tries 1 other credential before it" in access.finding.message
    assert login(*unused) not in [one.authorization for one in server.requests]


def test_of_several_refusals_the_one_that_came_furthest_is_reported(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    secrets = [secret("a", {server.authority: LOGIN}), secret("b", {server.authority: ("x", "y")})]
    [access] = checked(client, server, secrets, "team/app:absent")
    assert [one.finding.verdict for one in access.attempts] == ["not_found", "rejected"]
    assert access.finding.verdict == "not_found"
    assert not access.pullable


def test_where_nothing_is_known_of_one_nothing_is_known(serve: Serving, client: Client) -> None:
    def answer(request: Request) -> Reply:
        if request.authorization == GOOD:
            return error(503, "UNAVAILABLE", "later")
        return error(401, "", "", ("WWW-Authenticate", basic()))

    server = serve(Registry(script={"*": answer}))
    secrets = [secret("a", {server.authority: LOGIN}), secret("b", {server.authority: ("x", "y")})]
    [access] = checked(client, server, secrets)
    assert access.finding.verdict == "unreachable"


def test_without_a_match_it_is_asked_for_as_nobody(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    [access] = checked(client, server, [secret("a", {"elsewhere.test": LOGIN})])
    assert (access.finding.verdict, access.attempts) == ("no_credentials", ())
    assert server.with_credentials == []
    # an empty user name counts as found, and containerd then pulls as nobody
    [access] = checked(client, server, [secret("a", {server.authority: ("", "")})])
    assert [one.finding.verdict for one in access.attempts] == ["no_credentials"]
    assert server.with_credentials == []


def test_a_secret_that_the_kubelet_cannot_read_ends_everything(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    broken = PullSecret("broken", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": b"{"})
    [access] = checked(client, server, [secret("a", {server.authority: LOGIN}), broken])
    assert access.finding.verdict == "no_credentials"
    assert "Secret broken" in access.finding.message
    assert server.requests == []


def credential(host: str, user: str = USER, password: str = PASSWORD) -> Credential:
    return make_credential("test", host, user, password)


def test_images_and_the_credentials_that_none_of_them_needs(serve: Serving, client: Client) -> None:
    asked, other = serve(basic_registry()), serve(basic_registry())
    registries = client(asked.authority)
    registries.options = {**registries.options, other.authority: registries.defaults}
    credentials = [credential(asked.authority), credential(other.authority, *OTHER)]
    verified = verify_images(registries, credentials, [parse_image(f"{asked.authority}/team/app:1.0")], 4)
    assert (verified.obstacles(), verified.doubts()) == ([], [])
    rows = verified.rows()
    assert [(row["username"], row["verdict"]) for row in rows["logins"]] == [("Zq7other", "accepted")]
    assert [(row["verdict"], row["attempts"][0]["username"]) for row in rows["images"]] == [("pullable", USER)]
    assert not any(hidden in json.dumps(rows) for hidden in (PASSWORD, OTHER[1], GOOD, GOOD.split()[1]))


def test_a_rejected_login_is_told_once_for_all_its_images(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    images = [parse_image(f"{server.authority}/team/app:{number}") for number in range(30)]
    wrong = [credential(server.authority, USER, "Zq7wrong")]
    verified = verify_images(client(server.authority), wrong, images, 4)
    [reported] = verified.obstacles()
    assert all(word in reported for word in ("rejected", server.authority, USER, "team/app:0", "Renew it"))
    assert verified.doubts() == []
    assert len(server.with_credentials) == 1
    logins = verify_logins(client(server.authority), wrong * 3, 4)
    assert len(logins.obstacles()) == 1
    assert len(server.with_credentials) == 2


def test_a_user_name_that_is_a_token_is_not_repeated(serve: Serving, client: Client) -> None:
    token = "ghp_0123456789abcdefghijKLMNOPQRSTUVWX"
    refusal = error(401, "UNAUTHORIZED", f"no user {token} here", ("WWW-Authenticate", basic()))
    server = serve(Registry(script={"*": refusal}))
    credentials = [credential(server.authority, token, "x-oauth-basic")]
    registries = client(server.authority)
    found = [
        verify_images(registries, credentials, [parse_image(f"{server.authority}/team/app:1")], 4),
        verify_logins(registries, credentials, 4),
    ]
    for one in found:
        assert "no user (hidden) here" in one.obstacles()[0]
        assert token not in json.dumps([one.rows(), one.obstacles()])


def test_absent_images_are_obstacles_and_silent_registries_are_doubts(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    credentials = [credential(server.authority)]
    images = [parse_image(f"{server.authority}/team/app:{tag}") for tag in ("1.0", "2.0")]
    [reported] = verify_images(client(server.authority), credentials, images, 4).obstacles()
    assert all(word in reported for word in ("not_found", "team/app:2.0", USER))
    down = [credential("127.0.0.1:1")]
    verified = verify_images(client("127.0.0.1:1"), down, [parse_image("127.0.0.1:1/team/app:1")], 4)
    assert verified.obstacles() == []
    [doubt] = verified.doubts()
    assert all(word in doubt.message for word in ("unreachable", "127.0.0.1:1", "nothing listens"))
    [doubt] = verify_logins(client("127.0.0.1:1"), down, 4).doubts()
    assert all(word in doubt.message for word in ("unreachable", "127.0.0.1:1", USER))


def test_who_may_push_is_warned_of_once(serve: Serving, client: Client) -> None:
    tokens = TokenServer((GOOD,), granting("pull", "push"))
    token_server = serve(tokens)
    images = {"team/app:1.0": manifest(), "team/more:1": manifest()}
    server = serve(Registry(f'Bearer realm="{token_server.origin}/t"', tokens.accepts, images))
    registries = client(server.authority, realms=[token_server.authority])
    keyring = kubelet_keyring([secret("a", {server.authority: LOGIN})])
    accesses = check_images(registries, keyring, [parse_image(f"{server.authority}/{name}") for name in images], 4)
    [warning] = ImageVerification(images=accesses).push_warnings()
    assert all(word in warning for word in (USER, server.authority, "team/app and others", "only pull"))
    assert [one.row()["can_push"] for one in accesses] == [True, True]


def test_host_names_in_upper_case_are_the_same_registry(serve: Serving, client: Client) -> None:
    server = serve(basic_registry())
    host = f"LOCALHOST:{server.port}"
    registries = client(host.lower())
    keyring = kubelet_keyring([secret("a", {host: LOGIN})])
    [access] = check_images(registries, keyring, [parse_image(f"{host}/team/app:1.0")], 4)
    assert access.finding.verdict == "pullable", access
    assert len(server.with_credentials) == 2
