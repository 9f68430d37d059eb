# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No form of a password in any output, in syslog, or in the arguments or the environment of any process."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from helper_programs import HELPER
from login_tasks import MODULE, asking, auths, reported
from login_watch import watched
from secret_traces import around, forms

from ansible_run import LOCALHOST, Ansible
from lab import Lab

WORD = "Zauberwort<&>\"'+$%/-Geheim"


def test_no_form_of_a_password_is_seen_anywhere(
    lab: Lab, ansible: Ansible, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log: list[str] = request.getfixturevalue("syslog") if not Path("/dev/log").exists() and os.geteuid() == 0 else []
    helpers = Path(tempfile.mkdtemp(prefix="pp-"))
    program = helpers / "docker-credential-kept"
    program.write_text(HELPER)
    program.chmod(0o755)
    (tmp_path / "broken.json").write_text('{"auths": {"registry.example.com": {"auth": "' + "x" * 20)
    given = {"registry": "registry.example.com", "username": "bot", "password": WORD}
    good = {"registry": lab.registry("basic").host, "username": "puller", "password": lab.users["puller"]}
    options = [
        {"registries": [good], **asking(lab)},
        {"registries": [given], "verify": "none", "backup": True},
        {"registries": [{**given, "password": f"{WORD}2"}], "verify": "none", "backup": True},
        {"registries": [given], "verify": "none", "store": "kept"},
        {"registries": [given], "verify": "none", "store": "missing"},
        {"registries": [given], "verify": "none", "path": str(tmp_path / "broken.json")},
        {"registries": [{**given, "registry": lab.registry("basic").host}], **asking(lab)},
        {"registries": [{**given, "passwd": WORD}], "verify": "none"},
        {"registries": [{**given, "username": f"bot:{WORD}"}], "verify": "none"},
        {"registries": [{"registry": "registry.example.com"}], "state": "absent"},
    ]
    file = tmp_path / "config.json"
    options = [{"path": str(file), **one} for one in options]
    variables = tmp_path / "vars.json"
    variables.write_text(json.dumps({"given": options}))
    tasks = [
        {MODULE: {name: f"{{{{ given[{number}]['{name}'] }}}}" for name in one}, "ignore_errors": True}
        for number, one in enumerate(options)
    ]
    secret = forms("bot", WORD) | forms("puller", good["password"], good["registry"])
    try:
        with watched(secret) as seen:
            run = ansible.playbook(
                ansible.play(tasks),
                LOCALHOST,
                "-vvvv",
                "--diff",
                "-e",
                f"@{variables}",
                environment={"PATH": f"{helpers}{os.pathsep}{os.environ['PATH']}"},
            )
    finally:
        shutil.rmtree(helpers)

    results = reported(run)
    assert len(results) == len(options), run.output
    assert ["msg" in one for one in results] == [False] * 4 + [True] * 5 + [False]
    assert list(auths(file)) == [good["registry"]]
    for form in secret:
        assert around(form, run.output) == []
        assert around(form, json.dumps(results)) == []
        assert around(form, "".join(log)) == []
    for word in ("Zauberwort", "Geheim"):
        assert around(word, run.output) == []
    assert seen.argv == set()
    assert seen.environ == set()
    assert len(seen.processes) > 10
