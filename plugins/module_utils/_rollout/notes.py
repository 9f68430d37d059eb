# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What is noted on a Secret of ours: when its first credential ends, and which revisions it holds."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lifetime import expiry, timestamp
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import comparison_key
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import EXPIRES, REVISION

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.kubelet_document import Entry
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import WantedSecret


def notes(
    wanted: WantedSecret, kept: Mapping[str, Entry], written: t.Collection[str], before: Mapping[str, str]
) -> dict[str, str]:
    """The annotations that the Secret shall have of us.

    ``kept`` are the entries that stay as they are, ``written`` the registries whose credential is put there, ``before`` the
    annotations so far.
    """
    ends = [expiry(one.username, one.password) for one in wanted.credentials if one.registry in written]
    ends += [expiry(entry.username, entry.password) for entry in kept.values()]
    known = [moment for moment in ends if moment is not None]
    revisions = dict(wanted.revisions)
    if not wanted.purge:
        others = read_revisions(before.get(REVISION, ""))
        revisions = {**{key: value for key, value in others.items() if key not in written}, **revisions}
    found = {}
    if known:
        found[EXPIRES] = timestamp(min(known))
    if revisions:
        found[REVISION] = _revision_text(revisions)
    return found


def notes_without(registries: t.Collection[str], left: Mapping[str, Entry], before: Mapping[str, str]) -> dict[str, str | None]:
    """What changes in our annotations when the entries of these registries go and ``left`` stay; None for one that goes."""
    known = [moment for moment in (expiry(one.username, one.password) for one in left.values()) if moment is not None]
    revisions = {key: value for key, value in read_revisions(before.get(REVISION, "")).items() if key not in registries}
    after = {EXPIRES: timestamp(min(known)) if known else None, REVISION: _revision_text(revisions) or None}
    return {key: value for key, value in after.items() if before.get(key) != value}


def _revision_text(revisions: Mapping[str, str]) -> str:
    return " ".join(f"{registry}={revision}" for registry, revision in sorted(revisions.items()))


def read_revisions(text: str) -> dict[str, str]:
    """Registry -> revision, out of the annotation."""
    return dict(pair for pair in (word.partition("=")[::2] for word in text.split()) if all(pair))


def kept_entries(wanted: WantedSecret, entries: Mapping[str, Entry], written: t.Collection[str]) -> dict[str, Entry]:
    """The entries of a document that are still the same after ``written`` has been put there."""
    ours = {comparison_key(one.registry): one.registry for one in wanted.credentials}
    kept = {}
    for key, entry in entries.items():
        registry = ours.get(comparison_key(key))
        if (registry is None and not wanted.purge) or (registry is not None and registry not in written):
            kept[key] = entry
    return kept
