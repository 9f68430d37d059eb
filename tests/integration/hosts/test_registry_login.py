# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""registry_login against real registries: in, again, changed, rejected, out; what it writes and what it tells."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from login_tasks import HUB, actions, asking, auths, checked, credential, each, entry, info, login, logout

from ansible_run import Ansible
from lab import Lab

A, B = ({"registry": f"{name}.example.com", "username": "bot", "password": f"word-{name}"} for name in "ab")
OFFLINE = {"verify": "none"}


def test_in_again_and_out_at_both_kinds_of_registry(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    """What the login modules of docker and podman are tested for, and what those two get wrong."""
    path = tmp_path / "docker" / "config.json"
    place = {"path": str(path), **asking(lab)}
    both = [credential(lab), credential(lab, "bearer")]
    hosts = [one["registry"] for one in sorted(both, key=lambda one: one["registry"])]
    wrong = {**both[0], "password": "wrong"}
    other = credential(lab, user="pusher")

    found = each(
        ansible,
        [
            checked(login(wrong, **place)),
            login(wrong, **place),
            checked(login(*both, **place)),
            login(*both, **place),
            checked(login(*both, **place)),
            login(*both, **place),
            login(wrong, **place),
            checked(login(other, **place)),
            login(other, **place),
            login(other, **{**place, "path": str(tmp_path / "elsewhere.json")}),
            checked(logout(*hosts, **place)),
            logout({"registry": other["registry"], "username": "puller"}, **place),
            logout(*hosts, **place),
            checked(logout(*hosts, **place)),
            logout(*hosts, **place),
            logout(*hosts, path=str(tmp_path / "nothing" / "config.json")),
        ],
    )

    wrong_check, wrong_login, would, done, would_again, again, wrong_later, would_change, changed, elsewhere = found[:10]
    out_check, not_that_user, out, out_check_again, out_again, nothing = found[10:]
    for failed in (wrong_check, wrong_login, wrong_later):
        assert "nothing was written: the registries do not accept the credentials. user puller: rejected" in failed["msg"]
        assert failed["verification"]["logins"][0]["verdict"] == "rejected"
    assert [actions(one) for one in (would, done, would_again, again)] == [["stored"] * 2] * 2 + [["unchanged"] * 2] * 2
    assert [one["changed"] for one in (would, done, would_again, again)] == [True, True, False, False]
    assert again["logins"] == [
        {"registry": host, "username": "puller", "action": "unchanged", "verified": True} for host in hosts
    ]
    assert again["path"] == str(path)
    assert [actions(one) for one in (would_change, changed, elsewhere)] == [["stored"]] * 3
    assert auths(tmp_path / "elsewhere.json") == {other["registry"]: entry("pusher", lab.users["pusher"])}
    assert (actions(out_check), actions(not_that_user), actions(out)) == (["removed"] * 2, ["unchanged"], ["removed"] * 2)
    assert {row["username"] for row in out["logins"]} == {"puller", "pusher"}
    assert [one["changed"] for one in (out_check_again, out_again, nothing)] == [False] * 3
    assert path.read_text() == '{\n\t"auths": {}\n}'
    assert not (tmp_path / "nothing").exists()


def test_a_stored_login_that_was_revoked_is_not_reported_as_good(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    revoked = {**credential(lab), "password": "revoked"}
    place = {"path": str(path), **asking(lab)}

    stored, unasked, asked = each(
        ansible, [login(revoked, **place, **OFFLINE), login(revoked, **place, **OFFLINE), login(revoked, **place)]
    )

    assert (actions(stored), actions(unasked)) == (["stored"], ["unchanged"])
    assert unasked["logins"][0]["verified"] is None
    assert "rejects the credential (401)" in asked["msg"]
    assert auths(path) == {revoked["registry"]: entry("puller", "revoked")}


def test_a_login_that_cannot_be_checked(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    gone = {"registry": "127.0.0.1:1", "username": "bot", "password": "Zauberwort"}
    place = {"path": str(path), **asking(lab)}

    other = {**gone, "password": "another-Zauberwort"}
    reported = {"verify": "none", "unverified": [{"registry": "127.0.0.1:1", "reason": "said by an earlier task"}]}
    failed, nothing, warned, again, kept, kept_too, purged, accepted = each(
        ansible,
        [
            login(gone, credential(lab), **place),
            info(path=str(path)),
            login(gone, credential(lab), **place, verify_undecided="warn", purge_registries=True),
            login(gone, **place, verify_undecided="warn"),
            checked(login(other, **place, verify_undecided="warn")),
            login(other, **place, verify_undecided="warn", **reported),
            login(gone, **place, verify_undecided="warn", purge_registries=True),
            login(other, **place, verify_undecided="accept", purge_registries=True),
        ],
    )

    assert "could not verify the credentials" in failed["msg"]
    assert "nothing listens" in failed["msg"]
    assert nothing["exists"] is False
    assert [row["verified"] for row in warned["logins"]] == [False, True]
    assert any("not verified: " in warning for warning in warned["warnings"])
    assert actions(again) == ["unchanged"]
    assert not any("not verified: " in warning for warning in again.get("warnings", []))
    for result in (kept, kept_too):
        assert (result["failed"], result["changed"], actions(result)) == (True, False, ["refused"])
        assert "another login that works is stored" in result["msg"]
    assert any("said by an earlier task" in warning for warning in kept_too["warnings"])
    # the login at the lab's registry is not named any more, but the name of the other can be a typing error
    assert (purged["changed"], purged["purged"]) == (False, [])
    assert any("is not removed until the logins" in warning for warning in purged["warnings"])
    assert (actions(accepted), len(accepted["purged"])) == (["stored", "removed"], 1)


def test_an_open_registry_proves_nothing(ansible: Ansible, tmp_path: Path) -> None:
    """Docker says "Login Succeeded" to any password there."""

    class Open(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Open)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    (failed,) = each(
        ansible,
        [login({"registry": host, "username": "x", "password": "any-word", "plain_http": True}, path=str(tmp_path / "c.json"))],
    )
    server.shutdown()
    server.server_close()

    assert "requires no credential" in failed["msg"]
    assert "set verify_undecided to warn" in failed["msg"]


def test_what_is_written_and_what_stays(ansible: Ansible, tmp_path: Path) -> None:
    new, there, podman = (tmp_path / name for name in ("new.json", "there.json", "auth.json"))
    hub = {"registry": "docker.io", "username": "bot", "password": "Zauberwort"}
    text = (
        '{\n  "auths": {\n    "z.example.com": {"auth": "dTpwYQ=="},\n    "a.example.com": {"auth": "dTpwYQ==", "x": [1]}\n  },\n'
        '  "HttpHeaders": {"User-Agent": "x"},\n  "psFormat": "table",\n  "x-own": {"k": "\\u00e9"}\n}\n'
    )
    there.write_text(text)
    there.chmod(0o640)
    scoped = {"registry": "a.example.com/team", "username": "team", "password": "Zauberwort"}

    made, kept, again, for_podman, refused, wild = each(
        ansible,
        [
            login(hub, B, path=str(new), **OFFLINE),
            login(A, path=str(there), **OFFLINE),
            login(A, path=str(there), **OFFLINE),
            login(hub, scoped, A, path=str(podman), format="containers", **OFFLINE),
            login(scoped, path=str(new), **OFFLINE),
            login({**A, "registry": "*.example.com"}, path=str(new), **OFFLINE),
        ],
        diff=True,
    )

    indented = json.dumps({"auths": {"b.example.com": entry("bot", "word-b"), HUB: entry("bot", "Zauberwort")}}, indent="\t")
    assert new.read_text() == indented
    assert (new.stat().st_mode & 0o777, there.stat().st_mode & 0o777) == (0o600, 0o640)
    old, fresh = '"dTpwYQ==", "x"', f'"{entry("bot", "word-a")["auth"]}", "x"'
    assert there.read_text() == text.replace(old, fresh)
    assert [actions(one) for one in (made, kept, again)] == [["stored"] * 2, ["stored"], ["unchanged"]]
    assert list(auths(podman)) == ["a.example.com", "a.example.com/team", "docker.io"]
    assert [row["registry"] for row in for_podman["logins"]] == ["a.example.com", "a.example.com/team", "docker.io"]
    assert "docker uses one login for a whole registry" in refused["msg"]
    assert "set format to containers" in refused["msg"]
    assert "do not support wildcards" in wild["msg"]
    assert kept["diff"] == {
        "before_header": str(there),
        "after_header": str(there),
        "before": "a.example.com: user u, password (before)\n",
        "after": "a.example.com: user bot, password (after)\n",
    }
    assert again["diff"]["before"] == again["diff"]["after"] == ""


def test_modes_owners_and_backups(ansible: Ansible, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{}")
    path.chmod(0o644)
    here = {"path": str(path), **OFFLINE}

    would, tightened, again, opened, saved, same, wrong, clash = each(
        ansible,
        [
            checked(login(A, **here)),
            logout("other.example.com", **here),
            logout("other.example.com", **here),
            login(A, **here, mode="0644"),
            login(B, **here, mode="0600", backup=True),
            login(B, **here, backup=True),
            login(B, **here, mode=600),
            login(B, **here, user="root", owner="root"),
        ],
        diff=True,
    )

    assert would["changed"]
    assert (tightened["changed"], again["changed"]) == (True, False)
    assert (tightened["diff"]["before"], tightened["diff"]["after"]) == ("mode 0644\n", "mode 0600\n")
    assert actions(tightened) == ["unchanged"]
    assert any("every account of the host read" in warning for warning in opened["warnings"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(auths(Path(saved["backup_file"]))) == ["a.example.com"]
    assert (same["changed"], same.get("backup_file")) == (False, None)
    assert "give one in quotes" in wrong["msg"].lower()
    assert "remove owner" in clash["msg"]
    assert len(list(tmp_path.glob("config.json*"))) == 2


def test_sources_and_obvious_mistakes(ansible: Ansible, tmp_path: Path) -> None:
    path, source = tmp_path / "target.json", tmp_path / "source.json"
    source.write_text(json.dumps({"auths": {"a.example.com": entry("bot", "word-a"), "b.example.com": entry("bot", "word-b")}}))
    here = {"path": str(path), **OFFLINE}

    one, both, out, none, lacks, nobody, twice, empty, blank, amazon = each(
        ansible,
        [
            login(config_file=str(source), config_registries=["a.example.com"], **here),
            login(config_file=str(source), **here),
            logout(config_file=str(source), **here),
            {**login(**here), "ignore_errors": True},
            login({"registry": "a.example.com", "username": "bot"}, **here),
            login({"registry": "a.example.com"}, **here),
            login(A, {**A, "password": "other"}, **here),
            {"pullpass.registry.registry_login": {"registries": [], "state": "absent", **here}, "ignore_errors": True},
            login(A, **here, store=""),
            login({**A, "username": "AWS"}, **here),
        ],
    )

    assert (actions(one), actions(both), actions(out)) == (["stored"], ["unchanged", "stored"], ["removed"] * 2)
    assert "one of the following is required: registries, config, config_file" in none["msg"]
    assert "the password is empty" in lacks["msg"]
    assert "no username and password, and no credential_helper" in nobody["msg"]
    assert "given twice, with different credentials" in twice["msg"]
    assert "Name the registries to log out of" in empty["msg"]
    assert "store is empty" in blank["msg"]
    assert any("such as docker-credential-ecr-login" in warning for warning in amazon["warnings"])


def test_info(ansible: Ansible, tmp_path: Path) -> None:
    good, bad, half = (tmp_path / name for name in ("good.json", "bad.json", "half.json"))
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2"
    good.write_text(
        json.dumps(
            {
                "auths": {
                    "a.example.com": entry("bot", "Zauberwort"),
                    "b.example.com": {"username": "bot", "password": "Zauberwort"},
                    "c.example.com": {},
                    "d.example.com": {"auth": "dTo=", "identitytoken": "word"},
                    "e.example.com": entry(token, "x-oauth-basic"),
                    "docker.io": entry("bot", "Zauberwort"),
                }
            }
        )
    )
    bad.write_text('{"auths": {"a.example.com": {"auth": "d29yZA')
    half.write_text('{"auths": {"a.example.com": {"auth": "dTp3b3Jk"}, "b.example.com": {"auth": "%"}}}')

    docker, podman, cut, one_bad, nothing = each(
        ansible,
        [
            info(path=str(good)),
            info(path=str(good), format="containers"),
            info(path=str(bad)),
            info(path=str(half)),
            info(path=str(tmp_path / "nothing")),
        ],
    )

    rows = {row["registry"]: row for row in docker["logins"]}
    assert {name: (row["username"], row["usable"]) for name, row in rows.items()} == {
        "a.example.com": ("bot", True),
        "b.example.com": ("bot", True),
        "c.example.com": (None, False),
        "d.example.com": ("u", True),
        "e.example.com": ("(hidden)", True),
        "docker.io": ("bot", False),
    }
    assert rows["a.example.com"] == {
        "registry": "a.example.com",
        "username": "bot",
        "usable": True,
        "problem": None,
        "store": "file",
    }
    assert "Do not use it in a pull secret" in rows["d.example.com"]["problem"]
    assert HUB in rows["docker.io"]["problem"]
    assert [row["registry"] for row in podman["logins"] if not row["usable"]] == ["b.example.com", "c.example.com"]
    assert "is not JSON: unexpected character at line 1" in cut["problem"]
    assert (cut["logins"], cut["exists"]) == ([], True)
    assert "auths, 'b.example.com', auth is not base64" in one_bad["problem"]
    assert [(row["registry"], row["usable"]) for row in one_bad["logins"]] == [("a.example.com", False), ("b.example.com", False)]
    assert (nothing["exists"], nothing["problem"], nothing["logins"]) == (False, None, [])
