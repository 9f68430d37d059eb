# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_registry/origin: one reading of a URL for the check and for the request."""

from __future__ import annotations

import urllib.request
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import parse_address
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("HTTPS://Registry.TEST:00443/v2/a%2fb?q=%40@#f@g", "https://registry.test/v2/a%2fb?q=%40@"),
        ("http://registry.test:?x", "http://registry.test?x"),
        ("https://0x7F.1:5000/", "https://0x7f.1:5000/"),
        ("https://[::FFFF:127.0.0.1]:443", "https://[::ffff:127.0.0.1]"),
        ("https://my_registry-1.test./", "https://my_registry-1.test./"),
        ("https://xn--bcher-kva.test", "https://xn--bcher-kva.test"),
    ],
)
def test_what_is_requested(url: str, written: str) -> None:
    assert str(parse_address(url)) == written


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169%2e254.169.254/", "not a DNS name"),
        ("https://\uff11\uff16\uff19.254.169.254/", "not ASCII"),
        ("https://b\u00fccher.test/", "xn--"),
        ("http\u017f://registry.test/", "no scheme"),
        ("https://127.0.0.1./", "ends in a number"),
        ("https://registry.08/", "ends in a number"),
        ("https://1.2.3.4.0x/", "ends in a number"),
        ("https://[fe80::1%eth0]/", "zone"),
        ("https://[v1.x]/", "brackets"),
        ("https://[::1]x/", "more than a host"),
        ("https://[::1][::2]/", "more than a host"),
        ("https://::1/", "more than a host"),
        ("https://registry.test:+443/", "more than a host"),
        ("https://registry.test:\uff1443/", "more than a host"),
        ("https://registry.test:65536/", "65535"),
        ("https://Zq7secret@registry.test/", "user name"),
        ("https://registry.test\\@tokens.test/", "backslash"),
        ("https://registry.test/\r\nX: y", "control character"),
        ("<URL:https://registry.test/>", "no scheme"),
        ("https://a..b/", "not a DNS name"),
        ("https:///x", "not a DNS name"),
    ],
)
def test_what_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_address(url)
    assert "Zq7secret" not in str(caught.value)


@given(
    st.text(alphabet=st.sampled_from("ab1.:@/?#%[]\\-_0x\uff12\u3002\u00e9 \t\r\n5e2f"), max_size=24).map("https://{}".format)
    | st.text(max_size=30).map("http://{}".format)
)
@example("https://169%2e254.169.254/")
@example("https://\uff11\uff16\uff19.254.169.254/")
def test_every_library_reads_the_same_host(url: str) -> None:
    try:
        address = parse_address(url)
    except ValueError:
        return
    request, parts, origin = urllib.request.Request(str(address)), urlsplit(str(address)), address.origin
    assert request.host == origin.authority
    assert parts.hostname == origin.host
    connection = HTTPConnection(request.host)
    assert connection.host.strip("[]") == origin.host
    assert parse_address(str(address)) == address
    assert origin.host.isascii()
    assert "%" not in origin.host
