# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What an inventory host claims of a cluster: server, Secret, namespaces and credentials, and where two hosts' claims collide.

A claim holds no secret. Credentials are compared by HMAC, whose key is made when this is imported, which Ansible does before it
forks: it is one key in a run, and nobody outside it can try passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import typing as t
from collections.abc import Mapping

from ..module_utils._cluster.target import resolve_target
from ..module_utils._credentials.registry_key import canonical_registry
from ..module_utils._errors import InputError
from ..module_utils._text import listed, shown, shown_url
from ._kubeconfig_server import server_of
from ._namespace_overlap import NONE, SURE, Choice, overlap
from ._registry_answers import key_of

Claim = dict[str, t.Any]
Values = Mapping[str, t.Any]
_KEY = secrets.token_bytes(32)
_NAMING = ("kubeconfig", "context", "host", "in_cluster")
_CONNECTION = (*_NAMING, "api_key", "client_cert", "client_key")
WHOLE = "*"
_ENVIRONMENT, _DIFFERENT, _UNDECIDED, _ALIKE, _APART = "environment", "different", "undecided", "alike", "apart"
_SENTENCES = {
    _ENVIRONMENT: "{hosts} take their cluster from the environment, which names one cluster. Give each its own "
    "cluster_pull_access_context (or _kubeconfig, _host).",
    _DIFFERENT: "{found} in the same namespaces, with other credentials or another state. Is the context of one wrong? Else "
    "give them other namespaces or another cluster_pull_access_secret_name.",
    _UNDECIDED: "{found} with other credentials or another state, in namespaces that other label selectors choose. Where a "
    "namespace has the labels of both, the last one wins.",
    _ALIKE: "{found} with the same credentials. One host is enough.",
    _APART: "{found}, in other namespaces. Each reports the other's Secrets as orphaned, and prune removes them.",
}


def no_cluster(values: Values) -> list[str]:
    """Why the host may not be served: it names no cluster. Another's would be written, or the one of the shell or of AWX."""
    if _is_named(values) or is_true(values.get("from_environment")):
        return []
    return [
        "this host names no cluster. Set cluster_pull_access_context (or _kubeconfig, _host, or _in_cluster) for it. To use the "
        "current context or the K8S_AUTH_* variables, set cluster_pull_access_from_environment to true for this one host."
    ]


def claim_of(values: Values, entry_point: str, environment: Mapping[str, str], machine: str) -> Claim:
    """What compare_clusters needs to know of a host."""
    part = entry_point if entry_point in ("recovery", "canary") else ""
    file = str(values.get("config_file") or "")
    if not file and not values.get("registries"):
        file = os.environ.get("PULLPASS_CONFIG_FILE", "")
    sources = {name: values.get(name) for name in ("from_secret", "config")} | {"config_file": file}
    source = next((name for name, value in sources.items() if value), "registries")
    choice = choice_of(values)
    return {
        **cluster_of(values, environment, machine),
        "from_environment": not _is_named(values),
        "secret_name": None if part else values.get("secret_name"),
        "state": values.get("state"),
        "purge": is_true(values.get("purge_registries", True)),
        "choice": [list(choice.names), list(choice.selectors), list(choice.exclude)],
        "credentials": {} if part or entry_point == "links" else credentials_of(values, source, file),
    }


def is_true(value: t.Any) -> bool:
    """Also of a text, as a survey of AWX sends it."""
    return str(value).strip().lower() in ("true", "yes", "on", "1", "t", "y")


def _is_named(values: Values) -> bool:
    return any(values.get(name) not in (None, "", [], [""]) for name in ("kubeconfig", "context", "host")) or is_true(
        values.get("in_cluster")
    )


def cluster_of(values: Values, environment: Mapping[str, str], machine: str) -> dict[str, str]:
    """``server`` and ``context`` as the modules resolve them, and ``where`` to compare them by.

    ``machine`` is empty where the modules run on this one. On another one its files cannot be read from here, and of a cluster
    that cannot be resolved the module says why: those are compared by what names them.
    """
    given = {name: values.get(name) for name in _CONNECTION}
    files = given["kubeconfig"]
    given["kubeconfig"] = files.split(",") if isinstance(files, str) and files else files
    given["in_cluster"] = is_true(given["in_cluster"])
    named = json.dumps([machine, *(given[name] or None for name in _NAMING)], default=str)
    if machine:
        return {"server": shown_url(str(given["host"] or "")), "context": str(given["context"] or ""), "where": named}
    try:
        target = resolve_target(given, environment)
        if target.in_cluster:
            return {"server": "", "context": "", "where": named}
        server, context = (target.host, "") if target.host else server_of(target.kubeconfig, target.context)
    except (InputError, OSError, ValueError, TypeError):
        return {"server": "", "context": str(given["context"] or ""), "where": named}
    address = re.sub(r"/+$", "", str(server)).lower()
    return {"server": shown_url(str(server)), "context": context or "", "where": shown_url(address)}


def choice_of(values: Values) -> Choice:
    selectors = values.get("namespace_selectors") or []
    return Choice(
        tuple(texts(values.get("namespaces"))),
        (selectors,) if isinstance(selectors, str) else tuple(map(str, selectors)),
        tuple(texts(values.get("exclude_namespaces"))),
    )


def texts(value: t.Any) -> list[str]:
    """A list as it is, or from a text with commas or line breaks, as a survey of AWX sends it."""
    if isinstance(value, str):
        return re.findall(r"[^\s,]+", value)
    return [str(one) for one in value or []]


def credentials_of(values: Values, source: str, file: str) -> dict[str, str]:
    """Registry -> HMAC of its credential; WHOLE for a source that is taken as it is."""
    if values.get("state") != "present":
        return {}
    if source == "registries":
        return dict(_of_entry(entry) for entry in values["registries"])
    document: t.Any = values.get(source)
    if source == "config_file":
        document = _content(file)
    return {WHOLE: _mark([source, document, sorted(texts(values.get("config_registries")))])}


def collisions(host: str, mine: Claim, others: Mapping[str, Claim]) -> tuple[list[str], list[str]]:
    """Errors and warnings, in sentences, of a host's claim beside those of the other hosts of the play.

    Each host of an error gets it. A warning is the first host's alone: fifty hosts of one cluster need no fifty of them.
    """
    found: dict[str, list[str]] = {}
    for name, other in others.items():
        found.setdefault(_collision(mine, other), []).append(name)
    said = {kind: _sentence(kind, mine, names) for kind, names in found.items() if kind}
    errors = [text for kind, text in said.items() if kind in (_ENVIRONMENT, _DIFFERENT)]
    return errors, [text for kind, text in said.items() if text not in errors and host < min(found[kind])]


def _collision(mine: Claim, other: Claim) -> str:
    if mine["from_environment"] and other["from_environment"]:
        return _ENVIRONMENT
    if not mine["secret_name"] or (mine["where"], mine["secret_name"]) != (other["where"], other["secret_name"]):
        return ""
    meeting = overlap(Choice(*map(tuple, mine["choice"])), Choice(*map(tuple, other["choice"])))
    if meeting == NONE:
        return _APART
    if not _differ(mine, other):
        return _ALIKE
    return _DIFFERENT if meeting == SURE else _UNDECIDED


def _sentence(kind: str, mine: Claim, hosts: list[str]) -> str:
    cluster = f" ({mine['server']})" if mine["server"] else ""
    return _SENTENCES[kind].format(
        found=f"this host and {listed(sorted(hosts))} reach the same cluster{cluster} and write the same Secret "
        f"{shown(str(mine['secret_name']))}",
        hosts=f"this host and {listed(sorted(hosts))}",
    )


def _differ(mine: Claim, other: Claim) -> bool:
    if mine["state"] != other["state"]:
        return True
    one, two = mine["credentials"], other["credentials"]
    if mine["purge"] or other["purge"] or WHOLE in one or WHOLE in two:
        return bool(one != two)
    return any(one[key] != two[key] for key in one.keys() & two.keys())


def _of_entry(entry: t.Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return WHOLE, _mark(entry)
    try:
        key = canonical_registry(str(entry.get("registry")))
    except InputError:
        key = str(entry.get("registry"))
    return key, _mark([str(entry.get(name) or "") for name in ("username", "password", "credential_helper", "email")])


def _content(path: str) -> str:
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return path


def _mark(value: t.Any) -> str:
    return hmac.new(_KEY, key_of(value).encode(), hashlib.sha256).hexdigest()
