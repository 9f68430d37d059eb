# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_pull_secret/plan: what must not be lost, marked or promised at the edges of a change."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import (
    credentials_from_document,
    registries_in_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import (
    PULL_SECRET_KEY,
    PULL_SECRET_TYPE,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import HostError, InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.credential_helper import CredentialHelpers
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import (
    DesiredSecret,
    StoredSecret,
    stored_secret,
)
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change

OURS = {"pullpass.registry/owner": "default"}
HUB = "https://index.docker.io/v1/"


def token(seconds: float, mark: str = "") -> str:
    """A JWT that ends so many seconds from now."""
    payload = json.dumps({"exp": int(time.time() + seconds), "mark": mark}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


def found(auths: dict[str, str], labels: dict[str, str] | None = None, **rest: Any) -> StoredSecret:
    """A Secret with these registries and passwords, all of user u; ``rest`` is metadata, or the object's own members."""
    document = {"auths": {key: {"username": "u", "password": password} for key, password in auths.items()}}
    own: dict[str, Any] = {name: rest.pop(name) for name in ("immutable", "type") if name in rest}
    metadata = {"uid": "1", "resourceVersion": "7", "labels": OURS if labels is None else labels, **rest}
    data = {PULL_SECRET_KEY: base64.b64encode(json.dumps(document).encode()).decode(), "other": ""}
    return stored_secret({"metadata": metadata, "type": PULL_SECRET_TYPE, "data": data, **own})


def change_of(stored: StoredSecret, *credentials: Credential, **options: Any) -> Change:
    return PullSecretPlan(DesiredSecret("regcred", "default", False, credentials, **options)).change(stored)


def written(planned: Change) -> dict[str, Any]:
    assert planned.write is not None
    document: dict[str, Any] = json.loads(base64.b64decode(planned.write.body["data"][PULL_SECRET_KEY]))
    return {key: entry["password"] for key, entry in document["auths"].items()}


def test_a_replaced_secret_keeps_what_others_noted_and_its_immutability() -> None:
    there = found({"a.io": "old"}, labels={**OURS, "team": "x"}, annotations={"n": "keep"}, immutable=True)

    planned = change_of(there, Credential("a.io", "u", "new"), recreate=True)

    assert planned.action == "replaced"
    assert planned.write is not None
    body = planned.write.body
    assert body["immutable"] is True
    assert body["metadata"]["labels"]["team"] == "x"
    assert body["metadata"]["annotations"] == {"n": "keep"}
    assert "its other keys were deleted: other" in planned.message


def test_a_merge_into_an_immutable_secret_replaces_it_with_the_others_in_it() -> None:
    there = found({"a.io": "old"}, immutable=True, annotations={"pullpass.registry/revision": "a.io=1"})

    planned = change_of(there, Credential("b.io", "u", "new"), recreate=True, purge=False, revisions={"b.io": "2"})

    assert written(planned) == {"a.io": "old", "b.io": "new"}
    assert planned.write is not None
    assert planned.write.body["metadata"]["annotations"] == {"pullpass.registry/revision": "a.io=1 b.io=2"}


def test_what_is_being_deleted_is_no_state_to_be_in() -> None:
    there = found({"a.io": "pa"}, deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x.io/hold"])

    present = change_of(there, Credential("a.io", "u", "pa"))
    absent = change_of(there, present=False)

    assert (present.action, absent.action) == ("failed", "skipped")
    assert "x.io/hold" in present.message
    assert "x.io/hold" in absent.message


def test_a_secret_with_finalizers_is_not_replaced() -> None:
    there = found({"a.io": "old"}, immutable=True, finalizers=["x.io/hold"])

    assert change_of(there, Credential("a.io", "u", "new"), recreate=True).action == "refused"


@pytest.mark.parametrize("password", ["pa", token(9999)], ids=["with a revision", "that ends"])
def test_a_strangers_secret_is_not_refused_for_our_notes(password: str) -> None:
    planned = change_of(found({"a.io": password}, labels={}), Credential("a.io", "u", password), revisions={"a.io": "7"})

    assert (planned.action, bool(planned.warning)) == ("unchanged", True)


def test_a_kept_token_loses_its_second_key() -> None:
    live = token(9999)
    there = found({"https://a.io": "old", "a.io": live})

    planned = change_of(there, Credential("a.io", "u", token(9999, "new")), purge=False, refresh_before=timedelta(seconds=60))

    assert planned.purged == ("https://a.io",)
    assert written(planned) == {"a.io": live}


@pytest.mark.parametrize(
    ("password", "revisions"),
    [("a lasting one", {}), (token(9999, "new"), {"a.io": "2"})],
    ids=["a lasting password", "another revision"],
)
def test_a_stored_token_gives_way_to_what_a_person_means(password: str, revisions: dict[str, str]) -> None:
    there = found({"a.io": token(9999)}, annotations={"pullpass.registry/revision": "a.io=1"} if revisions else {})

    planned = change_of(there, Credential("a.io", "u", password), revisions=revisions, refresh_before=timedelta(seconds=60))

    assert written(planned) == {"a.io": password}


def test_a_new_password_without_revision_takes_the_old_revision_away() -> None:
    there = found({"a.io": "old", "b.io": "x"}, annotations={"pullpass.registry/revision": "a.io=1 b.io=4"})

    planned = change_of(there, Credential("a.io", "u", "new"), purge=False)

    assert planned.write is not None
    assert planned.write.body["metadata"]["annotations"] == {"pullpass.registry/revision": "b.io=4"}


def test_a_persons_own_tokens_of_docker_desktop_are_never_taken() -> None:
    auth = {"auth": base64.b64encode(b"u:pa").decode()}
    text = json.dumps({"auths": {HUB: auth, f"{HUB}access-token": auth, f"{HUB}refresh-token": auth}})

    assert [one.registry for one in credentials_from_document("x", text)] == [HUB]
    with pytest.raises(InputError, match="has no entry for docker.io/access-token"):
        credentials_from_document("x", text, ["docker.io/access-token"])


@pytest.mark.parametrize("text", ['{"credsStore": "desktop"}', '{"auths": {}, "credsStore": "desktop"}'])
def test_a_store_alone_is_asked_for_what_is_named_and_else_refused_by_name(text: str) -> None:
    asked: list[tuple[str, str]] = []

    def ask(suffix: str, server: str) -> tuple[str, str]:
        asked.append((suffix, server))
        return "u", "pa"

    assert credentials_from_document("x", text, ["docker.io", "ghcr.io"], ask) == [
        Credential("ghcr.io", "u", "pa"),
        Credential(HUB, "u", "pa"),
    ]
    assert asked == [("desktop", HUB), ("desktop", "ghcr.io")]
    for only in (None, ["ghcr.io"]):
        with pytest.raises(InputError, match=r"docker-credential-desktop.*resolve_helpers"):
            credentials_from_document("x", text, only)


def test_names_of_registries_need_no_credential() -> None:
    text = json.dumps({"auths": {"a.io": {}, HUB: {}}, "credsStore": "x", "credHelpers": {"b.io": "y"}})

    assert registries_in_document("x", text) == ["a.io", HUB, "b.io"]


class Module:
    """A module whose helper prints this and exits with 1."""

    def __init__(self, output: str) -> None:
        self.output = output

    def run_command(self, _command: list[str], **_rest: Any) -> tuple[int, str, str]:
        return 1, self.output, ""


@pytest.mark.parametrize(
    ("output", "reported"),
    [
        ('{"Username":"u","Secret":"TOPSECRET"}', "exit status 1"),
        ("line\nTOPSECRET", "exit status 1"),
        ("credentials not found in native keychain\n", "has no credential for a.io"),
        ("the keychain is locked", "the keychain is locked"),
    ],
)
def test_a_failing_helper_cannot_spill_a_secret(output: str, reported: str) -> None:
    with pytest.raises(HostError) as caught:
        CredentialHelpers(Module(output)).get("x", "a.io")
    assert reported in str(caught.value)
    assert "TOPSECRET" not in str(caught.value)
