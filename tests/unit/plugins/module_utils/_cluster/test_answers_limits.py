# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster: an API server can neither hold a run up for ever nor fill the memory, and what it repeats is masked."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import api as api_file
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import objects as listing
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.answers import checked_object
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.api import Api
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.client import connect
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.target import ClusterTarget
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError, RequestError
from recording_api_server import recording_server

WRITE = Request("create", "secrets", "team", "regcred")
PATH = "/api/v1/namespaces/team/secrets"
WORD = "Zauberwort-77"
CODED = base64.b64encode(f'{{"auths":{{"r":{{"password":"{WORD}"}}}}}}'.encode()).decode()


@contextlib.contextmanager
def sending(first: bytes, again: bytes, pause: float) -> Iterator[str]:
    """The origin of a server that answers with ``first`` and then, without an end, with ``again`` after each pause."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _address = listening.accept()
                connection.sendall(first)
                while True:
                    connection.sendall(again)
                    time.sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.timed
@pytest.mark.parametrize(
    ("first", "again"),
    [(b"HTTP/1.1 200 OK\r\nX-Header: ", b"a"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ")],
    ids=["in the headers", "in the body"],
)
def test_an_answer_that_comes_byte_by_byte_has_a_deadline(first: bytes, again: bytes) -> None:
    with sending(first, again, 0.02) as origin:
        began = time.monotonic()
        with pytest.raises(RequestError, match="broke at 'create secrets regcred in namespace team': no answer within 1 s"):
            Api(ClusterTarget(host=origin, api_key="token"), 1, 0.1).send(WRITE, PATH, body={})
        assert time.monotonic() - began < 5


def test_an_answer_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_file, "_MOST_BYTES", 1024 * 1024)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    endless = sending(head, b"10000\r\n" + b" " * 65536 + b"\r\n", 0)
    with endless as origin, pytest.raises(RequestError, match="has more than 1 MiB and was not read"):
        Api(ClusterTarget(host=origin, api_key="token"), 1, 5.0).send(WRITE, PATH, body={})


def test_a_list_of_pages_without_an_end_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_SECONDS", 0.2)
    tokens = itertools.count()
    with recording_server() as server:
        server.override = lambda *_request: {"kind": "PodList", "metadata": {"continue": str(next(tokens))}, "items": []}
        with pytest.raises(RequestError, match="the list of pods has not ended"):
            listing.list_all(server.api(), "pods", lambda item: item)


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": CODED[:58]},
        {"kind": "Secret", "metadata": {"name": CODED[:70], "namespace": "team", "uid": "1", "resourceVersion": "1"}},
        {"kind": "Secret", "metadata": {"name": "regcred", "namespace": CODED[:70], "uid": "1", "resourceVersion": "1"}},
        {"kind": "Secret", "metadata": {"name": WORD.lower(), "namespace": "team", "uid": "1", "resourceVersion": "1"}},
        {"kind": "Secret", "metadata": {"name": WORD.lower(), "namespace": "team", "uid": "1", "resourceVersion": 1}},
    ],
    ids=["kind", "name", "namespace", "another name", "malformed"],
)
def test_an_answer_that_repeats_a_secret_in_place_of_a_name(answer: dict[str, Any]) -> None:
    remember_secrets([WORD])
    with pytest.raises(RequestError) as caught:
        checked_object(answer, "secrets", "team", "regcred")
    assert CODED[:20] not in str(caught.value)
    assert WORD.lower() not in str(caught.value).lower()


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_pipe_in_place_of_a_certificate_is_not_waited_for(tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    files: dict[str, Any] = {option: str(pipe)} if option == "ca_cert" else {"client_cert": str(pipe), "client_key": str(pipe)}
    with pytest.raises(InputError, match="holds no certificate|cannot be used together"):
        connect(ClusterTarget(host="https://127.0.0.1:1", **files), 1)
