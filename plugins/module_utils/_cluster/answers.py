# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Reads answers of the API server within limits of time and size, and compares them with the request.

The time-out of an HTTP library starts again with each byte, so a server that sends one now and then would never time out.

A proxy, an aggregated API or a broken server can answer anything. A malformed answer is a RequestError (MALFORMED) for that
request alone.
"""

from __future__ import annotations

import base64
import threading
import typing as t
from dataclasses import dataclass, field

from .._credentials.redact import foreign_text
from .._errors import FailureKind, RequestError
from .kinds import ANY, BASE64_MAP, FLAG, METADATA_FIELDS, NUMBER, OBJECT, RESOURCES, TABLE_FIELDS, TEXT, TEXT_MAP, Fields, Shape
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_CHUNK = 65536


class TooLarge(OSError):
    """The answer is larger than the limit."""


@dataclass(frozen=True)
class ApiAnswer:
    status: int
    headers: Mapping[str, str]
    data: bytes = field(repr=False)


def bounded_answer(ask: Callable[[], t.Any], seconds: float, most_bytes: int) -> ApiAnswer:
    """The answer to ``ask``, which leaves it unread. Raises TimeoutError, TooLarge, and what ``ask`` raises."""
    outcome: list[ApiAnswer | BaseException] = []
    given_up = threading.Event()

    def work() -> None:
        try:
            outcome.append(_read(ask(), most_bytes, given_up))
        except BaseException as error:
            outcome.append(error)

    # a thread that waits for a server cannot be stopped: it stays behind, with its connection
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        given_up.set()
        raise TimeoutError("timed out")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _read(response: t.Any, most_bytes: int, given_up: threading.Event) -> ApiAnswer:
    content = bytearray()
    try:
        for chunk in response.stream(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > most_bytes:
                raise TooLarge(f"more than {most_bytes // 1024 // 1024} MiB")
            if given_up.is_set():
                raise TimeoutError("timed out")
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return ApiAnswer(response.status, response.headers, bytes(content))


PARTIAL_LIST = "PartialObjectMetadataList"
# The event recorder derives names from those of other objects, and no request names an event
_NAMED_FREELY = ("events",)
# Keys of a Secret that are read
_PULL_KEYS = ".docker"
Item = t.TypeVar("Item")


def checked_object(
    item: t.Any, resource: str, namespace: str | None, name: str | None = None, dry_run: bool = False
) -> dict[str, t.Any]:
    """The object, if it is the one that was requested. Fields that are null are removed, as in the API.

    The answer to a dry run may have no resourceVersion; then it is an empty text. Raises RequestError (MALFORMED).
    """
    kind = RESOURCES[resource].kind
    if not isinstance(item, dict) or item.get("kind") != kind:
        raise malformed_answer(f"the answer is not a {kind}, but {_what(item)}")
    if dry_run and isinstance(item.get("metadata"), dict):
        for field in ("uid", "resourceVersion"):
            item["metadata"].setdefault(field, "")
    _check_item(item, resource, RESOURCES[resource].fields, namespace)
    found = item["metadata"]["name"]
    if name is not None and found != name:
        raise malformed_answer(f"the answer is another {kind}, '{foreign_text(found, 80)}'")
    return item


def checked_items(page: t.Any, resource: str) -> list[t.Any]:
    """The items of a list, unchecked. Raises RequestError (MALFORMED) unless this is a list of the resource."""
    kind = f"{RESOURCES[resource].kind}List"
    if not isinstance(page, dict) or page.get("kind") not in (kind, PARTIAL_LIST):
        raise malformed_answer(f"the answer is not a {kind}, but {_what(page)}")
    items, metadata = page.get("items"), page.get("metadata")
    if not isinstance(items, (list, type(None))) or not isinstance(metadata, (dict, type(None))):
        raise malformed_answer(f"the answer is a {kind} whose items or metadata have another type")
    return items or []


def checked_item(item: t.Any, page: Mapping[str, t.Any], resource: str, namespace: str | None) -> dict[str, t.Any]:
    """One item of a list. Raises RequestError (MALFORMED) for an item that is not an object of this kind."""
    _check_item(item, resource, METADATA_FIELDS if page.get("kind") == PARTIAL_LIST else RESOURCES[resource].fields, namespace)
    return t.cast("dict[str, t.Any]", item)


def checked_table(table: t.Any, resource: str, namespace: str | None) -> dict[str, t.Any]:
    """A list as a table, whose rows hold the metadata of their object. Raises RequestError (MALFORMED)."""
    wrong = _wrong(table, TABLE_FIELDS) if isinstance(table, dict) and table.get("kind") == "Table" else "it has another kind"
    if wrong:
        raise malformed_answer(f"the answer is not a table of {resource}: {wrong.strip('. ')}")
    for row in table.get("rows") or ():
        _check_item(row["object"], resource, METADATA_FIELDS, namespace)
    return dict(table)


def namespace_of(item: t.Any, namespace: str | None = None) -> str | None:
    """The namespace of a malformed item: that of its list, or its own if it is a valid name."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    place = metadata.get("namespace") if namespace is None and isinstance(metadata, dict) else namespace
    return str(place) if is_name("namespaces", place) else None


def malformed_answer(message: str) -> RequestError:
    remedy = "Check proxies between this machine and the API server, and aggregated APIs"
    return RequestError(f"{message}. {remedy}", FailureKind.MALFORMED, 200)


def _check_item(item: t.Any, resource: str, shape: Fields, namespace: str | None) -> None:
    kind = RESOURCES[resource].kind
    wrong = _wrong(item, shape)
    if wrong:
        raise malformed_answer(f"the answer holds a malformed {kind}{_shown_place(item)}: {wrong.strip('. ')}")
    metadata = item["metadata"]
    if resource not in _NAMED_FREELY and not is_name(resource, metadata["name"]):
        name = foreign_text(metadata["name"], 80)
        raise malformed_answer(f"the answer holds a {kind} with a name that no {kind} can have, '{name}'")
    if not RESOURCES[resource].namespaced:
        return
    place = metadata.get("namespace")
    if not is_name("namespaces", place) or namespace not in (None, place):
        name, where = foreign_text(metadata["name"], 80), foreign_text(str(place), 80)
        raise malformed_answer(f"the answer holds {kind} {name} of another namespace, '{where}'")


def _shown_place(item: t.Any) -> str:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    namespace, valid_name = namespace_of(item), foreign_text(str(name), 253) if is_name("secrets", name) else ""
    return f" {namespace or '?'}/{valid_name or '?'}" if namespace or valid_name else ""


def _what(answer: t.Any) -> str:
    if isinstance(answer, dict):
        kind = answer.get("kind")
        return f"of kind '{foreign_text(kind, 60)}'" if isinstance(kind, str) else "without a kind"
    return "no object"


def _wrong(value: t.Any, shape: Shape) -> str:
    """The field that is wrong and its expected type, or an empty text. Removes null fields."""
    if isinstance(shape, str):
        return "" if _LEAVES[shape](value) else f" is not {shape}"
    if isinstance(shape, Fields):
        return _wrong_fields(value, shape)
    if not isinstance(value, list):
        return " is not a list"
    for number, one in enumerate(value):
        wrong = _wrong(one, shape.entry)
        if wrong:
            return f"[{number}]{wrong}"
    return ""


def _wrong_fields(value: t.Any, shape: Fields) -> str:
    if not isinstance(value, dict):
        return " is not a mapping"
    for name, within in shape.types.items():
        if name not in value:
            continue
        if value[name] is None:
            del value[name]
            continue
        wrong = _wrong(value[name], within)
        if wrong:
            return f".{name}{wrong}"
    missing = [name for name in shape.required if name not in value]
    return f".{missing[0]} is missing" if missing else ""


def _is_texts(value: t.Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _is_encoded(value: t.Any) -> bool:
    if not isinstance(value, dict):
        return False
    for key, text in value.items():
        if not key.startswith(_PULL_KEYS) or text is None:
            continue
        try:
            base64.b64decode(text)
        except (ValueError, TypeError):
            return False
    return True


_LEAVES: Mapping[str, Callable[[t.Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    NUMBER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    FLAG: lambda value: isinstance(value, bool),
    OBJECT: lambda value: isinstance(value, dict),
    ANY: lambda _value: True,
    TEXT_MAP: _is_texts,
    BASE64_MAP: _is_encoded,
}
