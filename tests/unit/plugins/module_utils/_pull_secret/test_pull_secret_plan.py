# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_pull_secret/plan: what is wanted and what is there -> one change."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import (
    LAST_APPLIED,
    MANAGED_BY_LABEL,
    OWNER_LABEL,
    Seen,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import PULL_SECRET_TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import (
    DesiredSecret,
    StoredSecret,
    stored_secret,
)
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change, Write

ONE = Credential("reg.io", "u", "pa")
GOOD = {"auths": {"reg.io": {"auth": "dTpwYQ=="}}}
OTHER = {"auths": {"reg.io": {"auth": "dTpvbGQ="}}}
OURS = {OWNER_LABEL: "default"}
HELM = {"meta.helm.sh/release-name": "app"}

NO_JSON = "its document, which is not JSON (unexpected character at line 1, column 1), was replaced; written: reg.io"


def plan(*credentials: Credential, owner: str = "default", adopt: bool = False, **rest: Any) -> PullSecretPlan:
    return PullSecretPlan(DesiredSecret("regcred", owner, adopt, credentials, present=bool(credentials), **rest))


def stored(document: Any = None, labels: dict[str, str] | None = None, **rest: Any) -> StoredSecret:
    """A Secret as the API server sends it: ours and good, unless the arguments say otherwise."""
    document = GOOD if document is None else document
    metadata: dict[str, Any] = {"name": "regcred", "namespace": "team-a", "uid": "1", "resourceVersion": "7"}
    metadata.update(labels=OURS if labels is None else labels, annotations=rest.pop("annotations", None))
    metadata.update(ownerReferences=rest.pop("owners", None))
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    data = {".dockerconfigjson": base64.b64encode(text).decode()}
    return stored_secret({"metadata": metadata, "type": PULL_SECRET_TYPE, "data": data, **rest})


def write_of(change: Change) -> Write:
    assert change.write is not None
    return change.write


def test_what_is_not_there_is_created_with_our_marks() -> None:
    change = plan(ONE, labels={"team": "x"}, annotations={"note": "y"}).change(None)
    document = b'{"auths":{"reg.io":{"username":"u","password":"pa","auth":"dTpwYQ=="}}}'
    assert change.action == "created"
    assert write_of(change) == Write(
        "create",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "regcred",
                "labels": {OWNER_LABEL: "default", MANAGED_BY_LABEL: "pullpass.registry", "team": "x"},
                "annotations": {"note": "y"},
            },
            "type": PULL_SECRET_TYPE,
            "data": {".dockerconfigjson": base64.b64encode(document).decode()},
        },
    )


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(stored(), id="equal"),
        pytest.param(stored(labels={**OURS, "else": "x", MANAGED_BY_LABEL: "other"}), id="labels of others stay"),
        pytest.param(stored(annotations={"else": "x"}), id="annotations of others stay"),
        pytest.param(stored(b' {"auths" : {"https://reg.io/v2/": {"password": "pa", "username": "u"}}}\n'), id="same meaning"),
        pytest.param(stored(immutable=True), id="immutable"),
    ],
)
def test_a_secret_of_ours_that_says_what_is_wanted_costs_nothing(there: StoredSecret) -> None:
    assert plan(ONE).change(there) == Change("unchanged")


@pytest.mark.parametrize(
    ("there", "message", "purged"),
    [
        pytest.param(stored(OTHER), "written: reg.io", (), id="another password"),
        pytest.param(
            stored({"auths": {**GOOD["auths"], "b.io": {}, "a.io": {}}}),
            "purged: a.io, b.io",
            ("a.io", "b.io"),
            id="purge",
        ),
        pytest.param(stored({"auths": {"a.io": {}}}), "written: reg.io; purged: a.io", ("a.io",), id="one comes and one goes"),
        pytest.param(stored(b"no JSON"), NO_JSON, (), id="no JSON"),
        pytest.param(
            stored(data={}),
            "its document, which has no .dockerconfigjson, was replaced; written: reg.io",
            (),
            id="no key",
        ),
    ],
)
def test_a_document_that_differs_is_patched_under_guard(there: StoredSecret, message: str, purged: tuple[str, ...]) -> None:
    change = plan(ONE).change(there)
    write = write_of(change)
    assert (change.action, change.message, change.purged) == ("updated", message, purged)
    assert (write.verb, write.seen) == ("patch", Seen("1", "7"))
    assert write.body == {"metadata": {}, "data": {".dockerconfigjson": plan(ONE).secrets[1]}}


@pytest.mark.parametrize(
    "other",
    [pytest.param("dTpwYQ==", id="same password"), pytest.param("dTpvbGQ=", id="another password")],
)
def test_a_second_key_for_one_registry_is_removed_and_named(other: str) -> None:
    change = plan(ONE).change(stored({"auths": {"https://reg.io": {"auth": other}, **GOOD["auths"]}}))
    assert change.action == "updated"
    assert "reg.io" in change.message


def test_labels_and_annotations_are_patched_without_the_document() -> None:
    there = stored(labels={**OURS, "team": "old", "else": "z"}, annotations={"note": "old"})
    change = plan(ONE, labels={"team": "x"}, annotations={"note": "y", "new": "z"}).change(there)
    assert write_of(change).body == {"metadata": {"labels": {"team": "x"}, "annotations": {"note": "y", "new": "z"}}}
    assert change.message == "metadata: team, note, new"


def test_labels_of_an_immutable_secret_may_change_and_its_content_may_not() -> None:
    assert plan(ONE, labels={"team": "x"}).change(stored(immutable=True)).action == "updated"
    change = plan(ONE).change(stored(OTHER, immutable=True))
    assert (change.action, change.write) == ("refused", None)
    assert "immutable" in change.message
    assert "Use another name" in change.message


def test_a_wrong_type_is_refused_even_with_the_right_content() -> None:
    change = plan(ONE).change(stored(type="Opaque"))
    assert (change.action, change.write) == ("refused", None)
    assert change.message.startswith(f"the Secret has type Opaque, not {PULL_SECRET_TYPE}, and cannot be changed. Set recreate")


STRANGERS = [
    pytest.param({"labels": {}}, "created by somebody else", id="no label"),
    pytest.param({"labels": {OWNER_LABEL: "other"}}, "belongs to owner 'other', not 'default'", id="another owner"),
    pytest.param({"annotations": HELM}, "managed by Helm", id="Helm, with our label"),
    pytest.param({"labels": {}, "owners": [{"kind": "SealedSecret", "name": "s"}]}, "SealedSecret s", id="ownerReference"),
]


@pytest.mark.parametrize(("there", "phrase"), STRANGERS)
def test_a_strangers_secret_that_would_have_to_change_is_refused(there: dict[str, Any], phrase: str) -> None:
    for wanted in (plan(ONE), plan(ONE, labels={"team": "x"})):
        change = wanted.change(stored(OTHER, **there))
        assert (change.action, change.write, change.warning) == ("refused", None, "")
        assert phrase in change.message
    assert ("set adopt" in change.message) is ("managed by" not in change.message)
    assert plan(ONE, labels={"team": "x"}).change(stored(GOOD, **there)).action == "refused"


@pytest.mark.parametrize(("there", "phrase"), STRANGERS)
def test_a_strangers_secret_that_says_what_is_wanted_is_only_warned_about(there: dict[str, Any], phrase: str) -> None:
    annotations = {**there.get("annotations", {}), LAST_APPLIED: "{}"}
    change = plan(ONE).change(stored(GOOD, **{**there, "annotations": annotations}))
    assert (change.action, change.write) == ("unchanged", None)
    assert phrase in change.warning
    assert change.warning.endswith("the next change will be refused")


@pytest.mark.parametrize(("there", "phrase"), STRANGERS)
def test_a_strangers_secret_is_not_removed(there: dict[str, Any], phrase: str) -> None:
    change = plan().change(stored(**there))
    assert (change.action, change.write) == ("skipped", None)
    assert phrase in change.message
    assert "it was not removed" in change.message


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param({}, "adopted from nobody; metadata: ", id="no label"),
        pytest.param({OWNER_LABEL: "other"}, "adopted from other; metadata: ", id="another owner"),
    ],
)
def test_adopting_sets_our_label_and_takes_the_last_applied_configuration_out(labels: dict[str, str], message: str) -> None:
    change = plan(ONE, adopt=True).change(stored(labels=labels, annotations={LAST_APPLIED: "{}", "else": "x"}))
    assert change.action == "updated"
    assert write_of(change).body == {"metadata": {"labels": OURS, "annotations": {LAST_APPLIED: None}}}
    assert change.message == f"{message}{OWNER_LABEL}, {LAST_APPLIED}"
    assert plan(adopt=True).change(stored(labels=labels)).action == "deleted"


@pytest.mark.parametrize("there", [{"annotations": HELM}, {"labels": {}, "owners": [{"kind": "X", "name": "y"}]}])
def test_adopt_does_not_take_what_a_tool_manages(there: dict[str, Any]) -> None:
    assert plan(ONE, adopt=True).change(stored(OTHER, **there)).action == "refused"
    assert plan(adopt=True).change(stored(**there)).action == "refused"
    change = plan(ONE, adopt=True).change(stored(**there))
    assert (change.action, bool(change.warning)) == ("unchanged", True)


def test_a_last_applied_configuration_on_a_secret_of_ours_is_removed() -> None:
    change = plan(ONE).change(stored(annotations={LAST_APPLIED: "{}"}))
    assert write_of(change).body == {"metadata": {"annotations": {LAST_APPLIED: None}}}


def test_absent_removes_ours_under_guard_and_lists_the_purged_keys() -> None:
    change = plan().change(stored({"auths": {"z.io": {}, "a.io": {}}}))
    assert (change.action, change.purged) == ("deleted", ("a.io", "z.io"))
    assert write_of(change) == Write("delete", {}, Seen("1", "7"))
    assert plan().change(None) == Change("unchanged")
    assert plan().change(stored(b"no JSON", type="Opaque", immutable=True)).action == "deleted"
