# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a tenant writes into a Secret, reading it takes time in proportion to its size, and its row stays small."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._audit.secrets import DocumentReviewer
from ansible_collections.pullpass.registry.plugins.module_utils._credentials import keyring
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import credentials_from_document
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    changes,
    merge_document,
    read_stored_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint import examine
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import SecretSnapshot
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

SIZE = 1 << 17
# seconds of processor time, about eight times what reading takes on a machine that does nothing else
BOUND = 2.5
GOOD = [Credential("a.io", "u", "p"), Credential("b.io", "u", "p")]
IMAGES = [parse_image(text) for text in ("a.io/team/app", "h5.io/x", "a.h3.io/x", "nginx")]


def filled(make: Callable[[int], str], before: str = '{"auths":{', after: str = "}}", size: int = SIZE) -> bytes:
    pieces: list[str] = []
    length = len(before) + len(after)
    while length < size:
        pieces.append(make(len(pieces)))
        length += len(pieces[-1]) + 1
    return (before + ",".join(pieces[:-1]) + after).encode()


DOCUMENTS = {
    "empty entries": filled(lambda i: f'"{i}":{{}}'),
    "entries that are none": filled(lambda i: f'"{i}":1'),
    "bad keys": filled(lambda i: f'"%{i}":{{"auth":"dTpw"}}'),
    "one key": filled(lambda _i: '"a":1'),
    "spellings of one registry": filled(lambda i: f'"https://a.io?{i}":{{"username":"u{i}","password":"p"}}'),
    "patterns": filled(lambda i: f'"*.h{i}.io":{{"auth":"dTpw"}}'),
    "paths": filled(lambda i: f'"a.io/{i}":{{"auth":"dTpw"}}'),
    "cleared": filled(lambda i: f'"{i}":1', '{"auths":{', "}," + ",".join(['"auths":null'] * 10_000) + "}", SIZE // 2),
    "auths": filled(lambda _i: '"auths":{"a":1}', "{", "}"),
    "members of an entry": filled(lambda _i: '"auth":1', '{"auths":{"a.io":{', "}}}"),
    "tokens": filled(lambda i: f'"h{i}.io":{{"username":"AWS","password":"p"}}'),
    "lists": b'{"x":[' + b",".join([b"[" * 5000 + b"]" * 5000] * (SIZE // 10_001)) + b"]}",
    "long pattern": b'{"auths":{"' + b"*a" * (SIZE // 2) + b'.io":{"auth":"dTpw"}}}',
    "long key": b'{"auths":{"a.io/a' + b"-" * SIZE + b'":{"auth":"dTpw"}}}',
    "long name": b'{"auths":{"a.io":{"username":"' + b"aB1" * (SIZE // 3) + b'","password":"' + b"a" * 9 + b'"}}}',
}


def audit(document: bytes) -> None:
    examined = examine(document)
    assert all(examined.readable() in (True, False) and examined.usable(key) in (True, False) for key in examined.entries)


def compare(document: bytes) -> None:
    changes(read_stored_document(document), GOOD, keep_others=True)


def merge(document: bytes) -> None:
    with suppress(ValueError):
        merge_document(document, GOOD)


def match(document: bytes) -> None:
    secret = keyring.PullSecret("s", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": document})
    made = keyring.kubelet_keyring([secret])
    for image in IMAGES if not made.problems else ():
        made.lookup(image)


def take(document: bytes) -> None:
    with suppress(InputError):
        credentials_from_document("config", document.decode())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_reading_takes_time_in_proportion_to_the_size(name: str) -> None:
    for read in (audit, compare, merge, match, take):
        before = time.process_time()
        read(DOCUMENTS[name])
        assert time.process_time() - before < BOUND, read.__name__


def test_the_row_of_a_secret_with_very_many_entries_stays_small() -> None:
    found = SecretSnapshot(namespace="n", name="s", type="kubernetes.io/dockerconfigjson", document=DOCUMENTS["bad keys"])
    read = DocumentReviewer()(found)
    assert len(read.registries) == 1000
    assert len(read.problems) == 12
    assert read.problems[-1].endswith(" entries, of which the first 1000 are reported.")
