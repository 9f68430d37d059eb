# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registries that accept some users, these users with passwords that are hard to hide, and what was asked of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from secret_traces import around, forms

from ansible_run import Run
from cluster_access import Audit
from registry_servers import RecordingServer, Registry, basic, login

# what every layer on the way would like to change, cut or show in another form
ALICE = ("alice", "Zauber\"wort'\n<&>+$%41{}\\é\u2028ß/ 100%")
# a template to whoever forgets that it is a value
DORA = ("dora", "Zauber{{ 6 * 7 }}wort{% if true %}")


def logins(server: RecordingServer) -> Counter[str]:
    """Authorization -> how often a login was tried with it."""
    return Counter(one.authorization for one in server.asked("/v2/") if one.authorization)


def requests_in(audit: Audit, prefix: str) -> list[dict[str, Any]]:
    """Requests of our modules about namespaces of this test."""
    return [one for one in audit.requests() if prefix in json.dumps(one.get("objectRef") or {})]


def takes(*logins_: tuple[str, str]) -> Registry:
    accepted = [login(*one) for one in logins_]
    return Registry(basic(), lambda authorization: authorization in accepted)


def at(server: RecordingServer, user: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"registry": server.authority, "username": user[0], "password": user[1], **more}


def check_hidden(run: Run, facts: Path, *registries: str) -> None:
    written = run.output + json.dumps(run.results)
    written += "".join(file.read_text() for file in facts.rglob("*") if file.is_file())
    assert around("Zauber", written) == []
    for form in {text for user in (ALICE, DORA) for registry in registries for text in forms(*user, registry)}:
        assert around(form, written) == []
