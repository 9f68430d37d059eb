# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which questions of many hosts are put to the registries, and what the answers mean for each of them."""

from __future__ import annotations

from typing import Any

from ansible_collections.pullpass.registry.plugins.action.ask_registries import Answers, alone, judged, together

ASKING = {"ca_cert": "", "timeout": 20.0}
OTHERWISE = {"ca_cert": "/ca.pem", "timeout": 20.0}
ALICE = {"registry": "r.example.com", "username": "alice", "password": "a"}
BOB = {"registry": "r.example.com", "username": "bob", "password": "b"}
HELPED = {"registry": "r.example.com", "credential_helper": "pass"}
DOCUMENT = {"config": {"auths": {}}, "config_file": "", "config_registries": [], "resolve_helpers": False}


def ask(*units: Any, kind: str = "registries", images: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"kind": kind, "units": list(units), "images": list(images)}


def row(verdict: str, message: str = "") -> dict[str, Any]:
    return {"verdict": verdict, "message": message or verdict}


def answers(*known: tuple[Any, list[dict[str, Any]]]) -> Answers:
    found = Answers({})
    for question, rows in known:
        found.note(question, rows)
    return found


def test_users_with_a_password_are_asked_about_together_for_each_way_of_asking() -> None:
    asks = [ask([ASKING, ALICE], [ASKING, HELPED]), ask([ASKING, dict(ALICE)], [ASKING, BOB]), ask([OTHERWISE, ALICE])]
    asks.append(ask([ASKING, DOCUMENT], kind="config"))

    assert together(asks, answers()) == [(ASKING, [ALICE, BOB]), (OTHERWISE, [ALICE])]
    assert together(asks, answers(([ASKING, ALICE], [row("rejected")]))) == [(ASKING, [BOB]), (OTHERWISE, [ALICE])]


def test_what_has_no_answer_is_asked_about_by_itself_and_once() -> None:
    document = ask([ASKING, DOCUMENT], kind="config")
    asks = [ask([ASKING, ALICE], [ASKING, HELPED]), document, document]

    left = alone(asks, answers(([ASKING, ALICE], [row("accepted")])))

    assert left == [("registries", [ASKING, HELPED]), ("config", [ASKING, DOCUMENT])]


def test_answers_survive_from_one_task_to_the_next() -> None:
    before = answers(([ASKING, ALICE], [row("accepted")]))

    after = Answers(before.told())

    assert after.of([ASKING, ALICE]) == [row("accepted")]
    assert after.of([ASKING, {**ALICE, "password": "another"}]) is None
    assert [before.told()["count"], Answers({}).told()["count"]] == [1, 0]


def test_each_host_gets_the_answers_about_its_own() -> None:
    found = answers(
        ([ASKING, ALICE], [row("accepted")]),
        ([ASKING, BOB], [row("rejected", "no bob")]),
        ([OTHERWISE, ALICE], [row("unreachable", "nobody there")]),
    )

    assert judged(ask([ASKING, ALICE]), found, "fail") == {"refusal": "", "warnings": []}
    assert judged(ask([ASKING, ALICE], [ASKING, BOB]), found, "warn") == {"refusal": "no bob", "warnings": []}
    assert judged(ask([OTHERWISE, ALICE]), found, "warn") == {"refusal": "", "warnings": ["nobody there"]}
    assert judged(ask([OTHERWISE, ALICE]), found, "fail") == {"refusal": "nobody there", "warnings": ["nobody there"]}


def test_what_could_not_be_asked_is_refused() -> None:
    assert judged(ask([ASKING, ALICE]), answers(), "warn")["refusal"] == "the registries could not be asked"


def test_images_that_cannot_be_pulled_are_refused() -> None:
    pull = ask([ASKING, ALICE], images=("r.example.com/a",))
    found = answers(([ASKING, ALICE], [row("accepted")]), (pull, [row("pullable"), row("not_found", "no such tag")]))

    assert judged(pull, found, "warn") == {"refusal": "no such tag", "warnings": []}
