# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hostile API server and a hostile registry: whatever they refuse, they repeat all that they were sent, in every form."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from registry_servers import Reply, Request

STATUSES = {"forbidden": 403, "invalid": 422, "failed": 500, "conflict": 409, "redirect": 302}


def repeated(request: Request) -> str:
    """All of a request: its login and its body, as they are, decoded, encoded again, escaped and split."""
    login = request.headers["Authorization"] or ""
    body = request.body.decode("utf-8", "replace")
    decoded = [_decoded(word) for word in (login.partition(" ")[2], *_data(body))]
    texts = [text for text in (login, body, *decoded) if text]
    coded = [base64.b64encode(text.encode()).decode() for text in texts]
    parts = [
        texts,
        coded,
        [quote(text, safe="") for text in texts],
        [repr(text) for text in texts],
        [list(text) for text in texts],
    ]
    return "x" * 440 + json.dumps(parts)


def hostile_api(namespace: str, stored: Mapping[str, Any] | None, status: int) -> Any:
    """Has one namespace, with a pull secret of a stranger in it, and refuses every write."""

    def answer(request: Request) -> Reply:
        collection = request.path.rstrip("/").rpartition("/")[2]
        if request.method == "GET" and collection == "namespaces":
            return Reply(200, (), _list("NamespaceList", [_object(namespace, status={"phase": "Active"})]))
        if request.method == "GET" and collection == namespace:
            return Reply(200, (), {"kind": "Namespace", "apiVersion": "v1", **_object(namespace, status={"phase": "Active"})})
        if request.method == "GET" and collection == "secrets":
            return Reply(200, (), _list("SecretList", [dict(stored)] if stored else []))
        if request.method == "GET" and stored and collection == stored["metadata"]["name"]:
            return Reply(200, (), {"kind": "Secret", "apiVersion": "v1", **stored})
        text = repeated(request)
        details = {"name": text, "kind": text, "causes": [{"reason": text, "message": text, "field": text}]}
        headers = (("Location", f"https://{quote(text[440:900])}.example.com/"), ("Retry-After", quote(text[440:900])))
        body = {"kind": "Status", "status": "Failure", "message": text, "reason": text, "details": details, "code": status}
        return Reply(status, headers, body)

    return answer


def hostile_registry(status: int) -> Any:
    """Asks for a login, and repeats it."""

    def answer(request: Request) -> Reply:
        text = repeated(request)
        short = quote(request.headers["Authorization"] or "")
        challenge = ("WWW-Authenticate", f'Basic realm="{short}"')
        if not request.headers["Authorization"]:
            return Reply(401, (challenge,))
        headers = (challenge, ("Retry-After", short), ("Location", f"https://{short[:60]}.example.com/v2/"))
        error = {"code": text, "message": text[440:], "detail": text}
        return Reply(status, headers, {"errors": [error], "details": text, "error": text})

    return answer


def _object(name: str, **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "labels": {}}, **rest}


def _list(kind: str, items: list[Any]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}


def _data(body: str) -> list[str]:
    try:
        data = json.loads(body).get("data") or {}
        return [str(value) for value in data.values()]
    except (ValueError, AttributeError):
        return []


def _decoded(code: str) -> str:
    try:
        return base64.b64decode(code).decode("utf-8", "replace")
    except ValueError:
        return ""
