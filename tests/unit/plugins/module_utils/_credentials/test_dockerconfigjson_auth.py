# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/dockerconfigjson: `auth` decoded as the kubelet does (semantics 1.1 and 1.7)."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import decode_auth
from hypothesis import given
from hypothesis import strategies as st

USERNAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters=":"))
PASSWORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
NOT_BASE64 = "'auth' is not base64"
NO_COLON = "contains no colon"


@pytest.mark.parametrize(
    ("auth", "username", "password"),
    [
        pytest.param("dTpwYQ==", "u", "pa", id="padded"),
        pytest.param("dTpwYQ", "u", "pa", id="unpadded"),
        pytest.param("dTpwYQ==\n", "u", "pa", id="line break at the end"),
        pytest.param("dT\r\npw\nYQ==", "u", "pa", id="line breaks inside"),
        pytest.param("dTpwYQ=\n=", "u", "pa", id="line break inside the padding"),
        pytest.param("dTpwYR==", "u", "pa", id="non-canonical bits"),
        pytest.param("OnRvaw==", "", "tok", id="no user name"),
        pytest.param("dTo=", "u", "", id="no password"),
        pytest.param("Og==", "", "", id="neither"),
        pytest.param("YTpiOmM=", "a", "b:c", id="split at the first colon"),
    ],
)
def test_what_the_kubelet_can_read(auth: str, username: str, password: str) -> None:
    assert decode_auth(auth) == (username, password)


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        pytest.param(" dTpwYQ==", NOT_BASE64, id="leading blank"),
        pytest.param("dTpwYQ== ", NOT_BASE64, id="trailing blank"),
        pytest.param("dTpw YQ==", NOT_BASE64, id="blank inside"),
        pytest.param("dTpw\tYQ==", NOT_BASE64, id="tab inside"),
        pytest.param(" ", NOT_BASE64, id="only a blank"),
        pytest.param("dTp-_w==", NOT_BASE64, id="URL-safe alphabet"),
        pytest.param("dTpwYQ=", NOT_BASE64, id="padding too short"),
        pytest.param("dTpwYQ===", NOT_BASE64, id="padding too long"),
        pytest.param("dTpwY", NOT_BASE64, id="length that nothing encodes to"),
        pytest.param("dTpwYQ==dTpwYQ==", NOT_BASE64, id="padding inside"),
        pytest.param("dTpwYQ\u00e4=", NOT_BASE64, id="not ASCII"),
        pytest.param("bm9jb2xvbg==", NO_COLON, id="no colon"),
        pytest.param("\n", NO_COLON, id="only a line break"),
    ],
)
def test_what_the_kubelet_cannot_read(auth: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_auth(auth)


@given(USERNAMES, PASSWORDS, st.booleans())
def test_decoding_gives_back_what_was_encoded(username: str, password: str, padded: bool) -> None:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    assert decode_auth(auth if padded else auth.rstrip("=")) == (username, password)


@given(st.text(alphabet="Zq7abcXYZ0189+/=-_ \n\t:", min_size=8))
def test_an_error_holds_no_part_of_the_field(text: str) -> None:
    reported = None
    try:
        decode_auth(f"Zq7{text}")
    except ValueError as error:
        reported = str(error)
    assert reported in (None, NOT_BASE64, "'auth' contains no colon between user name and password")
