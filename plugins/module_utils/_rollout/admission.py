# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The server's answer to a write compared with what was written: admission (a policy or a webhook) may have changed it. Pure."""

from __future__ import annotations

import base64
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.document import read_stored_document
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import KEY
from ansible_collections.pullpass.registry.plugins.module_utils._text import in_words, listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.step import Step

# what the request itself is about; a trial has another name
_NOT_CONTENT = ("apiVersion", "kind", "name", "namespace", "uid", "resourceVersion")
_REMEDY = "Exempt the object from that MutatingAdmissionPolicy or webhook, or change what it does"


def changed_by_admission(written: Mapping[str, t.Any], answer: Mapping[str, t.Any], after: Step) -> str:
    """What admission changed, with the remedy; an empty text where the answer is in the desired state.

    ``after`` is the plan for the object that the server returned. No value of a Secret is in the text.
    """
    differences = list(_differences(written, answer, ()))
    lost = any(difference.lost for difference in differences)
    if after.action == "unchanged" and not after.message and not lost:
        return ""
    told = in_words([difference.text for difference in differences], limit=200)
    if not told:
        told = foreign_text(after.message, 300) or f"the returned object would have to be {after.action} again"
    return f"admission on the server changed what was written: {told}. {_REMEDY}"


class _Difference(t.NamedTuple):
    """``lost``: an entry of a list or document is gone, perhaps one of somebody else's, which no plan asks for."""

    text: str
    lost: bool = False


def _differences(written: t.Any, answer: t.Any, path: tuple[str, ...]) -> Iterator[_Difference]:
    if isinstance(written, dict):
        found = answer if isinstance(answer, dict) else {}
        for key, value in written.items():
            if path in ((), ("metadata",)) and key in _NOT_CONTENT:
                continue
            yield from _differences(value, found.get(key), (*path, key))
    elif isinstance(written, list):
        names = _names(answer)
        missing = set(_names(written)).difference(names)
        if missing or len(names) != len(written):
            now = f"is now [{_shown_names(answer)}]" if names else "is now empty"
            yield _Difference(f"{path[-1]} {now}", bool(missing))
    elif written is None and path[-1] == "imagePullSecrets" and answer:
        yield _Difference(f"{path[-1]} is now [{_shown_names(answer)}]")
    elif written != answer and (written or answer):
        yield _Difference(f"{_field(path)} {_now(path, answer)}", path == ("data", KEY) and _loses_entries(written, answer))


def _names(references: t.Any) -> list[str]:
    entries = references if isinstance(references, list) else []
    return [str(one.get("name") or "") for one in entries if isinstance(one, dict)]


def _shown_names(answer: t.Any) -> str:
    return listed([foreign_text(name) for name in _names(answer)])


def _loses_entries(written: t.Any, answer: t.Any) -> bool:
    before, after = (_entries(one) for one in (written, answer))
    return any(after.get(key) != entry for key, entry in before.items())


def _entries(encoded: t.Any) -> Mapping[str, t.Any]:
    return read_stored_document(base64.b64decode(encoded)).entries if isinstance(encoded, str) else {}


def _field(path: tuple[str, ...]) -> str:
    marks = {"labels": "label", "annotations": "annotation"}
    if len(path) == 3 and path[0] == "metadata" and path[1] in marks:
        return f"{marks[path[1]]} {shown(path[2], 120)}"
    if path[0] == "data":
        return f"data[{shown(path[1], 80)}]" if len(path) == 2 else "data"
    return shown(".".join(path), 120)


def _now(path: tuple[str, ...], answer: t.Any) -> str:
    """Only labels, the type and flags are shown: annotations of others and data may hold secrets."""
    if answer is None:
        return "was removed"
    public = path[:2] == ("metadata", "labels") or path in (("type",), ("immutable",))
    return f"is now '{foreign_text(str(answer), 80)}'" if public else "has another value"
