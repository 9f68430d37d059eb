# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a Secret keeps when a registry could not confirm the new credentials. Pure.

A typing error in a registry's name, a wrong CA and a registry that is down all look the same: the registry does not decide.
None of them may cost a namespace the credential that works.
"""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lifetime import has_expired
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import comparison_key, shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import DocumentChange, StoredDocument
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.kubelet_document import Entry
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import WantedSecret

_LEGACY_TYPE = "kubernetes.io/dockercfg"
_REMEDY = (
    "Correct the registry, its CA or the network and run again. Where only nodes reach the registry, set verify to none (in the "
    "role cluster_pull_access: node). To write it unverified, set verify_undecided to accept"
)


def usable_entries_lost(kind: str, stored: StoredDocument, change: DocumentChange, wanted: WantedSecret) -> str:
    """Why the change may not be made: it replaces or drops usable entries, and a registry is undecided. Empty where it may.

    ``kind`` is the type of the Secret. The kubelet reads two types and ignores every other one.
    """
    if not wanted.undecided or kind not in (TYPE, _LEGACY_TYPE):
        return ""
    if kind == _LEGACY_TYPE:
        return _sentence(["would replace a Secret of type kubernetes.io/dockercfg, which kubelets can use"], wanted)
    new = {comparison_key(one.registry): one for one in wanted.credentials}
    verified = {key for key, one in new.items() if one.registry not in wanted.undecided}
    replaced, dropped = [], []
    for key, entry in stored.entries.items():
        place = comparison_key(key)
        login = new.get(place)
        if place in verified or not _in_use(entry) or (login and _same_login(entry, login.username, login.password)):
            continue
        if login and login.registry in change.written:
            replaced.append(shown_key(key))
        elif key in change.purged:
            dropped.append(shown_key(key))
    losses = [f"would replace the usable login for {listed(sorted(replaced))}"] if replaced else []
    losses += [f"would drop the usable login for {listed(sorted(dropped))}"] if dropped else []
    return _sentence(losses, wanted) if losses else ""


def _in_use(entry: Entry) -> bool:
    """Whether a kubelet may be pulling with the entry: it is complete, and has not expired by its own date."""
    return entry.usable and not has_expired(entry.username, entry.password)


def _same_login(entry: Entry, username: str, password: str) -> bool:
    return (entry.username, entry.password) == (username, password)


def _sentence(losses: Sequence[str], wanted: WantedSecret) -> str:
    return (
        f"the new credential for {listed(sorted(wanted.undecided))} is not verified, and the change {' and '.join(losses)}; "
        f"the Secret was left as it is. {_REMEDY}"
    )
