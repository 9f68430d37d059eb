# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No change and no result of the pull secret's plan shows a password, or text of strangers that is fit for harm."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import LAST_APPLIED, OWNER_LABEL
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import PULL_SECRET_TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import (
    DesiredSecret,
    StoredSecret,
    stored_secret,
)
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.report import (
    ReportForm,
    diffs,
    outcome_report,
    warnings,
)
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change, Outcome
from hypothesis import given
from hypothesis import strategies as st

ACTIONS = ("created", "updated", "deleted", "unchanged", "skipped", "refused", "failed")
NEW, OLD = "Zq7", "Yw8"
# begins and ends with a mark that neither JSON nor Go's escapes change
TAIL = st.text(st.characters(exclude_categories=["Cs"]), min_size=8)


def marked(mark: str, tail: str) -> str:
    return f"{mark}{tail}{mark}"


def stored(document: bytes, labels: dict[str, str], note: str, type_: str = PULL_SECRET_TYPE) -> StoredSecret:
    metadata = {"uid": "1", "resourceVersion": "7", "labels": labels, "annotations": {LAST_APPLIED: note, "note": note}}
    return stored_secret(
        {"metadata": metadata, "type": type_, "data": {".dockerconfigjson": base64.b64encode(document).decode()}}
    )


def everything_shown(changes: list[Change]) -> str:
    outcomes = [Outcome(f"team-{index}", "regcred", change) for index, change in enumerate(changes)]
    answer = outcome_report(outcomes, ReportForm("namespaces", ACTIONS), show_all=True)
    fields = [[change.message, change.warning, change.before, change.after, change.purged] for change in changes]
    return json.dumps([answer, warnings(outcomes), diffs(outcomes), fields], ensure_ascii=False) + repr(changes)


@given(TAIL, TAIL, st.sampled_from(["auth", "parts", "bad auth", "no JSON"]))
def test_neither_the_new_nor_the_old_password_is_shown(new_tail: str, old_tail: str, form: str) -> None:
    new, old = marked(NEW, new_tail), marked(OLD, old_tail)
    auth = base64.b64encode(f"user:{old}".encode()).decode()
    entry: dict[str, Any] = {"auth": {"auth": auth}, "parts": {"username": "user", "password": old}}.get(form, {"auth": old})
    document = old.encode() if form == "no JSON" else json.dumps({"auths": {"reg.io": entry, "old.io": entry}}).encode()
    changes: list[Change] = []
    for credentials in ([Credential("reg.io", "user", new)], []):
        for adopt in (False, True):
            plan = PullSecretPlan(
                DesiredSecret("regcred", "default", adopt, credentials, {"team": "x"}, {"note": "y"}, bool(credentials))
            )
            changes.append(plan.change(None))
            for labels in ({OWNER_LABEL: "default"}, {}, {"argocd.argoproj.io/instance": "x"}):
                changes += [plan.change(stored(document, labels, old, type_)) for type_ in (PULL_SECRET_TYPE, "Opaque")]
    assert {change.action for change in changes} >= {"created", "updated", "deleted", "refused", "skipped"}
    shown_text = everything_shown(changes)
    for secret in (NEW, OLD, auth, Credential("reg.io", "user", new).auth, base64.b64encode(document).decode()):
        assert secret not in shown_text


@given(TAIL)
def test_what_is_registered_for_masking_is_the_document_and_its_base64(tail: str) -> None:
    password = marked(NEW, tail)
    plan = PullSecretPlan(DesiredSecret("regcred", "default", False, [Credential("reg.io", "user", password)]))
    document, encoded = plan.secrets
    assert json.loads(document)["auths"]["reg.io"]["password"] == password
    assert base64.b64decode(encoded).decode() == document
    body = plan.change(None).write
    assert body is not None
    assert body.body["data"][".dockerconfigjson"] == encoded


@pytest.mark.parametrize("present", [True, False], ids=["present", "absent"])
@pytest.mark.parametrize(
    "key",
    [
        pytest.param("reg\x1b[2J\n.io", id="control characters"),
        pytest.param("\ud800", id="lone surrogate"),
        pytest.param("x" * 100_000, id="very long"),
        pytest.param(f"https://user:{OLD}@other.io", id="user name and password in the key"),
    ],
)
def test_a_key_of_strangers_is_shown_but_does_no_harm(key: str, present: bool) -> None:
    credentials = [Credential("reg.io", "user", "pa")] if present else []
    plan = PullSecretPlan(DesiredSecret("regcred", "default", False, credentials, present=bool(credentials)))
    change = plan.change(stored(json.dumps({"auths": {key: {}}}).encode(), {OWNER_LABEL: "default"}, ""))
    assert len(change.purged) == 1
    for text in (*change.purged, change.message, *change.before["registries"]):
        assert text.replace("…", "").isprintable()
        assert len(text) < 600
        assert OLD not in text


def test_the_diff_names_what_changes_and_hides_what_others_noted() -> None:
    wanted = DesiredSecret("regcred", "default", True, [Credential("reg.io", "user", "pa")], {"team": "x"}, {"note": "y"})
    change = PullSecretPlan(wanted).change(stored(b'{"auths": {"reg.io": {}, "old.io": {}}}', {"team": "w"}, OLD))
    assert change.before == {
        "labels": {OWNER_LABEL: None, "team": "w"},
        "annotations": {LAST_APPLIED: "(hidden)", "note": "(hidden)"},
        "registries": {"reg.io": "(before)", "old.io": "(before)"},
    }
    assert change.after == {
        "labels": {OWNER_LABEL: "default", "team": "x"},
        "annotations": {"note": "y"},
        "registries": {"reg.io": "(after)"},
    }
