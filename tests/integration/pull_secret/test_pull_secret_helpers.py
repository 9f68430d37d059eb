# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docker-credential-* programs: what they keep becomes a usable Secret, and each way to give no answer is distinguished."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError
from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
from stored_secrets import auth, each, entry, put, raw, read, results, row, rows, task

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab
from lab.packages import install

AZURE = "00000000-0000-0000-0000-000000000000"
# mints a token at each call, which says itself that it lives for a day
MINT = """#!/usr/bin/env python3
import base64, json, pathlib, sys, time
server = sys.stdin.read()
assert sys.argv[1:] == ["get"]
log = pathlib.Path(__file__).with_name("asked")
calls = log.read_text().splitlines() if log.exists() else []
log.write_text("\\n".join([*calls, repr(server)]) + "\\n")
claims = json.dumps({"exp": int(time.time()) + 86400, "n": len(calls)}).encode()
token = ".".join(["aGVhZA", base64.urlsafe_b64encode(claims).decode().rstrip("="), f"Zauberwort{len(calls)}"])
name = "<token>" if "azurecr" in server or "identity" in server else "oauth2accesstoken"
print(json.dumps({"ServerURL": server, "Username": name, "Secret": token}))
"""
# each line: what a server's name begins with, and what the helper does then
ODD = """#!/bin/sh
case "$(cat)" in
  not-found*) echo 'credentials not found in native keychain'; exit 1;;
  locked*) echo 'the store is locked'; exit 2;;
  aside*) echo 'said on the other stream' >&2; exit 1;;
  silent*) exit 3;;
  killed*) kill -9 $$;;
  text*) echo 'Welcome!';;
  list*) echo '["Zauberwort"]';;
  number*) echo '{"Username": "bot", "Secret": 5}';;
  lacking*) echo '{"Username": "bot", "Password": "Zauberwort"}';;
  deep*) head -c 200000 /dev/zero | tr '\\0' '[';;
  bytes*) printf '\\377\\376';;
  empty*) echo '{"Username": "bot", "Secret": ""}';;
  good*) echo '{"Username": "bot", "Secret": "Zauberwort"}';;
  hang*) sleep 50 & sleep 50;;
esac
"""
REPORTED = {
    "not-found": "has no credential for not-found.example.com. Log in on this machine, as this user.",
    "locked": "failed for locked.example.com: the store is locked",
    "aside": "failed for aside.example.com: said on the other stream",
    "silent": "failed for silent.example.com: exit status 3",
    "killed": "failed for killed.example.com: exit status -9",
    **dict.fromkeys(("text", "list", "number", "deep", "bytes"), "not JSON with Username and Secret"),
    "empty": "returned an empty secret for empty.example.com. Log in again",
    "lacking": "returned an empty secret for lacking.example.com. Log in again",
    "hang": "did not answer for hang.example.com within",
}


@pytest.fixture
def helpers(tmp_path: Path) -> Path:
    """A folder of helpers."""
    folder = tmp_path / "helpers"
    folder.mkdir()
    for name, text in (("mint", MINT), ("odd", ODD), ("file", "no program"), ("lost", "#!/does/not/exist\n")):
        program = folder / f"docker-credential-{name}"
        program.write_text(text)
        program.chmod(0o600 if name == "file" else 0o755)
    return folder


def path(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_each_error_of_the_protocol_is_told_apart(helpers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path(helpers)["PATH"])
    with patch_module_args({}):
        module = AnsibleModule(argument_spec={})
    ask, hasty = CredentialHelpers(module), CredentialHelpers(module, seconds=1)
    begun = time.monotonic()

    for name, words in REPORTED.items():
        with pytest.raises(HostError) as raised:
            (hasty if name == "hang" else ask).get("odd", f"{name}.example.com")
        assert words in str(raised.value)
        assert str(raised.value).startswith("docker-credential-odd ")
        assert "Zauberwort" not in str(raised.value)
    assert time.monotonic() - begun < 40, "the helper that hangs was waited for"
    for suffix, reason in {
        "missing": "cannot be run",
        "file": "cannot be run",
        "lost": "cannot be run",
        **dict.fromkeys(("../odd", "odd/..", "", "-odd", "o dd", "odd\n", "odd;id", "$(id)", ".odd"), "is not the suffix"),
    }.items():
        with pytest.raises(HostError, match=reason):
            ask.get(suffix, "good.example.com")
    assert ask.get("odd", "good.example.com") == ("bot", "Zauberwort")


def test_a_helper_gets_the_server_and_nothing_else(helpers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from docker: not every helper takes off a line break that nobody else sends."""
    monkeypatch.setenv("PATH", path(helpers)["PATH"])
    with patch_module_args({}):
        CredentialHelpers(AnsibleModule(argument_spec={})).get("mint", "ghcr.io")

    assert literal_eval((helpers / "asked").read_text()) == "ghcr.io"


def test_a_config_as_docker_desktop_writes_it(c2: Access, ansible: Ansible, prefix: str, helpers: Path, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    config = tmp_path / "config.json"
    config.write_text(
        '{\n\t"auths": {\n\t\t"https://index.docker.io/v1/": {},\n\t\t"ghcr.io": {}\n\t},\n\t"credsStore": "mint"\n}'
    )
    mapping = {
        "credHelpers": {"quay.io": "mint", "a.example.com": "odd"},
        "auths": {"a.example.com": {"auth": auth("u", "word")}},
    }
    azure = [{"registry": "team.azurecr.io", "credential_helper": "mint"}]
    store = {"purge_registries": False, "resolve_helpers": True}

    run = ansible.tasks(
        [
            task(c2, prefix, config_file=str(config)),
            task(c2, prefix, config_file=str(config), resolve_helpers=True),
            task(c2, prefix, config_file=str(config), resolve_helpers=True),
            task(c2, prefix, config_file=str(config), resolve_helpers=True, refresh_before=3600),
            task(c2, prefix, config_file=str(config), resolve_helpers=True, refresh_before=90000),
            task(c2, prefix, config=mapping, **store),
            task(c2, prefix, registries=azure, purge_registries=False),
            task(c2, prefix, registries=[{"registry": "identity.example.com", "credential_helper": "mint"}]),
            task(c2, prefix, registries=[{"registry": "ghcr.io", "credential_helper": "../mint"}]),
            task(c2, prefix, registries=[{"registry": "ghcr.io", "credential_helper": "missing"}]),
            task(c2, prefix, config={"credHelpers": {"ghcr.io": "../../bin/sh"}}, resolve_helpers=True),
            task(c2, prefix, config={"credHelpers": {"not-found.example.com": "odd"}}, resolve_helpers=True),
        ],
        "-vvvv",
        "--diff",
        environment=path(helpers),
    )

    refused, made, other, kept, renewed, mixed, converted, identity, up, missing, shell, not_found = results(run)
    assert "docker-credential-mint" in refused["msg"]
    assert "resolve_helpers" in refused["msg"]
    assert made["registries"] == ["ghcr.io", "https://index.docker.io/v1/"]
    # a new token at each call is a change at each run, unless the stored one may stay
    assert [row(one)[0] for one in (made, other, kept, renewed)] == ["created", "updated", "unchanged", "updated"]
    assert [row(one)[0] for one in (mixed, converted)] == ["updated"] * 2
    assert all("identity" in identity["msg"] and word in identity["msg"] for word in ("kubelet ignores", "registries"))
    assert "is not the suffix" in up["msg"]
    assert "is not the suffix" in shell["msg"]
    assert "docker-credential-missing cannot be run" in missing["msg"]
    assert "Log in on this machine" in not_found["msg"]
    document = c2.document(prefix)["auths"]
    assert {key: one["username"] for key, one in document.items()} == {
        "ghcr.io": "oauth2accesstoken",
        "https://index.docker.io/v1/": "oauth2accesstoken",
        "a.example.com": "u",
        "quay.io": "oauth2accesstoken",
        "team.azurecr.io": AZURE,
    }
    asked = (helpers / "asked").read_text().splitlines()
    servers = [literal_eval(line).rstrip("\n") for line in asked]
    assert servers[:2] == ["https://index.docker.io/v1/", "ghcr.io"]
    assert servers[8:] == ["quay.io", "team.azurecr.io", "identity.example.com"]
    assert "Zauberwort" not in run.output


def test_a_tenants_secret_runs_no_helper(c2: Access, ansible: Ansible, prefix: str, helpers: Path) -> None:
    c2.make_namespaces([prefix, f"{prefix}-target"])
    documents = {
        "cred-helpers": '{"credHelpers": {"quay.io": "mint"}}',
        "creds-store": '{"auths": {"quay.io": {}}, "credsStore": "mint"}',
        "beside": f'{{"auths": {{{entry("quay.io", "bot", "word")}}}, "credHelpers": {{"quay.io": "mint"}}}}',
    }
    for name, document in documents.items():
        put(c2, prefix, document, name=name)
    # as a .dockercfg it could try to close the member that it is put into
    put(c2, prefix, '{"credHelpers": {"quay.io": "mint"}}', name="legacy", kind="kubernetes.io/dockercfg", key=".dockercfg")
    names = [*documents, "legacy"]
    sources = [{"namespace": prefix, "name": name} for name in names]

    run = ansible.tasks(
        [task(c2, f"{prefix}-target", name="copy", from_secret=source) for source in sources]
        + [task(c2, f"{prefix}-target", name="copy", from_secret=sources[0], resolve_helpers=True)],
        environment=path(helpers),
    )

    reported = results(run)
    assert [rows(one) if "namespaces" in one else "refused" for one in reported] == [
        "refused",
        "refused",
        {f"{prefix}-target": ("created", "")},
        "refused",
        "refused",
    ]
    assert "docker-credential-mint" in reported[0]["msg"]
    assert not (helpers / "asked").exists()


@pytest.fixture
def store() -> Iterator[dict[str, str]]:
    """The environment of a password store that is ready, with a key of its own."""
    programs = ("docker-credential-pass", "pass", "gpg", "gpgconf")
    packages = ("golang-docker-credential-helpers", "pass", "gpg", "gpg-agent")
    missing = install(packages, lambda: all(map(shutil.which, programs)), print)
    if missing:
        pytest.skip(missing)
    # short, since a socket's path has to be
    home = Path(tempfile.mkdtemp(prefix="pp-"))
    environment = {
        "GNUPGHOME": str(home),
        "PASSWORD_STORE_DIR": str(home / "store"),
        "PATH": os.environ["PATH"],
        "HOME": str(home),
    }
    key = [
        "gpg",
        "--batch",
        "--passphrase",
        "",
        "--pinentry-mode",
        "loopback",
        "--quick-gen-key",
        "bot@example.com",
        "future-default",
    ]
    try:
        for command in (key, ["pass", "init", "bot@example.com"]):
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        yield environment
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False, timeout=30)
        shutil.rmtree(home, ignore_errors=True)


def test_a_real_helper_that_the_real_docker_filled(
    lab: Lab, c2: Access, ansible: Ansible, prefix: str, store: dict[str, str], tmp_path: Path
) -> None:
    c2.make_namespaces([prefix])
    host, password = lab.registry("basic").host, lab.users["puller"]
    kept = json.dumps({"ServerURL": "kept.example.com", "Username": "bot", "Secret": "Zauberwort"})
    subprocess.run(["docker-credential-pass", "store"], input=kept, env=store, check=True, text=True, timeout=30)
    config = tmp_path / "config.json"
    if shutil.which("docker"):
        config.write_text('{"credsStore": "pass"}')
        login = ["docker", "--config", str(tmp_path), "login", "--username", "puller", "--password-stdin", host]
        trusting = {**store, "SSL_CERT_FILE": str(lab.ca)}
        subprocess.run(login, input=password, env=trusting, check=True, capture_output=True, text=True, timeout=60)
    else:
        filled = json.dumps({"ServerURL": host, "Username": "puller", "Secret": password})
        subprocess.run(["docker-credential-pass", "store"], input=filled, env=store, check=True, text=True, timeout=30)
        config.write_text(json.dumps({"auths": {host: {}}, "credsStore": "pass"}))
    assert password not in config.read_text()
    given = [{"registry": "kept.example.com", "credential_helper": "pass"}]

    made, added, again, unknown = each(
        ansible,
        [
            task(c2, prefix, config_file=str(config), resolve_helpers=True),
            task(c2, prefix, registries=given, purge_registries=False),
            task(c2, prefix, registries=given, purge_registries=False),
            task(c2, prefix, registries=[{"registry": "unknown.example.com", "credential_helper": "pass"}]),
        ],
        environment=store,
    )

    assert [row(one)[0] for one in (made, added, again)] == ["created", "updated", "unchanged"]
    # older ones of Debian answer with an empty secret
    assert "for unknown.example.com. Log in " in unknown["msg"]
    entries = f"{entry(host, 'puller', password)},{entry('kept.example.com', 'bot', 'Zauberwort')}"
    assert raw(c2, prefix) == f'{{"auths":{{{entries}}}}}'
    assert read(c2, prefix).metadata.annotations is None
