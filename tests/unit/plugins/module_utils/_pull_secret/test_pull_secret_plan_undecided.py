# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_pull_secret/difference: a credential that no registry has verified takes the place of nothing that works."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import OWNER_LABEL
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.dockerconfigjson import PULL_SECRET_TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.model import (
    DesiredSecret,
    StoredSecret,
    stored_secret,
)
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.plan import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._reconcile.targets import Change

NEW, OTHER = Credential("reg.io", "u", "new"), Credential("other.io", "o", "known")
ALL = frozenset(["reg.io", "other.io"])


def entry(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def token(ends_in: int) -> str:
    parts = ({"alg": "none"}, {"exp": int(time.time()) + ends_in})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".x"


def stored(auths: Any, **rest: Any) -> StoredSecret:
    metadata = {"name": "regcred", "namespace": "a", "uid": "1", "resourceVersion": "7", "labels": {OWNER_LABEL: "default"}}
    text = auths if isinstance(auths, bytes) else json.dumps({"auths": auths}).encode()
    data = {".dockerconfigjson": base64.b64encode(text).decode()}
    return stored_secret({"metadata": metadata, "type": PULL_SECRET_TYPE, "data": data, **rest})


def change(there: StoredSecret | None, undecided: frozenset[str] = ALL, **rest: Any) -> Change:
    credentials = rest.pop("credentials", (NEW, OTHER))
    return PullSecretPlan(DesiredSecret("regcred", "default", False, credentials, undecided=undecided, **rest)).change(there)


KNOWN = {"other.io": entry("o", "known")}


@pytest.mark.parametrize(
    ("there", "action"),
    [
        pytest.param(None, "created", id="no Secret"),
        pytest.param(stored(KNOWN), "updated", id="no entry"),
        pytest.param(stored({**KNOWN, "reg.io": {}}), "updated", id="empty entry"),
        pytest.param(stored({**KNOWN, "reg.io": {"identitytoken": "x"}}), "updated", id="identity token"),
        pytest.param(stored({**KNOWN, "reg.io": entry("u", "")}), "updated", id="no password"),
        pytest.param(stored({**KNOWN, "reg.io": entry("u", token(-60))}), "updated", id="expired"),
        pytest.param(stored(b"no JSON"), "updated", id="no document"),
        pytest.param(stored({**KNOWN, "https://reg.io/v2/": entry("u", "new"), "reg.io": {}}), "updated", id="another spelling"),
        pytest.param(stored({**KNOWN, "https://reg.io/v2/": entry("u", "new")}), "unchanged", id="the same login"),
        pytest.param(stored({**KNOWN, "reg.io": entry("u", "new")}), "unchanged", id="nothing to change"),
    ],
)
def test_what_replaces_nothing_usable_is_written(there: StoredSecret | None, action: str) -> None:
    assert change(there).action == action


@pytest.mark.parametrize(
    ("there", "words"),
    [
        pytest.param({**KNOWN, "reg.io": entry("u", "old")}, "would replace the usable login for reg.io", id="another password"),
        pytest.param({**KNOWN, "reg.io": entry("v", "new")}, "would replace the usable login for reg.io", id="another user"),
        pytest.param({**KNOWN, "reg.io": entry("u", token(600))}, "would replace the usable login for reg.io", id="live token"),
        pytest.param(
            {**KNOWN, "https://reg.io/": entry("u", "old")}, "replace the usable login for https://reg.io/", id="spelling"
        ),
        pytest.param({**KNOWN, "reg.example": entry("u", "new")}, "would drop the usable login for reg.example", id="dropped"),
        pytest.param(
            {"reg.io": entry("u", "new"), "https://reg.io/v2/": entry("v", "old"), **KNOWN},
            "would drop the usable login for https://reg.io/v2/",
            id="a second login for one registry",
        ),
    ],
)
def test_a_usable_entry_stays(there: dict[str, Any], words: str) -> None:
    refused = change(stored(there))
    assert (refused.action, refused.write) == ("refused", None)
    assert words in refused.message
    assert "set verify_undecided to accept" in refused.message
    assert change(stored(there), undecided=frozenset()).action == "updated"


def test_a_verified_credential_replaces_its_own_entry_beside_one_in_doubt() -> None:
    there = {"reg.io": entry("u", "old"), **KNOWN}
    assert change(stored(there), undecided=frozenset(["other.io"])).action == "updated"
    assert change(stored({**there, "third.io": entry("a", "b")}), undecided=frozenset(["other.io"])).action == "refused"


def test_merging_drops_nothing() -> None:
    there = {"third.io": entry("a", "b"), **KNOWN}
    assert change(stored(there), purge=False).action == "updated"
    assert change(stored({**there, "reg.io": entry("u", "old")}), purge=False).action == "refused"


def test_a_secret_that_has_to_be_recreated_stays_as_well() -> None:
    there = {"reg.io": entry("u", "old")}
    assert change(stored(there, immutable=True), recreate=True).action == "refused"
    assert change(stored(there, immutable=True), frozenset(), recreate=True).action == "replaced"
    legacy = stored({}, type="kubernetes.io/dockercfg", data={".dockercfg": "e30="})
    assert "type kubernetes.io/dockercfg" in change(legacy, recreate=True).message
    assert change(stored(there, type="Opaque"), recreate=True).action == "replaced"
