# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Single registries put into and taken out of a Secret on the real server, every other byte of which stays as it was."""

from __future__ import annotations

from typing import Any

from stored_secrets import KEY, auth, each, entry, put, raw, read, row, rows, task

from ansible_run import Ansible
from cluster_access import Access

HUB = "https://index.docker.io/v1/"
HERE = "registry.example.com:5000"
# as a person leaves it behind: members twice, odd white space, escapes, fields that nobody knows
BY_HAND = (
    '{\t"credsStore" : "desktop",\r\n'
    '   "auths":{ "quay.io" : {"auth":"Ym90OnF1YXk=", "x-note": {"a": [1, 2.50e0, null]}},\n'
    f'     "{HERE}"  :  {{ "auth": "{auth("bot", "old-one")}",\n "since": 2019 }},\n'
    '\n     "ghcr.io":{"password":"gh-one","username":"bot"},\n'
    '     "ghcr.io":{"auth":"Ym90OmdoLXR3bw", "email" : "a\\u0040b.example"}\n'
    "   }  ,\n"
    ' "HttpHeaders": {"X-Meta":"\\u00e9 \\/ ü"},\n'
    ' "proxies": [ 1 , 2],  "proxies": {"default" : {}}\n}\n \n'
)


def test_others_stay_byte_for_byte_and_an_equal_one_changes_nothing(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    c2.make_namespaces([prefix])
    put(c2, prefix, BY_HAND, annotations={"example.com/note": "mine"})
    given = [
        {"registry": HERE, "username": "bot", "password": "new<one>"},
        {"registry": "https://New.example.com/v2/", "username": "ci", "password": "ci-word"},
    ]
    merging = task(c2, prefix, purge_registries=False, registries=given)
    old = BY_HAND[BY_HAND.index(f'"{HERE}"') : BY_HAND.index(" }", BY_HAND.index("2019")) + 2]
    appended = '"email" : "a\\u0040b.example"}'
    expected = BY_HAND.replace(old, entry(HERE, "bot", "new<one>"))
    expected = expected.replace(appended, f"{appended},{entry('new.example.com', 'ci', 'ci-word')}")

    (merged,) = each(ansible, [merging])

    assert row(merged) == ("updated", f"written: new.example.com, {HERE}")
    assert merged["purged"] == []
    assert raw(c2, prefix) == expected
    assert read(c2, prefix).metadata.annotations == {"example.com/note": "mine"}

    before, audit = c2.versions(), c2.audit()
    same_in_another_form = {"auths": {f"https://{HERE}/v1/": {"auth": auth("bot", "new<one>")}}}
    again = each(ansible, [merging, task(c2, prefix, purge_registries=False, config=same_in_another_form)])

    assert [(row(one)[0], one["changed"]) for one in again] == [("unchanged", False)] * 2
    assert audit.writes() == []
    assert c2.versions() == before

    gone = [{"registry": "quay.io"}, {"registry": HERE}, {"registry": "never-there.example.com"}]
    removed, nothing, purged = each(
        ansible,
        [
            task(c2, prefix, state="absent", purge_registries=False, registries=gone),
            task(c2, prefix, state="absent", purge_registries=False, registries=gone),
            task(c2, prefix, registries=[registry]),
        ],
    )

    assert removed["purged"] == ["quay.io", HERE]
    assert (row(removed)[0], row(nothing)[0]) == ("updated", "unchanged")
    assert purged["purged"] == ["ghcr.io", "new.example.com"]
    assert "purged: ghcr.io, new.example.com" in row(purged)[1]
    assert list(c2.document(prefix)["auths"]) == [registry["registry"]]


def test_what_is_taken_out_leaves_the_rest_and_the_last_takes_the_secret_with_it(
    c2: Access, ansible: Ansible, prefix: str
) -> None:
    c2.make_namespaces([prefix])
    put(c2, prefix, BY_HAND)
    without: dict[str, Any] = {"state": "absent", "purge_registries": False}

    (middle,) = each(ansible, [task(c2, prefix, **without, registries=[{"registry": HERE}])])

    begin = BY_HAND.index(f'\n     "{HERE}"')
    assert row(middle)[0] == "updated"
    assert raw(c2, prefix) == BY_HAND[:begin] + BY_HAND[BY_HAND.index('\n\n     "ghcr') :]

    # a config file names the registries just as well, and which of them
    config = {"auths": {"quay.io": {"auth": auth("any", "one")}, "ghcr.io": {}}}
    preview, rest, again = each(
        ansible,
        [
            {**task(c2, prefix, **without, config=config, config_registries=["quay.io", "ghcr.io"]), "check_mode": True},
            task(c2, prefix, **without, config=config, config_registries=["quay.io", "ghcr.io"]),
            task(c2, prefix, **without, config=config, config_registries=["quay.io"]),
        ],
    )

    assert row(preview) == row(rest) == ("deleted", "it had no other registry")
    assert rest["purged"] == ["ghcr.io", "quay.io"]
    assert row(again)[0] == "unchanged"
    assert c2.secret(prefix) is None


def test_every_name_of_docker_hub_is_one_registry(c2: Access, ansible: Ansible, prefix: str) -> None:
    stored = {"docker": "docker.io", "index": "index.docker.io", "v2": "https://index.docker.io/v2/", "two": HUB}
    names = {name: f"{prefix}-{name}" for name in stored}
    c2.make_namespaces(names.values())
    for name, key in stored.items():
        other = f',\n "docker.io": {{"auth": "{auth("u", "old")}"}}' if name == "two" else ""
        put(c2, names[name], f'{{"auths": {{ "{key}" : {{"auth": "{auth("u", "old")}"}}{other}, "a.example.com": {{}} }}}}')

    same, changed = each(
        ansible,
        [
            task(
                c2,
                f"{prefix}-*",
                purge_registries=False,
                registries=[{"registry": "docker.io", "username": "u", "password": "old"}],
            ),
            task(
                c2,
                f"{prefix}-*",
                purge_registries=False,
                registries=[{"registry": "https://docker.io/v2/", "username": "u", "password": "new"}],
            ),
        ],
    )

    # a second key for the same registry is a second credential to try: it goes
    assert {name: action for name, (action, _why) in rows(same).items()} == {
        **{name: "unchanged" for name in names.values()},
        names["two"]: "updated",
    }
    assert {action for action, _why in rows(changed).values()} == {"updated"}
    for name in stored:
        assert raw(c2, names[name]) == f'{{"auths": {{ {entry(HUB, "u", "new")}, "a.example.com": {{}} }}}}'


MANGLED = {
    "list": ('{"auths": ["a"]}', "has an 'auths' that is not an object"),
    "number": ('{"auths": {"a.example.com": 5}}', "has an entry 'a.example.com' that is not an object"),
    "cut": ('{"auths": {"a.example.com": {"auth": "Ym90OnF1YX"}}}x'[:-1].replace("YX", "Y"), "'auth' is not base64"),
    "colon": ('{"auths": {"a.example.com": {"auth": "Ym90"}}}', "no colon"),
    "headers": ('{"auths": {}, "HttpHeaders": []}', "'HttpHeaders' that are not an object"),
    "twice": ('{"auths": {"a.example.com": {}}, "Auths": {"b.example.com": {}}}', "several 'auths'"),
}


def test_a_mangled_document_is_reported_and_overwritten_only_on_request(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = {name: f"{prefix}-{name}" for name in MANGLED}
    c2.make_namespaces([*names.values(), f"{prefix}-text"])
    for name, (document, _reason) in MANGLED.items():
        put(c2, names[name], document)
    # the API server takes what is no JSON under another type only
    put(c2, f"{prefix}-text", "not JSON", kind="Opaque")
    before = c2.versions()
    gone: dict[str, Any] = {"state": "absent", "purge_registries": False, "registries": [{"registry": "a.example.com"}]}

    merged, without, text = each(
        ansible,
        [
            task(c2, f"{prefix}-*", exclude_namespaces=["*-text"], purge_registries=False, registries=[registry]),
            task(c2, f"{prefix}-*", exclude_namespaces=["*-text"], **gone),
            task(c2, f"{prefix}-text", purge_registries=False, registries=[registry], recreate=True),
        ],
    )

    for name, (_document, reason) in MANGLED.items():
        for reported in (merged, without):
            action, message = rows(reported)[names[name]]
            assert (action, reason in message) == ("refused", True), message
            assert "entries cannot be merged" in message
    assert row(text)[0] == "refused"
    assert c2.versions() == before

    (replaced,) = each(ansible, [task(c2, f"{prefix}-*", exclude_namespaces=["*-text"], registries=[registry])])

    for name, (_document, reason) in MANGLED.items():
        action, message = rows(replaced)[names[name]]
        assert action == "updated"
        assert list(c2.document(names[name])["auths"]) == [registry["registry"]]
        if name != "twice":  # the kubelet reads that one
            assert reason in message
            assert "was replaced" in message


def test_a_secret_without_its_key_or_with_an_empty_document(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    documents = {"null": "null", "empty": "{ }", "auths": ' {"auths" : null , "x":1}'}
    names = {name: f"{prefix}-{name}" for name in documents}
    c2.make_namespaces([*names.values()])
    for name, document in documents.items():
        put(c2, names[name], document)

    (merged,) = each(ansible, [task(c2, f"{prefix}-*", purge_registries=False, registries=[registry])])

    assert {action for action, _why in rows(merged).values()} == {"updated"}, merged
    for name in documents:
        assert list(c2.document(names[name])["auths"]) == [registry["registry"]]
    assert raw(c2, names["auths"]).endswith(' , "x":1}')
    assert list(read(c2, names["null"]).data) == [KEY]
