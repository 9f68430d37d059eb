# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credentials that end by themselves, what is noted of them on the Secret, and what is refused before anything is written."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

from stored_secrets import each, entry, jwt, put, raw, read, row, task

from ansible_run import Ansible
from cluster_access import Access

EXPIRES, REVISION = "pullpass.registry/expires", "pullpass.registry/revision"
AZURE = "00000000-0000-0000-0000-000000000000"
MIB = 1024 * 1024


def ecr(ends: int) -> str:
    return base64.b64encode(json.dumps({"payload": "Zauberwort", "expiration": ends}).encode()).decode()


def stamp(ends: float) -> str:
    return datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def registry(name: str, password: str, username: str = "bot", **more: str) -> dict[str, str]:
    return {"registry": f"{name}.example.com", "username": username, "password": password, **more}


def test_the_end_is_told_noted_and_follows_the_credentials(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    soon, late = int(time.time()) + 7200, int(time.time()) + 43200
    aws, token, plain = registry("aws", ecr(late), "AWS"), registry("jwt", jwt(soon)), registry("plain", "lasting-word")
    cloud = [registry("gar", "ya29.abc", "oauth2accesstoken"), registry("acr", "some-refresh-token", AZURE)]
    noted = {"purge_registries": False}

    run = ansible.tasks(
        [
            task(c2, prefix, registries=[plain, *cloud]),
            task(c2, prefix, registries=[plain, aws, token]),
            task(c2, prefix, registries=[plain, aws, token]),
            task(c2, prefix, registries=[plain, aws]),
            task(c2, prefix, registries=[token], **noted),
            task(c2, prefix, registries=[plain], **noted),
        ],
        "-vvvv",
        "--diff",
    )

    unknown, made, again, without, merged, beside = [line["result"] for line in run.results]
    warned = " ".join(unknown["warnings"])
    assert "gar.example.com expires after 1 hour at most" in warned
    assert "acr.example.com expires after about 3 hours at most" in warned
    assert "plain" not in warned
    assert unknown["expires"] is None
    assert f"jwt.example.com expires at {stamp(soon)}" in " ".join(made["warnings"])
    assert f"aws.example.com expires at {stamp(late)}" in " ".join(made["warnings"])
    assert [one["expires"] for one in (made, again, without, merged, beside)] == [
        stamp(soon), stamp(soon), stamp(late), stamp(soon), None
    ]  # fmt: skip
    assert [row(one)[0] for one in (made, again, without, merged, beside)] == [
        "updated", "unchanged", "updated", "updated", "unchanged"
    ]  # fmt: skip
    # the first of all that are there, merged ones included
    assert read(c2, prefix).metadata.annotations == {EXPIRES: stamp(soon)}
    assert "Zauberwort" not in run.output


def test_a_stored_token_with_life_left_stays(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    now = int(time.time())
    first, newer = registry("a", jwt(now + 7200)), registry("a", jwt(now + 14400, "newer"))
    hour = {"refresh_before": 3600}
    other_user = registry("a", jwt(now + 14400, "newer"), "another")

    made, kept, merged, ended, fresh, other = each(
        ansible,
        [
            task(c2, prefix, registries=[first], **hour),
            task(c2, prefix, registries=[newer], **hour),
            task(c2, prefix, registries=[newer], purge_registries=False, **hour),
            task(c2, prefix, registries=[newer], refresh_before=10000),
            task(c2, prefix, registries=[registry("a", "lasting-word")]),
            task(c2, prefix, registries=[other_user], **hour),
        ],
    )

    assert [row(one)[0] for one in (made, kept, merged, ended, fresh, other)] == [
        "created", "unchanged", "unchanged", "updated", "updated", "updated"
    ]  # fmt: skip
    assert read(c2, prefix).metadata.annotations == {EXPIRES: stamp(now + 14400)}


def test_a_token_that_stays_stays_also_when_another_registry_changes(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    now = int(time.time())
    first, newer = registry("a", jwt(now + 7200)), registry("a", jwt(now + 14400, "newer"))
    other, changed = registry("b", "word-one"), registry("b", "word-two")

    _made, once, twice = each(
        ansible,
        [
            task(c2, prefix, registries=[first, other], refresh_before=3600),
            task(c2, prefix, registries=[newer, changed], refresh_before=3600),
            task(c2, prefix, registries=[newer, changed], refresh_before=3600),
        ],
    )

    assert row(once) == ("updated", "written: b.example.com")
    found = c2.document(prefix)["auths"]
    assert found["b.example.com"]["password"] == "word-two"
    assert row(twice)[0] == "unchanged", row(twice)
    assert found["a.example.com"]["password"] == first["password"], "it was rewritten though it was said to stay"
    assert read(c2, prefix).metadata.annotations == {EXPIRES: stamp(now + 7200)}


def test_revisions_are_noted_and_kept_of_others(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    one, two = registry("a", "word-one", revision="v7"), registry("b", "word-two", revision="2026-11-24")
    merge = {"purge_registries": False}
    tasks = [task(c2, prefix, registries=[one]), task(c2, prefix, registries=[two], **merge)]

    *found, spaced = each(
        ansible,
        [
            *tasks,
            tasks[1],
            task(c2, prefix, registries=[{**one, "revision": "v8"}], **merge),
            task(c2, prefix, registries=[{**one, "revision": "v 8"}]),
        ],
    )

    assert [row(result)[0] for result in found] == ["created", "updated", "unchanged", "updated"]
    assert "revision of a.example.com is not one word" in spaced["msg"]
    assert read(c2, prefix).metadata.annotations == {REVISION: "a.example.com=v8 b.example.com=2026-11-24"}


def test_a_revision_may_hold_an_equals_sign(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    merge = task(c2, prefix, registries=[registry("a", "word-one", revision="sha256=ab")], purge_registries=False)

    found = each(ansible, [merge, merge])

    assert [row(result)[0] for result in found] == ["created", "unchanged"]
    assert read(c2, prefix).metadata.annotations == {REVISION: "a.example.com=sha256=ab"}


def test_what_is_noted_goes_with_its_registry(c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    now = int(time.time())
    given = [
        registry("first", jwt(now + 7200), revision="v1"),
        registry("second", jwt(now + 14400), revision="v2"),
        registry("lasting", "lasting-word", revision="v3"),
    ]
    gone: dict[str, Any] = {"state": "absent", "purge_registries": False}

    made, removed = each(
        ansible,
        [task(c2, prefix, registries=given), task(c2, prefix, **gone, registries=[{"registry": "first.example.com"}])],
    )

    assert (row(made)[0], row(removed)[0]) == ("created", "updated")
    assert read(c2, prefix).metadata.annotations == {
        EXPIRES: stamp(now + 14400),
        REVISION: "lasting.example.com=v3 second.example.com=v2",
    }


def test_what_no_secret_can_be_is_refused_before_the_first_write(c2: Access, ansible: Ansible, prefix: str) -> None:
    small, big = f"{prefix}-small", f"{prefix}-big"
    c2.make_namespaces([small, big])
    full = f'{{"auths": {{{entry("a.example.com", "bot", "word")}}}, "filler": "{"x" * (MIB - 400)}"}}'
    put(c2, big, full)
    one = [registry("b", "word-two")]
    too_big = [registry(f"r{number}", "w" * 40_000) for number in range(20)]
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("name 'Reg_Cred' is not a valid object name", {"name": "Reg_Cred"}),
        ("name '" + "x" * 199, {"name": "x" * 254}),
        ("labels: the value of 'team' is not a valid label value", {"labels": {"team": "a b"}}),
        ("labels: the value of 'n' is not a valid label value", {"labels": {"n": 5}}),
        ("labels: '-x' is not a valid key", {"labels": {"-x": "a"}}),
        ("The option owner sets pullpass.registry/owner", {"labels": {"pullpass.registry/owner": "me"}}),
        ("owner", {"owner": "a b"}),
        ("owner is empty", {"owner": ""}),
        ("annotations: 'a b' is not a valid key", {"annotations": {"a b": "c"}}),
        ("annotations: the value of 'n' is not text", {"annotations": {"n": {"x": 1}}}),
        ("annotations are", {"annotations": {"n": "x" * 262_144}}),
        ("a Secret has at most 1048576", {"registries": too_big}),
        ("refresh_before is -1. Expected seconds", {"refresh_before": -1}),
        ("registries is an empty list", {"registries": []}),
        ("in an image name a registry needs", {"registries": [*one, {**one[0], "registry": "localregistry"}]}),
        ("state absent removes only some registries", {"registries": None, "state": "absent", "purge_registries": False}),
    ]
    audit = c2.audit()

    found = each(ansible, [task(c2, f"{prefix}-*", **{"registries": one, **options}) for _words, options in wrong])

    for (words, _options), result in zip(wrong, found, strict=True):
        assert words in result["msg"], result["msg"]
        assert "namespaces" not in result
    assert audit.writes() == []

    (merged,) = each(ansible, [task(c2, f"{prefix}-*", registries=[registry("b", "word" * 100)], purge_registries=False)])

    reported = {
        one["namespace"]: (one["action"], one["message"]) for one in merged["namespaces"] if one["namespace"] in (small, big)
    }
    assert reported[small][0] == "created"
    assert reported[big][0] == "refused"
    assert "a Secret has at most 1048576" in reported[big][1]
    assert raw(c2, big) == full
