# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The server of a context in kubeconfig files. Nothing else in them is used."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

import yaml

from ..module_utils._errors import InputError

_LOADER: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def server_of(paths: Sequence[str], context: str | None) -> tuple[str, str]:
    """Server and context, by default the current context. The first of several files counts, as for kubectl."""
    documents = [_document(path) for path in paths]
    chosen = context or next((str(one["current-context"]) for one in documents if one.get("current-context")), "")
    for entry in _entries(documents, "contexts"):
        if entry.get("name") == chosen:
            cluster = _mapping(entry.get("context")).get("cluster")
            for candidate in _entries(documents, "clusters"):
                if candidate.get("name") == cluster and _mapping(candidate.get("cluster")).get("server"):
                    return str(_mapping(candidate["cluster"])["server"]), chosen
            break
    raise InputError("the kubeconfig has no such context, or no server for it.")


def _document(path: str) -> Mapping[str, t.Any]:
    try:
        with open(path, encoding="utf-8") as file:
            return _mapping(yaml.load(file, Loader=_LOADER))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InputError("the kubeconfig cannot be read.") from None


def _entries(documents: Sequence[Mapping[str, t.Any]], kind: str) -> Iterator[Mapping[str, t.Any]]:
    for document in documents:
        listed = document.get(kind)
        yield from (_mapping(entry) for entry in (listed if isinstance(listed, list) else ()))


def _mapping(value: t.Any) -> Mapping[str, t.Any]:
    return value if isinstance(value, Mapping) else {}
