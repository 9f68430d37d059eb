# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identity tokens: stored as docker stores them, kept as long as they are good, and told to be no pull secret."""

from __future__ import annotations

import json
from pathlib import Path

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
            "-vvvv",
        )
        registry.good.clear()
        revoked, out = each(ansible, [login(given, path=str(by_docker)), logout(registry.host, path=str(by_docker))])
        asked = registry.asked

    assert theirs["auth"] == "Ym90Og=="
    assert theirs["identitytoken"].startswith("identity-")
    assert (actions(stored), actions(again), actions(known)) == (["stored"], ["unchanged"], ["unchanged"])
    assert [row["verified"] for row in known["logins"]] == [True]
    for one in (stored, again, known):
        assert any("is of no use as a pull secret" in warning for warning in one["warnings"])
    assert {"account": ["bot"], "client_id": ["docker"], "offline_token": ["true"], "service": ["lab"]} in asked
    # without asking, there is nothing but the password
    assert actions(unasked) == ["stored"]
    assert auths(by_us) == {registry.host: entry(USER, "other")}
    assert "rejects the credential" in wrong["msg"]
    assert [(row["username"], row["usable"]) for row in rows["logins"]] == [(USER, True), ("u", True)]
    assert "of no use as a pull secret" in rows["logins"][0]["problem"]
    assert auths(podman) == {registry.host: entry(USER, PASSWORD)}
    assert not any("identity token" in warning for warning in for_podman["warnings"])
    assert (actions(revoked), actions(out)) == (["stored"], ["removed"])
    assert auths(by_docker) == json.loads(SOMETHING)["auths"]
    told = json.dumps([stored, again, known, unasked, wrong, rows, for_podman, revoked, out])
    assert "identity-" not in told
