# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/redact: no form of a remembered secret passes, wherever the text is cut."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials import redact
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import (
    MASK,
    WITHHELD,
    foreign_text,
    remember_body,
    remember_secrets,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact_index import Index
from hypothesis import given
from hypothesis import strategies as st

SECRETS = {
    "plain": "Tr0ubadour-Kx9",
    "quotes": "Qu0te'and\"both7x",
    "odd": "L1ne\nbr€ak%41{{ y }}$z",
    "looks like base64": "c2VjcmV0Zm9yYWxs",
    "backslashes": "a\\nb\\x41\\u0041c/Z9",
    "edges": "%%Sign5ful!%!",
    "Cyrillic": "Пароль-Секрет",
    "HTML": "A<b>&amp;c'D9e",
    "NUL and lone": "ab\x00cdefgh\x7fxyz",
}


def b64(text: str, before: int = 0) -> str:
    return base64.b64encode(b"xyz"[:before] + text.encode() + b"tail").decode()


def urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(b"?" + text.encode() + b"~~").decode()


def go_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def document(text: str) -> str:
    auth = base64.b64encode(f"user:{text}".encode()).decode()
    return json.dumps({"auths": {"r.example.com": {"password": text, "auth": auth}}})


FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "lower case": str.lower,
    "JSON": json.dumps,
    "JSON with signs as they are": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of Go": go_json,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"p": text})),
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "URL, nothing safe": lambda text: quote(text, safe=""),
    "URL, slash safe": quote,
    "URL, path of Go": lambda text: quote(text, safe="$&+,/:;=@"),
    "URL, lower hex": lambda text: quote(text, safe="").lower(),
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "HTML without quotes": lambda text: html.escape(text, quote=False),
    "HTML by number": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "HTML by hexadecimal number": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "HTML of JSON": lambda text: html.escape(json.dumps(text)),
    "list of halves": lambda text: json.dumps([text[:5], text[5:]]),
    "list of characters": lambda text: repr(list(text)),
    "two lines": lambda text: f"{text[:6]}\n    {text[6:]}",
    **{f"base64 at {before}": partial(b64, before=before) for before in range(3)},
    "base64, URL-safe": urlsafe,
    "base64, URL-safe, quoted": lambda text: quote(urlsafe(text), safe=""),
    "base64, lines": lambda text: base64.encodebytes(b"x" * 50 + text.encode()).decode(),
    "base64, lower case": lambda text: b64(text, 1).lower(),
    "base64 of a document": lambda text: b64(document(text)),
    "base64 of base64 of a document": lambda text: b64(b64(document(text), 2), 1),
    "base64 of an auth, list": lambda text: repr([b64(text, 1)[:9], b64(text, 1)[9:]]),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal with blanks": lambda text: text.encode().hex(" ").upper(),
    "bytes of Go": lambda text: "[" + " ".join(map(str, text.encode())) + "]",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_each_form_of_a_secret_is_masked(secret: str, form: Callable[[str], str]) -> None:
    remember_secrets([secret])
    written = form(secret)
    for limit in (15, 30, 45, 400):
        shown = foreign_text(f"it is {written} and bad", limit)
        assert shown.startswith("it is"), shown
        assert secret[-4:] not in shown
        assert secret[:4] not in shown
    assert MASK in shown
    rest = shown.removeprefix("it is ").removesuffix(" and bad").replace(MASK, "")
    # what is left of a base64 text are the characters of its neighbours, of a list its signs
    assert len([char for char in rest if char.isalnum()]) <= 12, shown


@pytest.mark.parametrize("cut", [0, 3, 9])
@pytest.mark.parametrize("form", [str, json.dumps, b64, lambda text: b64(document(text)), lambda text: quote(text, safe="")])
def test_a_part_of_a_secret_that_the_server_has_cut_is_masked(form: Callable[[str], str], cut: int) -> None:
    secret = "Kn8#vPq2/Lz5-Wt9xHc4+Rm7"
    remember_secrets([secret])
    written = form(secret)
    for piece in (written[cut:], written[: len(written) - cut], written[cut : len(written) - cut]):
        shown = foreign_text(f"cut: {piece}", 1000)
        for start in range(len(secret) - 11):
            assert secret[start : start + 11] not in shown
        for offset in range(4):
            run = "".join(char for char in shown[5:] if char.isalnum() or char in "+/")[offset:]
            assert secret[8:16].encode() not in base64.b64decode(run[: len(run) // 4 * 4])


@pytest.mark.parametrize("secret", ["x", "ab", "a1b", "pass", "\"'", "é7"])
@pytest.mark.parametrize("form", [str, json.dumps, repr, lambda text: quote(text, safe=""), html.escape, b64])
def test_a_text_with_a_short_secret_is_not_repeated(secret: str, form: Callable[[str], str]) -> None:
    remember_secrets([secret])
    assert foreign_text(f"QQQ {form(secret)} QQQ") == WITHHELD


def test_a_text_without_the_short_secret_stays() -> None:
    remember_secrets(["a1b", "pw"])
    assert foreign_text('namespaces "team-a" not found') == 'namespaces "team-a" not found'


@pytest.mark.parametrize("secret", ["$%&/()=?!", "!!!!!", "€€€€€", "\n\n--\n--"])
def test_a_secret_without_letters_is_masked(secret: str) -> None:
    remember_secrets([secret])
    for form in (str, json.dumps, repr, html.escape, lambda text: quote(text, safe=""), b64):
        shown = foreign_text(f"it is {form(secret)} .")
        assert MASK in shown
        assert " ".join(secret.split()) not in shown


@pytest.mark.parametrize("secret", ["abcde", "Zq7xy1", "s3cr3t7"])
def test_a_secret_of_few_characters_is_masked(secret: str) -> None:
    remember_secrets([secret])
    forms: list[Callable[[str], str]] = [
        str,
        str.upper,
        *[partial(b64, before=n) for n in range(3)],
        lambda text: b64(document(text)),
    ]
    for form in forms:
        assert foreign_text(f"it is {form(secret)} .", 400) == f"it is {MASK} ."


def test_other_text_stays() -> None:
    key = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQ" + "x7K" * 500,
    }
    remember_secrets(["", " ", "long enough", json.dumps(key), "Tr0ubadour-Kx9"])
    text = 'secrets "regcred" is forbidden: User "system:serviceaccount:team-a:ci" cannot get resource "secrets" in API group ""'
    assert foreign_text(text) == text
    remember_body({"kind": "Secret", "data": {".dockerconfigjson": base64.b64encode(document("Zq7-x").encode()).decode()}})
    assert foreign_text(text) == text


def test_all_that_a_body_holds_is_remembered_but_names() -> None:
    entry = {"username": "stranger", "password": "Fr3mdes-Wort", "auth": base64.b64encode(b"stranger:Fr3mdes-Wort").decode()}
    text = json.dumps({"auths": {"other.example.com": entry, "third.example.com": {"identitytoken": "T0ken-of-third"}}})
    data = base64.b64encode(text.encode()).decode()
    applied = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"x": base64.b64encode(b"0ld-one!").decode()}})
    }
    body: dict[str, Any] = {
        "metadata": {"annotations": applied},
        "data": {".dockerconfigjson": data},
        "stringData": {"y": "An0ther-one"},
    }
    remember_body(body)
    written = json.dumps({**body, "text": [text, "other.example.com", "stranger"]})
    shown = foreign_text(written, 5000)
    for word in (
        "Fr3mdes",
        entry["auth"][9:],
        data[:20],
        data[40:60],
        "T0ken",
        "An0ther",
        base64.b64encode(b"0ld-one!").decode()[:8],
    ):
        assert word not in shown
    assert "other.example.com" in shown
    assert "stranger" in shown


def test_large_texts_and_large_secrets_take_no_more_than_linear_time() -> None:
    words = {f"r{n}.example.com": {"password": f"p{n}-{'x7' * 3}{n * 7919}"} for n in range(8000)}
    body = {"data": {".dockerconfigjson": base64.b64encode(json.dumps({"auths": words}).encode()).decode()}}
    start = time.process_time()
    remember_body(body)
    half = time.process_time()
    shown = foreign_text("no: " + json.dumps(body) * 2, 1 << 21)
    assert half - start < 3
    assert time.process_time() - half < 6
    assert len(shown) < 100
    start = time.process_time()
    foreign_text("abcdefgh/" * 130_000, 200)
    assert time.process_time() - start < 2


def test_what_lies_behind_the_part_that_is_read_is_not_shown() -> None:
    secret = "Tr0ubadour-Kx9"
    remember_secrets([secret])
    for shift in range(len(secret)):
        assert "Tr0u" not in foreign_text("x" * shift + secret * 20_000)


@given(st.text(min_size=1, max_size=30), st.text(max_size=200))
def test_no_text_raises(secret: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redact, "_index", Index())
        remember_secrets([secret])
        shown = foreign_text(text + secret + text)
        assert shown.isprintable()
        if len(secret) > 4 and secret.isascii() and secret.isalnum():
            assert secret not in shown.replace(WITHHELD, "")
