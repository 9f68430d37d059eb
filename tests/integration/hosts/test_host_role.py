# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role host_registry_login: several accounts of several hosts, each with its own logins and its own result."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from asked_registries import ALICE, DORA, at, check_hidden, logins, takes
from host_role_support import ROLES, as_role, helper, local, results, summary, use
from login_tasks import asking, auths, credential
from login_tasks import entry as stored
from login_watch import account, watched
from secret_traces import around
from ssh_host import owner, sshd

from ansible_run import Ansible
from lab import Lab
from registry_servers import Registry, error, login
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

WORD = "misspelt-Zauberwort"


@pytest.fixture
def users() -> Iterator[list[pwd.struct_passwd]]:
    with ExitStack() as stack:
        yield [stack.enter_context(account()) for _each in range(2)]


def trust(lab: Lab) -> dict[str, Any]:
    return {f"pullpass_{name}": value for name, value in asking(lab).items()}


def counts(stored: int = 0, removed: int = 0, unchanged: int = 0) -> dict[str, int]:
    return {"stored": stored, "removed": removed, "unchanged": unchanged}


def readme(lab: Lab, folder: Path, deploy: str, ci: str) -> list[dict[str, Any]]:
    """The play of the role's README, for accounts and registries that are there; root gets another file than its own."""
    text = (ROLES / "host_registry_login" / "README.md").read_text().split("```")[1].removeprefix("yaml\n")
    reported = {
        "name: root": f"path: {folder}/root.json",
        "name: deploy": f"name: {deploy}",
        "name: ci,": f"name: {ci},",
        "/var/lib/kubelet": str(folder),
        "registry.example.com:5000": lab.registry("basic").host,
        "ci-bot": "puller",
    }
    for old, new in reported.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return yaml.safe_load(text)


def test_the_accounts_of_the_readme(lab: Lab, ansible: Ansible, users: list[pwd.struct_passwd], tmp_path: Path) -> None:
    deploy, ci = users
    files = [
        tmp_path / "root.json",
        Path(deploy.pw_dir, ".docker/config.json"),
        Path(ci.pw_dir, ".config/containers/auth.json"),
        tmp_path / "config.json",
    ]
    playbook = tmp_path / "readme.json"
    playbook.write_text(json.dumps(readme(lab, tmp_path, deploy.pw_name, ci.pw_name)))
    inventory = {"container_hosts": {"hosts": {"box": local(vault_registry_password=lab.users["puller"], **trust(lab))}}}

    checked = ansible.playbook(playbook, inventory, "--check", "--diff")
    assert [path.exists() for path in files] == [False] * 4
    first, second = (ansible.playbook(playbook, inventory) for _each in range(2))

    assert [run.exit_code for run in (checked, first, second)] == [0, 0, 0], checked.output + first.output
    assert [run.recap["box"]["changed"] for run in (checked, first, second)] == [1, 1, 0]
    assert checked.output.count("user puller, password (after)") == 4
    login = {lab.registry("basic").host: stored("puller", lab.users["puller"])}
    assert [auths(path) for path in files] == [login] * 4
    ids = [(0, 0), (deploy.pw_uid, deploy.pw_gid), (ci.pw_uid, ci.pw_gid), (0, 0)]
    assert [owner(path) for path in files] == [(*pair, 0o600) for pair in ids]


def test_one_account_that_fails_stops_no_other(
    lab: Lab, ansible: Ansible, users: list[pwd.struct_passwd], tmp_path: Path
) -> None:
    """And settings of each of them, twice, and then removed."""
    first, second = users
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    old = tmp_path / "old.json"
    old.write_text(json.dumps({"auths": {"a.example.com": stored("u", "p")}}))
    old.chmod(0o640)
    given = [credential(lab), credential(lab, "bearer")]
    accounts = [
        {"name": first.pw_name, "path": "~/kept/config.json", "mode": "0640", "store": "kept"},
        {"name": "no-such-account"},
        {"path": str(damaged)},
        {"name": second.pw_name},
        {"name": first.pw_name, "format": "docker"},
        {"path": str(old), "group": second.pw_name},
        {"path": str(tmp_path / "own" / "auth.json"), "owner": first.pw_name, "mode": 0o604, "format": "docker"},
    ]
    shared = {
        "host_registry_login_users": accounts,
        "host_registry_login_format": "containers",
        "host_registry_login_persistent": True,
        "host_registry_login_owner": second.pw_name,
        "host_registry_login_backup": True,
        "pullpass_registries": given,
        **trust(lab),
    }
    hosts = {"many": local(**shared), "other": local(tmp_path / "other.json", pullpass_registries=given, **trust(lab))}
    program = Path(first.pw_dir, "bin")
    program.mkdir()
    helper(
        program,
        "kept",
        'case "$1" in store) cat > "$HOME/stored";; *) echo credentials not found in native keychain; exit 1;; esac',
    )
    # what a plain login has in its PATH
    link = Path("/usr/local/bin/docker-credential-kept")
    link.symlink_to(program / "docker-credential-kept")
    for path in (Path(first.pw_dir), program):
        path.chmod(0o755)
    try:
        run = use(ansible, hosts)
    finally:
        link.unlink()

    assert run.exit_code == 2
    many, other = results(run)["many"], results(run)["other"]
    assert (other["logins"], other["failures"], other["changed"]) == (counts(stored=2), [], True)
    assert (many["logins"], many["changed"]) == (counts(stored=10), True)
    assert [text.partition(" ")[0] for text in many["failures"]] == ["no-such-account:", str(damaged)]
    assert summary(run)["many"].splitlines()[0] == "FAILED; logins: 10 stored"
    assert summary(run)["other"] == "changed; logins: 2 stored"
    assert run.recap["many"]["failed"] == 1
    assert run.recap["other"]["failed"] == 0
    keys = {entry["registry"] for entry in given}
    kept = Path(first.pw_dir, "kept/config.json")
    assert json.loads(kept.read_text())["credHelpers"].keys() == keys
    assert Path(first.pw_dir, "stored").is_file()
    assert owner(kept) == (first.pw_uid, first.pw_gid, 0o640)
    assert auths(Path(second.pw_dir, ".config/containers/auth.json")).keys() == keys
    assert auths(Path(first.pw_dir, ".docker/config.json")).keys() == keys
    assert damaged.read_text() == "{"
    assert auths(old).keys() == {"a.example.com", *keys}
    assert owner(old) == (second.pw_uid, second.pw_gid, 0o640)
    assert [owner(path)[2] for path in tmp_path.glob("old.json.*~")] == [0o600]
    assert owner(tmp_path / "own" / "auth.json") == (first.pw_uid, 0, 0o604)

    hosts["many"]["host_registry_login_users"] = [accounts[3], accounts[5]]
    again = use(ansible, hosts)
    assert again.exit_code == 0
    assert {host: (one["logins"], one["changed"]) for host, one in results(again).items()} == {
        "many": (counts(unchanged=4), False),
        "other": (counts(unchanged=2), False),
    }
    removed = [{"registry": given[0]["registry"], "username": "somebody-else"}, {"registry": given[1]["registry"]}]
    out = use(ansible, hosts, "-e", json.dumps({"host_registry_login_state": "absent", "pullpass_registries": removed}))
    assert out.exit_code == 0, out.output
    assert results(out)["many"]["logins"] == counts(removed=2, unchanged=2)
    assert auths(old).keys() == {"a.example.com", given[0]["registry"]}
    assert auths(tmp_path / "other.json").keys() == {given[0]["registry"]}


def test_helpers_are_asked_once_on_the_controller_and_no_password_is_seen(
    ansible: Ansible, serve: Serving, tmp_path: Path
) -> None:
    server = serve(takes(ALICE, DORA))
    answers = {"alice": ALICE, "dora": DORA, "idtoken": ("<token>", "identity-Zauberwort"), "empty": ("alice", "")}
    for suffix, (username, secret) in answers.items():
        (tmp_path / suffix).write_text(json.dumps({"ServerURL": "", "Username": username, "Secret": secret}))
        # never reads what it is asked
        helper(tmp_path, suffix, f'echo {suffix} "$@" >> {tmp_path}/calls; exec cat {tmp_path}/{suffix}')
    helper(tmp_path, "fails", r"printf 'the keychain \033[31mis locked\n'; exit 1")
    helper(tmp_path, "leaks", f'echo \'{{"Username": "alice", "Word": "{WORD}"\'; exit 1')
    helper(tmp_path, "whispers", f"echo the secret is {WORD}; exit 1")
    helper(tmp_path, "cut", f'echo \'{{"Username": "alice", "Secret": "{WORD}"\'')
    helper(tmp_path, "asked", f"cat > {tmp_path}/question; exec cat {tmp_path}/alice")
    hub = {"registry": "docker.io", "endpoint": server.authority}
    spelt = {"registry": f"HTTPS://{server.authority}/v2/", "email": "a@example.com", "credential_helper": "alice"}
    problems = {
        "fails": "r.example.com/a: docker-credential-fails failed for r.example.com: the keychain ?[31mis locked",
        "leaks": "r.example.com/a: docker-credential-leaks failed for r.example.com: exit status 1",
        "whispers": "r.example.com/a: docker-credential-whispers failed for r.example.com: exit status 1",
        "cut": "r.example.com/a: docker-credential-cut returned an invalid answer for r.example.com",
        "idtoken": "r.example.com/a has only an identity token",
        "empty": "r.example.com/a: docker-credential-empty returned an empty secret for r.example.com",
        "nowhere": "r.example.com/a: docker-credential-nowhere cannot be run",
        "../../bin/sh": "r.example.com/a: '../../bin/sh' is not the suffix",
    }
    lists: dict[str, list[dict[str, Any]]] = {
        "both": [{"registry": server.authority, "credential_helper": "alice"}, {**hub, "credential_helper": "asked"}],
        "spelt": [spelt],
        "template": [{"registry": server.authority, "credential_helper": "dora", "username": None}],
        "plain": [{**at(server, ALICE), "credential_helper": ""}],
        "wrong": [at(server, ALICE), *({"registry": "r.example.com/a", "credential_helper": suffix} for suffix in problems)],
        "more": [at(server, ALICE), {"registry": server.authority, "credential_helper": "alice"}],
    }
    variables = tmp_path / "given.json"
    variables.write_text(json.dumps({"given": lists, "pullpass_registry_ca_cert": str(serve.authority.pem)}))
    hosts = {host: local(tmp_path / f"{host}.json", pullpass_registries=f"{{{{ given['{host}'] }}}}") for host in lists}
    facts = tmp_path / "facts"
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts)}
    words = {WORD, ALICE[1], DORA[1], "identity-Zauberwort"}

    with watched(words) as seen:
        run = use(
            ansible,
            hosts,
            "-vvv",
            "--diff",
            "-e",
            f"@{variables}",
            environment={"PATH": f"{tmp_path}:{os.environ['PATH']}", **cache},
        )

    reported = results(run)
    assert [host for host, one in reported.items() if one["failures"]] == ["wrong"], run.output
    (failure,) = reported["wrong"]["failures"]
    for text, start in zip(failure.split("; "), problems.values(), strict=True):
        assert text.startswith(start), failure
    assert not (tmp_path / "wrong.json").exists()
    assert auths(tmp_path / "both.json") == {
        server.authority: stored(*ALICE),
        "https://index.docker.io/v1/": stored(*ALICE),
    }
    assert [auths(tmp_path / f"{host}.json") for host in ("spelt", "more", "plain")] == [{server.authority: stored(*ALICE)}] * 3
    assert auths(tmp_path / "template.json") == {server.authority: stored(*DORA)}
    assert (tmp_path / "question").read_text() == "https://index.docker.io/v1/"
    assert sorted((tmp_path / "calls").read_text().splitlines()) == [f"{suffix} get" for suffix in sorted(answers)]
    assert logins(server)[login(*DORA)] == 1
    check_hidden(run, facts, server.authority, "https://index.docker.io/v1/")
    assert seen.argv == set()
    assert seen.environ == set()
    assert len(seen.processes) > 10


def test_hosts_that_do_not_wait_for_each_other(ansible: Ansible, serve: Serving, tmp_path: Path) -> None:
    """With strategy free a host gets no other's answers, of helpers nor of registries."""
    server, wrong = serve(takes(ALICE, DORA)), ("bob", "a-wrong-Zauberwort")
    kept = {"alice": ALICE, "bob": wrong, "dora": DORA}
    for suffix, (username, secret) in kept.items():
        (tmp_path / suffix).write_text(json.dumps({"ServerURL": "", "Username": username, "Secret": secret}))
        helper(tmp_path, suffix, f"cat >/dev/null; exec cat {tmp_path}/{suffix}")
    names = {f"{suffix}{number}": suffix for number in range(4) for suffix in kept}
    hosts = {
        host: local(
            tmp_path / f"{host}.json",
            pullpass_registry_ca_cert=str(serve.authority.pem),
            pullpass_registries=[{"registry": server.authority, "credential_helper": suffix}],
        )
        for host, suffix in names.items()
    }
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}

    run = ansible.playbook(as_role(ansible, strategy="free"), {"all": {"hosts": hosts}}, environment=environment)

    reported = results(run)
    assert {host for host, result in reported.items() if result["failures"]} == {host for host in names if names[host] == "bob"}
    written = {host: auths(path) for host in names if (path := tmp_path / f"{host}.json").exists()}
    assert written == {host: {server.authority: stored(*kept[suffix])} for host, suffix in names.items() if suffix != "bob"}


def test_what_is_asked_and_what_counts(ansible: Ansible, serve: Serving, tmp_path: Path) -> None:
    """verify, verify_undecided, the file of the environment, and registries that are not the same everywhere."""
    wrong = ("bob", "a-wrong-Zauberwort")
    one, two = serve(takes(ALICE)), serve(takes(ALICE, wrong))
    busy = serve(Registry(script={"*": error(429, "TOOMANYREQUESTS", "", ("Retry-After", "30"))}))
    document = tmp_path / "given.json"
    document.write_text(json.dumps({"auths": {one.authority: stored(*ALICE)}}))
    lists: dict[str, dict[str, Any]] = {
        "first": {"pullpass_registries": [at(one, ALICE)]},
        "second": {"host_registry_login_registries": [at(two, wrong)]},
        "halfwrong": {"pullpass_registries": [at(two, wrong), at(one, wrong)]},
        "none": {"pullpass_registries": [at(one, wrong)], "host_registry_login_verify": "none"},
        "warns": {"pullpass_registries": [at(busy, ALICE)]},
        "strict": {"pullpass_registries": [at(busy, ALICE)], "host_registry_login_verify_undecided": "fail"},
        "environment": {},
        "nopassword": {"pullpass_registries": [{"registry": one.authority, "username": "alice"}]},
        "unasked": {"pullpass_registries": [{"registry": one.authority, "username": "a"}], "host_registry_login_verify": "none"},
    }
    ca = {"pullpass_registry_ca_cert": str(serve.authority.pem)}
    hosts = {host: local(tmp_path / f"{host}.json", **ca, **variables) for host, variables in lists.items()}
    environment = {"PULLPASS_CONFIG_FILE": str(document)}

    run = use(ansible, hosts, environment=environment)

    reported = results(run)
    assert {host for host, result in reported.items() if result["failures"]} == {"halfwrong", "strict", "nopassword", "unasked"}
    written = {host: auths(path) for host in lists if (path := tmp_path / f"{host}.json").exists()}
    assert written == {
        "first": {one.authority: stored(*ALICE)},
        "second": {two.authority: stored(*wrong)},
        "none": {one.authority: stored(*wrong)},
        "warns": {busy.authority: stored(*ALICE)},
        "environment": {one.authority: stored(*ALICE)},
    }
    assert f"user bob: rejected. {one.authority} rejects the credential (401)" in reported["halfwrong"]["failures"][0]
    assert "accepts no more requests for now (429)" in reported["strict"]["failures"][0]
    assert "password" in reported["nopassword"]["failures"][0]
    assert "password" in reported["unasked"]["failures"][0]
    assert [host for host, result in reported.items() if result["warnings"]] == ["warns"]
    assert "not verified: " in summary(run)["warns"]
    assert logins(one)[login(*wrong)] == 1
    assert logins(two) == {login(*wrong): 1}

    nothing = use(ansible, {host: hosts[host] for host in ("environment", "first")})
    assert "No registries are given for environment" in results(nothing)["environment"]["failures"][0]
    assert results(nothing)["first"]["failures"] == []
    off = {"environment": {**hosts["environment"], "host_registry_login_state": "absent"}}
    assert results(use(ansible, off, environment=environment))["environment"]["logins"] == counts(removed=1)


def test_mistakes_in_the_variables_are_told_without_a_password(ansible: Ansible, tmp_path: Path) -> None:
    good = {"registry": "r.example.com", "username": "u", "password": WORD}
    mistakes: dict[str, tuple[dict[str, Any], str]] = {
        "format": ({"host_registry_login_format": "podman"}, "host_registry_login_format must be one of: docker, containers"),
        "state": ({"host_registry_login_state": "gone"}, "host_registry_login_state must be one of: present, absent"),
        "users": ({"host_registry_login_users": "root"}, "host_registry_login_users"),
        "user": ({"host_registry_login_users": [{"user": "root"}]}, "Supported parameters include: format, group, mode, name"),
        "noname": ({"pullpass_registries": [{"username": "u", "password": WORD}]}, "missing required arguments: registry"),
        "misspelt": ({"pullpass_registries": [{**good, "passwd": WORD}]}, "passwd"),
        "verify": ({"host_registry_login_verify": "pull"}, "host_registry_login_verify must be one of: none, login"),
        "timeout": ({"host_registry_login_registry_timeout": "soon"}, "host_registry_login_registry_timeout"),
    }
    hosts = {
        host: local(tmp_path / f"{host}.json", **{"pullpass_registries": [good], **variables})
        for host, (variables, _words) in mistakes.items()
    }

    run = use(ansible, hosts, "-vvv")

    failed = {line["host"]: line["result"] for line in run.results if line["outcome"] == "failed"}
    assert failed.keys() == mistakes.keys()
    for host, (_variables, words) in mistakes.items():
        assert words in str(failed[host]["msg"]), failed[host]["msg"]
        assert not (tmp_path / f"{host}.json").exists()
    assert around(WORD, run.output) == []


def test_a_host_by_ssh(lab: Lab, ansible: Ansible, users: list[pwd.struct_passwd]) -> None:
    """As the account of the connection, which is the role's default, while another host is down."""
    if not shutil.which("python3", path="/usr/bin"):
        pytest.skip("needs a Python that every account may run")
    user = users[0]
    given = [credential(lab), credential(lab, "bearer")]
    with sshd(user) as box:
        down = {**box, "ansible_port": 9}
        other = {**box, "host_registry_login_users": [{}, {"name": "root"}]}
        shared = {"pullpass_registries": given, **trust(lab)}
        hosts = {"box": {**box, **shared}, "down": {**down, **shared}, "other": {**other, **shared}}
        run = use(ansible, hosts)

    assert run.exit_code != 0
    reported = results(run)
    # the controller's CA is of no use on the host, and is not needed there
    assert reported["box"]["failures"] == []
    # both hosts lead to the same file: who comes second finds the logins there
    both = (reported["box"]["logins"], reported["other"]["logins"])
    assert sorted(both, key=str) == sorted((counts(stored=2), counts(unchanged=2)), key=str)
    config = Path(user.pw_dir, ".docker", "config.json")
    assert auths(config).keys() == {entry["registry"] for entry in given}
    assert owner(config) == (user.pw_uid, user.pw_gid, 0o600)
    assert len(reported["other"]["failures"]) == 1
    assert reported["other"]["failures"][0].startswith("root: ")
    assert "Set become: true" in reported["other"]["failures"][0]
    assert run.recap["down"]["unreachable"] == 1
    assert summary(run)["down"] == "not reached"
