# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""shown_username and shown_image: texts that may be secrets are hidden, and odd names are not."""

from __future__ import annotations

import string
from random import Random

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import shown_username
from ansible_collections.pullpass.registry.plugins.module_utils._text import HIDDEN, shown_image

NAMES = [
    *["", "bot", "AWS", "ci+bot", "oauth2accesstoken", "_json_key", "_json_key_base64", "$oauthtoken", "$app", "u"],
    *["00000000-0000-0000-0000-000000000000", "gitlab+deploy-token-1234567"],
    *["robot$library+puller", "robot$a-very-long-project-name+and-a-robot", "organization+registry_robot_for_team_a"],
    *["image-puller@my-project-123456.iam.gserviceaccount.com", "firstname.lastname@example.com", "gitlab-ci-token"],
    *["productionregistryreadonly", "system-serviceaccount-default-builder-dockercfg"],
]
TOKENS = [
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "ghp_0123456789abcdefghijABCDEFGHIJ123456",
    "github_pat_11ABCDEFG0",
    "glpat-x7Ks9_2mQpL",
    "dckr_pat_Abc",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "x" * 65,
    "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "3FA85F64-5717-4562-B3FC-2C963F66AFA6",
    "dTpw",
    "Ym90OlphdWJlcndvcnQK",
    "Ym90OlphdWJlcndvcnQxMg==",
    "Ym90OlphdWJlcndvcnQxMg",
    "dTrDv8O_w78=",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown(name: str) -> None:
    assert shown_username(name, "password") == name


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_are_not(token: str) -> None:
    assert shown_username(token, "password") == HIDDEN


def test_random_tokens_are_not_but_for_a_few() -> None:
    random = Random(4)
    alphabet = string.ascii_letters + string.digits
    tokens = ["".join(random.choices(alphabet, k=40)) for _number in range(1000)]
    digests = [f"{random.getrandbits(160):040x}" for _number in range(1000)]
    assert sum(shown_username(token, "password") != HIDDEN for token in tokens + digests) < 10


@pytest.mark.parametrize(("name", "password"), [("short", "short"), ("user-Zauberwort", "Zauberwort")])
def test_a_name_that_holds_the_password_is_not(name: str, password: str) -> None:
    assert shown_username(name, password) == HIDDEN


@pytest.mark.parametrize("password", ["", "x-oauth-basic", "unused", "x", "token", "-", "X", " "])
def test_a_name_beside_no_real_password_is_not(password: str) -> None:
    assert shown_username("mytoken", password) == HIDDEN
    assert shown_username("", password) == ""


def test_control_characters_are_replaced() -> None:
    assert shown_username("a\x1b[31mb", "password") == "a?[31mb"


def test_what_stands_before_an_at_sign_of_an_image_is_not_shown_unless_a_digest_follows() -> None:
    digest = "reg.io/app@sha256:" + "0" * 64
    assert shown_image(digest) == digest
    assert shown_image("user:secret@reg.io/app") == "(hidden)@reg.io/app"
    assert "secret" not in shown_image("user:secret@" + digest)
