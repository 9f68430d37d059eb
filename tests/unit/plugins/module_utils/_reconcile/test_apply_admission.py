# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The server's answer to a write: what admission changed is a failure that says so, without a second request."""

from __future__ import annotations

import base64
import copy
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.errors import Request
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import Chosen, Namespace
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._links.model import stored_workload
from ansible_collections.pullpass.registry.plugins.module_utils._links.plan import workload_change
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import DesiredSecret
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.run import PullSecretRequest, distribute
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.apply import apply, changed_by_admission
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.report import ReportForm, outcome_report
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import (
    Change,
    DesiredLinks,
    TargetObject,
    service_account_change,
    stored_service_account,
)
from recording_api_server import RecordingServer, recording_server

OWNER = "pullpass.registry/owner"
WORD = "Zauberwort-77"
CODED = base64.b64encode(f"bot:{WORD}".encode()).decode().rstrip("=")
CHOSEN = Chosen((Namespace("team-a"),), (), False)
Edit = Callable[[dict[str, Any]], Any]


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as recorded:
        yield recorded


def merged(one: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(one) if isinstance(one, dict) else {}
    for key, value in patch.items():
        result.pop(key, None)
        if value is not None:
            result[key] = merged(one.get(key) if isinstance(one, dict) else None, value)
    return result


def admitting(server: RecordingServer, kind: str, edit: Edit, dry_run: bool = False) -> None:
    """Writes are answered with what was written, changed by ``change`` as admission does it."""

    def answer(method: str, path: str, body: Any) -> Any:
        if method == "DELETE":
            return {"kind": "Status", "status": "Success"}
        if method not in ("POST", "PATCH"):
            return None
        stored = {} if method == "POST" else server.objects[path.partition("?")[0].split("/")[-2]][0]
        made = merged(copy.deepcopy(stored), body)
        made["kind"] = kind
        made["metadata"].update(uid="u", namespace="team-a", resourceVersion="2")
        if dry_run and method == "POST":
            del made["metadata"]["resourceVersion"]
        edit(made)
        return made

    server.override = answer


def store(server: RecordingServer, check_mode: bool = False, **wanted: Any) -> Change:
    credentials = [Credential("reg.io", "bot", WORD)]
    secret = DesiredSecret("regcred", "default", credentials=credentials, **{"adopt": False, **wanted})
    (outcome,) = distribute(server.api(), CHOSEN, PullSecretRequest(PullSecretPlan(secret)), 1, check_mode)
    assert WORD not in outcome.change.message
    assert CODED not in outcome.change.message
    answer = outcome_report([outcome], ReportForm("rows", ["created", "failed"]), show_all=True)
    assert answer["changed"] is True
    return outcome.change


def writes(server: RecordingServer) -> int:
    return len([path for path in server.paths if "fieldManager" in path])


def document(*keys: str) -> str:
    auths = {key: {"auth": base64.b64encode(f"bot:{WORD}".encode()).decode()} for key in keys}
    return base64.b64encode(json.dumps({"auths": auths}).encode()).decode()


def rewrites_data(made: dict[str, Any]) -> None:
    made["data"] = {".dockerconfigjson": document("evil.io")}


def strips_owner(made: dict[str, Any]) -> None:
    del made["metadata"]["labels"][OWNER]


def gives_it_to_argo(made: dict[str, Any]) -> None:
    made["metadata"]["labels"]["argocd.argoproj.io/instance"] = "shop"


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "dry run"])
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (rewrites_data, "data[.dockerconfigjson] has another value"),
        (lambda made: made.pop("data"), "data[.dockerconfigjson] was removed"),
        (strips_owner, f"label {OWNER} was removed"),
        (lambda made: made["metadata"]["labels"].update({OWNER: "them"}), f"label {OWNER} is now 'them'"),
        (lambda made: made["metadata"]["labels"].update(tier="b"), "label tier is now 'b'"),
        (lambda made: made["metadata"]["annotations"].update(note=WORD), "annotation note has another value"),
        (lambda made: made.update(type="Opaque"), "type is now 'Opaque'"),
        (gives_it_to_argo, "managed by Argo CD"),
        (lambda made: made["metadata"]["labels"].update(tier=CODED), "label tier is now '********'"),
        (lambda made: made["metadata"]["labels"].update({"argocd.argoproj.io/instance": CODED}), "instance: ********"),
    ],
    ids=range(10),
)
def test_a_created_secret_that_admission_changed_is_a_failure(
    server: RecordingServer, edit: Edit, words: str, check_mode: bool
) -> None:
    admitting(server, "Secret", edit, check_mode)
    change = store(server, check_mode, labels={"tier": "a"}, annotations={"note": "x"})
    assert change.action == "failed"
    assert "admission on the server changed" in change.message
    assert words in change.message
    assert (writes(server), len(server.paths)) == (1, 2)


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "dry run"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda made: None,
        lambda made: made["metadata"]["labels"].update(team="x"),
        lambda made: made["metadata"].update(annotations={"scanned": "yes"}),
        lambda made: made.update(data={".dockerconfigjson": document("reg.io")}),
    ],
    ids=["nothing", "a label more", "an annotation more", "the same in other words"],
)
def test_what_admission_only_adds_is_no_failure(server: RecordingServer, edit: Edit, check_mode: bool) -> None:
    admitting(server, "Secret", edit, check_mode)
    assert store(server, check_mode).action == "created"


def stored_item(kind: str = "kubernetes.io/dockerconfigjson", key: str = "old.io", **more: Any) -> dict[str, Any]:
    metadata = {"name": "regcred", "namespace": "team-a", "uid": "u", "resourceVersion": "1", "labels": {OWNER: "default"}}
    return {"metadata": metadata, "type": kind, "data": {".dockerconfigjson": document(key)}, **more}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (rewrites_data, "data[.dockerconfigjson] has another value"),
        (lambda made: made["metadata"]["labels"].clear(), "somebody else (no label pullpass.registry/owner)"),
    ],
    ids=["data", "owner"],
)
def test_a_patched_secret_that_admission_changed_is_a_failure(server: RecordingServer, edit: Edit, words: str) -> None:
    server.objects["secrets"] = [stored_item()]
    admitting(server, "Secret", edit)
    change = store(server)
    assert change.action == "failed"
    assert words in change.message
    assert writes(server) == 1


def test_an_entry_of_somebody_else_that_admission_drops_from_a_merged_secret_is_a_failure(server: RecordingServer) -> None:
    server.objects["secrets"] = [stored_item()]
    admitting(server, "Secret", lambda made: made.update(data={".dockerconfigjson": document("reg.io")}))
    change = store(server, purge=False)
    assert change.action == "failed"
    assert "data[.dockerconfigjson] has another value" in change.message
    admitting(server, "Secret", lambda made: made.update(data={".dockerconfigjson": document("reg.io", "old.io")}))
    assert store(server, purge=False).action == "updated"


def test_a_secret_that_would_be_changed_is_not_replaced_at_all(server: RecordingServer) -> None:
    """The dry run before the delete shows it."""
    server.objects["secrets"] = [stored_item("Opaque")]
    admitting(server, "Secret", rewrites_data)
    change = store_unchanged(server)
    assert change.action == "failed"
    assert "the old object was not deleted: admission on the server changed" in change.message
    dry_run = "fieldManager=pullpass.registry&dryRun=All"
    assert [path.partition("?")[2] for path in server.paths if "fieldManager" in path] == [dry_run]


def store_unchanged(server: RecordingServer) -> Change:
    secret = DesiredSecret("regcred", "default", adopt=False, credentials=[Credential("reg.io", "bot", WORD)], recreate=True)
    (outcome,) = distribute(server.api(), CHOSEN, PullSecretRequest(PullSecretPlan(secret)), 1, check_mode=False)
    return outcome.change


def link(
    server: RecordingServer, resource: str, kind: str, item: dict[str, Any], present: bool = True, dry: bool = False
) -> Change:
    links = DesiredLinks(("regcred",), present=present, force=False)
    item["metadata"] = {"name": "web", "namespace": "team-a", "uid": "u", "resourceVersion": "1"}
    server.objects[resource] = [item]
    parse: Any = stored_service_account if kind == "ServiceAccount" else partial(stored_workload, kind)
    plan: Any = partial(service_account_change if kind == "ServiceAccount" else workload_change, links)
    (outcome,) = apply([TargetObject("team-a", "web")], Objects(server.api(), resource, dry), parse, plan, 1)
    return outcome.change


def references(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize("dry", [False, True], ids=["for real", "dry run"])
@pytest.mark.parametrize(
    ("after", "present", "action", "words"),
    [
        (("theirs",), True, "failed", "imagePullSecrets is now [theirs]"),
        ((), True, "failed", "imagePullSecrets is now empty"),
        (("regcred",), True, "failed", "imagePullSecrets is now [regcred]"),
        (("other", "theirs", "regcred"), True, "linked", ""),
        (("theirs", "regcred"), False, "failed", "imagePullSecrets is now [theirs, regcred]"),
        (("theirs",), False, "unlinked", ""),
    ],
    ids=range(6),
)
@pytest.mark.parametrize(("resource", "kind"), [("serviceaccounts", "ServiceAccount"), ("deployments", "Deployment")])
def test_a_list_that_admission_rewrites_is_a_failure(
    server: RecordingServer, resource: str, kind: str, after: tuple[str, ...], present: bool, action: str, words: str, dry: bool
) -> None:
    own = references("theirs", *([] if present else ["regcred"]))

    def edit(made: dict[str, Any]) -> None:
        holder = made if kind == "ServiceAccount" else made["spec"]["template"]["spec"]
        holder["imagePullSecrets"] = references(*after)

    admitting(server, kind, edit, dry)
    item = {"imagePullSecrets": own} if kind == "ServiceAccount" else {"spec": {"template": {"spec": {"imagePullSecrets": own}}}}
    change = link(server, resource, kind, item, present, dry)
    assert (change.action, words in change.message) == (action, True)
    assert len(server.paths) == 2


def test_an_answer_that_was_lost_and_the_owner_label_too(server: RecordingServer) -> None:
    """The object is read again, as before: what it is by then is looked at in the same way."""
    made = stored_item(key="reg.io")
    made["metadata"]["labels"] = {}

    def answer(method: str, _path: str, _body: Any) -> Any:
        if method == "POST":
            server.objects["secrets"] = [made]
            return b"<html>a proxy</html>"
        return None

    server.api().send(Request("list", "secrets"), "/api/v1/secrets")
    server.override = answer
    change = store(server)
    assert change.action == "failed"
    assert "no label pullpass.registry/owner" in change.message


def test_a_long_list_of_a_tenant_takes_linear_time() -> None:
    """Each entry was looked for in the whole list: minutes for the 1.5 MiB that a ServiceAccount may have."""
    written = {"imagePullSecrets": [{"name": str(number)} for number in range(40000)]}
    began = time.process_time()
    words = changed_by_admission(written, {"imagePullSecrets": written["imagePullSecrets"][1:]}, Change("linked"))
    assert "imagePullSecrets is now [1, 2, 3" in words
    assert time.process_time() - began < 2
