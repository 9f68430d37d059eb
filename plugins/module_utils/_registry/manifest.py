# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A manifest asked for as containerd asks (core/remotes/docker/resolver.go): HEAD where its answer is enough, else GET."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._registry.exchange import LONGEST_BODY
from ansible_collections.pullpass.registry.plugins.module_utils._registry.refusal import is_web_page
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import UNVERIFIABLE, Decided, Finding

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.exchange import Answer
    from ansible_collections.pullpass.registry.plugins.module_utils._registry.server import Server

_MEDIA_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*"
)
_DIGEST = re.compile(r"[a-z0-9+._-]{1,32}:[0-9a-f]{32,128}")


class ManifestRequest(t.NamedTuple):
    """``reference`` is a tag or a digest."""

    repository: str
    reference: str

    @property
    def path(self) -> str:
        return f"/v2/{self.repository}/manifests/{self.reference}"

    def send(self, server: Server, authorization: str | None) -> Answer:
        """The answer that decides. Raises Decided where none does.

        A 403 to HEAD has no body to say why, and some registries answer 404 or 405 since they do not know HEAD: then GET is
        sent as well. A 200 to HEAD without a digest proves nothing, since nothing was read.
        """
        head = server.send("HEAD", self.path, authorization, _MEDIA_TYPES)
        if head.status == 200 and (is_web_page(head) or self._names_content(head)):
            return head
        if head.status not in (200, 403, 404, 405):
            return head
        try:
            return server.send("GET", self.path, authorization, _MEDIA_TYPES)
        except Decided:
            if head.status == 403:
                return head
            raise

    def digest(self, server: Server, answer: Answer) -> str | None:
        """The digest of the manifest in a 200. Raises Decided for the answer to a GET that holds no such manifest."""
        stated = answer.headers.get("Docker-Content-Digest") or ""
        named = stated if _DIGEST.fullmatch(stated) else None
        if answer.method == "HEAD" or len(answer.body) >= LONGEST_BODY:
            return named
        if not _is_json_object(answer.body):
            raise Decided(_no_manifest(server.name, "a body that is not a manifest"))
        found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if self.reference.startswith("sha256:") and self.reference != found:
            raise Decided(_no_manifest(server.name, "a manifest that has another digest"))
        return named or found

    def _names_content(self, head: Answer) -> bool:
        digest = head.headers.get("Docker-Content-Digest") or ""
        known = digest == self.reference if ":" in self.reference else bool(_DIGEST.fullmatch(digest))
        return known and "Content-Length" in head.headers


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _no_manifest(name: str, what: str) -> Finding:
    return Finding(UNVERIFIABLE, f"{name} answers 200 with {what}: no node can pull that. Check host and endpoint.", 200)
