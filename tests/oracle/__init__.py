# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubelet's own answers (tests/lab/go/kubernetes/kubelet-oracle), to hold ours against."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret

# how encoding/json, encoding/base64 and the kubelet word their errors; all other words are about the text of a document
_ERRORS = {
    "json: cannot unmarshal": "type",
    "illegal base64 data": "base64",
    "unable to parse auth field": "colon",
}


@dataclass(frozen=True)
class Case:
    """Secrets in the order of a Pod's imagePullSecrets, and an image."""

    secrets: Sequence[PullSecret]
    image: str

    @property
    def question(self) -> str:
        secrets = [
            {"type": one.type, "data": {name: base64.b64encode(value).decode() for name, value in one.data.items()}}
            for one in self.secrets
        ]
        return json.dumps({"secrets": secrets, "image": self.image})


@dataclass(frozen=True)
class Answer:
    """``error`` is syntax, type, base64 or colon; ``image`` what the image is, None for none; ``ignored`` a number of keys."""

    error: str | None
    image: tuple[str, str | None, str | None] | None
    ignored: int
    credentials: list[tuple[bytes, bytes]]


class Oracle(AbstractContextManager["Oracle"]):
    """One process that answers one case after the other."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __exit__(self, *_error: object) -> None:
        self._process.communicate(timeout=30)

    def ask(self, case: Case) -> Answer:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(case.question.encode() + b"\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(self._process.stdout.readline())
        credentials = [(base64.b64decode(user), base64.b64decode(password)) for user, password in result["credentials"]]
        assert result["found"] is bool(credentials)
        return Answer(_error(result["error"]), _image(result), result["ignored"], credentials)


def _error(text: str | None) -> str | None:
    if text is None:
        return None
    return next((kind for words, kind in _ERRORS.items() if words in text), "syntax")


def _image(result: dict[str, Any]) -> tuple[str, str | None, str | None] | None:
    if result["image_error"] is not None:
        return None
    # the kubelet gives an image without tag and digest the tag latest
    tag = None if result["tag"] == "latest" else result["tag"] or None
    return result["repository"], tag, result["digest"] or None
