# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials out of a config, a file that the real docker wrote, and a Secret that is in the cluster already."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from stored_secrets import auth, each, entry, put, raw, read, results, row, rows, task

from ansible_run import Ansible
from cluster_access import Access
from lab import Lab

AZURE = "00000000-0000-0000-0000-000000000000"


def test_a_secret_of_the_cluster_is_the_source_and_never_a_target(c2: Access, ansible: Ansible, prefix: str) -> None:
    source, targets = f"{prefix}-source", [f"{prefix}-{number}" for number in range(2)]
    c2.make_namespaces([source, *targets])
    document = f'{{"auths": {{"https://a.example.com/v2/" : {{"auth": "{auth("bot", "word-a")}"}}}}, "x": 1}}'
    theirs = {"team": "platform", "pullpass.registry/owner": "default"}
    dockercfg: dict[str, Any] = {"kind": "kubernetes.io/dockercfg", "key": ".dockercfg"}
    put(c2, source, document, labels=theirs, annotations={"example.com/note": "theirs"})
    legacy = f'{{"b.example.com": {{"auth": "{auth("bot", "word-b")}"}}, "auths": {{}}}}'
    put(c2, source, f'{{"b.example.com": {{"auth": "{auth("bot", "word-b")}"}}}}', name="legacy", **dockercfg)
    put(c2, source, legacy, name="odd", **dockercfg)
    put(c2, source, document, name="opaque", kind="Opaque")
    put(c2, source, '{"auths": {}}', name="empty")
    put(
        c2,
        source,
        f'{{"auths": {{"a.example.com": {{"auth": "{auth("bot", "word-a")}"}}, "evil.example.com": {{}}}}}}',
        name="two",
    )
    put(c2, source, '{"auths": {"a.example.com": {"auth": "Ym90"}}}', name="no-colon")
    before = c2.versions()

    def origin(name: str) -> dict[str, Any]:
        return {"from_secret": {"namespace": source, "name": name}}

    copied, again, pruned, by_legacy, odd, opaque, empty, no_colon, missing, limited, unknown, none = each(
        ansible,
        [
            task(c2, f"{prefix}-*", **origin("regcred")),
            task(c2, f"{prefix}-*", **origin("regcred")),
            task(c2, targets[0], owner=f"{prefix}-x", prune=True, name="pruned", **origin("regcred")),
            task(c2, f"{prefix}-*", name="b", **origin("legacy")),
            *(task(c2, targets[0], name="c", **origin(name)) for name in ("odd", "opaque", "empty", "no-colon", "missing")),
            # what a source that somebody else may write to spreads is bounded
            task(c2, targets[0], name="d", config_registries=["a.example.com"], **origin("two")),
            task(c2, targets[0], name="e", config_registries=["other.example.com"], **origin("regcred")),
            task(c2, targets[0], name="e", config_registries=[], **origin("regcred")),
        ],
    )

    spared = {source: ("skipped", "the credentials are read from this Secret")}
    assert rows(copied) == {**{name: ("created", "") for name in targets}, **spared}
    assert rows(again) == {**{name: ("unchanged", "") for name in targets}, **spared}
    assert row(pruned)[0] == "created"
    assert rows(by_legacy) == {name: ("created", "") for name in (*targets, source)}
    assert "has type Opaque and no pull credentials" in opaque["msg"]
    assert "contains no credential" in empty["msg"]
    assert "colon" in no_colon["msg"]
    assert f"from_secret {source}/missing does not exist on https://" in missing["msg"]
    assert "entry 'auths'" in odd["msg"]
    assert (row(limited)[0], limited["registries"]) == ("created", ["a.example.com"])
    assert raw(c2, targets[0], "d") == raw(c2, targets[0])
    assert "has no entry for other.example.com. It has: " in unknown["msg"]
    assert "config_registries is an empty list" in none["msg"]
    assert not any("namespaces" in one for one in (odd, opaque, empty, no_colon, missing))
    there = read(c2, targets[0])
    assert (there.metadata.labels.get("team"), there.metadata.annotations) == (None, None)
    assert raw(c2, targets[0]) == f'{{"auths":{{{entry("a.example.com", "bot", "word-a")}}}}}'
    assert raw(c2, targets[1], "b") == f'{{"auths":{{{entry("b.example.com", "bot", "word-b")}}}}}'
    assert {key: version for key, version in c2.versions().items() if key in before} == before


def test_a_config_as_mapping_as_text_and_in_part(c2: Access, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    c2.make_namespaces([prefix])
    config = {
        "auths": {
            "https://index.docker.io/v1/": {"auth": auth("hub", "word-hub")},
            "a.example.com": {"username": "bot", "password": "word-a", "email": "bot@example.com"},
            "team.azurecr.io": {"auth": auth(AZURE, ""), "identitytoken": "refresh-token-one"},
        },
        "HttpHeaders": {"User-Agent": "Docker-Client/28.2.2 (linux)"},
    }
    identity = {"auths": {"b.example.com": {"auth": auth("bot", ""), "identitytoken": "refresh-token-two"}}}
    vault = tmp_path / "vaulted.json"
    vault.write_text("$ANSIBLE_VAULT;1.1;AES256\n33363965326261\n")
    text = " " + json.dumps(config)

    run = ansible.tasks(
        [
            task(c2, prefix, config=config),
            # the space keeps Ansible from making it a mapping by itself
            task(c2, prefix, config=text),
            task(c2, prefix, config=config, config_registries=["docker.io", "https://a.example.com"]),
            task(c2, prefix, config=config, config_registries=["docker.io", "never-there.example.com"]),
            task(c2, prefix, config=identity),
            task(c2, prefix, config=text[:-1]),
            task(c2, prefix, config=["auths"]),
            task(c2, prefix, config_file=str(vault)),
            task(c2, prefix, config_file=str(tmp_path / "missing.json")),
            task(c2, prefix, config=config, registries=[]),
        ],
        "-vvvv",
        "--diff",
    )

    mapping, as_text, part, lacking, refused, cut, listed, vaulted, missing, two = results(run)
    assert mapping["registries"] == ["a.example.com", "https://index.docker.io/v1/", "team.azurecr.io"]
    assert [row(one)[0] for one in (mapping, as_text, part)] == ["created", "unchanged", "updated"]
    assert part["purged"] == ["team.azurecr.io"]
    assert "no entry for never-there.example.com. It has: a.example.com" in lacking["msg"]
    assert "only an identity token, which the kubelet ignores" in refused["msg"]
    assert "is not JSON (unexpected end at line 1" in cut["msg"]
    assert "config is not a mapping and not JSON text" in listed["msg"]
    assert "encrypted with ansible-vault" in vaulted["msg"]
    assert "does not exist on the machine where this task runs" in missing["msg"]
    assert "mutually exclusive" in two["msg"]
    document = c2.document(prefix)["auths"]
    assert document["a.example.com"]["email"] == "bot@example.com"
    assert list(document) == ["a.example.com", "https://index.docker.io/v1/"]
    for secret in ("word-hub", "word-a", "refresh-token", auth("hub", "word-hub"), auth("bot", "word-a")):
        assert secret not in json.dumps([mapping, as_text, part, lacking, refused, cut, listed, vaulted, missing, two])

    (azure,) = each(ansible, [task(c2, prefix, config=config, config_registries=["team.azurecr.io"])])

    assert row(azure)[0] == "updated"
    assert raw(c2, prefix) == f'{{"auths":{{{entry("team.azurecr.io", AZURE, "refresh-token-one")}}}}}'


def test_a_file_of_the_real_docker_and_kubectls_secret_of_it(
    lab: Lab, c2: Access, ansible: Ansible, prefix: str, tmp_path: Path
) -> None:
    c2.make_namespaces([prefix, f"{prefix}-copy"])
    host, password = lab.registry("basic").host, lab.users["puller"]
    config = tmp_path / "config.json"
    # with an entry in it docker does not look for a store of its own
    config.write_text(json.dumps({"auths": {"first.example.com": {"auth": auth("bot", "word")}}}))
    if shutil.which("docker"):
        login = ["docker", "--config", str(tmp_path), "login", "--username", "puller", "--password-stdin", host]
        environment = {**os.environ, "SSL_CERT_FILE": str(lab.ca)}
        subprocess.run(login, input=password, env=environment, check=True, capture_output=True, text=True, timeout=60)
    else:
        entries = {"first.example.com": {"auth": auth("bot", "word")}, host: {"auth": auth("puller", password)}}
        config.write_text(json.dumps({"auths": entries}, indent="\t"))
    c2.kubectl(
        "create", "secret", "generic", "regcred", "-n", prefix, f"--from-file=.dockerconfigjson={config}",
        "--type=kubernetes.io/dockerconfigjson",
    )  # fmt: skip
    before = raw(c2, prefix)
    assert before == config.read_text()

    other = [{"registry": host, "username": "a", "password": "word-b"}]
    same, merged, copied = each(
        ansible,
        [
            task(c2, prefix, config_file=str(config)),
            task(
                c2,
                prefix,
                adopt=True,
                purge_registries=False,
                registries=other,
            ),
            task(c2, f"{prefix}-copy", config_file=str(config), config_registries=[host]),
        ],
    )

    assert row(same)[0] == "unchanged"
    assert "the next change will be refused" in " ".join(same["warnings"])
    assert row(merged)[0] == "updated"
    start = before.index(f'"{host}"')
    end = before.index("}", start) + 1
    assert raw(c2, prefix) == before[:start] + entry(host, "a", "word-b") + before[end:]
    assert row(copied)[0] == "created"
    assert raw(c2, f"{prefix}-copy") == f'{{"auths":{{{entry(host, "puller", password)}}}}}'
