# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/credential and _host/option_files: credentials as options give them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host import option_files as read_text_room
from ansible_collections.pullpass.registry.plugins.module_utils._host.option_files import read_text
from ansible_collections.pullpass.registry.plugins.module_utils._module.credential_options import credentials_option
from hypothesis import given
from hypothesis import strategies as st

MARK = "Zq7"
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8).map(lambda end: f"{MARK}{end}{MARK}")


class Module:
    """What credentials_option needs of a module."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        empty = dict.fromkeys(("username", "password", "credential_helper", "email", "revision"))
        self.params = {"registries": [{**empty, **entry} for entry in entries]}


def credentials_from_options(entries: list[dict[str, Any]]) -> list[Credential]:
    return credentials_option(Module(entries))  # type: ignore[arg-type]


def option(registry: str = "reg.io", username: str = "u", password: str = "pa", **rest: Any) -> dict[str, Any]:
    return {"registry": registry, "username": username, "password": password, **rest}


def test_options_become_credentials_sorted_by_canonical_key() -> None:
    made = credentials_from_options([option("REG.io"), option("docker.io", email=None), option("a.io", email="e@x")])
    assert made == [
        Credential("a.io", "u", "pa", "e@x"),
        Credential("https://index.docker.io/v1/", "u", "pa"),
        Credential("reg.io", "u", "pa"),
    ]


@pytest.mark.parametrize("username", ["robot$team+ci", "oauth2accesstoken", "AWS", "a b", "größe"])
def test_user_names_of_registries_are_taken(username: str) -> None:
    assert credentials_from_options([option(username=username)])[0].username == username


@pytest.mark.parametrize(
    ("entry", "phrases"),
    [
        pytest.param(option(username=""), ("username is empty", "anonymously"), id="no user name"),
        pytest.param(option(password=""), ("password is empty", "variable or the vault entry"), id="no password"),
        pytest.param(option(username="a:b"), ("username contains a colon",), id="colon"),
        pytest.param(option(username="u\n"), ("username ends with a line break (U+000A)", "Remove it"), id="line break"),
        pytest.param(option(username="\ud800"), ("username is not valid UTF-8",), id="user name is no text"),
        pytest.param(option(password="\ud800"), ("password is not valid UTF-8",), id="password is no text"),
        pytest.param(option(email="\ud800"), ("email is not valid UTF-8",), id="e-mail is no text"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_its_place(entry: dict[str, Any], phrases: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        credentials_from_options([option("good.io"), entry])
    assert str(caught.value).startswith("registries[1] (reg.io): the ")
    for phrase in phrases:
        assert phrase in str(caught.value)


@pytest.mark.parametrize("registry", ["", "bad host", "user@reg.io", "reg.io/app:1"])
def test_a_registry_that_is_none_is_refused_by_its_place(registry: str) -> None:
    """The message has to lead to the entry, and one that is empty or hidden can only be found by its index."""
    with pytest.raises(InputError, match=r"registries\[1\]"):
        credentials_from_options([option("good.io"), option(registry)])


def test_the_same_registry_twice_is_one_only_when_both_agree() -> None:
    assert len(credentials_from_options([option(), option("https://REG.io/v2/")])) == 1
    with pytest.raises(InputError, match=r"registries: registry reg\.io is given twice.*remove one"):
        credentials_from_options([option(), option(password="other")])


@given(PASSWORDS)
def test_neither_repr_nor_refusal_shows_the_password(password: str) -> None:
    (made,) = credentials_from_options([option(password=password)])
    assert base64.b64decode(made.auth).decode() == f"u:{password}"
    assert MARK not in repr(made)
    assert made.auth not in repr(made)
    for entries in (
        [option(username="", password=password)],
        [option(username="a:b", password=password)],
        [option(username="a\n", password=password)],
        [option(password=password + "\ud800")],
        [option(password=password), option(password="other")],
    ):
        with pytest.raises(InputError) as caught:
            credentials_from_options(entries)
        assert MARK not in str(caught.value)


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'{"a": "\xc3\xa4"}\r\n')
    assert read_text("config_file", str(file)) == '{"a": "ä"}\r\n'


def test_nobody_is_waited_for_at_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_text("config_file", str(tmp_path / "pipe")) == ""


def test_a_file_that_cannot_be_read_is_named_with_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_text_room, "LARGEST_FILE", 1024 * 1024)
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"ab\xff")
    large.write_bytes(b" " * (1024 * 1024 + 1))
    for path, phrase in (
        (tmp_path / "none", "does not exist on the machine where this task runs. Check the path"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, "is not UTF-8 text (byte 2). Check the path."),
        (large, "is larger than 1 MiB. Check the path."),
    ):
        with pytest.raises(HostError) as caught:
            read_text("config_file", str(path))
        assert str(caught.value).startswith(f"config_file {path} {phrase}")
