# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands where a config.json belongs is named, together with the file and the way out."""

from __future__ import annotations

import base64
import codecs
import json
from pathlib import Path

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import credentials_from_document
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    UnreadableDocument,
    merge_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.option_files import read_text

AUTH = base64.b64encode(b"bot:geheim").decode()
CONFIG = json.dumps({"auths": {"reg.io": {"auth": AUTH}}})
ENCODED = base64.b64encode(CONFIG.encode()).decode()
YAML = f"apiVersion: v1\ndata:\n  .dockerconfigjson: {ENCODED}\nkind: Secret\nmetadata:\n  name: x\n"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (json.dumps({"reg.io": {"auth": AUTH}}), "is a legacy .dockercfg: its entries are not in 'auths'."),
        (json.dumps({"reg.io": {"username": "u", "password": "geheim"}}), "is a legacy .dockercfg"),
        (
            json.dumps({"apiVersion": "v1", "kind": "Secret", "data": {".dockerconfigjson": ENCODED}}),
            "is the manifest of a Secret",
        ),
        (YAML, "is the manifest of a Secret, not a docker config.json. Give the value of .dockerconfigjson"),
        ("apiVersion: v1\nkind: Config\nusers: []\n", "is a Kubernetes manifest of kind Config"),
        (ENCODED, "is base64 of JSON, as a Secret holds it. Decode it first"),
        ("\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76)) + "\n", "is base64 of JSON"),
        ("\ufeff" + CONFIG, "begins with a byte order mark, which JSON does not allow. Save it as UTF-8"),
        ("auths: {}\n", "is not JSON (unexpected character at line 1, column 1). Expected a docker config.json."),
        ("/home/bot/geheim/config.json\n", "is a path, not a docker config.json. Give a path in config_file."),
        ("~/.docker/config.json", "is a path, not a docker config.json."),
        ("../geheim", "is a path, not a docker config.json."),
        ("/home/bot/config.json and more", "is not JSON ("),
        ("geheim", "is not JSON ("),
        ("{}", "contains no credential"),
    ],
)
def test_it_is_named(text: str, reported: str) -> None:
    with pytest.raises(InputError) as raised:
        credentials_from_document("config_file /x", text)
    assert str(raised.value).startswith(f"config_file /x {reported}")
    for secret in ("geheim", AUTH, ENCODED):
        assert secret not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (CONFIG.encode("utf-16"), "UTF-16"),
        (codecs.BOM_UTF16_BE + CONFIG.encode("utf-16-be"), "UTF-16"),
        (CONFIG.encode("utf-16-le"), "UTF-16"),
        (CONFIG.encode("utf-16-be"), "UTF-16"),
        (CONFIG.encode("utf-32"), "UTF-32"),
    ],
)
def test_the_encoding_of_a_file_is_named(content: bytes, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    with pytest.raises(HostError) as raised:
        read_text("config_file", str(file))
    assert str(raised.value) == f"config_file {file} is {encoding} text. Save it as UTF-8 without a byte order mark."


@pytest.mark.parametrize("content", [b"", b"a", b"{}", CONFIG.encode(), b"\0"])
def test_other_files_are_read(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    assert read_text("config_file", str(file)) == content.decode()


@pytest.mark.parametrize(
    ("entry", "reported"),
    [
        ("5", "has an entry 'bad.io' that is not an object"),
        ('{"auth": "?"}', "has an entry 'bad.io' whose 'auth' is not base64"),
        ('{"password": 5}', "has an entry 'bad.io' whose 'password' is not text"),
    ],
)
def test_a_document_that_cannot_be_merged_into_names_the_bad_entry(entry: str, reported: str) -> None:
    document = f'{{"auths": {{"reg.io": {{"auth": "{AUTH}"}}, "bad.io": {entry}}}}}'.encode()
    with pytest.raises(UnreadableDocument) as raised:
        merge_document(document, [Credential("reg.io", "u", "p")])
    assert str(raised.value) == reported
