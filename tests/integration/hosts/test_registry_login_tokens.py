# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identity tokens: stored as docker stores them, kept while they are valid, and reported as unusable in a pull secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Login, StoredLogin
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries, RegistryOptions
from ansible_collections.pullpass.registry.plugins.module_utils._registry.identity_login import (
    has_token_server,
    with_identity_token,
)
from login_tasks import actions, auths, each, entry, info, login, logout, program, ran
from login_token_registry import PASSWORD, USER, token_registry

from ansible_run import Ansible

SOMETHING = json.dumps({"auths": {"kept.example.com": {"auth": "dTpwYQ=="}}})


def test_an_identity_token(ansible: Ansible, tmp_path: Path) -> None:
    by_us, by_docker, podman = tmp_path / "ours.json", tmp_path / "config.json", tmp_path / "auth.json"
    by_docker.write_text(SOMETHING)
    by_docker.chmod(0o600)
    with token_registry() as registry:
        given = {"registry": registry.host, "username": USER, "password": PASSWORD, "plain_http": True}
        here = {"path": str(by_us)}
        command = [
            program("docker", "docker.io"),
            "--config",
            str(tmp_path),
            "login",
            "-u",
            USER,
            "--password-stdin",
            registry.host,
        ]
        ran(*command, given=PASSWORD)
        theirs = auths(by_docker)[registry.host]

        stored, again, known, unasked, wrong, rows, for_podman = each(
            ansible,
            [
                login(given, **here),
                login(given, **here),
                login(given, path=str(by_docker)),
                login({**given, "password": "other"}, path=str(by_us), verify="none"),
                login({**given, "password": "other"}, **here),
                info(path=str(by_docker)),
                login(given, path=str(podman), format="containers"),
            ],
        )
        registry.good.clear()
        revoked, out = each(ansible, [login(given, path=str(by_docker)), logout(registry.host, path=str(by_docker))])
        asked = registry.asked

    assert theirs["auth"] == "Ym90Og=="
    assert theirs["identitytoken"].startswith("identity-")
    assert (actions(stored), actions(again), actions(known)) == (["stored"], ["unchanged"], ["unchanged"])
    assert [row["verified"] for row in known["logins"]] == [True]
    for one in (stored, again, known):
        assert any("Do not use this file as a pull secret" in warning for warning in one["warnings"])
    assert {"account": ["bot"], "client_id": ["docker"], "offline_token": ["true"], "service": ["lab"]} in asked
    # without asking, there is nothing but the password
    assert actions(unasked) == ["stored"]
    assert auths(by_us) == {registry.host: entry(USER, "other")}
    assert "rejects the credential" in wrong["msg"]
    assert [(row["username"], row["usable"]) for row in rows["logins"]] == [(USER, True), ("u", True)]
    assert "Do not use it in a pull secret" in rows["logins"][0]["problem"]
    assert auths(podman) == {registry.host: entry(USER, PASSWORD)}
    assert not any("identity token" in warning for warning in for_podman["warnings"])
    assert (actions(revoked), actions(out)) == (["stored"], ["removed"])
    assert auths(by_docker) == json.loads(SOMETHING)["auths"]
    reported = json.dumps([stored, again, known, unasked, wrong, rows, for_podman, revoked, out])
    assert "identity-" not in reported


def registries(host: str) -> Registries:
    return Registries({host: RegistryOptions(plain_http=True)}, RegistryOptions(), timeout=20)


@pytest.mark.parametrize(
    ("renewal", "token"),
    [
        ((200, {"access_token": "access"}), "stored"),
        ((200, {"access_token": "access", "refresh_token": "next"}), "next"),
        ((503, {}), "stored"),
        ((429, {}), "stored"),
        ((307, {}), "stored"),
        ((400, {"error": "invalid_grant"}), None),
        ((401, {}), None),
        ((405, {}), None),
        ((200, {}), None),
    ],
    ids=str,
)
def test_a_stored_token_is_kept_renewed_or_asked_for_anew(renewal: tuple[int, dict[str, Any]], token: str | None) -> None:
    """None: a new one."""
    with token_registry() as registry:
        registry.renewal = renewal
        found = with_identity_token(
            registries(registry.host), Login(registry.host, USER, PASSWORD), StoredLogin(USER, "", "stored")
        )
        (asked,) = [query for query in registry.asked if "grant_type" in query]

    assert asked == {"grant_type": ["refresh_token"], "client_id": ["docker"], "refresh_token": ["stored"], "service": ["lab"]}
    assert found.token == token if token else found.token in registry.good


def test_whose_token_it_is_and_who_hands_out_none() -> None:
    with token_registry() as registry:
        asking, login = registries(registry.host), Login(registry.host, USER, PASSWORD)
        known = StoredLogin(USER, PASSWORD)
        assert with_identity_token(asking, login, known) is login
        # somebody else's is not sent; a helper does not say whose it keeps
        assert with_identity_token(asking, login, StoredLogin("else", "", "theirs")).token in registry.good
        registry.good.add("helpers")
        assert with_identity_token(asking, login, StoredLogin(token="helpers")).token == "helpers"
        assert [query["refresh_token"] for query in registry.asked if "grant_type" in query] == [["helpers"]]
        assert with_identity_token(asking, Login(registry.host, USER, "wrong"), StoredLogin()).token == ""
    # nobody answers any more
    assert with_identity_token(asking, login, StoredLogin(USER, "", "stored")).token == "stored"
    for host in (registry.host, "no host"):
        nobody = Login(host, USER, PASSWORD)
        assert not has_token_server(registries(host), nobody)
        assert with_identity_token(registries(host), nobody, StoredLogin()) is nobody
