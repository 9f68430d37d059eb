# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/validation: what cannot be the URL of an API server or of a proxy is refused, and a login in it is not repeated."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.validation import proxy_of, server_url
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

PASSWORD = "Zq7-secret-Zq7"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com:6443/", "https://api.example.com:6443"),
        ("https://rancher.example.com/k8s/clusters/c-m-x7_1", "https://rancher.example.com/k8s/clusters/c-m-x7_1"),
        ("https://[2001:db8::1]:6443", "https://[2001:db8::1]:6443"),
        ("https://10.0.0.1:65535", "https://10.0.0.1:65535"),
        ("HTTPS://API.example.com", "https://API.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://api.example.com.", "https://api.example.com."),
    ],
)
def test_a_server(url: str, expected: str) -> None:
    assert server_url("host", url) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://api#", "holds '?' or '#'"),
        ("https://api/#x", "holds '?' or '#'"),
        ("https://api?x=1", "holds '?' or '#'"),
        ("https://api/path?", "holds '?' or '#'"),
        ("https://[::1", "no valid host and port"),
        ("https://[::1]x:6443", "no valid host and port"),
        ("https://[api]", "no valid host and port"),
        ("https://api:", "no valid host and port"),
        ("https://api:0", "no valid host and port"),
        ("https://api:65536", "no valid host and port"),
        ("https://api:6443x", "no valid host and port"),
        ("https://a:1:2", "no valid host and port"),
        ("https://", "no valid host and port"),
        ("https:///path", "no valid host and port"),
        ("https://169%2e254.169.254", "no valid host and port"),
        ("https://api%2fpath", "no valid host and port"),
        ("https://a b", "no valid host and port"),
        ("https://api\\path", "no valid host and port"),
        ("https://api\n", "no valid host and port"),
        ("https://-api", "no valid host and port"),
        ("https://ap\u0131.example.com", "no valid host and port"),
        ("https://169\u3002254.169.254", "no valid host and port"),
        ("https://api/../x", "a path with characters that no API server uses"),
        ("https://api//x", "a path with characters that no API server uses"),
        ("https://api/%2e%2e/x", "a path with characters that no API server uses"),
        ("https://api/a;b", "a path with characters that no API server uses"),
        ("api:6443", "is not a URL"),
        ("//api", "is not a URL"),
        ("ftp://api", "is not a URL"),
        ("https:/api", "is not a URL"),
        ("", "is not a URL"),
    ],
)
def test_what_no_server_has_is_refused(url: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        server_url("host", url)
    assert str(caught.value).startswith("host '")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{PASSWORD}@api.example.com",
        f"https://user:{PASSWORD}@api.example.com#",
        f"https://user:{PASSWORD}@[::1",
        f"https://user:a/{PASSWORD}@api.example.com",
        f"user:{PASSWORD}@api.example.com",
        f"https:/user:{PASSWORD}@api.example.com",
        f"ftp://user:{PASSWORD}@api.example.com",
        f"https://user:{PASSWORD}%40api.example.com",
        f"https://api.example.com?token={PASSWORD}",
        f"https://api.example.com#{PASSWORD}",
    ],
)
def test_a_login_in_it_is_not_repeated(url: str) -> None:
    for name, check in (("host", server_url), ("proxy", lambda place, text: proxy_of(place, text + "/x y", False))):
        with pytest.raises(InputError) as caught:
            check(name, url)
        assert PASSWORD not in str(caught.value)
        if name == "host" and ("@" in url or "%40" in url):
            assert "host holds a user before '@'" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("foo", "is not the URL of a proxy"),
        ("foo:3128", "is not the URL of a proxy"),
        ("ftp://foo", "is not the URL of a proxy"),
        ("http://", "no valid host and port"),
        ("http://foo:x", "no valid host and port"),
        ("http://[::1", "no valid host and port"),
        ("http://foo/path", "more than a host and a port"),
        ("http://foo?x", "more than a host and a port"),
        ("socks5://foo:1080", "is a SOCKS proxy"),
        ("socks5h://foo:1080", "is a SOCKS proxy"),
        (f"http://u:{PASSWORD}/x@foo:3128", "Percent-encode them"),
        (f"http://u:{PASSWORD}@x@foo:99999", "no valid host and port"),
        (f"u:{PASSWORD}@foo:3128", "is not the URL of a proxy"),
    ],
)
def test_what_no_proxy_has_is_refused(url: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        proxy_of("proxy", url, socks=False)
    assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_the_login_of_a_proxy_becomes_a_header_and_stands_in_no_url() -> None:
    plain = proxy_of("proxy", "http://proxy.example.com:3128", socks=False)
    assert (plain.url, plain.authorization, plain.secrets) == ("http://proxy.example.com:3128", "", ())
    proxy = proxy_of("proxy", "https://ann:p%2Fw%C3%A9@proxy.example.com:3128/", socks=False)
    assert proxy.url == "https://proxy.example.com:3128/"
    assert base64.b64decode(proxy.authorization.partition("Basic ")[2]).decode() == "ann:p/wé"
    assert {"p%2Fw%C3%A9", "p/wé"} <= set(proxy.secrets)
    assert "p%2F" not in repr(proxy)
    assert proxy_of("proxy", "socks5://ann:pw@proxy.example.com:1080", socks=True).url == "socks5://ann:pw@proxy.example.com:1080"
