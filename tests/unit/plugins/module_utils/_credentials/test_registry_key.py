# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/registry_key: names of registries, and when two keys are one to the kubelet (semantics 1.3 to 1.7)."""

from __future__ import annotations

import re

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import (
    HUB,
    canonical_registry,
    comparison_key,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

MARK = "Zq7"
PASSWORDS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8).map(lambda end: MARK + end)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.builds(
    lambda labels, port: ".".join(labels) + (f":{port}" if port else ""),
    st.lists(LABELS, min_size=2, max_size=4),
    st.one_of(st.none(), st.integers(min_value=1, max_value=65535)),
)


@pytest.mark.parametrize(
    "written",
    [
        "docker.io",
        "index.docker.io",
        "Docker.IO",
        " docker.io\n",
        "https://docker.io/",
        "http://index.docker.io",
        "https://index.docker.io/v1/",
        "https://index.docker.io/v1",
        "https://index.docker.io/v2/",
        "HTTPS://index.docker.io/v1/",
    ],
)
def test_every_name_of_docker_hub_gets_the_one_key_that_works_everywhere(written: str) -> None:
    assert canonical_registry(written) == HUB == "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("written", "key"),
    [
        pytest.param("ghcr.io", "ghcr.io", id="host"),
        pytest.param("reg.example.com:5000", "reg.example.com:5000", id="port"),
        pytest.param("reg.example.com:443", "reg.example.com:443", id="default port stays: the kubelet compares text"),
        pytest.param("REG.Example.com", "reg.example.com", id="lower case"),
        pytest.param("https://ghcr.io", "ghcr.io", id="https"),
        pytest.param("http://ghcr.io/", "ghcr.io", id="http and slash"),
        pytest.param("https://ghcr.io/v2/", "ghcr.io", id="API version"),
        pytest.param("https://ghcr.io/v2", "ghcr.io", id="API version without slash"),
        pytest.param("ghcr.io/v1/team", "ghcr.io/team", id="API version before a path"),
        pytest.param("ghcr.io/v2x", "ghcr.io/v2x", id="path that only begins like a version"),
        pytest.param("reg.io/team/", "reg.io/team", id="path"),
        pytest.param("reg.io/a_b/c__d/e-f.g", "reg.io/a_b/c__d/e-f.g", id="all separators of a path"),
        pytest.param("docker.io/acme", "docker.io/acme", id="path on Docker Hub"),
        pytest.param("https://index.docker.io/acme", "index.docker.io/acme", id="path on an alias of Docker Hub"),
        pytest.param("https://registry-1.docker.io/v2/", "registry-1.docker.io", id="the Hub's server, a registry of its own"),
        pytest.param("registry.hub.docker.com/x", "registry.hub.docker.com/x", id="the Hub's old server"),
        pytest.param("https://hub.docker.com/", "hub.docker.com", id="the Hub's site"),
        pytest.param("localhost", "localhost", id="localhost"),
        pytest.param("registry:5000", "registry:5000", id="short name with port"),
        pytest.param("[::1]:5000", "[::1]:5000", id="IPv6"),
        pytest.param("*.example.com", "*.example.com", id="wildcard label"),
        pytest.param("r_g.io", "r_g.io", id="underscore"),
    ],
)
def test_a_registry_is_stored_under(written: str, key: str) -> None:
    assert canonical_registry(written) == key


@pytest.mark.parametrize(
    ("written", "phrases"),
    [
        pytest.param("", ("host is missing", "Give host[:port]"), id="empty"),
        pytest.param("https://", ("host is missing", "Give host[:port]"), id="scheme alone"),
        pytest.param("/team", ("'/team'", "host is missing"), id="path alone"),
        pytest.param("[0]", ("'[0]'", "not a host name"), id="brackets without an IPv6 address"),
        pytest.param("ftp://reg.io", ("'ftp://reg.io'", "not a host name", "Give host[:port]"), id="other scheme"),
        pytest.param("reg.io:port", ("'reg.io:port'", "not a host name"), id="port is no number"),
        pytest.param("reg.io:65536", ("'reg.io:65536'", "not a host name"), id="port too large"),
        pytest.param("reg io", ("'reg io'", "not a host name"), id="blank"),
        pytest.param("::1:5000", ("not a host name",), id="IPv6 without brackets"),
        pytest.param("-reg.io", ("not a host name",), id="begins with a dash"),
        pytest.param("reg.io.", ("not a host name",), id="ends with a dot"),
        pytest.param("registry", ("needs a dot or a port", "docker.io/registry/app", "Give its full name"), id="short"),
        pytest.param("reg.io/app:1", ("path 'app:1'", "no tag"), id="tag"),
        pytest.param("reg.io/app@sha256:00", ("contains '@'", "only images have digests"), id="digest"),
        pytest.param("reg.io/App", ("path 'App'", "upper case letters", "Write reg.io/app."), id="upper-case path"),
        pytest.param("GHCR.io/MyOrg", ("path 'MyOrg'", "Write ghcr.io/myorg."), id="upper-case path and host"),
        pytest.param("https://hub.docker.com/_/alpine", ("a web page. Write docker.io/library/alpine ",), id="a page of the Hub"),
        pytest.param("https://hub.docker.com/r/Acme/App", ("a web page. Write docker.io/acme/app ",), id="another"),
        pytest.param("reg.io/*", ("path '*'", "wildcard"), id="wildcard path"),
        pytest.param("reg.io/a//b", ("path 'a//b'",), id="empty part of a path"),
        pytest.param("user@reg.io", ("contains '@'", "Give a user name in username"), id="user name"),
    ],
)
def test_what_is_no_registry_is_refused_with_a_way_out(written: str, phrases: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        canonical_registry(written)
    message = str(caught.value)
    assert "registry" in message
    for phrase in phrases:
        assert phrase in message


@given(
    PASSWORDS,
    st.sampled_from(["user:{}@reg.io", "https://user:{}@reg.io", "https://user:{}@reg.io/team", "user:{}@docker.io"]),
)
def test_a_password_inside_a_registry_is_never_repeated(password: str, form: str) -> None:
    """Base64 and tokens hold slashes, so what stands before '@' may reach over the first of them."""
    with pytest.raises(InputError) as caught:
        canonical_registry(form.format(password))
    assert MARK.lower() not in str(caught.value).lower()


@given(st.text(alphabet="abz019.:/-_*@[]% \\?\n", max_size=40))
def test_a_key_of_ours_is_stable_and_means_itself(written: str) -> None:
    """What was accepted once is accepted again and gives the same, and no two of our keys are one to the kubelet."""
    try:
        key = canonical_registry(written)
    except InputError:
        return
    assert canonical_registry(key) == key
    assert comparison_key(key) == key


@given(HOSTS, st.sampled_from(["https://{}", "http://{}", "https://{}/", "https://{}/v1/", "http://{}/v2/", "{}/"]))
def test_scheme_slash_and_version_make_no_other_key(host: str, form: str) -> None:
    assert comparison_key(form.format(host)) == comparison_key(host) == canonical_registry(form.format(host))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("docker.io", HUB, id="Hub, canonical name"),
        pytest.param("index.docker.io", HUB, id="Hub, index"),
        pytest.param("https://index.docker.io/v2/", HUB, id="Hub, other version"),
        pytest.param("https://docker.io/acme", "docker.io/acme", id="Hub, path"),
        pytest.param("http://reg.io:5000/v2/", "reg.io:5000", id="port"),
        pytest.param("https://reg.io/v2/team", "reg.io/team", id="path behind the version"),
    ],
)
def test_keys_that_serve_the_same_images_are_one(one: str, other: str) -> None:
    assert comparison_key(one) == comparison_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("https://index.docker.io/v1", HUB, id="Hub without the slash, which the kubelet never uses"),
        pytest.param("registry-1.docker.io", HUB, id="Hub's host, which the kubelet never uses"),
        pytest.param("hub.docker.com", HUB, id="Hub's site, which the kubelet never uses"),
        pytest.param("index.docker.io/acme", "docker.io/acme", id="path below index.docker.io, which no image has"),
        pytest.param("index.docker.io:", HUB, id="Hub with an empty port is not the fallback"),
        pytest.param("REG.io", "reg.io", id="upper case"),
        pytest.param("HTTPS://reg.io", "reg.io", id="upper-case scheme"),
        pytest.param("https://reg.io/v2", "reg.io", id="version without slash"),
        pytest.param("reg.io/team/", "reg.io/team", id="slash at the end of a path"),
        pytest.param("reg.io:443", "reg.io", id="default port"),
        pytest.param("*.example.com", "reg.example.com", id="wildcard"),
        pytest.param(" reg.io", "reg.io", id="leading blank"),
        pytest.param("reg.io/v1/v1/", "reg.io/v1/", id="the version is cut once"),
    ],
)
def test_keys_that_the_kubelet_tells_apart_stay_apart(one: str, other: str) -> None:
    assert comparison_key(one) != comparison_key(other)


def test_messages_show_no_control_character() -> None:
    with pytest.raises(InputError) as caught:
        canonical_registry("reg\x1b[2J.io")
    assert re.search(r"[\x00-\x1f\x7f]", str(caught.value)) is None
