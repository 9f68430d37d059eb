# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The plan for one pull secret: what is wanted and what is there -> one step. Pure."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import kubectl_document
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import shown_key
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    OWNER_LABEL,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import KEY, TYPE
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret_difference import (
    SecretDifference,
    is_foreign,
    read_document,
    secret_difference,
)
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step, Write
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import StoredSecret, WantedSecret


class PullSecretPlan:
    """Plans the step for each namespace; what is the same for all of them is prepared once."""

    def __init__(self, wanted: WantedSecret) -> None:
        self._wanted = wanted
        self._document = kubectl_document(wanted.credentials)
        self._data = {KEY: base64.b64encode(self._document).decode("ascii")}

    @property
    def secrets(self) -> tuple[str, str]:
        """Texts that hold the credentials: the document and its base64."""
        return self._document.decode(), self._data[KEY]

    def step(self, stored: StoredSecret | None) -> Step:
        """The step for one namespace, where ``stored`` is the Secret of that name, if there is one."""
        if not self._wanted.credentials:
            return self._absent(stored)
        if stored is None:
            return self._create()
        return self._present(stored)

    def _create(self) -> Step:
        wanted = self._wanted
        labels = {MANAGED_BY_LABEL: MANAGED_BY, **wanted.labels, OWNER_LABEL: wanted.owner}
        annotations = {"annotations": dict(wanted.annotations)} if wanted.annotations else {}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": wanted.name, "labels": labels, **annotations},
            "type": TYPE,
            "data": self._data,
        }
        registries = {credential.registry: "(new)" for credential in wanted.credentials}
        after = {"type": TYPE, "labels": labels, **annotations, "registries": registries}
        return Step("created", write=Write("create", body), after=after)

    def _present(self, stored: StoredSecret) -> Step:
        difference = secret_difference(stored, self._wanted)
        obstacle = self._obstacle(stored)
        if not difference:
            warning = f"{obstacle}; it already says what is wanted, but the next change will be refused" if obstacle else ""
            return Step("unchanged", warning, warning=warning)
        obstacle = obstacle or self._fixed(stored, difference)
        if obstacle:
            return Step("refused", obstacle)
        message = difference.words()
        if is_foreign(stored, self._wanted):
            message = f"adopted from {shown(stored.owner) if stored.owner else 'nobody'}; {message}"
        before, after = difference.masked(stored, self._wanted)
        return Step("updated", message, self._patch(stored, difference), before, after, difference.purged)

    def _patch(self, stored: StoredSecret, difference: SecretDifference) -> Write:
        metadata = {"labels": difference.labels, "annotations": difference.annotations}
        body: dict[str, t.Any] = {"metadata": {key: value for key, value in metadata.items() if value}}
        if difference.rewrites:
            body["data"] = self._data
        return Write("patch", body, stored.seen)

    def _absent(self, stored: StoredSecret | None) -> Step:
        if stored is None:
            return Step("unchanged")
        obstacle = self._obstacle(stored)
        if obstacle:
            return Step("refused" if self._wanted.adopt else "skipped", f"{obstacle}; it was left there")
        purged = tuple(sorted(shown_key(key) for key in read_document(stored).entries))
        before = {"type": shown(stored.type), "registries": dict.fromkeys(purged, "(removed)")}
        return Step("deleted", write=Write("delete", seen=stored.seen), before=before, purged=purged)

    def _obstacle(self, stored: StoredSecret) -> str:
        """Why the Secret may not be touched, or an empty text."""
        if stored.managed_by:
            return f"the Secret is managed by {stored.managed_by}, which would undo or prune a change: change it there"
        if stored.owner == self._wanted.owner or self._wanted.adopt:
            return ""
        if stored.owner is None:
            return "the Secret was made by somebody else (no label pullpass.registry/owner); set adopt to take it over"
        return f"the Secret belongs to owner '{shown(stored.owner)}', not '{self._wanted.owner}'; set adopt to take it over"

    def _fixed(self, stored: StoredSecret, difference: SecretDifference) -> str:
        """Why the API server could not make the change, or an empty text."""
        if difference.wrong_type:
            return f"the Secret has type {shown(stored.type)}, which cannot be changed to {TYPE}; delete it, or use another name"
        if stored.immutable and difference.rewrites:
            return (
                "the Secret is immutable; use another name and link that (kubelets keep the old content under this name until "
                "no Pod on the node uses it)"
            )
        return ""
