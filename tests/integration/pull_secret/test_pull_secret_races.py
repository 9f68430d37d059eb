# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others do between our look and our write: nothing of theirs is lost, and nothing is deleted that has changed."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

from meddler import Answer, Asked, meddler
from stored_secrets import OWNER, TYPE, entry, put, raw, read, results, row, rows, task

from ansible_run import Ansible
from cluster_access import Access

MANY = 20


def is_write(asked: Asked, method: str) -> bool:
    return asked.method == method and "/secrets" in asked.path and not asked.is_dry_run


def test_twenty_merges_at_once_lose_none(c2: Access, ansible: Ansible, prefix: str) -> None:
    """Each of twenty processes has planned before the first may write: where the Secret is, and where there is none."""
    there, absent = f"{prefix}-there", f"{prefix}-absent"
    c2.make_namespaces([there, absent])
    mine = {
        "registry": "{{ inventory_hostname }}.example.com",
        "username": "{{ inventory_hostname }}",
        "password": "word-{{ number }}",
    }
    put(c2, there, f'{{ "x": 1, "auths" : {{ {entry("first.example.com", "bot", "word")} }} }}')
    all_planned = {there: threading.Barrier(MANY), absent: threading.Barrier(MANY)}
    writes: Counter[str] = Counter()
    lock = threading.Lock()

    def before(asked: Asked) -> Answer | None:
        if is_write(asked, "PATCH") or is_write(asked, "POST"):
            namespace = asked.path.split("/")[4]
            with lock:
                writes[namespace] += 1
                first = writes[namespace] <= MANY
            if first:
                all_planned[namespace].wait(90)
        return None

    with meddler(c2, before) as connection:
        merge = task(c2, f"{prefix}-*", **connection, purge_registries=False, registries=[mine])
        hosts = {f"r{number:02}": {"number": number} for number in range(MANY)}
        play = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [merge]}]
        playbook = ansible.folder / "merges.json"
        playbook.write_text(json.dumps(play))
        python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        run = ansible.playbook(playbook, {"all": {"hosts": hosts, "vars": python}}, "--forks", str(MANY))

    actions = {action for result in results(run) for action, _why in rows(result).values()}
    assert actions == {"created", "updated"}, run.output
    assert len(results(run)) == MANY
    assert min(writes[there], writes[absent]) > MANY, "none came in another's way"
    wanted = {f"{host}.example.com": f"word-{number}" for number, host in enumerate(hosts)}
    for namespace, others in ((there, {"first.example.com": "word"}), (absent, {})):
        found = {key: one["password"] for key, one in c2.document(namespace)["auths"].items()}
        assert found == {**wanted, **others}
    assert raw(c2, there).startswith(f'{{ "x": 1, "auths" : {{ {entry("first.example.com", "bot", "word")},')


def relabel(access: Access, namespace: str) -> None:
    access.core.patch_namespaced_secret("regcred", namespace, {"metadata": {"labels": {OWNER: "team-red"}}})


def test_what_changed_between_plan_and_delete_is_not_deleted(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    only = f'{{"auths": {{{entry("a.example.com", "bot", "word")}}}}}'
    both = f'{{"auths": {{{entry("a.example.com", "bot", "word")}, {entry("b.example.com", "bot", "another-word")}}}}}'
    without: dict[str, Any] = {"state": "absent", "purge_registries": False, "registries": [{"registry": "a.example.com"}]}
    ways: dict[str, dict[str, Any]] = {
        "absent": {"state": "absent"},
        "last": without,
        "prune": {"prune": True, "owner": prefix, "namespaces": [f"{prefix}-chosen"]},
        "recreate": {"recreate": True},
        "grown": without,
    }
    names = {way: f"{prefix}-{way}" for way in ways}
    c2.make_namespaces([*names.values(), f"{prefix}-chosen"])
    uids = {}
    for way, namespace in names.items():
        kind = "Opaque" if way == "recreate" else TYPE
        uids[way] = put(c2, namespace, only, kind=kind, labels={OWNER: prefix if way == "prune" else "default"})
    deletes: Counter[str] = Counter()

    def before(asked: Asked) -> Answer | None:
        if is_write(asked, "DELETE"):
            namespace = asked.path.split("/")[4]
            deletes[namespace] += 1
            change = {"metadata": {"labels": {OWNER: "team-red"}}}
            grown = {"stringData": {".dockerconfigjson": both}}
            c2.core.patch_namespaced_secret("regcred", namespace, grown if namespace == names["grown"] else change)
        return None

    with meddler(c2, before) as connection:
        tasks = []
        for way, options in ways.items():
            wanted = {} if options.get("state") == "absent" else {"registries": [registry]}
            tasks.append(task(c2, names[way], **{**connection, **wanted, **options}))
        found = dict(zip(ways, results(ansible.tasks(tasks)), strict=True))

    assert deletes == dict.fromkeys(names.values(), 1)
    for way, action in {"absent": "skipped", "last": "skipped", "prune": "skipped", "recreate": "refused"}.items():
        (reported,) = [one for one in found[way]["namespaces"] if one["namespace"] == names[way]]
        assert (reported["action"], "team-red" in reported["message"]) == (action, True), reported
        assert raw(c2, names[way]) == only
    assert row(found["grown"])[0] == "updated"
    assert list(c2.document(names["grown"])["auths"]) == ["b.example.com"]
    for way, namespace in names.items():
        assert read(c2, namespace).metadata.uid == uids[way]
        assert c2.secret(namespace, "regcred-dry-run") is None


def status(code: int, reason: str, message: str) -> Answer:
    return code, json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode()


BROKEN = status(503, "ServiceUnavailable", "the server is starting")
DENIED = status(403, "Forbidden", 'secrets "regcred" is forbidden: no such thing here')
# what the creates are answered, one after the other; then the server itself answers
ANSWERS = {"broken": [BROKEN], "denied": [DENIED], "broken-denied": [BROKEN, DENIED]}


def test_a_recreate_whose_create_fails_leaves_the_old_one_there(
    c2: Access, ansible: Ansible, prefix: str, registry: dict[str, Any]
) -> None:
    names = {f"{prefix}-{way}": way for way in ANSWERS}
    c2.make_namespaces(names)
    for namespace in names:
        labels = {OWNER: "default", "example.com/kept": "yes"}
        put(c2, namespace, f'{{"auths": {{{entry("a.example.com", "bot", "word")}}}}}', immutable=True, labels=labels)
    creates: Counter[str] = Counter()

    def before(asked: Asked) -> Answer | None:
        if not is_write(asked, "POST"):
            return None
        namespace = asked.path.split("/")[4]
        creates[namespace] += 1
        answers = ANSWERS[names[namespace]]
        return answers[creates[namespace] - 1] if creates[namespace] <= len(answers) else None

    with meddler(c2, before) as connection:
        run = ansible.tasks([task(c2, f"{prefix}-*", **connection, recreate=True, registries=[registry])])

    (result,) = results(run)
    reported = rows(result)
    for namespace, way in names.items():
        action, message = reported[namespace]
        there = c2.secret(namespace)
        assert there is not None, f"{way}: the old Secret is lost; reported was: {action}, {message}"
        if way == "broken":  # it was tried again
            assert action in ("created", "replaced")
            assert list(c2.document(namespace)["auths"]) == [registry["registry"]]
        else:
            # what the server says about a write of a Secret is not repeated
            assert (action, "the old one is restored" in message, "no such thing" in message) == ("failed", True, False)
            assert list(c2.document(namespace)["auths"]) == ["a.example.com"]
            assert there["metadata"]["labels"]["example.com/kept"] == "yes"
            assert there["immutable"] is True
