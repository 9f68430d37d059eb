# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/lint and key_problems: what each reader makes of a document (semantics 1.1, 1.6, 1.7), in words.

Where docker (its client alone) and skopeo, which reads as podman does, are installed, the same tables are given to them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    UnreadableDocument,
    kubelet_entries,
    legacy_kubelet_entries,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint import Examined, examine
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint_keys import key_problems

from oracle.cases import LEGACY, random_case

REGISTRY = "127.0.0.1:9"
HUB = "https://index.docker.io/v1/"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


GOOD = {"auth": b64("u:pa")}


def document(entry: Any, **more: Any) -> dict[str, Any]:
    return {"auths": {REGISTRY: entry}, **more}


def examined(whole: Any, legacy: bool = False) -> Examined:
    return examine(json.dumps(whole).encode(), legacy)


def serves(whole: Any, reader: str) -> bool:
    found = examined(whole)
    return found.readable(reader) and found.usable(REGISTRY, reader)


# document, does it serve (kubelet, docker, podman), and a word of what is reported
DOCUMENTS = {
    "ok": (document(GOOD), "kdp", None),
    "unpadded": (document({"auth": "dTpwYQ"}), "k", "lacks the '='"),
    "line break after": (document({"auth": b64("u:pa") + "\n"}), "kdp", None),
    "blank before": (document({"auth": " " + b64("u:pa")}), "", "not base64"),
    "URL-safe": (document({"auth": "dTp-_w=="}), "", "not base64"),
    "cut": (document({"auth": b64("user:password")[:-3]}), "", "not base64"),
    "no colon": (document({"auth": b64("nocolon")}), "", "no colon"),
    "colons": (document({"auth": b64("a:b:c")}), "kdp", None),
    "plain": (document({"username": "u", "password": "p"}), "kd", "only the auth of an entry"),
    "both differ": (document({**GOOD, "password": "other"}), "kdp", "its auth, which alone counts"),
    "null": (document(None), "", "it is empty"),
    "empty": (document({}), "", "it is empty"),
    "other entry broken": ({"auths": {"x.io": {"auth": "?"}, REGISTRY: GOOD}}, "p", "not base64"),
    "other entry null": ({"auths": {"x.io": None, REGISTRY: GOOD}}, "kdp", "it is empty"),
    "user a number": (document({**GOOD, "username": 1}), "p", "'username' is a number"),
    "e-mail a number": (document({**GOOD, "email": 1}), "p", "'email' is a number"),
    "identity token a number": (document({**GOOD, "identitytoken": 1}), "k", "'identitytoken' is a number"),
    "registry token a number": (document({**GOOD, "registrytoken": 1}), "kp", "'registrytoken' is a number"),
    "entry a list": (document([]), "", "is an array"),
    "auths a list": ({"auths": [1]}, "", "'auths' is an array"),
    "headers": (document(GOOD, HttpHeaders=1), "p", "HttpHeaders"),
    "helpers": (document(GOOD, credHelpers={"x": 1}), "k", "credHelpers"),
    "store": (document(GOOD, credsStore=1), "kp", "credsStore"),
    "no auths": ({}, "", "contains no credential"),
}
# key, registry, who finds it, and a word of what is reported
KEYS = [
    (HUB, "docker.io", "kdp", None),
    ("https://index.docker.io/v1", "docker.io", "p", "'/v1'"),
    ("https://index.docker.io/v2/", "docker.io", "kp", HUB),
    (f"{HUB}access-token", "docker.io", "p", "login token of Docker Desktop"),
    (f"{HUB}refresh-token", "docker.io", "p", "belongs to one person"),
    ("index.docker.io", "docker.io", "kp", HUB),
    ("docker.io", "docker.io", "kp", HUB),
    ("registry-1.docker.io", "registry-1.docker.io", "kdp", "does not match images of Docker Hub"),
    ("hub.docker.com", "hub.docker.com", "kdp", "does not match images of Docker Hub"),
    ("registry.hub.docker.com", "registry.hub.docker.com", "kdp", f"For these write '{HUB}'"),
    ("registry-1.docker.io/library", None, "kdp", "does not match images of Docker Hub"),
    ("h.io:9", "h.io:9", "kdp", None),
    ("http://h.io:9", "h.io:9", "kdp", None),
    ("https://h.io:9/v2/", "h.io:9", "kdp", None),
    ("https://h.io:9/v2", "h.io:9", "dp", "Add the slash"),
    ("h.io:9/v2", "h.io:9", "d", "podman reads '/v2'"),
    ("h.io:9/v2/", "h.io:9", "kd", "podman reads '/v2/'"),
    ("h.io:9/", "h.io:9", "kd", "podman reads '/'"),
    ("*.io:9", "h.io:9", "k", "no wildcards"),
    ("u@h.io:9", "h.io:9", "k", "before '@'"),
    ("h.io:9?x=1", "h.io:9", "k", "find no registry"),
    ("ftp://h.io:9", "h.io:9", "d", "no repository has this name"),
    ("HTTPS://h.io:9", "h.io:9", "d", "no repository has this name"),
    (" h.io:9", "h.io:9", "", "ignores this key"),
    ("h.io:9/team/app:1.0", None, "dp", "Remove any tag"),
    ("myregistry", None, "dp", "without a dot or a port"),
    ("[::1]", None, "dp", "without a port"),
    ("index.docker.io/team", None, "p", "with a path"),
]
READERS = {"k": "kubelet", "d": "docker", "p": "podman"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_each_reader_gets_out_of_a_document(name: str) -> None:
    whole, readers, word = DOCUMENTS[name]
    assert "".join(letter for letter, reader in READERS.items() if serves(whole, reader)) == readers or name == "no auths"
    reported = " ".join(one.text for one in examined(whole).problems)
    assert (word in reported) if word else not reported


@pytest.mark.parametrize(("key", "_registry", "readers", "word"), KEYS)
def test_who_finds_a_key(key: str, _registry: str | None, readers: str, word: str | None) -> None:
    found = key_problems(key)
    blocked = {reader for one in found if one.blocks for reader in one.readers}
    assert "".join(letter for letter, reader in READERS.items() if reader not in blocked) == readers
    reported = " ".join(one.text for one in found)
    assert (word in reported) if word else not reported


@pytest.mark.parametrize(("key", "word"), [("h.io:443", "with ':443' in their name"), ("Reg.Example.com", "upper case")])
def test_keys_that_match_less_than_one_would_think(key: str, word: str) -> None:
    (found,) = key_problems(key)
    assert found.readers == ("kubelet", "docker", "podman")
    assert not found.blocks
    assert word in found.text


@pytest.mark.parametrize(
    ("whole", "word"),
    [
        (document({"identitytoken": "x"}), "only a token for docker"),
        (document({}, credsStore="desktop"), "a credential helper stores its credential"),
        (document({}, credHelpers={REGISTRY: "pass"}), "a credential helper stores its credential"),
        ({"credHelpers": {"ghcr.io": "gcloud"}}, "credential helpers store them"),
        ({"auths": {}, "credsStore": "desktop"}, "credential helpers store them"),
        ({REGISTRY: GOOD}, "a .dockercfg under the key"),
        (document({"auth": b64("u:pa\n")}), "ends with a line break"),
        (document({"auth": b64("u:pa\0")}), "ends with NUL"),
        (document({"auth": b64(" u:pa")}), "begins or ends with white space"),
        (document({"auth": b64("u:")}), "password is empty"),
        (document({"auth": b64(":pa")}), "user name is empty"),
        (document({"username": "a:b", "password": "c"}), "contains a colon"),
        ({"auths": {"h.io": GOOD, "https://h.io": {"auth": b64("x:y")}}}, "random order"),
        ({"auths": {"docker.io": GOOD, HUB: {"auth": b64("x:y")}}}, "never uses it"),
    ],
)
def test_what_else_is_reported(whole: Any, word: str) -> None:
    assert word in " ".join(one.text for one in examined(whole).problems)


def test_two_keys_with_one_credential_are_no_problem() -> None:
    assert examined({"auths": {"h.io": GOOD, "https://h.io": GOOD}}).problems == ()


@pytest.mark.parametrize("text", ["not json", "", "[]", '"x"', "{}{}", '{"auths":{},}'])
def test_what_is_no_document_is_told_of_all_readers(text: str) -> None:
    found = examine(text.encode())
    assert not any(found.readable(reader) for reader in READERS.values())


def test_a_dockercfg_is_no_concern_of_dockers() -> None:
    found = examined({REGISTRY: {"auth": "dTpwYQ"}}, legacy=True)
    assert found.readable("docker")
    assert [one.readers for one in found.problems] == [("podman",)]
    assert "config.json under the key" in " ".join(one.text for one in examined(document(GOOD), legacy=True).problems)


def test_the_kubelets_verdict_is_that_of_its_own_rules_and_no_value_is_reported() -> None:
    """The documents of the oracle's tests: what is called readable is read, and to the same entries."""
    random = Random(4)
    for _number in range(2000):
        for secret in random_case(random).secrets:
            for key, value in secret.data.items():
                legacy = key == LEGACY[1]
                found = examine(value, legacy)
                try:
                    entries = (legacy_kubelet_entries if legacy else kubelet_entries)(value)
                except UnreadableDocument:
                    assert not found.readable(), value
                else:
                    assert found.readable(), value
                    assert found.entries == entries, value


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "no auths"])
def test_documents_by_skopeo_itself(name: str, tmp_path: Path) -> None:
    whole, readers, _word = DOCUMENTS[name]
    assert skopeo_user(tmp_path, whole, REGISTRY) == ("" if "p" not in readers else "a" if name == "colons" else "u")


@pytest.mark.parametrize(("key", "registry", "readers", "_word"), [row for row in KEYS if row[1]])
def test_keys_by_skopeo_itself(key: str, registry: str, readers: str, _word: str | None, tmp_path: Path) -> None:
    assert bool(skopeo_user(tmp_path, {"auths": {key: GOOD}}, registry)) is ("p" in readers)


# of a document with a broken entry docker keeps what it came to before that, in Go's random order of maps
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in ("no auths", "other entry broken")])
def test_documents_by_docker_itself(name: str, tmp_path: Path) -> None:
    whole, readers, _word = DOCUMENTS[name]
    assert docker_has(tmp_path, whole, REGISTRY) is ("d" in readers)


@pytest.mark.parametrize(("key", "registry", "readers", "_word"), [row for row in KEYS if row[1]])
def test_keys_by_docker_itself(key: str, registry: str, readers: str, _word: str | None, tmp_path: Path) -> None:
    assert docker_has(tmp_path, {"auths": {key: GOOD}}, registry) is ("d" in readers)


def alone(folder: Path) -> dict[str, str]:
    """An environment in which no other file of credentials is found, and no network."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "HTTPS_PROXY": "http://127.0.0.1:1"}


def skopeo_user(folder: Path, whole: Any, registry: str) -> str:
    if not shutil.which("skopeo"):
        pytest.skip("needs skopeo")
    file = folder / "auth.json"
    file.write_text(json.dumps(whole))
    command = ["skopeo", "login", "--get-login", "--authfile", str(file), registry]
    return subprocess.run(command, capture_output=True, text=True, env=alone(folder), check=False, timeout=60).stdout.strip()


def docker_has(folder: Path, whole: Any, registry: str) -> bool:
    """Whether docker login finds a credential that it could use; it then tries it, at nobody's."""
    if not shutil.which("docker"):
        pytest.skip("needs docker's client")
    (folder / "config.json").write_text(json.dumps(whole))
    # a registry that is not named is Docker Hub
    command = ["docker", "--config", str(folder), "login", *([] if registry == "docker.io" else [registry])]
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=alone(folder), check=False, timeout=60
    )
    return "existing credentials" in answer.stdout + answer.stderr
