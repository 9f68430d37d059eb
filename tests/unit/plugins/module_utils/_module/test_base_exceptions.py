# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever raises within a module, and whatever it says: no secret in stdout, stderr, syslog or the result."""

from __future__ import annotations

import ast
import base64
import builtins
import codecs
import configparser
import csv
import datetime
import decimal
import enum
import fractions
import gc
import http.client
import importlib
import io
import ipaddress
import json
import logging
import operator
import os
import pwd
import re
import shlex
import socket
import ssl
import string
import struct
import subprocess
import tarfile
import threading
import urllib.parse
import urllib.request
import uuid
import warnings
import xml.etree.ElementTree
import zipfile
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module import base as _module

from leaks import SECRETS, Finder

FOUR = [SECRETS[name] for name in ("plain", "both quotes", "odd", "like base64")]


FINDER = Finder(FOUR)


class OddError(Exception):
    """Its texts raise, or are odd."""

    def __str__(self) -> str:
        raise ValueError(self.args[0])

    def __repr__(self) -> str:
        return f"OddError({self.args[0]})"


class Colour(enum.Enum):
    RED = 1


def throw(error: BaseException) -> Any:
    raise error


def odd(value: Any) -> Any:
    """A value whose type nobody has checked."""
    return value


def closed_file(_secret: str) -> None:
    file = io.StringIO()
    file.close()
    file.read()


def chained(secret: str) -> None:
    try:
        json.loads(secret)
    except ValueError as error:
        raise KeyError(secret) from error


def ours_while_handling(secret: str) -> None:
    """A message of ours, raised while another exception is handled: a traceback has both."""
    try:
        throw(ValueError(secret))
    except ValueError:
        raise InputError("a message of ours")  # noqa: B904


def with_notes(secret: str) -> None:
    error = ValueError("x")
    error.__notes__ = [secret]
    raise error


def in_thread(secret: str) -> None:
    thread = threading.Thread(target=throw, args=(InputError("a message of ours"),))
    with suppress(Exception):
        thread.run()
    throw(ValueError(secret))


def named_like_it(secret: str) -> None:
    raise type(secret.replace("\n", ""), (Exception,), {})(secret)


def while_deleted(secret: str) -> None:
    logging.getLogger("urllib3").error("cannot use %s", secret)
    throw(RuntimeError(secret))


def group(secret: str) -> None:
    kind: Any = vars(builtins).get("ExceptionGroup")
    raise kind(secret, [ValueError(secret)]) if kind else ValueError(secret)


WAYS: dict[str, Callable[[str], Any]] = {
    "closed file": closed_file,
    "chained": chained,
    "ours while handling": ours_while_handling,
    "notes": with_notes,
    "thread": in_thread,
    "class name": named_like_it,
    "log record": while_deleted,
    "group": group,
    "text raises": lambda secret: throw(OddError(secret)),
    "several arguments": lambda secret: throw(RuntimeError(secret, secret.encode(), {secret: secret})),
    "file name": lambda secret: throw(FileNotFoundError(2, "No such file", secret)),
    "two file names": lambda secret: throw(OSError(18, "link", secret, None, secret)),
    "no file": lambda secret: open(f"/nowhere/{secret}"),  # noqa: SIM115
    "huge file name": lambda secret: open(secret * 500),  # noqa: SIM115
    "NUL in a path": lambda secret: os.stat(f"{secret}\0"),
    "folder": lambda secret: os.chdir(f"/{secret}"),
    "program": lambda secret: subprocess.run([f"/nowhere/{secret}"], check=True),
    "program that fails": lambda secret: subprocess.run(["false", secret], check=True),
    "program that is killed": lambda secret: subprocess.run(["sh", "-c", "kill -9 $$", secret], check=True),
    "program that is late": lambda secret: subprocess.run(
        ["sleep", "5", *[secret][:0]], timeout=0.01, input=secret.encode(), check=True
    ),
    "decoding": lambda secret: (secret.encode() + b"\xff").decode(),
    "encoding": lambda secret: (secret + "\udcff").encode(),
    "ASCII": lambda secret: ("é" + secret).encode("ascii"),
    "codec": codecs.lookup,
    "integer": int,
    "float": float,
    "decimal": decimal.Decimal,
    "fraction": fractions.Fraction,
    "date": datetime.datetime.fromisoformat,
    "time": lambda secret: datetime.datetime.strptime(secret, "%Y"),
    "time zone": lambda secret: zoneinfo.ZoneInfo(re.sub(r"\W", "", secret)),
    "UUID": uuid.UUID,
    "address": ipaddress.ip_address,
    "network": ipaddress.ip_network,
    "JSON": lambda secret: json.loads("{" + secret),
    "JSON of a wrong type": lambda secret: json.dumps({secret: object()}),
    "YAML": lambda secret: yaml.safe_load(f"a: [{secret}\nb: {{"),
    "base64": lambda secret: base64.b64decode(secret + "é"),
    "base32": base64.b32decode,
    "XML": lambda secret: xml.etree.ElementTree.fromstring(f"<{secret}>"),
    "INI": lambda secret: configparser.ConfigParser().read_string(secret),
    "CSV": lambda secret: list(csv.reader([secret + "\0\r x"], strict=True)) + [throw(csv.Error(secret))],
    "shell words": lambda secret: shlex.split(f"'{secret}\"'\"'"),
    "pattern": lambda secret: re.compile(secret + "("),
    "literal": ast.literal_eval,
    "code": lambda secret: compile(secret, secret, "exec"),
    "format": lambda secret: ("{" + secret.replace("{", "").replace("}", "") + "}").format(),
    "old format": lambda secret: operator.mod("%d", (secret,)),
    "template": lambda secret: string.Template("$" + "x").substitute({secret: 1}) and None,
    "struct": lambda secret: struct.pack(secret, 1),
    "missing key": lambda secret: {"a": 1}[secret],
    "missing attribute": lambda secret: getattr(object(), secret),
    "missing module": lambda secret: importlib.import_module(secret.replace("\n", "")),
    "missing account": pwd.getpwnam,
    "missing colour": Colour,
    "wrong operand": lambda secret: odd(1) + secret,
    "wrong index": lambda secret: odd([])[secret],
    "unpacking": lambda secret: throw(ValueError(*secret.split("e"))),
    "assertion": lambda secret: throw(AssertionError(secret)),
    "stop": lambda secret: next(iter(()), None) or throw(StopIteration(secret)),
    "memory": lambda secret: throw(MemoryError(secret)),
    "recursion": lambda secret: throw(RecursionError(secret)),
    "header": lambda secret: http.client.HTTPConnection("127.0.0.1", 1).putheader("a", secret),
    "header value": lambda secret: throw(ValueError(f"Invalid header value {f'Bearer {secret}'.encode()!r}")),
    "path of a request": lambda secret: http.client.HTTPConnection("127.0.0.1", 1).putrequest("GET", f"/{secret} \n"),
    "status line": lambda secret: throw(http.client.BadStatusLine(secret)),
    "port": lambda secret: urllib.parse.urlsplit(f"https://u:{secret}@h:x{secret}").port,
    "URL": lambda secret: urllib.request.urlopen(f"odd://{secret}"),
    "host name": lambda secret: socket.getaddrinfo(secret + "\0", 443),
    "socket": lambda secret: socket.socket(socket.AF_UNIX).connect(f"/nowhere/{secret}"),
    "CA file": lambda secret: ssl.create_default_context(cafile=f"/nowhere/{secret}"),
    "CA": lambda secret: ssl.create_default_context(cadata=secret),
    "zip": lambda secret: zipfile.ZipFile(io.BytesIO(secret.encode())),
    "tar": lambda secret: tarfile.open(fileobj=io.BytesIO(secret.encode())),  # noqa: SIM115
    "a result that is not JSON": lambda secret: {"changed": False, "x": {object(): secret}},
    "a result that is odd": lambda secret: {"changed": False, "x": OddError(secret)},
    "no result": lambda secret: [secret],
}


@contextmanager
def arguments(**options: Any) -> Iterator[None]:
    """What ansible hands to a module, at -vvvv; the way differs between versions."""
    text = json.dumps({"ANSIBLE_MODULE_ARGS": {**options, "_ansible_verbosity": 4, "_ansible_debug": True}}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(basic, "_ANSIBLE_ARGS", text)
        if hasattr(basic, "_ANSIBLE_PROFILE"):
            patch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        yield


def test_there_are_enough_ways() -> None:
    assert len(WAYS) >= 60


@pytest.mark.parametrize("way", WAYS)
def test_no_exception_shows_a_secret(way: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda _self, text: logged.append(str(text)), raising=False)
    monkeypatch.setattr(basic, "has_journal", False, raising=False)
    monkeypatch.setattr("syslog.syslog", lambda *words: logged.append(str(words)))
    for secret in FOUR:

        def flow(_module: Any, secret: str = secret) -> Any:
            return WAYS[way](secret)

        with arguments(api_key=secret), warnings.catch_warnings(), pytest.raises(SystemExit):
            _module.run(flow, argument_spec={"api_key": {"type": "str", "no_log": True}})
    gc.collect()
    shown = capfd.readouterr()
    answers = [json.loads(line) for line in shown.out.splitlines() if line]
    for answer in answers:
        # by this ansible-core 2.22 tells the controller what to mask
        answer.pop("_ansible_new_secrets", None)
    assert FINDER.found(json.dumps(answers, ensure_ascii=False)) == []
    assert FINDER.found(shown.err) == []
    assert FINDER.found("\n".join(logged)) == []
    for answer in answers:
        assert answer["failed"] is True
        assert answer["msg"]
    assert len(answers) == len(FOUR)
