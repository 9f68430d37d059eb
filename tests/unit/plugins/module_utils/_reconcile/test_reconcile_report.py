# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_reconcile/report: rows, counts, one sentence and grouped diffs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.report import (
    ReportForm,
    diffs,
    outcome_report,
    warnings,
)
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change, Outcome, Write

ACTIONS = ("created", "updated", "deleted", "unchanged", "skipped", "refused", "failed")


def outcome(namespace: str, action: str, message: str = "", **rest: Any) -> Outcome:
    return Outcome(namespace, "regcred", Change(action, message, **rest), "Secret")


def result(*outcomes: Outcome, show_all: bool = False) -> dict[str, Any]:
    return outcome_report(outcomes, ReportForm("namespaces", ACTIONS), show_all)


def test_everything_is_counted_and_what_is_as_it_should_be_has_no_row() -> None:
    answer = result(outcome("a", "created"), outcome("b", "unchanged"), outcome("c", "skipped", "why"))
    assert answer == {
        "changed": True,
        "failed": False,
        "msg": "1 created, 1 unchanged, 1 skipped",
        "summary": {**dict.fromkeys(ACTIONS, 0), "created": 1, "unchanged": 1, "skipped": 1},
        "namespaces": [
            {"namespace": "a", "action": "created", "message": ""},
            {"namespace": "c", "action": "skipped", "message": "why"},
        ],
    }


def test_all_rows_on_request_and_what_needs_a_person_always() -> None:
    outcomes = (outcome("a", "unchanged"), outcome("b", "unchanged", "not ours", warning="not ours"))
    assert [row["namespace"] for row in result(*outcomes)["namespaces"]] == ["b"]
    assert [row["namespace"] for row in result(*outcomes, show_all=True)["namespaces"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("action", "changed", "failed"),
    [
        ("created", True, False),
        ("updated", True, False),
        ("replaced", True, False),
        ("deleted", True, False),
        ("linked", True, False),
        ("unlinked", True, False),
        ("unchanged", False, False),
        ("skipped", False, False),
        ("failed", False, True),
        ("refused", False, True),
        ("contested", False, True),
    ],
)
def test_what_an_action_makes_of_the_task(action: str, changed: bool, failed: bool) -> None:
    answer = result(outcome("a", action))
    assert (answer["changed"], answer["failed"]) == (changed, failed)
    both = result(outcome("a", action), outcome("b", "created"), outcome("c", "failed"))
    assert (both["changed"], both["failed"]) == (True, True)


def test_the_sentence_names_each_failure_with_its_own_reason() -> None:
    answer = result(outcome("a", "created"), outcome("b", "failed", "no quota"), outcome("c", "refused", "not ours"))
    assert answer["msg"] == "1 created, 1 refused, 1 failed. b: no quota; c: not ours"
    assert result()["msg"] == "nothing is selected"


def test_the_sentence_tells_ten_failures_and_counts_the_rest() -> None:
    message = result(*(outcome(f"n{index}", "failed", f"no {index}") for index in range(12)))["msg"]
    assert message.startswith("12 failed. n0: no 0; ")
    assert message.endswith("n9: no 9; and 2 more")
    assert "n10" not in message
    assert "more" not in result(*(outcome(f"n{index}", "failed", f"no {index}") for index in range(10)))["msg"]


def test_equal_reasons_are_said_once_with_all_their_namespaces() -> None:
    names = [f"team-{letter}" for letter in "abcdefgh"]
    failures = [outcome(name, "failed", f"no right to create secrets in namespace {name} (403 Forbidden)") for name in names]
    quota = outcome("team-x", "failed", "the quota of the namespace forbids it")
    answer = result(*failures, quota, outcome("team", "failed", "no right to create secrets in namespace team-a"))
    assert answer["msg"] == (
        "10 failed. team-a, team-b, team-c, team-d, team-e, team-f, team-g, team-h: no right to create secrets (403 Forbidden); "
        "team-x: the quota of the namespace forbids it; team: no right to create secrets in namespace team-a"
    )
    ending = [outcome(name, "failed", f"namespace {name} is being deleted") for name in ("a", "b")]
    assert result(*ending)["msg"] == "2 failed. a, b: the namespace is being deleted"
    many = [outcome(f"n{index}", "failed", "no") for index in range(12)]
    assert result(*many)["msg"] == "12 failed. n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more: no"


def test_a_row_of_several_names_is_one_path_in_the_sentence() -> None:
    form = ReportForm("links", ACTIONS, columns=("namespace", "kind", "name"))
    answer = outcome_report([outcome("a", "failed", "no")], form, show_all=False)
    assert answer["msg"] == "1 failed. a/Secret/regcred: no"
    row = {"namespace": "a", "kind": "Secret", "name": "regcred", "action": "failed", "message": "no"}
    assert answer["links"] == [row]


def test_messages_are_one_line_and_cut() -> None:
    answer = result(outcome("a", "failed", "x\x1b[2J\ny" + "z" * 10_000))
    for text in (answer["msg"], answer["namespaces"][0]["message"]):
        assert text.isprintable() or "…" in text
        assert "\x1b" not in text
        assert "\n" not in text
        assert len(text) < 650


def test_each_different_warning_is_said_once_with_its_namespaces() -> None:
    outcomes = [outcome(f"n{index}", "unchanged", warning="not ours") for index in range(7)]
    outcomes += [outcome("x", "unchanged", warning="Helm"), outcome("y", "created")]
    assert warnings(outcomes) == ["in 7 namespaces (n0, n1, n2, n3, n4 and 2 more): not ours", "in namespace x: Helm"]


def test_equal_diffs_are_grouped_and_what_is_not_written_has_none() -> None:
    write = Write("create")
    outcomes = [
        outcome("a", "created", write=write, after={"b": 1, "a": {}}),
        outcome("b", "created", write=write, after={"b": 1}),
        outcome("c", "updated", write=write, before={"ä": "old"}, after={"ä": "new"}),
        outcome("d", "failed", before={"x": 1}),
        outcome("e", "unchanged"),
    ]
    first, second = diffs(outcomes)
    assert first["before_header"] == first["after_header"] == "Secret regcred in 2 namespaces (a, b)"
    assert (first["before"], json.loads(first["after"])) == ("", {"b": 1})
    assert second["after_header"] == "Secret regcred in namespace c"
    assert (second["before"], second["after"]) == ('{\n  "ä": "old"\n}\n', '{\n  "ä": "new"\n}\n')


def test_a_diff_of_many_names_lists_the_first() -> None:
    outcomes = [
        Outcome("a", f"sa{index}", Change("linked", write=Write("patch"), after={"x": 1}), "ServiceAccount") for index in range(5)
    ]
    (entry,) = diffs(outcomes)
    assert entry["after_header"] == "ServiceAccount sa0, sa1, sa2 and 2 more in namespace a"
