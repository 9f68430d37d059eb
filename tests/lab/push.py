# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pushes an OCI layout to a registry, by the protocol of registries itself.

Tools made for it refuse a token server on a loopback address, which is where a lab has to have its own.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

from .errors import LabError
from .model import Registry

TOKEN_SERVICE = "pullpass-lab"
_SECONDS = 30


def push_layout(
    layout: Path, registry: Registry, repository: str, tag: str, login: tuple[str, str], context: ssl.SSLContext
) -> str:
    """Push the image in `layout`; return its full name. Pushing it again is harmless."""
    push = _Push(registry, repository, login, context)
    entry = json.loads((layout / "index.json").read_text())["manifests"][0]
    manifest = _blob(layout, entry)
    content = json.loads(manifest)
    for blob in [content["config"], *content["layers"]]:
        push.blob(blob["digest"], _blob(layout, blob))
    push.send("PUT", f"manifests/{tag}", manifest, entry["mediaType"])
    return f"{registry.host}/{repository}:{tag}"


def _blob(layout: Path, entry: dict[str, Any]) -> bytes:
    return layout.joinpath("blobs", *entry["digest"].split(":")).read_bytes()


class _Push:
    """One repository, logged in to."""

    def __init__(self, registry: Registry, repository: str, login: tuple[str, str], context: ssl.SSLContext) -> None:
        self._base = f"https://{registry.host}/v2/{repository}/"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        self._authorization = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        if registry.token_server:
            scope = urlencode({"service": TOKEN_SERVICE, "scope": f"repository:{repository}:pull,push"})
            answer = self.send("GET", f"{registry.token_server}?{scope}")
            self._authorization = "Bearer " + json.loads(answer.read())["token"]

    def send(self, method: str, url: str, body: bytes | None = None, media_type: str = "application/octet-stream") -> Any:
        address = urljoin(self._base, url)
        headers = {"Authorization": self._authorization, "Content-Type": media_type}
        request = urllib.request.Request(address, body, headers, method=method)
        try:
            return self._opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(f"{method} {address} was answered by {error.code}.", error.read().decode()) from None
        except OSError as error:
            raise LabError(f"{method} {address} failed: {error}") from error

    def blob(self, digest: str, content: bytes) -> None:
        upload = self.send("POST", "blobs/uploads/", b"").headers["Location"]
        self.send("PUT", f"{upload}{'&' if '?' in upload else '?'}{urlencode({'digest': digest})}", content)
