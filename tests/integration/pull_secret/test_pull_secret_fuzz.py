# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Twenty thousand random documents: never a traceback, never a secret in a message, and what is not ours stays as it was."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import make_credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    Entry,
    UnreadableDocument,
    kubelet_entries,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import comparison_key
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import DesiredSecret, stored_secret
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change
from kubernetes.client.rest import ApiException
from random_documents import MARK, Documents, Made, marks
from stored_secrets import KEY, OURS, TYPE, each, put, rows, task

from ansible_run import Ansible
from cluster_access import Access

COUNT = 20_000
ON_THE_SERVER = 300
SEED = 20261124
GIVEN = [
    {"registry": "docker.io", "username": "bot", "password": f"x{MARK}1"},
    {"registry": "registry.example.com:5000", "username": "ci+bot", "password": f"{MARK}<2>"},
    {"registry": "quay.io/team", "username": "bot", "password": f"{MARK}3"},
]
CREDENTIALS = sorted(
    (make_credential("fuzz", one["registry"], one["username"], one["password"]) for one in GIVEN), key=lambda one: one.registry
)
OURS_BY_KEY = {comparison_key(one.registry): one for one in CREDENTIALS}
MERGE = DesiredSecret("regcred", "default", False, CREDENTIALS, purge=False)
WITHOUT = DesiredSecret("regcred", "default", False, present=False, purge=False, registries=[one.registry for one in CREDENTIALS])
PLANS = {"merge": PullSecretPlan(MERGE), "purge": PullSecretPlan(replace(MERGE, purge=True)), "without": PullSecretPlan(WITHOUT)}
FORBIDDEN = marks()


def step_for(plan: str, document: bytes) -> Change:
    metadata = {"uid": "u", "resourceVersion": "1", "labels": OURS}
    data = {KEY: base64.b64encode(document).decode()}
    step = PLANS[plan].change(stored_secret({"metadata": metadata, "type": TYPE, "data": data}))
    reported = repr((step.message, step.before, step.after, step.purged, step.warning)) + repr(step)
    assert not any(mark in reported for mark in FORBIDDEN), reported
    return step


def written(step: Change) -> bytes:
    assert step.write is not None
    return base64.b64decode(step.write.body["data"][KEY])


def readable(document: bytes) -> dict[str, Entry] | None:
    try:
        return kubelet_entries(document)
    except UnreadableDocument as error:
        reason = str(error)
    assert not any(mark in reason for mark in FORBIDDEN)
    return None


def others(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {key: entry for key, entry in entries.items() if comparison_key(key) not in OURS_BY_KEY}


def check(plan: str, document: bytes) -> Change:
    """What holds of any document at all."""
    found = readable(document)
    step = step_for(plan, document)
    if step.write is None:
        assert step.action == ("refused" if found is None or step.message else "unchanged")
    elif step.write.verb == "delete":
        assert plan == "without"
        assert found
        assert others(found) == {}
    else:
        after = readable(written(step))
        assert after is not None
        assert others(after) == ({} if plan == "purge" else others(found or {}))
        ours = {comparison_key(key): (entry.username, entry.password) for key, entry in after.items() if key not in others(after)}
        wanted = {key: (one.username, one.password) for key, one in OURS_BY_KEY.items()}
        assert ours == ({} if plan == "without" else wanted)
        assert len(after) == len(others(after)) + len(ours)
        assert step_for(plan, written(step)).action == "unchanged"
    return step


def check_bytes(made: Made, after: str) -> None:
    """What is not ours is where it was, byte for byte."""
    assert after.startswith(made.head)
    assert after.endswith(made.tail if made.members else made.tail.lstrip())
    kept = [piece for key, piece in made.members if comparison_key(key) not in OURS_BY_KEY]
    if kept and kept[0] != made.members[0][1]:
        # the first entry is removed or moved: the next one takes its place, behind its white space
        kept[0] = kept[0].lstrip()
    place = len(made.head)
    for piece in kept:
        place = after.index(piece, place) + len(piece)


def test_random_documents() -> None:
    documents = Documents(SEED)
    seen: dict[tuple[str, str], int] = {}
    for number in range(COUNT):
        plan = ("merge", "purge", "without", "merge")[number % 4]
        if number % 8 < 5:
            made = documents.made()
            step = check(plan, made.text.encode())
            assert step.action != "refused", step.message
            if plan != "purge" and step.action == "updated":
                check_bytes(made, written(step).decode())
        else:
            step = check(plan, documents.broken())
        seen[plan, step.action] = seen.get((plan, step.action), 0) + 1
    # the generator is of no use if it makes only one kind
    expected = [("merge", "refused"), ("merge", "updated"), ("purge", "updated")]
    expected += [("without", action) for action in ("refused", "updated", "deleted", "unchanged")]
    assert all(seen.get(case, 0) > COUNT // 200 for case in expected), seen


def test_the_real_server_gets_the_same(c2: Access, ansible: Ansible, prefix: str) -> None:
    documents = Documents(SEED + 1)
    stored: dict[str, bytes] = {}
    names = [f"{prefix}-{number:03}" for number in range(ON_THE_SERVER)]
    c2.make_namespaces(names)
    for number, name in enumerate(names):
        document = documents.broken() if number % 3 == 0 else documents.made().text.encode()
        # what is no JSON object the server refuses itself
        with suppress(ApiException):
            put(c2, name, document, labels={"pullpass.registry/owner": "default", "example.com/fuzz": prefix})
            stored[name] = document
    assert len(stored) > ON_THE_SERVER // 2

    (merged,) = each(ansible, [task(c2, f"{prefix}-*", purge_registries=False, registries=GIVEN, exclude_namespaces=None)])

    after = c2.core.list_secret_for_all_namespaces(label_selector=f"example.com/fuzz={prefix}").items
    found = {one.metadata.namespace: base64.b64decode(one.data[KEY]) for one in after}
    reported = rows(merged)
    for name, document in stored.items():
        step = step_for("merge", document)
        assert reported[name][0] == step.action, reported[name]
        assert found[name] == (written(step) if step.action == "updated" else document)
    assert not any(mark in str(merged["namespaces"]) + str(merged["msg"]) for mark in FORBIDDEN)
