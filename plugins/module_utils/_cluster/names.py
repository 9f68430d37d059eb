# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Names, labels and annotations checked before anything is sent (apimachinery pkg/util/validation)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_ANNOTATION_BYTES = 256 * 1024


def is_name(resource: str, name: object) -> bool:
    """Whether an object of this kind (its plural) can have this name: only such a name goes into a path or a selector.

    Namespaces are DNS labels; Secrets, ServiceAccounts, Pods, workloads, nodes and budgets are DNS subdomains.
    """
    if not isinstance(name, str) or len(name) > 253:
        return False
    return bool((_LABEL if resource == "namespaces" else _SUBDOMAIN).fullmatch(name))


def check_object_name(option: str, name: str, resource: str = "secrets") -> None:
    """Raises InputError unless an object of this kind can have the name."""
    if resource == "namespaces" and not is_name(resource, name):
        raise InputError(
            f"{option} '{shown(name)}' is not the name of a namespace: lower case letters, digits and '-', beginning and ending "
            "with a letter or digit, at most 63 characters."
        )
    if not is_name(resource, name):
        raise InputError(
            f"{option} '{shown(name)}' can be no object's name: lower case letters, digits, '-' and '.', beginning and "
            "ending with a letter or digit, at most 253 characters."
        )


def is_label(key: object, value: object) -> bool:
    """Whether the API server takes this as a label."""
    return isinstance(key, str) and _is_key(key) and isinstance(value, str) and bool(_LABEL_VALUE.fullmatch(value))


def check_labels(option: str, labels: Mapping[str, t.Any]) -> None:
    """Raises InputError for a key or value that the API server would refuse as a label."""
    for key, value in labels.items():
        _check_key(option, key)
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise InputError(
                f"{option}: the value of '{shown(key)}' can be no label. It must be text (quote numbers and true/false) of "
                "at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit."
            )


def check_annotations(option: str, annotations: Mapping[str, t.Any]) -> None:
    """Raises InputError for a key or value that the API server would refuse as an annotation."""
    total = 0
    for key, value in annotations.items():
        _check_key(option, key)
        if not isinstance(value, str):
            raise InputError(f"{option}: the value of '{shown(key)}' is not text. Quote it.")
        total += len(key.encode()) + len(value.encode("utf-8", "replace"))
    if total > _ANNOTATION_BYTES:
        raise InputError(f"{option} are {total} bytes together; the API server takes at most {_ANNOTATION_BYTES}.")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_QUALIFIED.fullmatch(name)) and (not slash or (len(prefix) <= 253 and bool(_SUBDOMAIN.fullmatch(prefix))))


def _check_key(option: str, key: str) -> None:
    if not _is_key(key):
        raise InputError(
            f"{option}: '{shown(key)}' can be no key. Expected [domain/]name, the name of at most 63 letters, digits, '-', "
            "'_' and '.'."
        )
