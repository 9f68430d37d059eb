# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pull_secret asks the registries before it writes: what they say decides whether anything is written at all."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.modules import image_access_info
from stored_secrets import jwt
from verify_modules import results
from verify_support import TokenLog, auths, entry, played, secret, trust, verdicts

from ansible_run import Ansible
from cluster_access import Access, Audit
from lab import Lab
from registry_servers import Registry, basic, error, login
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]


def writing(access: Access, namespace: str, **options: Any) -> tuple[str, dict[str, Any]]:
    given = {"name": "regcred", "namespaces": [namespace], **access.connection, **options}
    return "pull_secret", {name: value for name, value in given.items() if value is not None}


def writes_in(audit: Audit, namespace: str) -> list[str]:
    return [one["verb"] for one in audit.writes() if namespace in json.dumps(one.get("objectRef") or {})]


def everywhere(row: dict[str, Any]) -> set[str]:
    documented = yaml.safe_load(image_access_info.RETURN)
    return set(documented["images" if "image" in row else "logins"]["contains"])


@pytest.mark.parametrize("check", [False, True], ids=["run", "check mode"])
def test_each_verdict_decides_whether_anything_is_written(
    lab: Lab, c2: Access, ansible: Ansible, serve: Serving, prefix: str, check: bool
) -> None:
    basic_host, bearer_host = (lab.registry(name).host for name in ("basic", "bearer"))
    user = f"{prefix}-nobody"
    busy = serve(Registry(script={"*": error(429, "TOOMANYREQUESTS", "", ("Retry-After", "30"))}))
    open_to_all = serve(Registry())
    down = {"registry": "127.0.0.1:9", "username": "someone", "password": "a-long-word"}
    good, bearer = entry(lab), entry(lab, "bearer")
    to_busy = {**down, "registry": busy.authority, "ca_cert": str(serve.authority.pem)}
    to_all = {**down, "registry": open_to_all.authority, "ca_cert": str(serve.authority.pem)}
    image, remedy = lab.images["bearer"], "set verify_undecided to warn"
    stop, doubt = (
        "nothing was written: the registries do not accept the credentials. ",
        "nothing was written: the registries could",
    )
    undecided = {"verify_undecided": "warn"}
    cases: dict[str, tuple[dict[str, Any], list[str]]] = {
        # what is written, with the verdicts; what is not, with the words of the error
        "login": ({"verify": "login", "registries": [good, bearer]}, []),
        "pull": ({"verify": "pull", "registries": [good, bearer], "images": [image, lab.images["basic"], image]}, []),
        "beside": ({"verify": "pull", "registries": [good, bearer], "images": [image]}, []),
        "stranger": ({"verify": "login", "registries": [entry(lab, "bearer", "stranger")]}, []),
        "warned": ({"verify": "login", "registries": [good, down, to_busy], **undecided}, []),
        "unasked": ({"registries": [entry(lab, "bearer", f"{user}-unasked")]}, []),
        "wrong": (
            {"verify": "login", "registries": [good, entry(lab, "bearer", user)], **undecided},
            [stop, f"user {user}: rejected. {bearer_host} rejects the credential (401)", "Renew it"],
        ),
        "denied": (
            {"verify": "pull", "registries": [entry(lab, "bearer", "stranger")], "images": [image], **undecided},
            [stop, f"image {image} (user stranger): denied. {bearer_host} accepts the credential", "Grant the right"],
        ),
        "not-found": (
            {"verify": "pull", "registries": [good], "images": [f"{basic_host}/team/app:none"], **undecided},
            [stop, f"image {basic_host}/team/app:none (user puller): not_found. {basic_host} has no such tag", "Check the name"],
        ),
        "wrong-beside": (
            {"verify": "pull", "registries": [good, entry(lab, "bearer", f"{user}-beside")], "images": [lab.images["basic"]]},
            [stop, f"user {user}-beside: rejected"],
        ),
        "unmatched": (
            {"verify": "pull", "registries": [good], "images": [lab.images["basic"], image], "allow_addresses": ["127.0.0.0/8"]},
            [stop, f"image {image}: no_credentials", "Give a credential"],
        ),
        "down": (
            {"verify": "login", "registries": [good, down]},
            [doubt, "user someone: unreachable. https://127.0.0.1:9", remedy],
        ),
        "busy": ({"verify": "login", "registries": [to_busy]}, [doubt, "accepts no more requests for now (429)", remedy]),
        "open": ({"verify": "login", "registries": [to_all]}, [doubt, "requires no credential", remedy]),
        "down-and-wrong": (
            {"verify": "login", "registries": [down, entry(lab, "bearer", f"{user}-too")], **undecided},
            [stop, f"user {user}-too: rejected", "127.0.0.1:9 refuses"],
        ),
        "imageless": ({"verify": "pull", "registries": [good]}, ["verify is pull, and images is empty. Name images"]),
    }  # fmt: skip
    names = {name: f"{prefix}-{name}" for name in cases}
    c2.make_namespaces(names.values())
    audit, log = c2.audit(), TokenLog(lab)

    found = results(
        ansible,
        *(writing(c2, names[name], **{**trust(lab), **options}) for name, (options, _words) in cases.items()),
        check=check,
    )

    by_name = dict(zip(cases, found, strict=True))
    for name, (_options, words) in cases.items():
        result = by_name[name]
        assert result.get("failed", False) is bool(words), (name, result)
        for part in words:
            assert part in result["msg"], (name, part, result["msg"])
        if not words:
            assert result["summary"]["created"] == 1, (name, result)
        # a refusal shows what was found as well as a success does
        rows = [row for part in ("logins", "images") for row in result.get("verification", {}).get(part, [])]
        assert bool(rows) is (name not in ("unasked", "imageless")), (name, result)
        assert all(row.keys() == everywhere(row) for row in rows)
        assert (c2.secret(names[name]) is not None) is (not words and not check), name
        dry = [one for one in audit.writes() if names[name] == (one.get("objectRef") or {}).get("namespace")]
        assert len(dry) == (0 if words else 1), name
        assert "dryRun=All" in dry[0]["requestURI"] if dry and check else True
    shown = {name: by_name[name]["verification"] for name in cases if by_name[name].get("verification")}
    assert verdicts(shown["login"], "logins") == ["accepted", "accepted"]
    assert (verdicts(shown["pull"]), verdicts(shown["pull"], "logins")) == (["pullable", "pullable"], [])
    assert (verdicts(shown["beside"]), verdicts(shown["beside"], "logins")) == (["pullable"], ["accepted"])
    assert verdicts(shown["wrong-beside"], "logins") == ["rejected"]
    assert by_name["unasked"]["verification"] == {}
    warned = by_name["warned"]["warnings"]
    assert any(one.startswith("not verified: user someone: unreachable. https://127.0.0.1:9") for one in warned)
    assert any("(429)" in one for one in warned)
    assert len([one for one in warned if one.startswith("not verified")]) == 2
    # a rejected login is not sent again, and one that nobody asks to verify not at all
    assert [len(log.of(one)) for one in (user, f"{user}-too", f"{user}-beside", f"{user}-unasked")] == [1, 1, 1, 0]


def test_an_unverified_credential_costs_no_namespace_the_one_that_works(
    lab: Lab, c2: Access, ansible: Ansible, prefix: str
) -> None:
    """By the module's own question, and by an earlier task's; in check mode, too."""
    down = {"registry": "127.0.0.1:9", "username": "someone", "password": "a-new-Zauberwort"}
    good = entry(lab)
    kept = auths(**{"127.0.0.1:9": ("someone", "an-old-Zauberwort"), good["registry"]: (good["username"], good["password"])})
    names = {name: f"{prefix}-{name}" for name in ("kept", "typo", "empty", "absent")}
    c2.make_namespaces(names.values())
    stored = {
        "kept": kept,
        # as when the name of the registry is misspelt: the entry that works would be dropped
        "typo": auths(**{good["registry"]: (good["username"], good["password"])}),
        "empty": json.dumps({"auths": {"127.0.0.1:9": {}}}),
    }
    for name, document in stored.items():
        c2.apply({**secret(names[name], "regcred", document), "metadata": {
            "name": "regcred", "namespace": names[name], "labels": {"pullpass.registry/owner": "default"}}})  # fmt: skip
    one = {**trust(lab), "verify": "login", "registries": [down], "namespaces": list(names.values())}
    undecided = {"registries": [down], "unverified": [{"registry": "127.0.0.1:9", "reason": "said by an earlier task"}]}
    elsewhere = {"registries": [down], "unverified": [{"registry": "never.example", "reason": "masked, perhaps"}]}
    audit = c2.audit()

    checked, reported, foreign, stopped = results(
        ansible,
        writing(c2, prefix, **one, verify_undecided="warn"),
        writing(c2, names["kept"], **undecided, verify_undecided="warn"),
        writing(c2, names["kept"], **elsewhere, verify_undecided="warn"),
        writing(c2, names["kept"], **undecided),
        check=True,
    )  # fmt: skip
    warned, accepted, again = results(
        ansible,
        writing(c2, prefix, **one, verify_undecided="warn"),
        writing(c2, prefix, **one, verify_undecided="accept"),
        writing(c2, prefix, **one, verify_undecided="warn"),
    )

    for result in (checked, warned):
        rows = {row["namespace"]: row["action"] for row in result["namespaces"] if row["namespace"].startswith(prefix)}
        assert rows == {
            names["kept"]: "refused", names["typo"]: "refused", names["empty"]: "updated", names["absent"]: "created",
        }  # fmt: skip
        assert result["failed"] is True
        for words in ("replace the usable login for 127.0.0.1:9", "drop the usable login for", "set verify_undecided to accept"):
            assert words in result["msg"], result["msg"]
        assert any("not verified: user someone: unreachable" in one for one in result["warnings"])
    assert reported["summary"]["refused"] == foreign["summary"]["refused"] == 1
    assert any("not verified: said by an earlier task" in one for one in reported["warnings"])
    assert "said by an earlier task" in stopped["msg"]
    assert "to accept" in stopped["msg"]
    assert (accepted["summary"]["updated"], accepted["summary"]["unchanged"]) == (2, 2)
    # nothing to change: nothing to warn of
    assert (again["changed"], again["summary"]["unchanged"]) == (False, 4)
    assert not [one for one in again.get("warnings", []) if "not verified" in one]
    assert [writes_in(audit, names[name]).count("patch") for name in ("kept", "typo")] == [1, 1]
    assert all("Zauberwort" not in json.dumps(one) for one in (checked, reported, foreign, stopped, warned, accepted, again))


def test_what_may_also_push_and_who_is_not_known_gets_a_warning(lab: Lab, c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    pusher = {**entry(lab, "bearer", "pusher"), "validate_certs": False}
    options = {"registries": [pusher], "images": [lab.images["bearer"]], "verify": "pull", **trust(lab)}

    run = played(ansible, [writing(c2, prefix, **options)])

    result = run.of("pull_secret")
    assert result["summary"]["created"] == 1
    warned = " ".join(result["warnings"])
    assert f"user pusher may also push to team/app at {lab.registry('bearer').host}" in warned
    assert "is not verified" in warned


def test_from_a_secret_of_the_cluster(lab: Lab, c2: Access, ansible: Ansible, prefix: str) -> None:
    host, user = lab.registry("bearer").host, f"{prefix}-nobody"
    names = [f"{prefix}-{name}" for name in ("good", "wrong", "local")]
    c2.make_namespaces([prefix, *names])
    c2.apply(
        secret(prefix, "good", auths(**{host: ("puller", lab.users["puller"])})),
        secret(prefix, "wrong", auths(**{host: (user, "a-wrong-Zauberwort")})),
    )
    audit = c2.audit()
    options = {"verify": "login", **trust(lab)}

    good, wrong, local = results(
        ansible,
        writing(c2, names[0], from_secret={"namespace": prefix, "name": "good"}, **options),
        writing(c2, names[1], from_secret={"namespace": prefix, "name": "wrong"}, **options),
        # what a Secret names, the caller did not name
        writing(c2, names[2], from_secret={"namespace": prefix, "name": "good"}, **{**options, "realms": []}),
    )

    assert good["summary"]["created"] == 1
    assert verdicts(good["verification"], "logins") == ["accepted"]
    assert f"user {user}: rejected. {host} rejects" in wrong["msg"]
    assert "a-wrong-Zauberwort" not in json.dumps(wrong)
    assert "the loopback address 127.0.0.1 is not contacted" in local["msg"]
    assert [writes_in(audit, name) for name in names] == [["create"], [], []]


def test_removal_asks_nobody_and_a_merge_asks_about_what_it_adds(
    lab: Lab, c2: Access, ansible: Ansible, serve: Serving, prefix: str
) -> None:
    ours, theirs = (serve(Registry(basic(), lambda sent: sent == login("ours", "a-long-word"))) for _number in range(2))
    c2.make_namespaces([prefix])
    stored = secret(prefix, "regcred", auths(**{theirs.authority: ("theirs", "never-asked-about")}))
    stored["metadata"]["labels"] = {"pullpass.registry/owner": "default"}
    c2.apply(stored)
    mine = {"registry": ours.authority, "username": "ours", "password": "a-long-word"}
    options = {"verify": "login", "registry_ca_cert": str(serve.authority.pem), "registries": [mine]}
    merge = {**options, "purge_registries": False}

    merged, wrong, part, gone = results(
        ansible,
        writing(c2, prefix, **merge),
        writing(c2, prefix, **{**merge, "registries": [{**mine, "password": "another-long-word"}]}),
        writing(c2, prefix, state="absent", **merge),
        writing(c2, prefix, state="absent", **options),
    )

    assert merged["summary"]["updated"] == 1
    assert "rejects the credential" in wrong["msg"]
    assert (part["summary"]["updated"], part["purged"], part["verification"]) == (1, [ours.authority], {})
    assert (gone["summary"]["deleted"], gone["verification"]) == (1, {})
    assert theirs.requests == []
    assert len(ours.with_credentials) == 2


def test_a_stored_token_stays_only_while_it_is_accepted(c2: Access, ansible: Ansible, serve: Serving, prefix: str) -> None:
    ends = time.time() + 86400
    new = jwt(ends, "new")
    tokens = {name: jwt(ends, name) for name in ("kept", "revoked", "unknown", "blind")}

    def answer(request: Any) -> Any:
        sent = request.authorization
        if sent == login("bot", tokens["unknown"]):
            return error(503, "UNAVAILABLE", "later")
        if sent in (login("bot", new), login("bot", tokens["kept"])):
            return Registry()(request)
        return error(401, "UNAUTHORIZED", "no", ("WWW-Authenticate", basic()))

    server = serve(Registry(script={"*": answer}))
    names = {name: f"{prefix}-{name}" for name in tokens}
    c2.make_namespaces(names.values())
    given = {"registry_ca_cert": str(serve.authority.pem), "refresh_before": 3600}
    at = {"registry": server.authority, "username": "bot"}
    stored = [writing(c2, names[name], registries=[{**at, "password": tokens[name]}]) for name in tokens]
    assert all(one["summary"]["created"] == 1 for one in results(ansible, *stored))
    audit, before = c2.audit(), len(server.requests)

    together = writing(c2, prefix, **given, namespaces=[names[name] for name in ("kept", "revoked", "unknown")],
                       registries=[{**at, "password": new}], verify="login", results="all")  # fmt: skip
    asked, blind = results(
        ansible, together, writing(c2, names["blind"], registries=[{**at, "password": new}], verify="none", **given)
    )

    assert {row["namespace"]: row["action"] for row in asked["namespaces"]} == {
        names["kept"]: "unchanged",
        names["revoked"]: "updated",
        names["unknown"]: "unchanged",
    }
    # its own life is all that is known of it where nobody is asked
    assert blind["summary"]["unchanged"] == 1
    assert [writes_in(audit, name) for name in names.values()] == [[], ["patch"], [], []]
    password = {name: c2.document(names[name])["auths"][server.authority]["password"] for name in tokens}
    assert password == {**tokens, "revoked": new}
    sent = [one.authorization for one in server.requests[before:] if one.authorization]
    assert sorted(sent) == sorted(login("bot", one) for one in (new, tokens["kept"], tokens["revoked"], tokens["unknown"]))
    assert all(token not in json.dumps([asked, blind]) for token in (new, *tokens.values()))
