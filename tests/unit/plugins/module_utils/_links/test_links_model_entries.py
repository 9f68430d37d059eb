# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_links/model: the option workloads -> entries, and the lists that answer them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import queries, workload_entries

UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"


def option(*entries: tuple[str, str, str | None]) -> list[dict[str, Any]]:
    """As Ansible hands it over: every suboption is there."""
    return [{"kind": kind, "name": name, "selector": selector} for kind, name, selector in entries]


@pytest.mark.parametrize(
    ("entry", "phrase"),
    [
        (("Deployment", "Shop", None), "workloads, entry 2 (Deployment): name 'Shop' is not a valid object name"),
        (("Deployment", "", None), "workloads, entry 2 (Deployment): name '' is not a valid object name"),
        (("CronJob", "*", " "), "workloads, entry 2 (CronJob): selector is an empty text"),
        (("Pod", "*", "{'app': 'web'}"), "workloads, entry 2 (Pod): selector is a mapping"),
    ],
)
def test_what_cannot_be_used_is_reported_with_its_entry(entry: tuple[str, str, str | None], phrase: str) -> None:
    with pytest.raises(InputError) as raised:
        workload_entries(option(("Deployment", "shop-*", "app"), entry))
    assert phrase in str(raised.value)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([("Deployment", "*", None)], [("Deployment", {}, True)], id="one kind"),
        pytest.param(
            [("Deployment", "a", None), ("StatefulSet", "*", None), ("Deployment", "b*", None)],
            [("Deployment", {}, True), ("StatefulSet", {}, True)],
            id="entries of one kind share a list",
        ),
        pytest.param(
            [("Deployment", "a", None), ("Deployment", "a", None)],
            [("Deployment", {"fieldSelector": "metadata.name=a"}, False)],
            id="one exact name is the server's to find",
        ),
        pytest.param([("Deployment", "a", None), ("Deployment", "b", None)], [("Deployment", {}, False)], id="two are not"),
        pytest.param(
            [("Deployment", "*", "x=1"), ("Deployment", "*", "x=2"), ("Deployment", "b*", "x=1")],
            [("Deployment", {"labelSelector": "x=1"}, False), ("Deployment", {"labelSelector": "x=2"}, False)],
            id="a list for each selector",
        ),
        pytest.param([("Pod", "*", None)], [("Pod", {"fieldSelector": UNFINISHED}, True)], id="Pods that are not over"),
        pytest.param(
            [("Pod", "a", "x=1")],
            [("Pod", {"fieldSelector": "metadata.name=a", "labelSelector": "x=1"}, False)],
            id="a Pod that is named is there though it is over",
        ),
    ],
)
def test_entries_become_as_few_lists_as_their_selectors_allow(
    entries: list[tuple[str, str, str | None]], expected: list[tuple[str, dict[str, str], bool]]
) -> None:
    found = queries(workload_entries(option(*entries)))
    assert [(query.kind, query.selectors, query.whole) for query in found] == expected


def test_a_name_matches_any_entry_of_its_list() -> None:
    (query,) = queries(workload_entries(option(("Deployment", "a", None), ("Deployment", "b-*", None))))
    assert [name for name in ("a", "ab", "b", "b-1") if query.matches(name)] == ["a", "b-1"]


def test_an_entry_is_named_as_a_person_wrote_it() -> None:
    first, second = workload_entries(option(("Deployment", "shop", None), ("Pod", "*", "a=b\n")))
    assert (str(first), str(second)) == ("Deployment shop", "Pod * (a=b )")
