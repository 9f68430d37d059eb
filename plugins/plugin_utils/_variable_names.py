# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Misspelt variables of a role, which Ansible ignores without a message. Pure."""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import dataclass

from ..module_utils._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# variables of all roles and playbooks; other names with this prefix belong to the user (pullpass_vault_password)
SHARED_PREFIX = "pullpass_"
SHARED = frozenset(SHARED_PREFIX + name for name in ("registries", "registry_ca_cert", "realms", "state", "clusters", "hosts"))
_SHARED_INTENDED = {"registry": ("registries",), "ca_cert": ("registry_ca_cert",)}
_NEAR = 0.85


@dataclass(frozen=True)
class RoleNames:
    """``known``: variables of the role, ``own``: those that it sets itself, ``intended``: word without prefix -> variables."""

    prefix: str
    known: frozenset[str]
    own: frozenset[str]
    intended: Mapping[str, tuple[str, ...]]


INTENDED: dict[str, dict[str, tuple[str, ...]]] = {
    "cluster_pull_access": {
        "token": ("api_key",),
        "ca_cert": ("cluster_ca_cert", "registry_ca_cert"),
        "ssl_ca_cert": ("cluster_ca_cert",),
        "verify_ssl": ("validate_certs",),
        "cert_file": ("client_cert",),
        "key_file": ("client_key",),
        "name": ("secret_name",),
        "secret": ("secret_name",),
        "secrets": ("secret_name",),
        "registry": ("registries",),
        "username": ("registries",),
        "password": ("registries",),
    },
    "host_registry_login": {
        "token": ("registries",),
        "ca_cert": ("registry_ca_cert",),
        "secret": ("registries",),
        "registry": ("registries",),
        "username": ("registries",),
        "password": ("registries",),
        "user": ("users",),
        "path": ("users",),
    },
}


def role_names(role: str, variables: Iterable[str]) -> RoleNames:
    prefix = f"{role}_"
    return RoleNames(prefix, frozenset(variables), frozenset({f"{prefix}result"}), INTENDED.get(role, {}))


def misspelt(present: Iterable[str], names: RoleNames) -> tuple[list[str], list[str]]:
    """Sentences on the names of a host's variables: an error for each near miss, one warning for all other unknown names."""
    errors: list[str] = []
    unknown: list[str] = []
    for name in sorted(present):
        if name in names.known or name in names.own or name in SHARED:
            continue
        intended = _intended(name, names)
        if intended:
            errors.append(f"variable {shown(name)} does not exist. Use {' or '.join(intended)}.")
        elif name.startswith(names.prefix):
            unknown.append(name)
    if not unknown:
        return errors, []
    return errors, [
        f"unknown variables that begin with {names.prefix} have no effect: {listed(unknown)}. "
        f"ansible-doc -t role pullpass.registry.{names.prefix.rstrip('_')} lists all variables of the role."
    ]


def _intended(name: str, names: RoleNames) -> list[str]:
    for prefix, known, intended in ((names.prefix, names.known, names.intended), (SHARED_PREFIX, SHARED, _SHARED_INTENDED)):
        words = [full[len(prefix) :] for full in sorted(known) if full.startswith(prefix)]
        if name.startswith(prefix):
            word = name[len(prefix) :]
            if word in intended:
                return [prefix + one for one in intended[word]]
            near = difflib.get_close_matches(word, words, 1, _NEAR)
        else:
            near = list(_with_misspelt_prefix(name, prefix, words))
        if near:
            return [prefix + near[0]]
    return []


def _with_misspelt_prefix(name: str, prefix: str, words: Iterable[str]) -> Iterator[str]:
    """``cluster_pull_acess_context``: one of the words after a near miss of the prefix."""
    if name.startswith("_"):
        return
    for word in sorted(words, key=len, reverse=True):
        before = name[: -len(word)] if name.endswith(f"_{word}") else ""
        if before and difflib.SequenceMatcher(None, before, prefix).ratio() >= _NEAR:
            yield word
