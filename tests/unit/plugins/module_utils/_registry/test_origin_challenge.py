# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/origin: WWW-Authenticate as registries write it, and as nobody should (semantics 5.1, RFC 9110 11.6.1)."""

from __future__ import annotations

import time

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import Challenge, parse_challenges
from hypothesis import given
from hypothesis import strategies as st

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:samalba/my-app:pull,push"'
HUB_PARSED = {
    "realm": "https://auth.docker.io/token",
    "service": "registry.docker.io",
    "scope": "repository:samalba/my-app:pull,push",
}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # the table of semantics 5.1
        (HUB, [("bearer", HUB_PARSED)]),
        (
            'bearer realm="https://a/t" , service=svc,error="insufficient_scope"',
            [("bearer", {"realm": "https://a/t", "service": "svc", "error": "insufficient_scope"})],
        ),
        (r'Basic realm="a \"b\", c"', [("basic", {"realm": 'a "b", c'})]),
        ('Bearer service="x"', [("bearer", {"service": "x"})]),
        # what registries send
        ("Basic realm=Registry", [("basic", {"realm": "Registry"})]),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        ('Basic realm="https://x.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"',
         [("basic", {"realm": "https://x.dkr.ecr.eu-west-1.amazonaws.com/", "service": "ecr.amazonaws.com"})]),
        ('Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"',
         [("bearer", {"realm": "https://public.ecr.aws/token/", "service": "public.ecr.aws", "scope": "aws"})]),
        ('BASIC realm="BASIC"', [("basic", {"realm": "BASIC"})]),
        ("Bearer realm=https://a/t?x=1&y=2,service=s", [("bearer", {"realm": "https://a/t?x=1&y=2", "service": "s"})]),
        # blanks, tabs and commas
        ('Bearer  realm = "r"\t,\tservice  =  s', [("bearer", {"realm": "r", "service": "s"})]),
        (' , ,, Bearer realm="r",, ,service="s", ,', [("bearer", {"realm": "r", "service": "s"})]),
        ('Bearer realm="r" service="s"', [("bearer", {"realm": "r", "service": "s"})]),
        ('Bearer realm="r"service="s"', [("bearer", {"realm": "r", "service": "s"})]),
        # several challenges
        ('Basic realm="a", Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        ('Basic realm="a" Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        ("Negotiate, NTLM, Basic realm=x", [("negotiate", {}), ("ntlm", {}), ("basic", {"realm": "x"})]),
        ("Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
         [("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}), ("basic", {"realm": "simple"})]),
        ("Negotiate YIIB+/._~-==, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ("NTLM TlRMTVNTUAAC=", [("ntlm", {})]),
        ("Negotiate a==", [("negotiate", {})]),
        # values
        ('Bearer realm="",service=', [("bearer", {"realm": "", "service": ""})]),
        ('Bearer service="",realm=,x=y', [("bearer", {"service": "", "realm": "", "x": "y"})]),
        # to the grammar the first of them is a token68
        ('Bearer realm=,service="s"', [("bearer", {"service": "s"})]),
        (r'Basic realm="\\\"\a\,"', [("basic", {"realm": '\\"a,'})]),
        ('Basic realm="a=b", charset="UTF-8"', [("basic", {"realm": "a=b", "charset": "UTF-8"})]),
        ('Bearer realm="r",scope="repository:a/b:pull,push repository:c/d:pull"',
         [("bearer", {"realm": "r", "scope": "repository:a/b:pull,push repository:c/d:pull"})]),
        ('Bearer REALM="r",Service="s"', [("bearer", {"realm": "r", "service": "s"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ('Bearer realm="ünïcode"', [("bearer", {"realm": "ünïcode"})]),
        ('Bearer realm="a\r\n b"', [("bearer", {"realm": "a\r\n b"})]),
        # what cannot be read ends its header
        ("", []),
        ("   ", []),
        (",,,", []),
        ('realm="x"', []),
        ('="x"', []),
        ('"Bearer" realm="x"', []),
        ("Bearer", [("bearer", {})]),
        ("Bearer realm", [("bearer", {})]),
        ('Bearer realm="unclosed', [("bearer", {})]),
        ('Bearer realm="closed", service="un', [("bearer", {"realm": "closed"})]),
        ('Bearer realm="ends with an escape\\', [("bearer", {})]),
        ('Bearer realm="r" @ service="s"', [("bearer", {"realm": "r"})]),
        ("Bearer realm='r'", [("bearer", {"realm": "'r'"})]),
        ("Bearer realm=a\"b", [("bearer", {"realm": "a"})]),
        ("\x00Bearer realm=x", []),
        ("Bearer=x", []),
    ],
)  # fmt: skip
def test_a_header(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(one.scheme, dict(one.parameters)) for one in parse_challenges([header])] == expected


def test_several_headers_keep_their_order_and_do_not_mix() -> None:
    headers = ['Basic realm="a', 'service="lost"', "Negotiate", HUB, 'Bearer realm="b"']
    assert parse_challenges(headers) == [
        Challenge("basic"),
        Challenge("negotiate"),
        Challenge("bearer", HUB_PARSED),
        Challenge("bearer", {"realm": "b"}),
    ]
    assert parse_challenges([]) == []


@pytest.mark.parametrize(
    "header",
    [
        "Bearer " * 15_000,
        'Bearer realm="' + "a" * 100_000 + '"',
        'Bearer realm="' + '\\"' * 50_000,
        "Bearer realm=" + "a" * 100_000,
        "a=" * 50_000,
        "," * 100_000 + "Bearer realm=x",
        " " * 100_000 + "Bearer realm=x",
        "Bearer" + " " * 100_000 + "=",
        "Bearer " + "a" * 100_000 + "!",
        "Bearer " + "a=" * 50_000,
        "a" * 100_000,
        "=" * 100_000,
        '"' * 100_000,
        "Bearer " + ("a" * 10 + " " * 100) * 900,
        "Bearer realm" + "\t" * 100_000 + "=x",
    ],
    ids=lambda header: header[:16],
)
def test_headers_of_100_kb_take_no_time(header: str) -> None:
    begun = time.monotonic()
    for _time in range(20):
        parse_challenges([header])
    # a pattern that goes back over what it read would take minutes
    assert time.monotonic() - begun < 10


PIECES = st.sampled_from(
    [
        "Bearer",
        "Basic",
        "realm",
        "service",
        "scope",
        "=",
        ",",
        " ",
        "\t",
        '"',
        "\\",
        "x",
        "https://a/t",
        "==",
        "@",
        "\r\n",
        "\0",
        "é",
    ]
)


@given(st.lists(st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=60)), max_size=4))
def test_any_text_is_read_without_an_error(headers: list[str]) -> None:
    for challenge in parse_challenges(headers):
        assert challenge.scheme == challenge.scheme.lower() != ""
        assert all(name == name.lower() != "" for name in challenge.parameters)


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="latin-1"), max_size=30)
CHALLENGES = st.lists(st.tuples(NAMES, st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)), max_size=4)


@given(CHALLENGES, st.sampled_from([", ", ",", " , ", ",,"]))
def test_what_is_written_by_the_rules_is_read_back(challenges: list[tuple[str, dict[str, str]]], comma: str) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    written = [
        f"{scheme} " + comma.join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    ]
    expected = [Challenge(scheme, parameters) for scheme, parameters in challenges]
    assert parse_challenges([comma.join(written)]) == expected
    assert parse_challenges(written) == expected
