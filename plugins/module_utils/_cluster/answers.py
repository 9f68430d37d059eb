# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Answers of the API server: complete, of a bounded size, and compared with what was asked for.

The time-out of a library starts again with each byte, so that a server that sends one now and then would never be given up.

A proxy, an aggregated API or a broken server can answer anything. What is wrong with one answer is a RequestError (MALFORMED)
about that answer alone.
"""

from __future__ import annotations

import base64
import threading
import typing as t
from dataclasses import dataclass

from .._credentials.redact import foreign_text
from .._errors import FailureKind, RequestError
from .kinds import ANY, CLUSTER_WIDE, ENCODED, FLAG, KINDS, NUMBER, OBJECT, PARTIAL, SHAPES, TABLE, TEXT, TEXTS, Fields, Shape
from .validation import is_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_CHUNK = 65536


class TooLarge(OSError):
    """The answer has more bytes than one may have."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    data: bytes


def bounded_answer(ask: Callable[[], t.Any], seconds: float, most_bytes: int) -> Answer:
    """The answer to ``ask``, a request that leaves the answer unread. Raises TimeoutError, TooLarge, and as ``ask`` does."""
    outcome: list[Answer | BaseException] = []
    given_up = threading.Event()

    def work() -> None:
        try:
            outcome.append(_read(ask(), most_bytes, given_up))
        except BaseException as error:
            outcome.append(error)

    # a thread that waits for a server cannot be ended: it is left behind, with its connection
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        given_up.set()
        raise TimeoutError("timed out")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def _read(response: t.Any, most_bytes: int, given_up: threading.Event) -> Answer:
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
    return Answer(response.status, response.headers, bytes(content))


PARTIAL_LIST = "PartialObjectMetadataList"
# the event recorder makes names out of those of other objects, and nothing asks for an event by its name
_NAMED_FREELY = ("events",)
# the keys of a Secret that are read
_PULL_KEYS = ".docker"
Item = t.TypeVar("Item")


def checked_object(
    item: t.Any, resource: str, namespace: str | None, name: str | None = None, dry_run: bool = False
) -> dict[str, t.Any]:
    """The object, if it is the one that was asked for. Fields that are null are taken out, as the API means them.

    The answer to a dry run may have no resourceVersion; then it is an empty text. Raises RequestError (MALFORMED).
    """
    kind = KINDS.get(resource, resource)
    if not isinstance(item, dict) or item.get("kind") != kind:
        raise malformed(f"the answer is not a {kind}, but {_what(item)}")
    if dry_run and isinstance(item.get("metadata"), dict):
        for field in ("uid", "resourceVersion"):
            item["metadata"].setdefault(field, "")
    _check_item(item, resource, SHAPES[resource], namespace)
    found = item["metadata"]["name"]
    if name is not None and found != name:
        raise malformed(f"the answer is another {kind}, '{foreign_text(found, 80)}'")
    return item


def checked_items(page: t.Any, resource: str) -> list[t.Any]:
    """The items of a list, unchecked. Raises RequestError (MALFORMED) for what is not a list of this resource."""
    kind = f"{KINDS.get(resource, resource)}List"
    if not isinstance(page, dict) or page.get("kind") not in (kind, PARTIAL_LIST):
        raise malformed(f"the answer is not a {kind}, but {_what(page)}")
    items, metadata = page.get("items"), page.get("metadata")
    if not isinstance(items, (list, type(None))) or not isinstance(metadata, (dict, type(None))):
        raise malformed(f"the answer is a {kind} whose items or metadata have another type")
    return items or []


def kept(
    item: t.Any, page: Mapping[str, t.Any], resource: str, namespace: str | None, keep: Callable[[dict[str, t.Any]], Item]
) -> Item:
    """``keep(item)`` for one item of a list. Raises RequestError (MALFORMED) for an item that is not an object of this kind."""
    shape = PARTIAL if page.get("kind") == PARTIAL_LIST else SHAPES[resource]
    _check_item(item, resource, shape, namespace)
    return keep(item)


def checked_table(table: t.Any, resource: str, namespace: str | None) -> dict[str, t.Any]:
    """A list as a table, whose rows hold the metadata of their object. Raises RequestError (MALFORMED)."""
    wrong = _wrong(table, TABLE) if isinstance(table, dict) and table.get("kind") == "Table" else "it is none"
    if wrong:
        raise malformed(f"the answer is not a table of {resource}: {wrong.strip('. ')}")
    for row in table.get("rows") or ():
        _check_item(row["object"], resource, PARTIAL, namespace)
    return dict(table)


def place_of(item: t.Any, namespace: str | None) -> tuple[str | None, str]:
    """Namespace and name of an item that is malformed, as far as they can be believed: None, and an empty text."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    found = metadata if isinstance(metadata, dict) else {}
    place, name = found.get("namespace") if namespace is None else namespace, found.get("name")
    return str(place) if is_name("namespaces", place) else None, str(name) if is_name("secrets", name) else ""


def malformed(message: str) -> RequestError:
    remedy = "Check what is between this machine and the API server, and aggregated APIs"
    return RequestError(f"{message}. {remedy}", FailureKind.MALFORMED, 200)


def _check_item(item: t.Any, resource: str, shape: Fields, namespace: str | None) -> None:
    kind = KINDS.get(resource, resource)
    wrong = _wrong(item, shape)
    if wrong:
        raise malformed(f"the answer holds a malformed {kind}{_named(item)}: {wrong.strip('. ')}")
    metadata = item["metadata"]
    if resource not in _NAMED_FREELY and not is_name(resource, metadata["name"]):
        name = foreign_text(metadata["name"], 80)
        raise malformed(f"the answer holds a {kind} with a name that no {kind} can have, '{name}'")
    if resource in CLUSTER_WIDE:
        return
    place = metadata.get("namespace")
    if not is_name("namespaces", place) or namespace not in (None, place):
        name, where = foreign_text(metadata["name"], 80), foreign_text(str(place), 80)
        raise malformed(f"the answer holds {kind} {name} of another namespace, '{where}'")


def _named(item: t.Any) -> str:
    namespace, name = place_of(item, None)
    return f" {namespace or '?'}/{foreign_text(name, 253) or '?'}" if namespace or name else ""


def _what(answer: t.Any) -> str:
    if isinstance(answer, dict):
        kind = answer.get("kind")
        return f"of kind '{foreign_text(kind, 60)}'" if isinstance(kind, str) else "without a kind"
    return "no object"


def _wrong(value: t.Any, shape: Shape) -> str:
    """What is wrong with the value: the field and the type it should have, or an empty text. Takes null fields out."""
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
    TEXTS: _is_texts,
    ENCODED: _is_encoded,
}
