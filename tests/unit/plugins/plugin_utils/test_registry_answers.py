# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What registries have said: which questions need no second asking, and what the answers mean for each host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.plugin_utils._registry_answers import Answers, batches, conclusion

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
        found.record(question, rows)
    return found


def test_users_with_a_password_are_asked_about_together_for_each_way_of_asking() -> None:
    asks = [ask([ASKING, ALICE], [ASKING, HELPED]), ask([ASKING, dict(ALICE)], [ASKING, BOB]), ask([OTHERWISE, ALICE])]
    asks += [ask([ASKING, DOCUMENT], kind="config"), ask([ASKING, "registry=r.example.com username=alice password=a"])]
    asks += [ask([ASKING, {"username": "alice", "password": "a"}]), ask([ASKING, {**ALICE, "registry": "no registry"}])]

    assert batches(asks) == [[[ASKING, ALICE], [ASKING, BOB]], [[OTHERWISE, ALICE]]]


@pytest.mark.parametrize(
    "unit",
    [
        [ASKING, ALICE],
        [ASKING, HELPED],
        [ASKING, "registry=r.example.com username=alice password=a"],
        [ASKING, {**DOCUMENT, "config": {"auths": {5: {}, "r.example.com": {}}}}],
    ],
    ids=["user", "helper", "text", "names of several types"],
)
def test_answers_survive_from_one_task_to_the_next(unit: Any) -> None:
    before = answers((unit, [row("accepted")]))

    after = Answers(before.rows)

    assert after.of(unit) == [row("accepted")]
    assert after.of([OTHERWISE, unit[1]]) is None
    assert answers().of(unit) is None


def test_what_is_not_the_same_has_not_the_same_answer() -> None:
    found = answers(([ASKING, {**DOCUMENT, "config": {"auths": {5: {}}}}], [row("accepted")]))

    assert found.of([ASKING, {**DOCUMENT, "config": {"auths": {"5": {}}}}]) is None
    assert found.of([ASKING, {**DOCUMENT, "config": {"auths": {5: []}}}]) is None


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"registry": "https://R.example.com/v2/"}, True),
        ({"registry": "r.example.com/team"}, True),
        ({"revision": "7", "email": "bob@example.com", "ca_cert": "/other.pem"}, True),
        ({"registry": "s.example.com"}, False),
        ({"endpoint": "s.example.com"}, False),
        ({"username": "bobby"}, False),
        ({"password": "another"}, False),
    ],
)
def test_a_rejected_login_is_known_however_it_is_written(change: dict[str, str], same: bool) -> None:
    rejected, accepted = answers(([ASKING, BOB], [row("rejected")])), answers(([ASKING, BOB], [row("accepted")]))

    assert rejected.of([OTHERWISE, {**BOB, **change}]) == ([row("rejected")] if same else None)
    # another CA or time-out may be no good where the first was
    assert accepted.of([OTHERWISE, {**BOB, **change}]) is None


def test_a_login_that_only_an_image_shows_to_be_rejected_is_known() -> None:
    """Nor is it taken for that of another who may pull, or whose registry could not be asked."""
    pull = ask([ASKING, ALICE], [ASKING, BOB], [ASKING, HELPED], images=("r.example.com/a",))
    attempts = [{"username": "alice", "verdict": "denied"}, {"username": "bob", "verdict": "rejected"}]
    said = {**row("rejected", "bob is rejected"), "registry": "r.example.com", "attempts": attempts}
    found = answers(*(([ASKING, one], [row("unverifiable")]) for one in (ALICE, BOB)))

    found.record_images(pull, [said])

    assert found.of(pull) == [said]
    assert found.of([OTHERWISE, BOB]) == [said]
    assert found.of([ASKING, BOB]) == [said]
    assert found.of([ASKING, ALICE]) == [row("unverifiable")]
    assert found.of([OTHERWISE, ALICE]) is None
    assert conclusion(ask([ASKING, BOB]), found, "warn")["refusal"] == "bob is rejected"


def test_each_host_gets_the_answers_about_its_own() -> None:
    found = answers(
        ([ASKING, ALICE], [row("accepted")]),
        ([ASKING, BOB], [row("rejected", "no bob")]),
        ([OTHERWISE, ALICE], [row("unreachable", "nobody there")]),
    )

    assert conclusion(ask([ASKING, ALICE]), found, "fail") == {"refusal": "", "warnings": [], "undecided": []}
    assert conclusion(ask([ASKING, ALICE], [ASKING, BOB]), found, "warn")["refusal"] == "no bob"
    doubt = {"warnings": ["nobody there"], "undecided": [{"registry": "r.example.com", "reason": "nobody there"}]}
    assert conclusion(ask([OTHERWISE, ALICE]), found, "warn") == {"refusal": "", **doubt}
    assert conclusion(ask([OTHERWISE, ALICE]), found, "accept") == {"refusal": "", **doubt}
    assert conclusion(ask([OTHERWISE, ALICE]), found, "fail") == {"refusal": "nobody there", **doubt}


def test_the_registry_in_doubt_is_named_as_it_was_given_unless_an_image_proved_the_login() -> None:
    """What a row says has passed through Ansible's masking: it names no registry, and proves nothing."""
    pull = ask([ASKING, ALICE], images=("r.example.com/a",))
    doubts = {}
    for registry in ("r.********.com", "r.example.com"):
        login = {"registry": registry, "username": "alice"}
        proof = {"verdict": "pullable", **login}
        found = answers(([ASKING, ALICE], [{**row("unverifiable"), **login}]), (pull, [{**row("pullable"), "attempts": [proof]}]))
        doubts[registry] = conclusion(pull, found, "warn")["undecided"]

    assert doubts == {"r.********.com": [{"registry": "r.example.com", "reason": "unverifiable"}], "r.example.com": []}
    assert conclusion(ask([ASKING, ALICE]), found, "warn")["undecided"] == doubts["r.********.com"]


def test_what_could_not_be_asked_is_refused() -> None:
    assert conclusion(ask([ASKING, ALICE]), answers(), "warn")["refusal"] == "no request was sent to the registries"


def test_images_that_cannot_be_pulled_are_refused() -> None:
    pull = ask([ASKING, ALICE], images=("r.example.com/a",))
    found = answers(([ASKING, ALICE], [row("accepted")]), (pull, [row("pullable"), row("not_found", "no such tag")]))

    assert conclusion(pull, found, "warn") == {"refusal": "no such tag", "warnings": [], "undecided": []}


@pytest.mark.parametrize("verdict", ["rejected", "********", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "re********", "$REDACTED$"])
def test_a_login_whose_verdict_is_masked_is_not_sent_again(verdict: str) -> None:
    """The password is part of the word ``rejected``, and Ansible masks it there."""
    spelt_otherwise = [OTHERWISE, {**ALICE, "registry": "https://r.example.com/v2/"}]

    assert answers(([ASKING, ALICE], [row(verdict)])).of(spelt_otherwise) == [row(verdict)]


@pytest.mark.parametrize(
    ("user", "registry"), [("alice", "r.example.com"), ("al********", "r.example.com"), ("alice", "r.$REDACTED$.com")]
)
def test_nor_is_one_that_is_rejected_for_an_image_under_a_masked_name(user: str, registry: str) -> None:
    found = Answers({})
    attempt = {"username": user, "verdict": "rejected"}
    found.record_images(ask([ASKING, ALICE]), [{**row("rejected"), "registry": registry, "attempts": [attempt]}])

    assert found.of([OTHERWISE, ALICE])
    assert not found.of([OTHERWISE, {**ALICE, "registry": "s.example.com"}])


def test_an_unverified_login_whose_registry_is_masked_is_refused() -> None:
    """The masked name would match no entry of the Secret, and a usable one would be replaced."""
    document = [ASKING, DOCUMENT]
    found = answers((document, [{**row("unreachable", "no answer"), "registry": "r.********.com", "username": "alice"}]))

    assert conclusion(ask(document, kind="config"), found, "warn")["refusal"] == "no answer"
    assert conclusion(ask(document, kind="config"), found, "accept")["refusal"] == ""
