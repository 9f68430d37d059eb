# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/validation: names, labels and annotations are refused here as the API server would refuse them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.validation import (
    check_annotations,
    check_labels,
    check_object_name,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError


@pytest.mark.parametrize("name", ["a", "regcred", "reg-cred.v2", "0", "a.b-c.d", "x" * 253])
def test_a_dns_subdomain_is_a_name(name: str) -> None:
    check_object_name("name", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "RegCred",
        "reg_cred",
        "-reg",
        "reg-",
        ".reg",
        "reg.",
        "a..b",
        "a.-b",
        "reg cred",
        "reg\n",
        "größe",
        "a/b",
        "x" * 254,
    ],
)
def test_what_is_no_dns_subdomain_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_object_name("secrets", name)
    message = str(caught.value)
    assert message.startswith("secrets '")
    assert "is not a valid object name. Use lower case letters" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("team", "payments", id="plain"),
        pytest.param("example.com/team", "A.b-c_9", id="prefix"),
        pytest.param("Team_x.y-z", "", id="empty value"),
        pytest.param("k" * 63, "v" * 63, id="as long as may be"),
        pytest.param("p" * 253 + "/k", "v", id="long prefix"),
    ],
)
def test_a_label_that_the_server_takes(key: str, value: str) -> None:
    check_labels("labels", {key: value})
    check_annotations("annotations", {key: value})


@pytest.mark.parametrize(
    "key",
    ["", "-a", "a-", "a b", "k" * 64, "/a", "a/", "a/b/c", "Example.com/a", "p" * 254 + "/a", "a\n", "ä"],
)
def test_a_key_that_the_server_refuses(key: str) -> None:
    for check, option in ((check_labels, "labels"), (check_annotations, "annotations")):
        with pytest.raises(InputError) as caught:
            check(option, {"good": "x", key: "x"})
        assert str(caught.value).startswith(f"{option}: '")
        assert "Expected [domain/]name" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [True, 1, None, "a b", "-a", "a-", "v" * 64, "a\n", "a/b", "ä", ["a"]],
    ids=repr,
)
def test_a_value_that_can_be_no_label_is_refused_by_its_key(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_labels("labels", {"team": value})
    assert str(caught.value).startswith("labels: the value of 'team' is not a valid label value. It must be text (quote numbers")


@pytest.mark.parametrize("value", [True, 1, None, {"a": "b"}], ids=repr)
def test_an_annotation_that_is_no_text_is_refused_by_its_key(value: Any) -> None:
    with pytest.raises(InputError, match=r"annotations: the value of 'note' is not text. Quote it"):
        check_annotations("annotations", {"note": value})


def test_annotations_hold_any_text_up_to_256_kib_together() -> None:
    check_annotations("annotations", {"note": "two\nlines {{7*7}}", "other": "\ud800"})
    check_annotations("annotations", {"a": "x" * (128 * 1024 - 1), "b": "x" * (128 * 1024 - 1)})
    with pytest.raises(InputError, match=r"annotations are 262145 bytes together.*at most 262144"):
        check_annotations("annotations", {"a": "x" * (128 * 1024 - 1), "b": "x" * (128 * 1024)})
    with pytest.raises(InputError, match="bytes together"):
        check_annotations("annotations", {"a": "ä" * (128 * 1024)})
