# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_text: a URL is shown without a login, and a path only where it is one."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import networks_option
from ansible_collections.pullpass.registry.plugins.module_utils._registry.connection import no_response
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import (
    origin_of,
    realm_refusal,
    realms_option,
    registry_origin,
)
from ansible_collections.pullpass.registry.plugins.module_utils._text import (
    NOT_A_PATH,
    has_user_information,
    is_plausible_path,
    shown_path,
    shown_url,
)
from hypothesis import given
from hypothesis import strategies as st

PASSWORD = "Zq7secretZq7"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com:6443/k8s", "https://api.example.com:6443/k8s"),
        ("api.example.com:6443", "api.example.com:6443"),
        ("[::1]:6443", "[::1]:6443"),
        (f"https://user:{PASSWORD}@api.example.com/k8s", "https://api.example.com/k8s"),
        (f"user:{PASSWORD}@api.example.com", "api.example.com"),
        (f"https:/user:{PASSWORD}@api.example.com", "api.example.com"),
        (f"https:user:{PASSWORD}@api.example.com", "api.example.com"),
        (f"https:///user:{PASSWORD}@api.example.com", "https://api.example.com"),
        (f"https:\\\\user:{PASSWORD}@api.example.com", "api.example.com"),
        (f"user:{PASSWORD}@https://api.example.com", "https://api.example.com"),
        (f"https://user:a/{PASSWORD}@api.example.com", "https://api.example.com"),
        (f"https://user:1/{PASSWORD}?#@api.example.com", "https://api.example.com"),
        (f"https://user:{PASSWORD}\n@api.example.com", "https://api.example.com"),
        (f"https://user:{PASSWORD}%40api.example.com", "https://api.example.com"),
        (f"https://user:{PASSWORD}\uff20api.example.com", "https://api.example.com"),
        (f"socks5://user:{PASSWORD}@proxy:1080", "socks5://proxy:1080"),
        (f"https://api.example.com/?token={PASSWORD}", "https://api.example.com/…"),
        (f"https://api.example.com#{PASSWORD}", "https://api.example.com…"),
    ],
)
def test_a_url_is_shown_without_what_can_hold_a_login(url: str, expected: str) -> None:
    assert shown_url(url) == expected
    assert has_user_information(url) == any(sign in url for sign in ("@", "%40", "\uff20"))


@given(st.text(max_size=30), st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_nothing_before_the_last_at_sign_is_shown(before: str, password: str, after: str) -> None:
    secret = f"Zq{password}7"
    assert secret not in shown_url(f"{before}{secret}@{after.replace(secret, '')}", 10_000)


PATHS = [
    "/etc/pullpass/config.json",
    "~/.kube/config",
    "config.json",
    "../secrets/prod.yml",
    "/home/a b/größe.pem",
    "/runner/env/tmp_1/awx_42_x:/home/u/.kube/config",
    "/nix/store/0c0a7hqv4yfq1f3a1xkqj2b6v3d4m5n6-ca-bundle/ca.crt",
    "/tmp/pytest-of-root/pytest-1/test_a_very_long_name_of_a_tes0/config",
    "/var/run/secrets/..2024_01_01_00_00_00.123456/ca.crt",
    "C.UTF-8",
]
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
DOCUMENT = json.dumps({"auths": {"reg.io": {"auth": base64.b64encode(b"u:pw").decode()}}})
KUBECONFIG = "apiVersion: v1\nclusters: []\n"


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_shown(path: str) -> None:
    assert shown_path(path) == path


@pytest.mark.parametrize(
    "content",
    [
        DOCUMENT,
        str(json.loads(DOCUMENT)),
        PEM,
        PEM.replace("\n", ""),
        KUBECONFIG,
        "token: " + PASSWORD,
        base64.b64encode(DOCUMENT.encode()).decode(),
        base64.b64encode(PEM.encode()).decode(),
        base64.b64encode(KUBECONFIG.encode()).decode(),
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0." + "a" * 40,
        f"https://user:{PASSWORD}@api.example.com",
        f"user:{PASSWORD}@api.example.com",
        "x" * 401,
        "a\0b",
        "",
        {"auths": {}},
        None,
    ],
)
def test_what_is_no_path_is_not_repeated(content: object) -> None:
    assert shown_path(content) == NOT_A_PATH
    assert not isinstance(content, str) or not is_plausible_path(content)


LOGINS = [
    f"https://user:{PASSWORD}@mirror.example.com",
    f"https://user:{PASSWORD}@mirror.example.com/path",
    f"https://user:{PASSWORD}@mirror.example.com:99999",
    f"https://user:a/{PASSWORD}@mirror.example.com",
    f"user:{PASSWORD}@mirror.example.com:5000",
    f"https:user:{PASSWORD}@mirror.example.com",
    f"ftp://user:{PASSWORD}@mirror.example.com",
    f"https://user:{PASSWORD}@[::1",
    f"https://user:{PASSWORD}%40mirror.example.com",
    f"https://mirror.example.com?token={PASSWORD}",
    f"https://mirror.example.com#{PASSWORD}",
]


@pytest.mark.parametrize("url", LOGINS)
def test_no_option_for_a_registrys_address_repeats_a_login(url: str) -> None:
    refusals = []
    for use in (
        lambda: registry_origin("reg.io", url, False),
        lambda: realms_option([url]),
        lambda: networks_option("allow_addresses", [url]),
    ):
        with pytest.raises(InputError) as caught:
            use()
        refusals.append(str(caught.value))
    refusals.append(realm_refusal(url, origin_of("https://reg.io"), frozenset()))
    refusals.append(str(no_response(ValueError(url), url.replace("https", "gopher"), 3)))
    refusals.append(str(no_response(ValueError(f"Invalid header value b'{url}'"), "https://reg.io", 3)))
    for message in refusals:
        assert message
        assert PASSWORD not in message
    if "@" in url:
        assert "endpoint of reg.io contains a user before '@'" in refusals[0]
