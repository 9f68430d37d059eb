# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/image_reference: what is an image to the kubelet, and what is wrong with what is none (semantics 1.2, 1.7).

The rows of oracle/tables are given to the kubelet's own code too, in tests/servers/test_kubelet_oracle.py.
"""

from __future__ import annotations

import time

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import ImageReference, parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

from oracle.tables import BAD_IMAGES, IMAGES, SHA256


@pytest.mark.parametrize(("text", "parts"), IMAGES)
def test_an_image_and_its_parts(text: str, parts: tuple[str, str, str | None, str | None]) -> None:
    assert parse_image(text) == ImageReference(*parts)


@pytest.mark.parametrize(("text", "phrase"), BAD_IMAGES)
def test_what_is_no_image_says_which_part_is_wrong(text: str, phrase: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_image(text)
    assert str(caught.value).startswith("image '")
    assert phrase in str(caught.value)
    assert "Zq7" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "name", "whole"),
    [
        ("nginx", "docker.io/library/nginx", "docker.io/library/nginx"),
        ("reg.io:5000/a:1", "reg.io:5000/a", "reg.io:5000/a:1"),
        (f"reg.io/a:1@{SHA256}", "reg.io/a", f"reg.io/a:1@{SHA256}"),
        (f"index.docker.io/acme/app@{SHA256}", "docker.io/acme/app", f"docker.io/acme/app@{SHA256}"),
    ],
)
def test_its_name_and_the_whole_of_it(text: str, name: str, whole: str) -> None:
    image = parse_image(text)
    assert (image.name, str(image)) == (name, whole)


@given(st.text() | st.text("aA0.:/@_-[]%*sha256 \n", max_size=24))
def test_any_text_is_an_image_or_an_input_error(text: str) -> None:
    reported = "image ''"
    try:
        image = parse_image(text)
        assert parse_image(str(image)) == image
    except InputError as error:
        reported = str(error)
    assert len(reported.splitlines()) == 1
    assert len(reported) < 900
    assert "it is not an image reference" not in reported


@pytest.mark.parametrize("text", ["a" * 300_000, "a-" * 150_000 + "/x", "a." * 150_000 + "/x", "reg.io/" + "a_" * 150_000])
def test_no_text_takes_long(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(InputError):
        parse_image(text)
    assert time.monotonic() - start < 5
