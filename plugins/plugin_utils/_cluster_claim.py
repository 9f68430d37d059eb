# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The claim of an inventory host: its server, Secret, namespaces and credentials, and the collisions of two claims.

A claim contains no secret. Credentials are compared by HMAC. Its key is made at the import of this file, which Ansible does
before it forks: there is one key in a run, and nobody outside of the run can test passwords with a claim.
"""

from __future__ import annotations

import enum
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
from ._namespace_overlap import Choice, Overlap, overlap
from ._registry_answers import key_of

Claim = dict[str, t.Any]
Values = Mapping[str, t.Any]
# the only key of credentials that are compared as a whole
WHOLE = "*"
_KEY = secrets.token_bytes(32)
_NAMING = ("kubeconfig", "context", "host", "in_cluster")
_CONNECTION = (*_NAMING, "api_key", "client_cert", "client_key")


class Collision(enum.Enum):
    """How two claims collide, with its sentence."""

    ENVIRONMENT = (
        "{hosts} take their cluster from the environment, which names one cluster. Give each its own cluster_pull_access_context "
        "(or _kubeconfig, _host)."
    )
    DIFFERENT = (
        "{found} in the same namespaces, with different credentials or another state. Check the context of both. If it is "
        "correct, give them other namespaces or another cluster_pull_access_secret_name."
    )
    UNDECIDED = (
        "{found} with different credentials or another state, in namespaces of different label selectors. In a namespace with "
        "the labels of both, the last host wins."
    )
    EQUAL = "{found} with the same credentials. Remove one of the hosts."
    SEPARATE = "{found} in different namespaces. Each reports the Secrets of the other as orphaned, and prune deletes them."


def no_cluster(values: Values) -> list[str]:
    """A sentence for a host that names no cluster: the role would change the cluster of the shell or of AWX instead."""
    if _is_named(values) or is_true(values.get("from_environment")):
        return []
    return [
        "this host names no cluster. Set cluster_pull_access_context (or _kubeconfig, _host, or _in_cluster) for it. To use the "
        "current context or the K8S_AUTH_* variables, set cluster_pull_access_from_environment to true for this one host."
    ]


def claim_of(values: Values, entry_point: str, environment: Mapping[str, str], machine: str) -> Claim:
    """The claim of a host, for compare_clusters."""
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
    """Also for text, which a survey of AWX sends."""
    return str(value).strip().lower() in ("true", "yes", "on", "1", "t", "y")


def _is_named(values: Values) -> bool:
    return any(values.get(name) not in (None, "", [], [""]) for name in ("kubeconfig", "context", "host")) or is_true(
        values.get("in_cluster")
    )


def cluster_of(values: Values, environment: Mapping[str, str], machine: str) -> dict[str, str]:
    """``server`` and ``context`` as the modules resolve them, and ``where``, which is equal for equal clusters.

    ``machine`` is empty where the modules run on this machine. Files of another machine cannot be read here, and for a cluster
    that cannot be resolved the module reports the reason: those are compared by the options that name them.
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
    """From a list, or from a text with commas or line breaks, which a survey of AWX sends."""
    if isinstance(value, str):
        return re.findall(r"[^\s,]+", value)
    return [str(one) for one in value or []]


def credentials_of(values: Values, source: str, file: str) -> dict[str, str]:
    """Registry -> HMAC of its credential; WHOLE -> HMAC of another source."""
    if values.get("state") != "present":
        return {}
    if source == "registries":
        return dict(_of_entry(entry) for entry in values["registries"])
    document: t.Any = values.get(source)
    if source == "config_file":
        document = _content(file)
    return {WHOLE: _digest([source, document, sorted(texts(values.get("config_registries")))])}


def collisions(host: str, mine: Claim, others: Mapping[str, Claim]) -> tuple[list[str], list[str]]:
    """Errors and warnings, in sentences, for a host's claim and those of the other hosts of the play.

    Each host of an error gets it. Only the first host gets a warning, since fifty hosts of one cluster do not need fifty.
    """
    found: dict[Collision, list[str]] = {}
    for name, other in others.items():
        kind = _collision(mine, other)
        if kind:
            found.setdefault(kind, []).append(name)
    is_error = (Collision.ENVIRONMENT, Collision.DIFFERENT)
    errors = [_sentence(kind, mine, names) for kind, names in found.items() if kind in is_error]
    return errors, [_sentence(kind, mine, names) for kind, names in found.items() if kind not in is_error and host < min(names)]


def _collision(mine: Claim, other: Claim) -> Collision | None:
    if mine["from_environment"] and other["from_environment"]:
        return Collision.ENVIRONMENT
    if not mine["secret_name"] or (mine["where"], mine["secret_name"]) != (other["where"], other["secret_name"]):
        return None
    common = overlap(Choice(*map(tuple, mine["choice"])), Choice(*map(tuple, other["choice"])))
    if common is Overlap.EMPTY:
        return Collision.SEPARATE
    if not _differ(mine, other):
        return Collision.EQUAL
    return Collision.DIFFERENT if common is Overlap.CERTAIN else Collision.UNDECIDED


def _sentence(kind: Collision, mine: Claim, hosts: list[str]) -> str:
    cluster = f" ({mine['server']})" if mine["server"] else ""
    names = f"this host and {listed(sorted(hosts))}"
    secret = f"the same Secret {shown(str(mine['secret_name']))}"
    return kind.value.format(hosts=names, found=f"{names} reach the same cluster{cluster} and write {secret}")


def _differ(mine: Claim, other: Claim) -> bool:
    if mine["state"] != other["state"]:
        return True
    one, two = mine["credentials"], other["credentials"]
    if mine["purge"] or other["purge"] or WHOLE in one or WHOLE in two:
        return bool(one != two)
    return any(one[key] != two[key] for key in one.keys() & two.keys())


def _of_entry(entry: t.Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return WHOLE, _digest(entry)
    try:
        key = canonical_registry(str(entry.get("registry")))
    except InputError:
        key = str(entry.get("registry"))
    return key, _digest([str(entry.get(name) or "") for name in ("username", "password", "credential_helper", "email")])


def _content(path: str) -> str:
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return path


def _digest(value: t.Any) -> str:
    return hmac.new(_KEY, key_of(value).encode(), hashlib.sha256).hexdigest()
